#include "ledger/ledger.h"

#include <set>

#include "ledger/columns/store.h"
#include "ledger/disk_indexes.h"
#include "ledger/layout.h"
#include "ledger/receipts.h"
#include "ledger/state_cache.h"
#include "protocol/check.h"
#include "protocol/limits.h"

namespace agiddi::ledger {
namespace {

const Bytes kLogPrefix(8, '\xff');   // of every key of the log

// A record that this store wrote itself.
template <class T>
T must(Result<T> decoded, const char* what) {
  AGIDDI_CHECK(decoded.has_value(), what);
  return *std::move(decoded);
}

std::optional<BlockHeader> read_header(const KvReader& reader, std::uint64_t height) {
  const auto raw = reader.get(Column::blocks, layout::key(layout::kHeader, height));
  if (!raw) return std::nullopt;
  return must(decode_header(*raw), "a stored header decodes");
}

struct StoredTransaction {
  std::uint64_t height;
  std::uint32_t index;
  Transaction transaction;
};

std::optional<StoredTransaction> read_transaction(const KvReader& reader, const Hash& id) {
  const auto raw = reader.get(Column::transactions, layout::key(layout::kApplied, id.view()));
  if (!raw) return std::nullopt;
  AGIDDI_CHECK(raw->size() > 12, "a stored transaction is whole");
  const BytesView view = *raw;
  return StoredTransaction{read_u64_be(view), read_u32_be(view.substr(8)), must(decode_transaction(view.substr(12)), "a stored transaction decodes")};
}

}  // namespace

BlockHeader genesis_header(const Genesis& genesis, const Hash& state_digest) {
  BlockHeader header;
  header.network = genesis.network;
  header.height = 0;
  header.previous_hash = genesis.digest;
  header.batch_digest = Batch{0, 0, genesis.created, {}}.digest();
  header.transaction_root = merkle_root({});
  header.receipt_root = merkle_root({});
  header.state_digest = state_digest;
  header.members_digest = genesis.member_set().digest();
  header.timestamp = genesis.created;
  return header;
}

LedgerSnapshot::LedgerSnapshot(std::shared_ptr<const KvReader> reader, std::unique_ptr<const TripleSource> triples, std::shared_ptr<StateCache> cache)
    : reader_(std::move(reader)),
      triples_(std::move(triples)),
      height_(layout::meta_number(*reader_, layout::kHeight)),
      certified_(layout::meta_number(*reader_, layout::kCertified)),
      first_(layout::first_block(*reader_)) {
  auto header = read_header(*reader_, height_);
  AGIDDI_CHECK(header.has_value(), "the applied height has a header");
  header_ = *std::move(header);
  header_hash_ = header_.hash();
  if (cache) cached_ = std::make_unique<const CachedState>(*reader_, std::move(cache), height_);
}

LedgerSnapshot::~LedgerSnapshot() = default;

std::optional<BlockHeader> LedgerSnapshot::header(std::uint64_t height) const {
  return height == height_ ? header_ : read_header(*reader_, height);
}

std::optional<Batch> LedgerSnapshot::batch(std::uint64_t height) const {
  const auto raw = reader_->get(Column::blocks, layout::key(layout::kBatch, height));
  if (!raw) return std::nullopt;
  return must(decode_batch(*raw), "a stored batch decodes");
}

std::optional<Block> LedgerSnapshot::block(std::uint64_t height) const {
  if (pruned(height)) return std::nullopt;
  auto header = this->header(height);
  if (!header) return std::nullopt;
  Block block;
  block.header = *std::move(header);
  auto batch = this->batch(height);
  AGIDDI_CHECK(batch.has_value(), "a block has a batch");
  block.batch = *std::move(batch);
  for (const Hash& id : block.batch.transactions) {
    const auto index = static_cast<std::uint32_t>(block.transactions.size());
    if (auto stored = read_transaction(*reader_, id)) {
      block.transactions.push_back(std::move(stored->transaction));
      continue;
    }
    const auto repeated = reader_->get(Column::blocks, layout::repeated(height, index));
    AGIDDI_CHECK(repeated.has_value(), "a block's transaction is stored");
    block.transactions.push_back(must(decode_transaction(*repeated), "a stored transaction decodes"));
  }
  const bool whole = visit_receipts(*reader_, height, [&](BytesView value) { block.receipts.push_back(must(decode_receipt(value), "a stored receipt decodes")); });
  AGIDDI_CHECK(whole && block.receipts.size() == block.transactions.size(), "a block has a receipt for each transaction");
  return block;
}

std::optional<QuorumCertificate> LedgerSnapshot::certificate(std::uint64_t height) const {
  const auto raw = reader_->get(Column::blocks, layout::key(layout::kCertificate, height));
  if (!raw) return std::nullopt;
  return must(decode_certificate(*raw), "a stored certificate decodes");
}

std::optional<HeaderChain> LedgerSnapshot::header_proof(std::uint64_t height) const {
  HeaderChain proof;
  const auto own_header = header(height);
  if (height == 0 || !own_header) return std::nullopt;
  const Hash members = own_header->members_digest;   // others do not speak for it
  for (std::uint64_t at = height; at <= height_; ++at) {
    if (at > height) {
      auto above = header(at);
      if (!above || above->members_digest != members || proof.headers.size() == limits::kHeaderChainMax) return std::nullopt;
      proof.headers.push_back(*std::move(above));
    }
    if (auto own = certificate(at)) {
      proof.certificate = *std::move(own);
      return proof;
    }
  }
  return std::nullopt;
}

std::optional<TransactionRecord> LedgerSnapshot::transaction(const Hash& id) const {
  auto stored = read_transaction(*reader_, id);
  if (!stored) return std::nullopt;
  const auto header = this->header(stored->height);
  auto receipt = read_receipt(*reader_, stored->height, stored->index);
  AGIDDI_CHECK(header && receipt, "a stored transaction has a block and a receipt");
  return TransactionRecord{std::move(stored->transaction), stored->height, stored->index, header->timestamp, *std::move(receipt)};
}

bool LedgerSnapshot::has_transaction(const Hash& id) const {
  return reader_->get(Column::transactions, layout::key(layout::kApplied, id.view())).has_value();
}

std::optional<MemberChange> LedgerSnapshot::member_change(std::uint64_t epoch) const { return read_member_change(*reader_, epoch); }

std::vector<MemberChange> LedgerSnapshot::member_changes() const {
  std::vector<MemberChange> changes;
  while (auto change = changes.size() < kMemberChangesMax ? member_change(changes.size() + 1) : std::nullopt) changes.push_back(std::move(*change));
  return changes;
}

std::optional<MemberChange> read_member_change(const KvReader& reader, std::uint64_t epoch) {
  const auto raw = reader.get(Column::blocks, layout::key(layout::kMemberChange, epoch));
  if (!raw) return std::nullopt;
  return must(decode_member_change(*raw), "a stored change of members decodes");
}

StateDigest LedgerSnapshot::state_digest() const {
  const auto raw = reader_->get(Column::meta, layout::kAccumulator);
  AGIDDI_CHECK(raw.has_value(), "the store has a state accumulator");
  return must(StateDigest::decode(*raw), "the state accumulator decodes");
}

Ledger::Ledger(KvStore& store, std::string network, const LedgerOptions& options)
    : store_(store),
      options_(options),
      cache_(make_term_cache(options.columns ? 1 : options.cached_terms)),   // columns have the whole dictionary
      state_cache_(std::make_shared<StateCache>(options.cached_state_bytes, 0)),
      triples_(store, cache_, options.columns ? DiskIndexes::left_out : DiskIndexes::kept),
      network_(std::move(network)) {}

Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(KvStore& store, const Genesis& genesis, const GenesisState& initial, const LedgerOptions& options) {
  StateDigest digest;
  digest.apply(initial.changes);
  const BlockHeader first = genesis_header(genesis, digest.digest());
  std::unique_ptr<Ledger> ledger(new Ledger(store, genesis.network, options));

  const auto format = store.get(Column::meta, layout::kFormat);
  if (!format) {
    for (const auto& change : initial.changes) {
      AGIDDI_CHECK(!change.before && change.after, "the genesis state is made from an empty one");
    }
    BlockToApply block;
    block.block.header = first;
    block.block.batch = Batch{0, 0, genesis.created, {}};
    block.changes = initial.changes;
    block.digest = digest;
    block.triples = initial.triples;
    keep_disk_indexes(store, !options.columns);
    ledger->write(block, Sync::now);
    if (options.columns) ledger->serve_columns(store, 0);
    return ledger;
  }

  if (format->size() != 4 || read_u32_be(*format) < layout::kFormatRead || read_u32_be(*format) > layout::kFormatVersion) {
    const std::string found = format->size() == 4 ? std::to_string(read_u32_be(*format)) : "unreadable";
    return fail(Status::internal, "the data folder has format version " + found + ", and this program knows version " +
                                      std::to_string(layout::kFormatVersion) + ": use the program version that wrote the folder, or a newer one");
  }
  const auto network = store.get(Column::meta, layout::kNetwork);
  if (!network || *network != genesis.network) {
    return fail(Status::conflict, "the data folder belongs to network " + network.value_or("(none)") + ", and the genesis file is of network " +
                                      genesis.network + ": use this network's own data folder, or the other genesis file");
  }
  if (store.get(Column::meta, layout::kInstalling)) {
    return fail(Status::internal, "the installation of a snapshot into the data folder was interrupted: it must be finished or the folder emptied");
  }
  const LedgerSnapshot snapshot(store.snapshot(), nullptr);
  const auto stored_first = snapshot.header(0);
  if (!stored_first || stored_first->hash() != first.hash()) {
    return fail(Status::conflict, "the data folder was begun with another genesis state (" +
                                      (stored_first ? stored_first->state_digest.hex() : std::string("none")) + ", now " +
                                      first.state_digest.hex() + "): this program has other rules than the one that made the folder");
  }
  if (snapshot.state_digest().digest() != snapshot.header().state_digest) {
    return fail(Status::internal, "the data folder is damaged: the state accumulator does not belong to block " +
                                      std::to_string(snapshot.height()) + "; restore a backup, or empty the folder and let the node catch up from the others");
  }
  // From now on there may be records that a program of the former version does not know.
  if (read_u32_be(*format) != layout::kFormatVersion) store.write({{Column::meta, Bytes(layout::kFormat), layout::u32(layout::kFormatVersion)}}, true);
  ledger->last_hash_ = snapshot.header_hash();
  ledger->height_.store(snapshot.height(), std::memory_order_release);
  ledger->state_cache_ = std::make_shared<StateCache>(options.cached_state_bytes, snapshot.height());
  keep_disk_indexes(store, !options.columns);
  if (options.columns) ledger->serve_columns(snapshot.state(), snapshot.height());
  return ledger;
}

void Ledger::serve_columns(const KvReader& reader, std::uint64_t height) {
  columns_ = std::make_shared<columns::Store>(reader, height, options_.coordinates);
  triples_.use_dictionary([&terms = columns_->terms()](BytesView encoded) { return terms.find(encoded); });
}

std::size_t Ledger::columns_bytes() const { return columns_ ? columns_->memory_bytes() : 0; }

std::unique_ptr<const TripleSource> Ledger::triples_at(const std::shared_ptr<const KvReader>& reader) const {
  if (!columns_) return make_triple_source(*reader, cache_);
  auto state = columns_->at(layout::meta_number(*reader, layout::kHeight));
  return state ? columns::make_source(columns_, std::move(state)) : nullptr;
}

std::shared_ptr<const LedgerSnapshot> Ledger::snapshot() const {
  for (;;) {
    auto reader = store_.snapshot();
    if (auto triples = triples_at(reader)) return std::make_shared<const LedgerSnapshot>(std::move(reader), std::move(triples), state_cache_);
  }
}

void Ledger::apply(const BlockToApply& block, Sync sync) {
  const BlockHeader& header = block.block.header;
  AGIDDI_CHECK(header.height == height() + 1, "heights are contiguous");
  AGIDDI_CHECK(header.previous_hash == last_hash_, "a block continues the chain");
  AGIDDI_CHECK(header.network == network_, "a block is of this network");
  write(block, sync);
}

void Ledger::sync() { store_.write({}, true); }

void Ledger::write(const BlockToApply& to_apply, Sync sync) {
  const Block& block = to_apply.block;
  const std::uint64_t height = block.header.height;
  AGIDDI_CHECK(block.header.state_digest == to_apply.digest.digest(), "the header has the digest of its state");
  AGIDDI_CHECK(block.header.batch_digest == block.batch.digest(), "the header has the digest of its batch");
  AGIDDI_CHECK(block.transactions.size() == block.batch.transactions.size(), "a block has all bodies of its batch");
  AGIDDI_CHECK(block.receipts.size() == block.transactions.size(), "a block has a receipt for each transaction");

  KvBatch batch;
  batch.reserve(16 + to_apply.changes.size() + 4 * block.transactions.size() + 4 * to_apply.triples.size());
  if (height == 0) {
    batch.push_back({Column::meta, Bytes(layout::kFormat), layout::u32(layout::kFormatVersion)});
    batch.push_back({Column::meta, Bytes(layout::kNetwork), network_});
  }
  batch.push_back({Column::blocks, layout::key(layout::kHeader, height), encode_header(block.header)});
  batch.push_back({Column::blocks, layout::key(layout::kBatch, height), encode_batch(block.batch)});
  put_receipts(batch, height, block.receipts);
  for (std::size_t i = 0; i < block.transactions.size(); ++i) {
    const Hash& id = block.batch.transactions[i];
    const auto index = static_cast<std::uint32_t>(i);
    AGIDDI_CHECK(block.transactions[i].id == id && block.receipts[i].transaction == id, "bodies and receipts stand in batch order");
    const Bytes key = layout::key(layout::kApplied, id.view());
    if (!store_.get(Column::transactions, key)) {
      batch.push_back({Column::transactions, key, layout::u64(height) + layout::u32(index) + encode_transaction(block.transactions[i])});
    } else {
      batch.push_back({Column::blocks, layout::repeated(height, index), encode_transaction(block.transactions[i])});
    }
  }
  for (const auto& change : to_apply.changes) batch.push_back({Column::state, change.key, change.after});
  const TripleIdChanges triples = triples_.encode(to_apply.triples, batch);
  batch.push_back({Column::meta, Bytes(layout::kAccumulator), to_apply.digest.encode()});
  batch.push_back({Column::meta, Bytes(layout::kHeight), layout::u64(height)});
  // First, so that there is a state for every height that a reader of the store may see, and none that the cache does not know of.
  if (columns_) columns_->apply(height, triples);
  state_cache_->apply(height, to_apply.changes);
  store_.write(batch, sync == Sync::now);

  last_hash_ = block.header.hash();
  height_.store(height, std::memory_order_release);
}

void Ledger::store_certificates(const std::vector<std::pair<std::uint64_t, const QuorumCertificate*>>& certificates) {
  if (certificates.empty()) return;
  KvBatch batch;
  std::set<std::uint64_t> fresh;
  for (const auto& [height, certificate] : certificates) {
    AGIDDI_CHECK(height >= 1 && height <= this->height(), "a certificate belongs to an applied block");
    batch.push_back({Column::blocks, layout::key(layout::kCertificate, height), encode_certificate(*certificate)});
    fresh.insert(height);
  }
  const std::uint64_t before = layout::meta_number(store_, layout::kCertified);
  std::uint64_t certified = before;
  if (fresh.contains(before + 1)) {
    while (fresh.contains(certified + 1) || store_.get(Column::blocks, layout::key(layout::kCertificate, certified + 1))) ++certified;
  }
  if (certified != before) batch.push_back({Column::meta, Bytes(layout::kCertified), layout::u64(certified)});
  store_.write(batch, false);
}

void Ledger::skip_certificates(std::uint64_t height, const QuorumCertificate& certificate) {
  AGIDDI_CHECK(height >= 1 && height <= this->height(), "a certificate belongs to an applied block");
  if (height <= layout::meta_number(store_, layout::kCertified)) return;
  std::uint64_t certified = height;
  while (store_.get(Column::blocks, layout::key(layout::kCertificate, certified + 1))) ++certified;
  store_.write({{Column::blocks, layout::key(layout::kCertificate, height), encode_certificate(certificate)},
                {Column::meta, Bytes(layout::kCertified), layout::u64(certified)}},
               false);
}

void Ledger::store_member_change(std::uint64_t epoch, const MemberChange& change) {
  AGIDDI_CHECK(epoch > 0, "genesis decides the members of epoch 0");
  store_.write({{Column::blocks, layout::key(layout::kMemberChange, epoch), encode_member_change(change)}}, false);
}

std::size_t Ledger::prune(std::uint64_t up_to, std::size_t blocks_max) {
  const std::uint64_t first = layout::first_block(store_);
  AGIDDI_CHECK(up_to < std::max<std::uint64_t>(1, layout::meta_number(store_, layout::kCertified)), "only certified blocks below the last one are pruned");
  std::size_t count = 0;
  KvBatch batch;
  for (std::uint64_t height = first; height <= up_to && count < blocks_max; ++height, ++count) {
    const auto raw = store_.get(Column::blocks, layout::key(layout::kBatch, height));
    AGIDDI_CHECK(raw.has_value(), "a block that was not pruned is here");
    const auto ids = must(decode_batch(*raw), "a stored batch decodes").transactions;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      const Bytes key = layout::key(layout::kApplied, ids[i].view());
      const auto stored = store_.get(Column::transactions, key);
      const bool here = stored && read_u64_be(*stored) == height && read_u32_be(BytesView(*stored).substr(8)) == index;
      batch.push_back({here ? Column::transactions : Column::blocks, here ? key : layout::repeated(height, index), std::nullopt});
    }
    erase_receipts(store_, batch, height, ids.size());
    for (const char kind : {layout::kHeader, layout::kBatch, layout::kCertificate}) {
      batch.push_back({Column::blocks, layout::key(kind, height), std::nullopt});
    }
  }
  // After a snapshot was installed, the header and certificate that it stands on are of no more use when the blocks above them go.
  if (count > 0 && first > 1) {
    for (const char kind : {layout::kHeader, layout::kCertificate}) batch.push_back({Column::blocks, layout::key(kind, first - 1), std::nullopt});
  }
  if (count == 0) return 0;
  batch.push_back({Column::meta, Bytes(layout::kFirstBlock), layout::u64(first + count)});
  store_.write(batch, false);
  return count;
}

void Ledger::reclaim(std::atomic<bool>& stop) {
  const std::uint64_t first = layout::first_block(store_);
  for (const char kind : {layout::kHeader, layout::kBatch, layout::kCertificate, layout::kReceipt, layout::kRepeated}) {
    store_.reclaim(Column::blocks, layout::key(kind, std::uint64_t{1}), layout::key(kind, first), stop);
  }
  store_.reclaim(Column::transactions, {}, {}, stop);
}

void Ledger::log_write(const std::vector<LogWrite>& writes, bool sync) {
  KvBatch batch;
  batch.reserve(writes.size());
  for (const auto& write : writes) batch.push_back({Column::log, kLogPrefix + write.key, write.value});
  if (!batch.empty()) store_.write(batch, sync);
}

std::vector<LogRecord> Ledger::log_read_all() const { return read_log(store_); }

std::vector<LogRecord> read_log(const KvReader& store) {
  std::vector<LogRecord> records;
  store.scan(Column::log, {}, {}, [&](BytesView key, BytesView value) {
    AGIDDI_CHECK(key.starts_with(kLogPrefix), "a log key has its prefix");
    records.push_back({Bytes(key.substr(kLogPrefix.size())), Bytes(value)});
    return true;
  });
  return records;
}

std::optional<Bytes> Ledger::local_get(BytesView key) const { return store_.get(Column::local, key); }

void Ledger::local_put(BytesView key, BytesView value) { store_.write({{Column::local, Bytes(key), Bytes(value)}}, false); }

void Ledger::local_erase(BytesView key) { store_.write({{Column::local, Bytes(key), std::nullopt}}, false); }

std::vector<std::pair<Bytes, Bytes>> Ledger::local_scan(BytesView prefix) const {
  std::vector<std::pair<Bytes, Bytes>> found;
  store_.scan(Column::local, prefix, prefix_end(prefix), [&](BytesView key, BytesView value) {
    found.emplace_back(key, value);
    return true;
  });
  return found;
}

}  // namespace agiddi::ledger
