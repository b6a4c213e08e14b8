#include <catch2/catch.hpp>
#include <map>

#include "protocol/limits.h"
#include "ledger/check_store.h"
#include "ledger/layout.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

TEST_CASE("genesis is height 0 with a header of its own") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  const auto ledger = open_ledger(*test.store);
  const auto snapshot = ledger->snapshot();
  CHECK(ledger->height() == 0);
  CHECK(snapshot->height() == 0);
  CHECK(snapshot->certified_height() == 0);
  CHECK(snapshot->header().previous_hash == test_genesis().digest);
  CHECK(snapshot->header().network == test_genesis().network);
  CHECK(snapshot->header().state_digest == StateDigest::of(snapshot->state()).digest());
  CHECK(snapshot->state().get(Column::state, "A") == "alpha");
  CHECK(snapshot->triples().find(Term::iri("urn:network")) != kNoTerm);
  CHECK(snapshot->block(0)->transactions.empty());
  CHECK(!snapshot->header(1));
  CHECK(!snapshot->block(1));
  CHECK(check_store(*test.store).empty());
}

TEST_CASE("a block is readable as a whole, and a snapshot stays at its height") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  const auto ledger = open_ledger(*test.store);
  const auto genesis = ledger->snapshot();
  const auto first = test_transaction("{\"a\":1}"), second = test_transaction("{\"b\":2}");
  const auto apply = next_block(*genesis, {first, second});
  ledger->apply(apply);
  const auto snapshot = ledger->snapshot();

  CHECK(ledger->height() == 1);
  CHECK(genesis->height() == 0);
  CHECK(!genesis->header(1));
  CHECK(!genesis->transaction(first.id));
  CHECK(!genesis->state().get(Column::state, "H"));
  CHECK(genesis->triples().estimate({}) == 1);

  const auto block = snapshot->block(1);
  REQUIRE(block);
  CHECK(block->header.hash() == apply.block.header.hash());
  CHECK(block->batch.digest() == apply.block.batch.digest());
  REQUIRE(block->transactions.size() == 2);
  CHECK(block->transactions[1].id == second.id);
  CHECK(block->transactions[1].body == second.body);
  CHECK(verify_signature(block->transactions[1]));
  CHECK(block->receipts == apply.block.receipts);
  CHECK(snapshot->header_hash() == apply.block.header.hash());
  CHECK(snapshot->state_digest() == apply.digest);

  const auto record = snapshot->transaction(second.id);
  REQUIRE(record);
  CHECK(record->height == 1);
  CHECK(record->index == 1);
  CHECK(record->timestamp == block->header.timestamp);
  CHECK(record->receipt == block->receipts[1]);
  CHECK(record->transaction.body == second.body);
  CHECK(snapshot->has_transaction(first.id));
  CHECK(!snapshot->has_transaction(test_transaction("{}").id));
  CHECK(check_store(*test.store).empty());
}

TEST_CASE("a transaction that comes again in a later block keeps its first outcome") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  const auto twice = test_transaction("{}"), other = test_transaction("{}");
  ledger->apply(next_block(*ledger->snapshot(), {twice}));
  auto again = next_block(*ledger->snapshot(), {other, twice});
  ledger->apply(again);
  const auto snapshot = ledger->snapshot();
  CHECK(snapshot->transaction(twice.id)->height == 1);
  CHECK(snapshot->transaction(twice.id)->receipt.result == "{\"height\":1}");
  CHECK(snapshot->block(2)->receipts == again.block.receipts);
  CHECK(snapshot->block(2)->transactions[1].id == twice.id);
  CHECK(check_store(*store).empty());
}

TEST_CASE("a ledger goes on where it was closed") {
  TempFolder folder;
  Hash last;
  for (std::uint64_t run = 0; run < 3; ++run) {
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    const auto ledger = open_ledger(**store);
    REQUIRE(ledger->height() == run * 2);
    if (run > 0) CHECK(ledger->snapshot()->header_hash() == last);
    for (int i = 0; i < 2; ++i) ledger->apply(next_block(*ledger->snapshot(), {test_transaction("{}")}));
    last = ledger->snapshot()->header_hash();
    CHECK(check_store(**store).empty());
  }
}

TEST_CASE("a store of another network, another genesis state or a newer format is refused") {
  auto store = make_memory_store();
  open_ledger(*store);
  const auto detail = [&](const Genesis& genesis, const GenesisState& state) {
    const auto ledger = Ledger::open(*store, genesis, state);
    REQUIRE(!ledger);
    return ledger.error().detail;
  };
  CHECK_THAT(detail(test_genesis("elsewhere"), test_genesis_state()), Catch::Contains("belongs to network " + test_genesis().network));
  auto other = test_genesis_state();
  other.changes[0].after = "changed";
  CHECK_THAT(detail(test_genesis(), other), Catch::Contains("another genesis state"));
  store->write({{Column::meta, "format", layout::u32(layout::kFormatVersion + 1)}}, true);
  CHECK_THAT(detail(test_genesis(), test_genesis_state()), Catch::Contains("format version " + std::to_string(layout::kFormatVersion + 1)));
  store->write({{Column::meta, "format", layout::u32(layout::kFormatVersion)}, {Column::meta, "accumulator", StateDigest().encode()}}, true);
  CHECK_THAT(detail(test_genesis(), test_genesis_state()), Catch::Contains("damaged"));
}

TEST_CASE("certificates come in any order; the certified height has no gap below it") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  for (int i = 0; i < 4; ++i) ledger->apply(next_block(*ledger->snapshot(), {}));
  const auto certify = [&](std::uint64_t height) { ledger->store_certificate(height, certificate_of(*ledger->snapshot()->header(height))); };
  const auto certified = [&] { return ledger->snapshot()->certified_height(); };
  certify(2);
  certify(4);
  CHECK(certified() == 0);
  certify(1);
  CHECK(certified() == 2);
  certify(1);
  CHECK(certified() == 2);
  certify(3);
  CHECK(certified() == 4);
  const auto snapshot = ledger->snapshot();
  CHECK(verify_certificate(*snapshot->header(3), *snapshot->certificate(3), test_genesis().member_set()));
  CHECK(!snapshot->certificate(0));
}

TEST_CASE("certificates that are nowhere any more are skipped under a later one") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  for (int i = 0; i < 5; ++i) ledger->apply(next_block(*ledger->snapshot(), {}));
  const auto certificate = [&](std::uint64_t height) { return certificate_of(*ledger->snapshot()->header(height)); };
  const auto certified = [&] { return ledger->snapshot()->certified_height(); };
  ledger->store_certificate(1, certificate(1));
  ledger->store_certificate(4, certificate(4));
  ledger->skip_certificates(3, certificate(3));
  CHECK(certified() == 4);
  CHECK(!ledger->snapshot()->certificate(2));
  CHECK(ledger->snapshot()->certificate(3));
  const auto proof = ledger->snapshot()->header_proof(2);
  REQUIRE(proof);
  REQUIRE(proof->headers.size() == 1);
  CHECK(check_chain(*ledger->snapshot()->header(2), proof->headers));
  CHECK(verify_certificate(proof->headers[0], proof->certificate, test_genesis().member_set()));
  CHECK(ledger->snapshot()->header_proof(4)->headers.empty());
  CHECK_FALSE(ledger->snapshot()->header_proof(5));   // nothing is certified above it
  CHECK_FALSE(ledger->snapshot()->header_proof(0));
  CHECK_FALSE(ledger->snapshot()->header_proof(9));
  ledger->skip_certificates(2, certificate(2));   // nothing goes back
  CHECK(certified() == 4);
  ledger->store_certificate(2, certificate(2));   // one that turns up after all
  CHECK(certified() == 4);
  CHECK(ledger->snapshot()->certificate(2));
  ledger->store_certificate(5, certificate(5));
  CHECK(certified() == 5);
  CHECK(ledger->prune(3, 10) == 3);
  CHECK(ledger->snapshot()->first_block() == 4);
}

TEST_CASE("the headers that prove a block are bounded") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  for (int i = 0; i < 40; ++i) ledger->apply(next_block(*ledger->snapshot(), {}));
  ledger->store_certificate(35, certificate_of(*ledger->snapshot()->header(35)));
  CHECK_FALSE(ledger->snapshot()->header_proof(2));
  REQUIRE(ledger->snapshot()->header_proof(3));
  CHECK(ledger->snapshot()->header_proof(3)->headers.size() == limits::kHeaderChainMax);
  CHECK(check_chain(*ledger->snapshot()->header(3), ledger->snapshot()->header_proof(3)->headers));
  CHECK_FALSE(ledger->snapshot()->header_proof(36));
}

TEST_CASE("the consensus log is read in order") {
  auto store = make_memory_store();
  auto ledger = open_ledger(*store);
  ledger->log_write({{"p5", "five"}, {"view", "1"}, {"p4", "four"}, {"c4", "four too"}}, true);
  ledger->log_write({{"view", "2"}, {"p4", std::nullopt}}, true);
  ledger->log_write({LogWrite{"lost", "x"}}, false);
  store->crash();
  ledger = open_ledger(*store);
  const auto texts = [&] {
    std::string text;
    for (const auto& record : ledger->log_read_all()) text += record.key + "=" + record.value + ";";
    return text;
  };
  CHECK(texts() == "c4=four too;p5=five;view=2;");
}

TEST_CASE("a node's own notes") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  ledger->local_put("meter/1", "10");
  ledger->local_put("meter/2", "20");
  ledger->local_put("other", "x");
  ledger->local_put("meter/1", "11");
  CHECK(ledger->local_get("meter/1") == "11");
  CHECK(ledger->local_scan("meter/") == std::vector<std::pair<Bytes, Bytes>>{{"meter/1", "11"}, {"meter/2", "20"}});
  ledger->local_erase("meter/1");
  CHECK(!ledger->local_get("meter/1"));
  ledger->apply(next_block(*ledger->snapshot(), {}));  // synced, and everything before it
  ledger->local_put("late", "x");
  store->crash();
  CHECK(ledger->local_get("meter/2") == "20");
  CHECK(!ledger->local_get("late"));
}

TEST_CASE("blocks that share a sync are lost together in a crash, or not at all after it") {
  auto store = make_memory_store();
  {
    const auto ledger = open_ledger(*store);
    ledger->apply(next_block(*ledger->snapshot(), {}));
    for (int i = 0; i < 3; ++i) ledger->apply(next_block(*ledger->snapshot(), {}), Ledger::Sync::later);
    const QuorumCertificate certificate{{{"node-1", {}}}};
    ledger->store_certificates({{2, &certificate}, {1, &certificate}, {4, &certificate}});
    CHECK(ledger->snapshot()->certified_height() == 2);
    ledger->store_certificates({{3, &certificate}});
    CHECK(ledger->snapshot()->certified_height() == 4);
    store->crash();
  }
  {
    const auto ledger = open_ledger(*store);
    CHECK(ledger->height() == 1);
    CHECK(ledger->snapshot()->certified_height() == 0);
    for (int i = 0; i < 3; ++i) ledger->apply(next_block(*ledger->snapshot(), {}), Ledger::Sync::later);
    ledger->sync();
    store->crash();
  }
  CHECK(open_ledger(*store)->height() == 4);
}

namespace {

// A block's receipts as format version 2 kept them: each for itself.
void write_as_version_2(KvStore& store, const Block& block) {
  KvBatch batch;
  const Bytes runs = layout::key(layout::kReceipt, block.header.height);
  store.scan(Column::blocks, runs, prefix_end(runs), [&](BytesView key, BytesView) {
    batch.push_back({Column::blocks, Bytes(key), std::nullopt});
    return true;
  });
  for (std::uint32_t i = 0; i < block.receipts.size(); ++i) {
    batch.push_back({Column::blocks, layout::receipt(block.header.height, i), encode_receipt(block.receipts[i])});
  }
  batch.push_back({Column::meta, Bytes(layout::kFormat), layout::u32(layout::kFormatRead)});
  store.write(batch, true);
}

std::size_t receipt_records(const KvReader& reader) {
  std::size_t count = 0;
  const Bytes prefix(1, layout::kReceipt);
  reader.scan(Column::blocks, prefix, prefix_end(prefix), [&](BytesView, BytesView) { return ++count > 0; });
  return count;
}

}  // namespace

TEST_CASE("receipts stand in runs, those of a store of format version 2 each for itself, and all of them go with their blocks") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  const bool from_version_2 = GENERATE(false, true);
  INFO(kind << ", " << from_version_2);
  auto test = make_store(kind);
  std::vector<Transaction> notes;
  for (int i = 0; i < 130; ++i) notes.push_back(test_transaction("{\"n\":" + std::to_string(i) + "}"));
  std::vector<Receipt> receipts;
  {
    const auto ledger = open_ledger(*test.store);
    const auto apply = next_block(*ledger->snapshot(), notes);
    receipts = apply.block.receipts;
    ledger->apply(apply);
    CHECK(receipt_records(*test.store) == 3);
    if (from_version_2) write_as_version_2(*test.store, apply.block);
  }
  const auto ledger = open_ledger(*test.store);
  CHECK(*test.store->get(Column::meta, layout::kFormat) == layout::u32(layout::kFormatVersion));
  CHECK(receipt_records(*test.store) == (from_version_2 ? 130 : 3));
  CHECK(ledger->snapshot()->block(1)->receipts == receipts);
  for (const std::size_t i : {0, 1, 63, 64, 127, 128, 129}) CHECK(ledger->snapshot()->transaction(notes[i].id)->receipt == receipts[i]);
  ledger->apply(next_block(*ledger->snapshot(), {test_transaction("{}")}));
  ledger->apply(next_block(*ledger->snapshot(), {}));
  CHECK(check_store(*test.store).empty());
  CHECK(ledger->snapshot()->block(1)->receipts == receipts);
  for (const std::uint64_t height : {1, 2, 3}) ledger->store_certificate(height, {});
  CHECK(ledger->prune(1, 10) == 1);
  CHECK(receipt_records(*test.store) == 1);
  CHECK(check_store(*test.store).empty());
}

TEST_CASE("memory and RocksDB give the same chain") {
  std::map<std::string, std::vector<Hash>> digests;
  for (const auto* kind : {"memory", "rocks"}) {
    auto test = make_store(kind);
    const auto ledger = open_ledger(*test.store);
    for (int i = 0; i < 10; ++i) {
      ledger->apply(next_block(*ledger->snapshot(), {}));
      digests[kind].push_back(ledger->snapshot()->header_hash());
    }
  }
  CHECK(digests["memory"] == digests["rocks"]);
}

TEST_CASE("check_store sees damage in every part of the chain") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  const auto transaction = test_transaction("{}");
  ledger->apply(next_block(*ledger->snapshot(), {transaction}));
  ledger->apply(next_block(*ledger->snapshot(), {}));
  REQUIRE(check_store(*store).empty());
  KvWrite damage{Column::state, "A", "forged"};
  std::string finding = "digest";
  SECTION("state") {}
  SECTION("a header") {
    damage = {Column::blocks, layout::key(layout::kHeader, 1), std::nullopt};
    finding = "block 1 has no header";
  }
  SECTION("a forged header") {
    auto header = *ledger->snapshot()->header(1);
    header.timestamp += 1;
    damage = {Column::blocks, layout::key(layout::kHeader, 1), encode_header(header)};
    finding = "block 2 does not continue block 1";
  }
  SECTION("a receipt") {
    damage = {Column::blocks, layout::receipt(1, 0), encode_receipt({transaction.id, Status::conflict, "{}"})};
    finding = "receipt root";
  }
  SECTION("a run of receipts that is cut off") {
    auto run = *store->get(Column::blocks, layout::receipt(1, 0));
    run.pop_back();
    damage = {Column::blocks, layout::receipt(1, 0), run};
    finding = "receipt root";
  }
  SECTION("a body") {
    damage = {Column::transactions, layout::key(layout::kApplied, transaction.id.view()), std::nullopt};
    finding = "lacks the body";
  }
  SECTION("a batch") {
    damage = {Column::blocks, layout::key(layout::kBatch, 2), encode_batch({2, 0, 1, {}})};
    finding = "block 2 has no batch, or another one";
  }
  store->write({damage}, true);
  std::string all;
  for (const auto& one : check_store(*store)) all += one + "\n";
  CHECK_THAT(all, Catch::Contains(finding));
}

TEST_CASE("receipts of a store of format version 2 are read, checked and pruned beside runs of later blocks") {
  const std::size_t count = GENERATE(1u, 64u, 65u, 130u);
  INFO(count);
  auto store = make_memory_store();
  std::vector<std::vector<Hash>> ids(3);
  {
    const auto ledger = open_ledger(*store);
    for (std::uint64_t height = 1; height <= 3; ++height) {
      std::vector<Transaction> transactions;
      for (std::size_t i = 0; i < count; ++i) transactions.push_back(test_transaction("{}"));
      for (const Transaction& transaction : transactions) ids[height - 1].push_back(transaction.id);
      ledger->apply(next_block(*ledger->snapshot(), std::move(transactions)));
      ledger->store_certificate(height, certificate_of(*ledger->snapshot()->header(height)));
    }
    const auto receipts = ledger->snapshot()->block(1)->receipts;
    KvBatch former{{Column::meta, Bytes(layout::kFormat), layout::u32(layout::kFormatRead)}};
    for (std::size_t i = 0; i < count; ++i) former.push_back({Column::blocks, layout::receipt(1, static_cast<std::uint32_t>(i)), encode_receipt(receipts[i])});
    store->write(former, true);
  }
  const auto ledger = open_ledger(*store);
  CHECK(store->get(Column::meta, layout::kFormat) == layout::u32(layout::kFormatVersion));
  CHECK(check_store(*store).empty());
  const auto snapshot = ledger->snapshot();
  for (std::uint64_t height = 1; height <= 3; ++height) {
    REQUIRE(snapshot->block(height)->receipts.size() == count);
    for (const Hash& id : ids[height - 1]) {
      const auto record = snapshot->transaction(id);
      REQUIRE(record);
      CHECK((record->height == height && record->receipt.transaction == id));
    }
  }
  CHECK(ledger->prune(2, 100) == 2);
  CHECK(check_store(*store).empty());
  std::size_t left = 0;
  const Bytes all(1, layout::kReceipt);
  store->scan(Column::blocks, all, prefix_end(all), [&](BytesView, BytesView) { return ++left > 0; });
  CHECK(left == (count + 63) / 64);
}

TEST_CASE("the header of docs/FORMATS.md has the hash that stands there") {
  BlockHeader header;
  header.network = "demo-0011223344556677";
  header.height = 7;
  const std::vector<Hash*> hashes = {&header.previous_hash, &header.batch_digest, &header.transaction_root,
                                     &header.receipt_root,  &header.state_digest, &header.members_digest};
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i]->bytes.fill(static_cast<std::uint8_t>(i + 1));
  header.timestamp = *time_from_text("2026-01-31T08:00:00.250Z");
  header.view = 2;
  CHECK(header.hash().hex() == "74178589d7d2abbb0f2c5546e77b44af4423007cb77ef53108ce7c9a07fb03ad");
}
