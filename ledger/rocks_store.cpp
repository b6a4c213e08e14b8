// KvStore on RocksDB: a column family for each column, one write-ahead log for all. The only file that sees RocksDB's headers.
//
// Memory is bounded: one block cache for data, indexes and filters, one limit for all write buffers, a bounded number of open files.
// The log is replayed strictly: only its tail may be incomplete. Damage further up is an error, because silently losing votes or
// blocks that were synced would let a member contradict itself.
#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include "ledger/kv.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

constexpr std::uint64_t kLogTotal_bytes = 192u << 20;              // a start after a crash reads it
constexpr int kOpenFilesMax = 512;
constexpr std::size_t kErasedWindow_keys = 4096, kErasedTrigger_keys = 2048;  // a file with so many erased in a row is compacted
const Bytes kAboveAllKeys(64, '\xff');                                         // our keys begin with letters, heights or term ids
constexpr std::uint64_t kScrubSlice_bytes = 1u << 20;              // about 100 MB a second at most
constexpr auto kScrubRest = std::chrono::milliseconds(10);

constexpr std::array<const char*, kColumns> kNames = {"meta", "blocks", "transactions", "state", "terms", "stars", "pos", "log", "local"};

rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

void must(const rocksdb::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "the store failed while %s: %s\n", what, status.ToString().c_str());
  std::abort();
}

std::string damage_text(const std::string& where, const rocksdb::Status& status) {
  return "the store " + where + " is damaged (" + status.ToString() + "): restore a backup, or empty the folder and let the node catch up from the others";
}

// The open database and its column handles; snapshots share it, so that no order of destruction is wrong.
struct Database {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    // The next start then has no log to read. What this cannot write is still in the log.
    if (db) (void)db->Flush(rocksdb::FlushOptions(), handles);
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    if (db) db->Close();
  }
  rocksdb::ColumnFamilyHandle* column(Column c) const { return handles[static_cast<std::size_t>(c)]; }

  std::optional<Bytes> get(const rocksdb::ReadOptions& options, Column c, BytesView key) const {
    std::string value;
    const auto status = db->Get(options, column(c), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    must(status, "reading");
    return value;
  }

  void scan(rocksdb::ReadOptions options, Column c, BytesView from, BytesView to, bool descending,
            const std::function<bool(BytesView, BytesView)>& visit) const {
    const rocksdb::Slice lower = slice(from), upper = slice(to);
    if (!from.empty()) options.iterate_lower_bound = &lower;
    if (!to.empty()) options.iterate_upper_bound = &upper;
    std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options, column(c)));
    if (descending) {
      for (it->SeekToLast(); it->Valid() && visit(view(it->key()), view(it->value())); it->Prev()) {
      }
    } else {
      for (it->SeekToFirst(); it->Valid() && visit(view(it->key()), view(it->value())); it->Next()) {
      }
    }
    must(it->status(), "scanning");
  }
};

class RocksSnapshot final : public KvReader {
 public:
  explicit RocksSnapshot(std::shared_ptr<const Database> database) : database_(std::move(database)) {
    options_.snapshot = database_->db->GetSnapshot();
  }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;
  ~RocksSnapshot() override { database_->db->ReleaseSnapshot(options_.snapshot); }

  std::optional<Bytes> get(Column column, BytesView key) const override { return database_->get(options_, column, key); }
  void scan(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    database_->scan(options_, column, from, to, false, visit);
  }
  void scan_reverse(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    database_->scan(options_, column, from, to, true, visit);
  }

 private:
  std::shared_ptr<const Database> database_;
  rocksdb::ReadOptions options_;
};

class RocksStore final : public KvStore {
 public:
  explicit RocksStore(std::shared_ptr<const Database> database) : database_(std::move(database)) {}

  std::optional<Bytes> get(Column column, BytesView key) const override { return database_->get({}, column, key); }
  void scan(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    database_->scan({}, column, from, to, false, visit);
  }
  void scan_reverse(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    database_->scan({}, column, from, to, true, visit);
  }
  void write(const KvBatch& batch, bool sync) override {
    std::size_t size_bytes = 16;
    for (const auto& write : batch) size_bytes += 12 + write.key.size() + (write.value ? write.value->size() : 0);
    rocksdb::WriteBatch rocks(size_bytes);
    for (const auto& [column, key, value] : batch) {
      must(value ? rocks.Put(database_->column(column), slice(key), slice(*value)) : rocks.Delete(database_->column(column), slice(key)),
           "collecting a batch");
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    must(database_->db->Write(options, &rocks), "writing");
  }
  std::shared_ptr<const KvReader> snapshot() const override { return std::make_shared<RocksSnapshot>(database_); }
  void erase_range(Column column, BytesView from, BytesView to) override {
    const Bytes begin(from), end = to.empty() ? kAboveAllKeys : Bytes(to);
    must(database_->db->DeleteRange(rocksdb::WriteOptions(), database_->column(column), slice(begin), slice(end)), "erasing a range");
  }
  void reclaim(Column column, BytesView from, BytesView to, std::atomic<bool>& stop) override {
    const rocksdb::Slice begin = slice(from), end = slice(to);
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.canceled = &stop;
    const auto status = database_->db->CompactRange(options, database_->column(column), from.empty() ? nullptr : &begin, to.empty() ? nullptr : &end);
    if (!status.IsIncomplete()) must(status, "compacting");
  }

  // Table files only: the log was checked when the store was opened, and is read again only then.
  std::optional<std::string> find_damage(const std::atomic<bool>& stopping) const override {
    std::vector<rocksdb::LiveFileMetaData> files;
    database_->db->GetLiveFilesMetaData(&files);
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    rocksdb::Options options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    for (const auto& file : files) {
      const std::string path = file.db_path + file.name;
      rocksdb::SstFileReader reader(options);
      rocksdb::Status status = reader.Open(path);
      if (status.ok()) status = reader.VerifyChecksum();
      // A file that a compaction has replaced in the meantime is no damage, whatever the reader says of it.
      if (!status.ok() && std::filesystem::exists(path)) return damage_text(path, status);
      for (std::uint64_t rested = 0; rested < file.size && !stopping; rested += kScrubSlice_bytes) std::this_thread::sleep_for(kScrubRest);
      if (stopping) break;
    }
    return std::nullopt;
  }

 private:
  std::shared_ptr<const Database> database_;
};

rocksdb::DBOptions database_options(const StoreMemory& memory) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.db_write_buffer_size = memory.write_buffers_bytes;
  options.max_total_wal_size = kLogTotal_bytes;
  options.max_open_files = kOpenFilesMax;
  options.max_background_jobs = 2;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.keep_log_file_num = 4;
  options.max_log_file_size = 4u << 20;
  options.stats_dump_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  return options;
}

rocksdb::ColumnFamilyOptions column_options(Column column, const std::shared_ptr<rocksdb::Cache>& cache, const StoreMemory& memory) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // Indexes and filters of a large file are cut into parts, so that a look-up reads one part and not all of it.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_top_level_index_and_filter = true;
  table.format_version = 5;
  table.block_size = 8u << 10;
  // Point reads that often miss: is it there already? The scanned index pos is never asked so.
  if (column != Column::pos && column != Column::log) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  }
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = std::max<std::size_t>(memory.write_buffers_bytes / 4, 1u << 20);
  // Most keys of a block are new ones that are looked up first: a bit or two in the write buffer says so without a search of it.
  if (table.filter_policy) {
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = 0.02;
  }
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  if (column == Column::blocks || column == Column::transactions) {  // pruned: erased keys must not keep their space
    options.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(kErasedWindow_keys, kErasedTrigger_keys));
  }
  return options;
}

// The process that holds the lock on a file, 0 when it cannot be told. Only for a lock that another process holds: closing a file
// drops this process's own locks on it.
pid_t lock_holder(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return 0;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const pid_t holder = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
  ::close(file);
  return holder;
}

Error open_error(const std::string& path, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (text.find("lock hold by current process") != std::string::npos) {
    return {Status::conflict, "the store " + path + " is already open in this process", {}};
  }
  if (text.find("While lock file") != std::string::npos) {
    const pid_t holder = lock_holder(path + "/LOCK");
    const std::string who = holder > 0 ? " (process " + std::to_string(holder) + ")" : "";
    return {Status::conflict, "the store " + path + " is already in use by another process" + who + ": stop it, or use another data folder", {}};
  }
  if (text.find("olumn families not opened") != std::string::npos) {
    return {Status::internal, "the store " + path + " was made by another version of this program (" + text + "): use the program version that made it, or empty the "
                              "folder and let the node catch up from the others", {}};
  }
  if (status.IsCorruption()) {
    return {Status::internal, damage_text(path, status), {}};
  }
  return {Status::internal, "the store " + path + " cannot be opened: " + text, {}};
}

}  // namespace

Result<std::unique_ptr<KvStore>> open_rocks_store(const std::string& path, const StoreMemory& memory) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Status::internal, "the data folder " + path + " cannot be made: " + error.message());
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return fail(Status::internal, "the data folder " + path + " is not readable and writable for this user: change its owner or mode");
  }

  const rocksdb::DBOptions options = database_options(memory);
  const auto cache = rocksdb::NewLRUCache(memory.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions()}};
  for (std::size_t i = 0; i < kColumns; ++i) families.emplace_back(kNames[i], column_options(static_cast<Column>(i), cache, memory));

  auto database = std::make_shared<Database>();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(options, path, families, &handles, &db);
  if (!status.ok()) return tl::unexpected<Error>(open_error(path, status));
  database->db.reset(db);
  db->DestroyColumnFamilyHandle(handles.front());  // the default family is not used
  database->handles.assign(handles.begin() + 1, handles.end());
  return std::unique_ptr<KvStore>(std::make_unique<RocksStore>(std::move(database)));
}

}  // namespace agiddi::ledger
