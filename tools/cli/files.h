// Files that a user names on the command line; "-" is standard input. Bounded, errors name the path.
#pragma once

#include <string>

#include "protocol/bytes.h"
#include "protocol/json.h"

namespace agiddi::tools {

Result<Bytes> read_file(const std::string& path);        // at most 64 MiB
Result<Json> read_json_file(const std::string& path);
// Written beside and renamed, so that a reader sees the old or the new content.
Result<void> write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
std::string absolute_path(const std::string& path);

}  // namespace agiddi::tools
