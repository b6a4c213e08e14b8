// JSON that a node answered, read by a client of ours: as strict as parse_json, but numbers of any length stay as they are written (a price
// normalised to a minute or a value converted to SI may have many digits). Never for documents that validators judge.
#pragma once

#include "protocol/json.h"

namespace agiddi {

Result<Json> parse_json_answer(std::string_view text);

}  // namespace agiddi
