// JSON bodies: whatever is accepted must survive its own writer, and no input may break the reader or its errors.
#include <cstdint>
#include <cstdlib>

#include "protocol/genesis.h"
#include "protocol/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = agiddi::parse_json(text);
  if (json) {
    const std::string once = json->dump();
    const auto again = agiddi::parse_json(once);
    const auto pretty = agiddi::parse_json(json->pretty());
    if (!again || !pretty || again->dump() != once || pretty->dump() != once) std::abort();
  } else if (json.error().detail.empty()) {
    std::abort();
  }
  if (const auto genesis = agiddi::parse_genesis(text)) {
    const auto written = agiddi::parse_genesis(agiddi::write_genesis(*genesis));
    if (!written || written->members.size() != genesis->members.size()) std::abort();
  }
  return 0;
}
