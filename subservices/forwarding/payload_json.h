// The JSON that devices send: flat objects of scalars, read strictly (UTF-8, no duplicate names, nothing behind the end) and bounded, but with
// longer numbers than documents for the ledger may hold: devices print binary doubles with 17 digits. Pure; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "protocol/bytes.h"

namespace agiddi::subservices {

struct PayloadValue {
  enum class Kind { null, boolean, number, string } kind = Kind::null;
  std::string text;                    // number: as sent; string: decoded
};

struct PayloadMember {
  std::string name;
  PayloadValue value;
};
using PayloadObject = std::vector<PayloadMember>;
const PayloadValue* find_member(const PayloadObject& object, std::string_view name);

struct Payload {
  enum class Form { number, object, array } form = Form::number;
  std::string number;                  // a bare number
  std::vector<PayloadObject> objects;  // one for an object, any count up to the bound for an array of objects
};

// Status::invalid when it is anything else.
Result<Payload> parse_payload(BytesView text);

}  // namespace agiddi::subservices
