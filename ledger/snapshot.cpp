#include "ledger/snapshot.h"

#include <map>

#include "ledger/batch_writer.h"
#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/star.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

auto damaged(std::string what) { return fail(Status::invalid, "the snapshot is damaged: " + std::move(what)); }

// Chunks one after the other, each checked against its hash.
Result<void> for_each_entry(const SnapshotManifest& manifest, const ChunkSource& chunks,
                            const std::function<bool(ChunkColumn, BytesView, BytesView)>& visit) {
  for (const Hash& hash : manifest.chunks) {
    const auto chunk = chunks(hash);
    if (!chunk) return tl::unexpected(chunk.error());
    if (blake2b(*chunk) != hash) return damaged("chunk " + hash.hex() + " has another hash");
    if (auto read = read_chunk(*chunk, visit); !read) return read;
  }
  return {};
}

// Numbers run from 1 without a gap over the three kinds of terms, so a bit for each is enough.
class KnownTerms {
 public:
  explicit KnownTerms(std::uint64_t numbers_max) : numbers_max_(numbers_max) {}
  bool add(TermId id) {
    const std::uint64_t number = payload_of(id);
    const auto tag = tag_of(id);
    if (number == 0 || number > numbers_max_ || (tag != TermTag::iri && tag != TermTag::blank && tag != TermTag::literal)) return false;
    if (number >= tags_.size()) tags_.resize(std::max<std::size_t>(number + 1, 2 * tags_.size()), TermTag::none);
    if (tags_[number] != TermTag::none) return false;
    tags_[number] = tag;
    largest_ = std::max(largest_, number);
    ++count_;
    return true;
  }
  bool knows(TermId id) const { return is_inline(id) || (tag_of(id) != TermTag::none && payload_of(id) < tags_.size() && payload_of(id) > 0 && tags_[payload_of(id)] == tag_of(id)); }
  bool whole() const { return count_ == largest_; }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t numbers_max_;
  std::vector<TermTag> tags_;
  std::uint64_t largest_ = 0, count_ = 0;
};

}  // namespace

Result<SnapshotManifest> export_snapshot(const LedgerSnapshot& at, const std::function<Result<void>(const Hash&, const Bytes&)>& take,
                                         std::size_t chunk_bytes) {
  SnapshotManifest manifest;
  manifest.header = at.header();
  Result<void> outcome;
  write_chunks(at.state(), [&](const Bytes& chunk) {
    const Hash hash = blake2b(chunk);
    outcome = manifest.chunks.size() < limits::kSnapshotChunksMax ? take(hash, chunk)
                                                                  : fail(Status::too_large, "the ledger is too large for a snapshot");
    manifest.chunks.push_back(hash);
    manifest.total_bytes += chunk.size();
    return outcome.has_value();
  }, chunk_bytes);
  if (!outcome) return tl::unexpected(outcome.error());
  return manifest;
}

Result<VerifiedSnapshot> verify_snapshot(const SnapshotManifest& manifest, const ChunkSource& chunks) {
  VerifiedSnapshot verified;
  verified.manifest = manifest;
  KnownTerms terms(manifest.total_bytes);  // a term takes more than a byte
  ChunkColumn column = ChunkColumn::state;
  Bytes former;
  std::string problem;
  const auto refuse = [&](const char* what) {
    problem = what;
    return false;
  };
  auto read = for_each_entry(manifest, chunks, [&](ChunkColumn now, BytesView key, BytesView value) {
    if (now < column || (now == column && key <= BytesView(former))) return refuse("its entries are not in order");
    column = now;
    former = key;
    if (now == ChunkColumn::state) {
      verified.digest.add(key, value);
      ++verified.state_entries;
      return true;
    }
    if (now == ChunkColumn::terms) {
      if (key.size() != 9 || key.front() != layout::kTermOfId || value.empty()) return refuse("a term is malformed");
      const TermId id = read_u64_be(key.substr(1));
      if (!is_encoded_term(value) || tag_of_encoded(value) != tag_of(id)) return refuse("a term is malformed");
      return terms.add(id) || refuse("a term has a number that cannot be");
    }
    if (key.size() != 24 || !value.empty()) return refuse("a triple is malformed");
    const TermTag subject = tag_of(read_u64_be(key));
    if ((subject != TermTag::iri && subject != TermTag::blank) || tag_of(read_u64_be(key.substr(8))) != TermTag::iri) return refuse("a triple is malformed");
    for (std::size_t i = 0; i < 24; i += 8) {
      if (!terms.knows(read_u64_be(key.substr(i)))) return refuse("a triple names a term that is not in it");
    }
    ++verified.triples;
    return true;
  });
  if (!problem.empty()) return damaged(problem);
  if (!read) return tl::unexpected(read.error());
  if (!terms.whole()) return damaged("terms are missing");
  if (verified.digest.digest() != manifest.header.state_digest) return damaged("its world state does not have the digest that its block states");
  verified.terms = terms.count();
  return verified;
}

Result<void> install_snapshot(KvStore& store, const VerifiedSnapshot& verified, const QuorumCertificate& certificate, const ChunkSource& chunks) {
  const BlockHeader& header = verified.manifest.header;
  const auto network = store.get(Column::meta, layout::kNetwork);
  if (!network || *network != header.network) {
    return fail(Status::conflict, "the snapshot is of network " + header.network + ", and the data folder belongs to network " + network.value_or("(none)"));
  }
  const auto format = store.get(Column::meta, layout::kFormat);
  // By this program or a former one: a download, or the mark of an interrupted installation, may have waited for the start that also brought this program.
  const std::uint32_t version = format ? read_u32_be(*format) : 0;
  AGIDDI_CHECK(version >= layout::kFormatRead && version <= layout::kFormatVersion, "the store was opened as a ledger before");

  // The indexes on disk are made again when the store is opened, if they are wanted.
  store.write({{Column::meta, Bytes(layout::kInstalling), Bytes(verified.manifest.id().view())}, {Column::meta, Bytes(layout::kIndexed), std::nullopt}}, true);
  // Genesis (height 0) stays.
  for (const char kind : {layout::kHeader, layout::kBatch, layout::kCertificate}) {
    store.erase_range(Column::blocks, layout::key(kind, std::uint64_t{1}), prefix_end(Bytes(1, kind)));
  }
  for (const char kind : {layout::kReceipt, layout::kRepeated}) store.erase_range(Column::blocks, Bytes(1, kind), prefix_end(Bytes(1, kind)));
  for (const Column column : {Column::transactions, Column::state, Column::terms, Column::stars, Column::pos}) {
    store.erase_range(column, {}, {});
  }
  store.erase_range(Column::meta, Bytes(layout::kPredicatePrefix), prefix_end(Bytes(layout::kPredicatePrefix)));

  BatchWriter writer(store);
  std::map<TermId, std::uint64_t> by_predicate;
  TermId subject = kNoTerm;
  Star star;
  const auto put_star = [&] {
    if (!star.empty()) writer.put(Column::stars, layout::u64(subject), pack_star(star));
    star.clear();
  };
  auto read = for_each_entry(verified.manifest, chunks, [&](ChunkColumn column, BytesView key, BytesView value) {
    if (column == ChunkColumn::state) {
      writer.put(Column::state, Bytes(key), Bytes(value));
    } else if (column == ChunkColumn::terms) {
      writer.put(Column::terms, Bytes(key), Bytes(value));
    } else {
      const TermId s = read_u64_be(key), p = read_u64_be(key.substr(8)), o = read_u64_be(key.substr(16));
      if (s != subject) put_star();
      subject = s;
      star.push_back({p, o});
      ++by_predicate[p];
    }
    return true;
  });
  if (!read) return read;  // it changed since it was verified; the mark stays
  put_star();
  writer.flush();

  KvBatch last;
  for (const auto& [predicate, count] : by_predicate) last.push_back({Column::meta, layout::predicate_count(predicate), layout::u64(count)});
  last.push_back({Column::meta, Bytes(layout::kTriples), layout::u64(verified.triples)});
  last.push_back({Column::meta, Bytes(layout::kNextTerm), layout::u64(verified.terms + 1)});
  last.push_back({Column::meta, Bytes(layout::kAccumulator), verified.digest.encode()});
  last.push_back({Column::meta, Bytes(layout::kHeight), layout::u64(header.height)});
  last.push_back({Column::meta, Bytes(layout::kCertified), layout::u64(header.height)});
  last.push_back({Column::meta, Bytes(layout::kFirstBlock), layout::u64(header.height + 1)});
  last.push_back({Column::blocks, layout::key(layout::kHeader, header.height), encode_header(header)});
  last.push_back({Column::blocks, layout::key(layout::kCertificate, header.height), encode_certificate(certificate)});
  last.push_back({Column::meta, Bytes(layout::kInstalling), std::nullopt});
  store.write(last, true);
  return {};
}

std::uint64_t applied_height(const KvReader& store) { return layout::meta_number(store, layout::kHeight); }

std::optional<Hash> unfinished_install(const KvReader& store) {
  const auto raw = store.get(Column::meta, layout::kInstalling);
  if (!raw) return std::nullopt;
  const auto id = Hash::from_bytes(*raw);
  AGIDDI_CHECK(id.has_value(), "the mark of an installation names a snapshot");
  return *id;
}

void reset_store(KvStore& store) {
  // The mark goes last: until then the store is refused.
  for (const char kind : {layout::kHeader, layout::kBatch, layout::kCertificate, layout::kReceipt, layout::kRepeated}) {
    store.erase_range(Column::blocks, Bytes(1, kind), prefix_end(Bytes(1, kind)));
  }
  for (const Column column : {Column::transactions, Column::state, Column::terms, Column::stars, Column::pos}) {
    store.erase_range(column, {}, {});
  }
  store.erase_range(Column::meta, Bytes(layout::kPredicatePrefix), prefix_end(Bytes(layout::kPredicatePrefix)));
  KvBatch batch;
  for (const BytesView key : {layout::kFormat, layout::kNetwork, layout::kHeight, layout::kCertified, layout::kAccumulator, layout::kNextTerm,
                              layout::kTriples, layout::kFirstBlock, layout::kIndexed, layout::kInstalling}) {
    batch.push_back({Column::meta, Bytes(key), std::nullopt});
  }
  store.write(batch, true);
}

}  // namespace agiddi::ledger
