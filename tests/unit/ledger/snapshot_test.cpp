// Snapshots: equal everywhere, verified as a whole, installed at once or not at all; and pruning.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "ledger/check_store.h"
#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/snapshot_folder.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

constexpr std::size_t kSmallChunk_bytes = 8 * 1024;

// The same one each time, though a document's jti is random.
const Transaction& note(std::uint64_t number) {
  static std::map<std::uint64_t, Transaction> made;
  const auto found = made.find(number);
  return found != made.end() ? found->second : made.emplace(number, test_transaction("{\"note\":" + std::to_string(number) + "}")).first->second;
}

// Certified blocks with two transactions each, the same ones in every ledger.
void grow(Ledger& ledger, std::uint64_t height, std::size_t triples = 40) {
  while (ledger.height() < height) {
    const std::uint64_t next = ledger.height() + 1;
    ledger.apply(next_block(*ledger.snapshot(), {note(2 * next), note(2 * next + 1)}, triples));
    ledger.store_certificate(next, certificate_of(*ledger.snapshot()->header(next)));
  }
}

struct Export {
  SnapshotManifest manifest;
  std::map<Hash, Bytes> chunks;
  ChunkSource source() const {
    return [this](const Hash& hash) -> Result<Bytes> { return chunks.at(hash); };
  }
};

Export export_of(const Ledger& ledger, std::size_t chunk_bytes = limits::kSnapshotChunk_bytes) {
  Export out;
  out.manifest = *export_snapshot(*ledger.snapshot(), [&](const Hash& hash, const Bytes& chunk) -> Result<void> {
    out.chunks[hash] = chunk;
    return {};
  }, chunk_bytes);
  return out;
}

std::map<Bytes, Bytes> column(const KvReader& reader, Column which) {
  std::map<Bytes, Bytes> all;
  reader.scan(which, {}, {}, [&](BytesView key, BytesView value) {
    all.emplace(key, value);
    return true;
  });
  return all;
}

// The same snapshot with one chunk made anew, and a manifest that names it.
Export with_chunk(Export from, std::size_t index, const Bytes& chunk) {
  from.manifest.chunks[index] = blake2b(chunk);
  from.chunks[from.manifest.chunks[index]] = chunk;
  return from;
}

Bytes entry(ChunkColumn column, const Bytes& key, const Bytes& value) {
  return Bytes{static_cast<char>(column), 0, static_cast<char>(key.size())} + key + Bytes(1, static_cast<char>(value.size())) + value;
}

std::string problem(const Export& snapshot) {
  const auto verified = verify_snapshot(snapshot.manifest, snapshot.source());
  return verified ? "" : verified.error().detail;
}

}  // namespace

TEST_CASE("a ledger that was installed from a snapshot is the same as the one it came from, and goes on like it") {
  for (const std::string kind : {"memory", "rocksdb"}) {
    INFO(kind);
    auto origin = make_memory_store();
    const auto source = open_ledger(*origin);
    grow(*source, 30, 100);
    const Export snapshot = export_of(*source);
    CHECK(snapshot.manifest.height() == 30);

    auto target = make_store(kind);
    {
      const auto before = open_ledger(*target.store);
      before->log_write({LogWrite{"promise", "kept"}}, true);
      before->local_put("meter", "7");
      grow(*before, 3);   // it had an older state
    }
    const auto verified = verify_snapshot(snapshot.manifest, snapshot.source());
    REQUIRE(verified);
    REQUIRE(install_snapshot(*target.store, *verified, certificate_of(snapshot.manifest.header), snapshot.source()));
    CHECK(check_store(*target.store) == std::vector<std::string>{});

    const auto joined = open_ledger(*target.store);
    CHECK(joined->height() == 30);
    CHECK(joined->snapshot()->certified_height() == 30);
    CHECK(joined->snapshot()->first_block() == 31);
    CHECK(joined->snapshot()->pruned(30));
    CHECK(!joined->snapshot()->block(30));
    CHECK(!joined->snapshot()->transaction(note(6).id));
    CHECK(joined->snapshot()->header(0));
    CHECK(joined->log_read_all().at(0).value == "kept");
    CHECK(joined->local_get("meter") == "7");
    for (const Column one : {Column::state, Column::terms, Column::stars, Column::pos}) CHECK(column(*target.store, one) == column(*origin, one));

    grow(*source, 40);
    grow(*joined, 40);
    CHECK(joined->snapshot()->header_hash() == source->snapshot()->header_hash());
    CHECK(export_of(*joined).manifest.id() == export_of(*source).manifest.id());
    CHECK(check_store(*target.store).empty());
    CHECK(joined->snapshot()->block(31)->transactions.size() == 2);
  }
}

TEST_CASE("the chunks follow from the state alone, and have the size that they are cut to") {
  auto first = make_memory_store(), second = make_memory_store();
  const auto one = open_ledger(*first), two = open_ledger(*second);
  grow(*one, 30, 100);
  grow(*two, 20, 100);
  two->prune(10, 100);
  grow(*two, 30, 100);
  const Export a = export_of(*one, kSmallChunk_bytes), b = export_of(*two, kSmallChunk_bytes);
  CHECK(a.manifest.id() == b.manifest.id());
  REQUIRE(a.manifest.chunks.size() > 1);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < a.manifest.chunks.size(); ++i) {
    const std::size_t size = a.chunks.at(a.manifest.chunks[i]).size();
    bytes += size;
    CHECK((i + 1 == a.manifest.chunks.size() || size >= kSmallChunk_bytes));
    CHECK(size < kSmallChunk_bytes + 1000);
  }
  CHECK(a.manifest.total_bytes == bytes);
  CHECK(decode_manifest(encode_manifest(a.manifest))->id() == a.manifest.id());
}

TEST_CASE("a snapshot that does not hold is refused, each with its reason") {
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 5);
  const Export good = export_of(*source);
  REQUIRE(good.manifest.chunks.size() == 1);
  const Bytes chunk = good.chunks.at(good.manifest.chunks[0]);
  CHECK(problem(good) == "");

  Export lie = good;
  lie.chunks[good.manifest.chunks[0]][chunk.size() / 2] ^= 1;
  CHECK_THAT(problem(lie), Catch::Contains("has another hash"));
  CHECK_THAT(problem(with_chunk(good, 0, chunk.substr(0, chunk.size() - 1))), Catch::Contains("malformed"));
  CHECK_THAT(problem(with_chunk(good, 0, chunk + entry(ChunkColumn::state, "Z", "1"))), Catch::Contains("not in order"));
  CHECK_THAT(problem(with_chunk(good, 0, entry(ChunkColumn::state, "A", "1") + chunk)), Catch::Contains("not in order"));
  CHECK_THAT(problem(with_chunk(good, 0, entry(ChunkColumn::state, "0", "1") + chunk)), Catch::Contains("does not have the digest"));
  CHECK_THAT(problem(with_chunk(good, 0, chunk + entry(ChunkColumn::triples, Bytes(24, '\x1f'), ""))), Catch::Contains("names a term that is not in it"));
  CHECK_THAT(problem(with_chunk(good, 0, chunk + entry(ChunkColumn::triples, Bytes(23, '\xff'), ""))), Catch::Contains("a triple is malformed"));
  // Terms of no kind, or of another than their ids say.
  TermId subject = kNoTerm, iri = kNoTerm;
  std::uint64_t terms = 0;
  REQUIRE(read_chunk(chunk, [&](ChunkColumn column, BytesView key, BytesView) {
    if (column == ChunkColumn::terms) {
      ++terms;
      const TermId id = read_u64_be(key.substr(1));
      if (tag_of(id) == TermTag::iri) iri = std::max(iri, id);
    }
    if (column == ChunkColumn::triples) subject = read_u64_be(key);
    return true;
  }));
  for (std::uint64_t number = terms + 1; number < terms + 40; ++number) {
    const Bytes nothing = layout::triple(subject, iri, make_id(TermTag::none, number));
    CHECK_THAT(problem(with_chunk(good, 0, chunk + entry(ChunkColumn::triples, nothing, ""))), Catch::Contains("names a term that is not in it"));
  }
  CHECK_THAT(problem(with_chunk(good, 0, chunk + entry(ChunkColumn::triples, layout::triple(make_id(TermTag::literal, 1), iri, iri), ""))), Catch::Contains("a triple is malformed"));
  const auto one_term = [&](TermId id, const Bytes& encoded) { return problem(with_chunk(good, 0, entry(ChunkColumn::terms, layout::key(layout::kTermOfId, id), encoded))); };
  CHECK_THAT(one_term(make_id(TermTag::iri, 1), encode_term(Term::literal("a literal that is long"))), Catch::Contains("a term is malformed"));
  CHECK_THAT(one_term(make_id(TermTag::literal, 1), Bytes{4, 0, 0, 1, 0, 'x'}), Catch::Contains("a term is malformed"));
  CHECK_THAT(one_term(make_id(TermTag::literal, 1), Bytes{9, 'x'}), Catch::Contains("a term is malformed"));
  // A key that begins like none before it, and a length that runs out of the chunk.
  CHECK_THAT(problem(with_chunk(good, 0, Bytes{1, 5, 1, 'k', 1, 'v'})), Catch::Contains("malformed"));
  CHECK_THAT(problem(with_chunk(good, 0, Bytes{1, 0, 1, 'k', '\xff', '\xff', '\xff', '\xff', '\x7f'})), Catch::Contains("malformed"));
  Export other = good;
  other.manifest.header.state_digest = Hash{};
  CHECK_THAT(problem(other), Catch::Contains("does not have the digest"));

  // The header of another network is refused before anything is touched.
  auto target = make_memory_store();
  open_ledger(*target);
  auto verified = *verify_snapshot(good.manifest, good.source());
  verified.manifest.header.network = "elsewhere";
  CHECK_THAT(install_snapshot(*target, verified, {}, good.source()).error().detail, Catch::Contains("of network elsewhere"));
  CHECK(check_store(*target).empty());
}

TEST_CASE("a manifest that is not canonical or out of bounds is refused") {
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 1);
  const SnapshotManifest good = export_of(*source).manifest;
  const auto reason = [](const SnapshotManifest& manifest) { return decode_manifest(encode_manifest(manifest)).error().detail; };
  SnapshotManifest bad = good;
  bad.chunks.clear();
  CHECK_THAT(reason(bad), Catch::Contains("no chunks"));
  bad = good;
  bad.format_version = 2;
  CHECK_THAT(reason(bad), Catch::Contains("format version"));
  bad = good;
  bad.header.height = 0;
  CHECK_THAT(reason(bad), Catch::Contains("without a block header"));
  bad = good;
  bad.total_bytes = 1ull << 50;
  CHECK_THAT(reason(bad), Catch::Contains("too large"));
  CHECK_THAT(decode_manifest(encode_manifest(good) + Bytes{0x28, 1}).error().detail, Catch::Contains("canonical"));
  CHECK(!decode_manifest("nonsense"));
}

TEST_CASE("a crash in the middle of an installation leaves a store that is refused until it is done again") {
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 30, 100);
  const Export snapshot = export_of(*source, kSmallChunk_bytes);
  REQUIRE(snapshot.chunks.size() >= 2);
  const auto verified = *verify_snapshot(snapshot.manifest, snapshot.source());
  const auto certificate = certificate_of(snapshot.manifest.header);

  for (std::size_t fails_at = 0; fails_at < snapshot.manifest.chunks.size(); ++fails_at) {
    auto target = make_store("rocksdb");
    {
      const auto before = open_ledger(*target.store);
      before->log_write({LogWrite{"promise", "kept"}}, true);
    }
    const auto broken = [&](const Hash& hash) -> Result<Bytes> {
      if (hash == snapshot.manifest.chunks[fails_at]) return fail(Status::internal, "the disk is gone");
      return snapshot.chunks.at(hash);
    };
    CHECK(!install_snapshot(*target.store, verified, certificate, broken));
    CHECK(unfinished_install(*target.store) == snapshot.manifest.id());
    CHECK_THAT(Ledger::open(*target.store, test_genesis(), test_genesis_state()).error().detail, Catch::Contains("interrupted"));
    CHECK_THAT(check_store(*target.store).at(0), Catch::Contains("not finished"));
    if (fails_at % 2 == 0) {
      REQUIRE(install_snapshot(*target.store, verified, certificate, snapshot.source()));
      CHECK(open_ledger(*target.store)->height() == 30);
    } else {
      reset_store(*target.store);
      CHECK(!unfinished_install(*target.store));
      const auto again = open_ledger(*target.store);
      CHECK(again->height() == 0);
      CHECK(again->log_read_all().size() == 1);
    }
    CHECK(check_store(*target.store).empty());
  }
}

TEST_CASE("the snapshot folder: made, listed, read, thrown away; damage is seen") {
  TempFolder folder;
  SnapshotFolder snapshots(folder.path() + "/snapshots", kSmallChunk_bytes);
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  std::atomic<bool> stop{false};
  for (const std::uint64_t height : {10, 20, 30}) {
    grow(*source, height, 100);
    const auto at = source->snapshot();
    const auto made = snapshots.make(*at, certificate_of(at->header()), {}, stop);
    REQUIRE(made);
    CHECK(made->manifest.height() == height);
    CHECK(snapshots.make(*at, certificate_of(at->header()), {}, stop)->id == made->id);
  }
  CHECK(snapshots.list().size() == 3);
  const auto bytes = snapshots.bytes();
  snapshots.keep_latest(2);
  CHECK(snapshots.bytes() < bytes);
  auto list = snapshots.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].manifest.height() == 30);
  CHECK(list[1].manifest.height() == 20);
  const Hash chunk = list[0].manifest.chunks[0];
  CHECK(blake2b(*read_stored_chunk(list[0], chunk)) == chunk);
  CHECK(verify_snapshot(list[0].manifest, chunks_of(list[0])));
  CHECK(read_stored_member_changes(list[0])->empty());

  std::fstream(list[0].path + "/" + chunk.hex(), std::ios::in | std::ios::out | std::ios::binary).put('\0');
  CHECK_THAT(read_stored_chunk(list[0], chunk).error().detail, Catch::Contains("damaged"));
  CHECK(!verify_snapshot(list[0].manifest, chunks_of(list[0])));
  std::ofstream(list[0].path + "/manifest", std::ios::binary) << "nonsense";
  CHECK(snapshots.list().size() == 1);

  stop = true;
  grow(*source, 31);
  CHECK(!snapshots.make(*source->snapshot(), certificate_of(source->snapshot()->header()), {}, stop));
  CHECK(snapshots.list().size() == 1);
}

TEST_CASE("what decided the members stands beside a snapshot, made or fetched, up to the first one that is missing") {
  TempFolder folder;
  SnapshotFolder made_here(folder.path() + "/made"), fetched(folder.path() + "/fetched");
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 3);
  const auto change_at = [&](std::uint64_t height) {
    return make_member_change(*source->snapshot()->block(height), *source->snapshot()->certificate(height), 0);
  };
  CHECK(source->snapshot()->member_changes().empty());
  for (const std::uint64_t epoch : {1, 2}) source->store_member_change(epoch, change_at(epoch));
  const auto at = source->snapshot();
  const auto changes = at->member_changes();
  REQUIRE(changes.size() == 2);
  const std::atomic<bool> go_on{false};
  const auto made = made_here.make(*at, certificate_of(at->header()), changes, go_on);
  REQUIRE(made);
  REQUIRE(fetched.begin(made->manifest, made->certificate));
  for (const Hash& hash : made->manifest.chunks) REQUIRE(fetched.put(hash, *read_stored_chunk(*made, hash)));
  const auto whole = fetched.finish(changes);
  REQUIRE(whole);
  for (const StoredSnapshot& one : {*made, *whole}) {
    const auto read = read_stored_member_changes(one);
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(encode_member_change((*read)[i]) == encode_member_change(changes[i]));
  }
  CHECK(made_here.list().size() == 1);
  std::ofstream(made->path + "/member-change-2", std::ios::binary | std::ios::app) << "x";
  CHECK_THAT(read_stored_member_changes(*made).error().detail, Catch::Contains("member-change-2: "));
  std::filesystem::remove(made->path + "/member-change-2");
  CHECK(read_stored_member_changes(*made)->size() == 1);
  std::filesystem::remove(whole->path + "/member-change-1");
  CHECK(read_stored_member_changes(*whole)->empty());
}

TEST_CASE("a download goes on where it was, keeps what a newer snapshot has in common, and becomes a snapshot when it is whole") {
  TempFolder folder;
  const std::string path = folder.path() + "/snapshots";
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 20, 100);
  const Export first = export_of(*source, kSmallChunk_bytes);
  const auto& chunks = first.manifest.chunks;
  REQUIRE(chunks.size() >= 2);
  CHECK(!SnapshotFolder(path).resume());
  {
    SnapshotFolder snapshots(path);
    const auto begun = snapshots.begin(first.manifest, certificate_of(first.manifest.header));
    REQUIRE(begun);
    CHECK(begun->chunks.empty());
    REQUIRE(snapshots.put(chunks[1], first.chunks.at(chunks[1])));
    CHECK(!snapshots.finish({}));
  }
  {
    SnapshotFolder snapshots(path);   // after a restart
    const auto resumed = snapshots.resume();
    REQUIRE(resumed);
    CHECK(resumed->manifest.id() == first.manifest.id());
    CHECK(resumed->chunks == std::set<Hash>{chunks[1]});
  }
  std::ofstream(path + "/incoming/" + chunks[1].hex(), std::ios::binary | std::ios::app) << "x";
  CHECK(SnapshotFolder(path).resume()->chunks.empty());

  SnapshotFolder snapshots(path);
  for (const Hash& hash : chunks) REQUIRE(snapshots.put(hash, first.chunks.at(hash)));
  Export later = first;
  const Bytes more = entry(ChunkColumn::triples, Bytes(24, '\xff'), "");
  later.manifest.chunks.push_back(blake2b(more));
  const auto switched = snapshots.begin(later.manifest, certificate_of(first.manifest.header));
  REQUIRE(switched);
  CHECK(switched->chunks.size() == std::set<Hash>(chunks.begin(), chunks.end()).size());
  REQUIRE(snapshots.begin(first.manifest, certificate_of(first.manifest.header)));
  const auto whole = snapshots.finish({});
  REQUIRE(whole);
  CHECK(!snapshots.resume());
  CHECK(snapshots.list().size() == 1);
  CHECK(verify_snapshot(whole->manifest, chunks_of(*whole)));
}

TEST_CASE("pruned blocks are gone with all that is theirs; the rest stands") {
  for (const std::string kind : {"memory", "rocksdb"}) {
    auto test = make_store(kind);
    auto ledger = open_ledger(*test.store);
    grow(*ledger, 20);
    // A transaction of block 2 comes again in block 21: that block must not need block 2.
    ledger->apply(next_block(*ledger->snapshot(), {note(4), note(1000)}));
    ledger->store_certificate(21, certificate_of(ledger->snapshot()->header()));
    const auto before = ledger->snapshot();
    CHECK(before->transaction(note(4).id)->height == 2);

    CHECK(ledger->prune(12, 5) == 5);
    CHECK(ledger->snapshot()->first_block() == 6);
    CHECK(ledger->prune(12, 100) == 7);
    CHECK(ledger->prune(12, 100) == 0);
    std::atomic<bool> stop{false};
    ledger->reclaim(stop);
    CHECK(check_store(*test.store) == std::vector<std::string>{});
    ledger = open_ledger(*test.store);
    const auto now = ledger->snapshot();
    CHECK(now->first_block() == 13);
    CHECK(now->pruned(12));
    CHECK(!now->pruned(13));
    CHECK(!now->pruned(0));
    CHECK(now->header(0));
    CHECK(!now->header(12));
    CHECK(!now->certificate(12));
    CHECK(!now->has_transaction(note(4).id));
    CHECK(now->block(13)->transactions.size() == 2);
    CHECK(now->block(21)->transactions[0].id == note(4).id);
    CHECK(before->block(2)->transactions[0].id == note(4).id);   // an older snapshot still sees what it saw
    CHECK(now->state_digest() == before->state_digest());
    ledger->prune(20, 100);
    CHECK(ledger->snapshot()->block(21)->transactions[0].id == note(4).id);
    ledger->apply(next_block(*ledger->snapshot(), {note(1001), note(1002)}));
    ledger->store_certificate(22, certificate_of(ledger->snapshot()->header()));
    ledger->prune(21, 100);
    CHECK(check_store(*test.store) == std::vector<std::string>{});
    std::size_t left = 0;
    test.store->scan(Column::transactions, {}, {}, [&](BytesView, BytesView) { return ++left > 0; });
    CHECK(left == 2);
  }
}

TEST_CASE("a snapshot that was fetched by the former program version is installed by this one") {
  auto origin = make_memory_store();
  const auto source = open_ledger(*origin);
  grow(*source, 30);
  const Export snapshot = export_of(*source);
  const auto verified = *verify_snapshot(snapshot.manifest, snapshot.source());
  auto target = make_store("memory");
  open_ledger(*target.store);
  target.store->write({{Column::meta, Bytes(layout::kFormat), layout::u32(layout::kFormatRead)}}, true);
  REQUIRE(install_snapshot(*target.store, verified, certificate_of(snapshot.manifest.header), snapshot.source()));
  CHECK(open_ledger(*target.store)->height() == 30);
  CHECK(target.store->get(Column::meta, layout::kFormat) == layout::u32(layout::kFormatVersion));
  CHECK(check_store(*target.store).empty());
}

TEST_CASE("check_store sees what pruning or an installation left behind") {
  auto store = make_memory_store();
  const auto ledger = open_ledger(*store);
  grow(*ledger, 10);
  ledger->prune(5, 100);
  store->write({{Column::blocks, layout::receipt(3, 0), "x"}}, true);
  CHECK_THAT(check_store(*store).at(0), Catch::Contains("were left behind"));
}
