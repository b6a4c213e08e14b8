// What node/snapshots.h does in the daemon, without its lane and files: snapshots are made, offered, fetched and installed, and blocks are pruned.
#include "node/chain_duties.h"
#include "node/pending_install.h"
#include "protocol/check.h"
#include "tools/sim/cluster.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::size_t kPruneBatch_blocks = 8;

}  // namespace

// At a start: a download that is whole is installed; one whose installation was interrupted is installed again, or the store begins anew.
void SimNode::install_pending() {
  const auto note = disk_.get(ledger::Column::local, node::kInstallNote);
  const auto asked = note ? node::decode_install(*note) : std::nullopt;
  const auto unfinished = ledger::unfinished_install(disk_);
  if (!asked && !unfinished) return;
  const SimSnapshots::Stored* stored = snapshots_.find(unfinished ? *unfinished : asked->id);
  Result<void> done = fail(Status::not_found, "its files are not there");
  if (stored != nullptr && !unfinished && stored->manifest.height() <= ledger::applied_height(disk_)) {
    done = fail(Status::conflict, "the ledger has reached its height meanwhile");
  } else if (stored != nullptr) {
    if (cluster_.faulty() && cluster_.options().has("crash") && cluster_.random().chance(300)) disk_.ends_after(cluster_.random().between(0, 12));
    const auto source = stored->source();
    const auto verified = ledger::verify_snapshot(stored->manifest, source);
    done = verified ? ledger::install_snapshot(disk_, *verified, stored->certificate, source) : tl::unexpected(verified.error());
    disk_.ends_after(-1);
  }
  if (!done && ledger::unfinished_install(disk_)) {
    ledger::reset_store(disk_);
    if (node::drop_foreign_log(disk_, cluster_.workload().genesis())) cluster_.checkers().disk_lost(seat_);
  }
  disk_.write({{ledger::Column::local, Bytes(node::kInstallNote), std::nullopt}}, true);
  cluster_.timeline().event(cluster_.now_us(), place_, done ? "installs the snapshot of height " + std::to_string(stored->manifest.height())
                                                            : "cannot install a snapshot: " + done.error().detail);
  if (done) cluster_.count_install();
}

void SimNode::offer_snapshots() {
  input([&](Engine& engine, Now at) { engine.snapshots_here(snapshots_.list(), snapshot_->first_block(), at); });
}

// Of the latest height that is a multiple, once it is certified.
void SimNode::make_snapshot() {
  const SnapshotPolicy& policy = cluster_.snapshot_policy();
  if (!due_ || due_->height() > snapshot_->certified_height()) return;
  const auto at = std::exchange(due_, nullptr);
  later(cluster_.random().between(500, 30'000), [this, at, &policy] {
    const auto certificate = snapshot_->certificate(at->height());
    if (!certificate) return;   // pruned meanwhile
    const Hash id = snapshots_.make(*at, *certificate, policy.chunk_bytes);
    if (correct()) cluster_.checkers().snapshot_made(seat_, at->height(), id);
    offer_snapshots();
  });
}

void SimNode::prune() {
  const SnapshotPolicy& policy = cluster_.snapshot_policy();
  const Height attested = engine_->status().snapshot_attested, certified = snapshot_->certified_height();
  if (policy.keep_blocks == 0 || attested == 0 || certified <= policy.keep_blocks) return;
  const Height limit = std::min(attested, certified - policy.keep_blocks);
  if (limit < snapshot_->first_block() || ledger_->prune(limit, kPruneBatch_blocks) == 0) return;
  snapshot_ = ledger_->snapshot();
  later(cluster_.random().between(50, 500), [this] { offer_snapshots(); });
}

void SimNode::take_step(SnapshotStep& step) {
  if (auto* begin = std::get_if<SnapshotBegin>(&step)) {
    const Hash id = begin->manifest.id();
    const std::set<Hash> here = snapshots_.begin(*begin);
    cluster_.timeline().event(cluster_.now_us(), place_, "fetches the snapshot of height " + std::to_string(begin->manifest.height()) + ", " +
                                                             std::to_string(begin->manifest.chunks.size()) + " chunks, " + std::to_string(here.size()) + " here");
    later(cluster_.random().between(100, 3000), [this, id, here] {
      input([&](Engine& engine, Now at) { engine.snapshot_begun(id, here, at); });
    });
  } else if (const auto* chunk = std::get_if<SnapshotStore>(&step)) {
    snapshots_.put(*chunk);
    later(cluster_.sync_latency_us(), [this] {
      input([](Engine& engine, Now at) { engine.snapshot_stored(at); });
    });
  } else {
    later(cluster_.random().between(100, 10'000), [this, id = std::get<SnapshotFinish>(step).id] { finish_snapshot(id); });
  }
}

void SimNode::finish_snapshot(const Hash& id) {
  const SimSnapshots::Stored* stored = snapshots_.finish(id);
  const bool fetched = stored != nullptr;
  if (!fetched) stored = snapshots_.find(id);
  if (stored == nullptr || !ledger::verify_snapshot(stored->manifest, stored->source())) {
    // Each part was checked when it came; only what lay on the disk meanwhile may have rotted.
    if (fetched && correct()) cluster_.checkers().fail("node " + std::to_string(seat_) + " fetched a snapshot that f + 1 members attest, and it does not hold");
    cluster_.timeline().event(cluster_.now_us(), place_, "drops a snapshot that does not hold");
    snapshots_.remove(id);
    return input([&](Engine& engine, Now at) { engine.snapshot_failed(id, at); });
  }
  if (stored->manifest.height() <= snapshot_->height()) return input([&](Engine& engine, Now at) { engine.snapshot_failed(id, at); });
  ledger_->local_put(node::kInstallNote, node::encode_install({id, 0, 0}));
  throw ProcessEnds("to begin again with the snapshot of height " + std::to_string(stored->manifest.height()));
}

}  // namespace agiddi::tools
