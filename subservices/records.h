// Typed reads and writes of world-state records. A record that does not parse is our own damage: abort. One thread, as the overlay.
#pragma once

#include <optional>
#include <string>

#include "ledger/world_state.h"
#include "protocol/check.h"
#include "protocol/records/state.pb.h"

namespace agiddi::subservices {

// Hides overlay and snapshot: whoever only reads makes an overlay over the snapshot's state.
using StateView = ledger::StateOverlay;

template <class Record>
Record parse_record(BytesView value) {
  Record record;
  AGIDDI_CHECK(record.ParseFromArray(value.data(), static_cast<int>(value.size())), "a world-state record parses");
  return record;
}

template <class Record>
std::optional<Record> load(const StateView& state, BytesView key) {
  const auto value = state.get(key);
  if (!value) return std::nullopt;
  return parse_record<Record>(*value);
}

// For a record that our own records point to.
template <class Record>
Record load_known(const StateView& state, BytesView key) {
  auto record = load<Record>(state, key);
  AGIDDI_CHECK(record.has_value(), "a record that another one names exists");
  return std::move(*record);
}

template <class Record>
void store(ledger::StateOverlay& state, BytesView key, const Record& record) {
  Bytes value;
  AGIDDI_CHECK(record.SerializeToString(&value), "a world-state record serialises");
  state.put(key, std::move(value));
}

// Counters of what is open, for the heartbeat.
void count_open(ledger::StateOverlay& state, int items, int integrations);

Hash hash_of(const std::string& raw);   // 32 bytes of one of our records

}  // namespace agiddi::subservices
