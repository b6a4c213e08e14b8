// What the write-ahead log of consensus says of bodies, in the records of this version and of older ones.
#include <catch2/catch.hpp>

#include "consensus/log_records.h"

using namespace agiddi;
using namespace agiddi::consensus;

namespace {

TransactionPtr note(int number) {
  static const KeyPair key = KeyPair::generate();
  return std::make_shared<const Transaction>(make_transaction(key, "net", "test.note", 1'700'000'000, "{\"n\":" + std::to_string(number) + "}"));
}

LogRecord record(LogWrite write) { return {std::move(write.key), *std::move(write.value)}; }

// As stores of format version 2 have one body.
LogRecord old_record(Height height, const Transaction& body) {
  Bytes key("c/t");
  append_u64_be(key, height);
  return {key + Bytes(body.id.view()), encode_transaction(body)};
}

}  // namespace

TEST_CASE("bodies of one vote are one record, and all records of a height are found") {
  const std::vector<TransactionPtr> notes{note(1), note(2), note(3), note(4)};
  const std::vector<LogRecord> records{record(log_bodies(7, 0, {notes[0], notes[1]})), record(log_bodies(7, 1, {notes[2]})), old_record(7, *notes[3]),
                                       record(log_bodies(8, 0, {notes[0]}))};
  const RestoredLog log = restore_log(records, 4);
  REQUIRE(log.bodies.size() == 2);
  const RestoredBodies& seven = log.bodies.at(7);
  REQUIRE(seven.transactions.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(seven.transactions[i]->id == notes[i]->id);
    CHECK(seven.transactions[i]->body == notes[i]->body);
  }
  CHECK(seven.keys == std::vector<Bytes>{records[0].key, records[1].key, records[2].key});
  CHECK(log.bodies.at(8).keys == std::vector<Bytes>{records[3].key});
}
