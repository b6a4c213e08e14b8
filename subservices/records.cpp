#include "subservices/records.h"

#include "subservices/state_keys.h"

namespace agiddi::subservices {

void count_open(ledger::StateOverlay& state, int items, int integrations) {
  auto counters = load<records::Counters>(state, keys::counters()).value_or(records::Counters{});
  const auto moved = [](std::uint64_t value, int by) {
    AGIDDI_CHECK(by >= 0 || value >= static_cast<std::uint64_t>(-by), "what is closed was open");
    return by >= 0 ? value + static_cast<std::uint64_t>(by) : value - static_cast<std::uint64_t>(-by);
  };
  counters.set_open_items(moved(counters.open_items(), items));
  counters.set_open_integrations(moved(counters.open_integrations(), integrations));
  store(state, keys::counters(), counters);
}

Hash hash_of(const std::string& raw) {
  const auto hash = Hash::from_bytes(raw);
  AGIDDI_CHECK(hash.has_value(), "a recorded id has 32 bytes");
  return *hash;
}

}  // namespace agiddi::subservices
