#include "node/snapshots.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "node/log.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kKept = consensus::kSnapshotOffersMax;
constexpr std::size_t kSnapshotQueue = 4096;
constexpr std::size_t kPruneBatch_blocks = 64;
constexpr std::uint64_t kPruneEvery_blocks = 64;       // how often to look
constexpr std::uint64_t kReclaimEvery_blocks = 20'000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void disk_failed(const Error& error) {
  log_error("the disk failed while a snapshot was fetched, and the node stops", {{"reason", error.detail}});
  std::abort();
}

}  // namespace

std::string snapshot_folder_of(const std::string& data_folder) { return data_folder + "/snapshots"; }

Snapshots::Snapshots(ledger::Ledger& ledger, std::string folder, LedgerConfig config, Metrics& metrics, Hooks hooks)
    : ledger_(ledger),
      folder_(std::move(folder)),
      config_(config),
      hooks_(std::move(hooks)),
      latest_height_(metrics.gauge("agiddi_snapshot_height", "Height of the latest snapshot that this node can serve; 0 without one.")),
      folder_bytes_(metrics.gauge("agiddi_snapshot_bytes", "Size of the snapshots on disk, downloads included.")),
      first_block_(metrics.gauge("agiddi_first_block", "Lowest height above 0 whose block is here; 1 at an archive node.")),
      fetched_bytes_(metrics.counter("agiddi_snapshot_fetched_bytes_total", "Bytes of snapshots that were fetched from other members and hold.")),
      pruned_blocks_(metrics.counter("agiddi_blocks_pruned_total", "Blocks that were dropped by policy.")),
      lane_("snapshots", kSnapshotQueue) {}

void Snapshots::start() {
  lane_.post_always([this] {
    folder_.keep_latest(kKept);
    offer();
  });
}

void Snapshots::stop() {
  stopping_ = true;
  lane_.stop();
}

void Snapshots::applied(const std::shared_ptr<const ledger::LedgerSnapshot>& at) {
  if (at->height() == 0 || at->height() % config_.snapshot_blocks != 0) return;
  if (making_) return log_warn("no snapshot at this height: the one before is still being written", {{"height", at->height()}});
  const std::lock_guard lock(mutex_);
  due_ = at;
}

void Snapshots::certified(std::uint64_t height, std::uint64_t attested) {
  std::shared_ptr<const ledger::LedgerSnapshot> ready;
  {
    const std::lock_guard lock(mutex_);
    if (due_ && due_->height() <= height) ready = std::move(due_);
  }
  if (ready) {
    making_ = true;
    lane_.post_always([this, ready = std::move(ready)]() mutable {
      make(ready);
      ready.reset();
      making_ = false;
    });
  }
  if (config_.keep_blocks == 0 || attested == 0 || height < pruned_at_ + kPruneEvery_blocks || pruning_.exchange(true)) return;
  pruned_at_ = height;
  lane_.post_always([this, attested] {
    prune(attested);
    pruning_ = false;
  });
}

void Snapshots::make(const std::shared_ptr<const ledger::LedgerSnapshot>& at) {
  const auto now = ledger_.snapshot();
  const auto certificate = now->certificate(at->height());
  if (!certificate) return;  // pruned meanwhile: this lane was far behind
  const std::int64_t began = steady_ms();
  const auto made = folder_.make(*at, *certificate, now->member_changes(), stopping_);
  if (!made) {
    if (!stopping_) log_error("a snapshot could not be written", {{"height", at->height()}, {"reason", made.error().detail}});
    return;
  }
  folder_.keep_latest(kKept);
  log_info("snapshot written", {{"height", made->manifest.height()}, {"id", made->id.hex()}, {"bytes", made->manifest.total_bytes},
                                {"chunks", made->manifest.chunks.size()}, {"ms", steady_ms() - began}});
  offer();
}

void Snapshots::offer() {
  auto list = folder_.list();
  if (list.size() > kKept) list.resize(kKept);
  std::vector<std::pair<std::uint64_t, Hash>> names;
  for (const auto& one : list) names.emplace_back(one.manifest.height(), one.id);
  const std::uint64_t first = ledger_.snapshot()->first_block();
  latest_height_.set(list.empty() ? 0 : static_cast<std::int64_t>(list.front().manifest.height()));
  folder_bytes_.set(static_cast<std::int64_t>(folder_.bytes()));
  first_block_.set(static_cast<std::int64_t>(first));
  {
    const std::lock_guard lock(mutex_);
    offered_ = std::move(list);
  }
  hooks_.here(std::move(names), first);
}

consensus::SnapshotPart Snapshots::read(const consensus::SnapshotRequest& request) const {
  consensus::SnapshotPart part{request.id, request.part, {}, false, {}};
  Hash chunk;
  ledger::StoredSnapshot where;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(offered_.begin(), offered_.end(), [&](const auto& one) { return one.id == request.id; });
    if (found == offered_.end() || request.part > found->manifest.chunks.size()) return part;
    if (request.part == 0) {
      part.data = encode_manifest(found->manifest);
      part.certificate = found->certificate;
      return part;
    }
    chunk = found->manifest.chunks[request.part - 1];
    where.path = found->path;
  }
  auto bytes = ledger::read_stored_chunk(where, chunk);
  if (bytes) {
    part.data = std::move(*bytes);
  } else {
    log_warn("a chunk of a snapshot cannot be served", {{"reason", bytes.error().detail}});
  }
  return part;
}

// A block goes when a certified snapshot above it is here and attested, and it is older than what must be kept.
std::uint64_t Snapshots::prune_limit(const ledger::LedgerSnapshot& view, std::uint64_t attested) const {
  const std::uint64_t certified = view.certified_height();
  if (certified <= config_.keep_blocks) return 0;
  std::uint64_t limit = std::min(attested, certified - config_.keep_blocks);
  const TimeMs youngest = view.header().timestamp - config_.keep_minutes * 60'000;
  // Timestamps rise with the height.
  std::uint64_t low = view.first_block() - 1, high = limit;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    const auto header = view.header(middle);
    if (header && header->timestamp <= youngest) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void Snapshots::prune(std::uint64_t attested) {
  const auto view = ledger_.snapshot();
  const std::uint64_t limit = prune_limit(*view, attested);
  std::size_t sum = 0;
  while (!stopping_ && limit >= view->first_block() + sum) {
    const std::size_t count = ledger_.prune(limit, kPruneBatch_blocks);
    if (count == 0) break;
    sum += count;
  }
  if (sum == 0) return;
  pruned_blocks_.add(sum);
  pruned_since_reclaim_ += sum;
  if (pruned_since_reclaim_ >= kReclaimEvery_blocks) {
    pruned_since_reclaim_ = 0;
    ledger_.reclaim(stopping_);
  }
  log_debug("blocks pruned", {{"blocks", sum}, {"first", ledger_.snapshot()->first_block()}});
  offer();
}

void Snapshots::take(consensus::SnapshotStep step) {
  lane_.post_always([this, step = std::move(step)]() mutable {
    if (auto* one = std::get_if<consensus::SnapshotBegin>(&step)) {
      begin(*one);
    } else if (const auto* chunk = std::get_if<consensus::SnapshotStore>(&step)) {
      store(*chunk);
    } else {
      finish(std::get<consensus::SnapshotFinish>(step));
    }
  });
}

void Snapshots::begin(consensus::SnapshotBegin& step) {
  download_began_ms_ = steady_ms();
  download_bytes_ = 0;
  const Hash id = step.manifest.id();
  for (const auto& one : folder_.list()) {
    if (one.id == id) return hooks_.begun(id, {one.manifest.chunks.begin(), one.manifest.chunks.end()});
  }
  auto incoming = folder_.begin(step.manifest, step.certificate);
  if (!incoming) disk_failed(incoming.error());
  log_info("fetching a snapshot", {{"height", step.manifest.height()}, {"id", id.hex()}, {"bytes", step.manifest.total_bytes},
                                   {"chunks", step.manifest.chunks.size()}, {"here", incoming->chunks.size()}});
  hooks_.begun(id, std::move(incoming->chunks));
}

void Snapshots::store(const consensus::SnapshotStore& step) {
  if (auto stored = folder_.put(step.hash, step.chunk); !stored) disk_failed(stored.error());
  download_bytes_ += step.chunk.size();
  fetched_bytes_.add(step.chunk.size());
  hooks_.stored();
}

void Snapshots::finish(const consensus::SnapshotFinish& step) {
  const auto list = folder_.list();
  const auto stored = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.id == step.id; });
  const auto whole = stored != list.end() ? Result<ledger::StoredSnapshot>(*stored) : folder_.finish(ledger_.snapshot()->member_changes());
  if (!whole) disk_failed(whole.error());
  if (auto verified = ledger::verify_snapshot(whole->manifest, ledger::chunks_of(*whole)); !verified) {
    log_error("a snapshot that was fetched does not hold, and another one is taken", {{"id", step.id.hex()}, {"reason", verified.error().detail}});
    folder_.remove(*whole);
    return hooks_.failed(step.id);
  }
  if (whole->manifest.height() <= ledger_.height()) {
    log_info("a snapshot that was fetched is not needed any more", {{"height", whole->manifest.height()}, {"applied", ledger_.height()}});
    return hooks_.failed(step.id);
  }
  const PendingInstall install{step.id, download_bytes_, steady_ms() - download_began_ms_};
  log_info("snapshot fetched", {{"height", whole->manifest.height()}, {"bytes", install.fetched_bytes}, {"ms", install.fetch_ms}});
  ledger_.local_put(kInstallNote, encode_install(install));
  hooks_.restart();
}

}  // namespace agiddi::node
