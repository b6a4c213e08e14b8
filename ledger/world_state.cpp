#include "ledger/world_state.h"

#include "protocol/check.h"

namespace agiddi::ledger {

StateOverlay::StateOverlay(const KvReader& base) : base_(base) {}

std::optional<Bytes> StateOverlay::get(BytesView key) const {
  if (auto it = entries_.find(key); it != entries_.end()) return it->second.now;
  return base_.get(Column::state, key);
}

void StateOverlay::set(BytesView key, std::optional<Bytes> value) {
  AGIDDI_CHECK(!key.empty(), "a state key is not empty");
  AGIDDI_CHECK(scanning_ == 0, "the state does not change during a scan of it");
  auto it = entries_.find(key);
  if (it == entries_.end()) {
    auto before = base_.get(Column::state, key);
    it = entries_.emplace(Bytes(key), Entry{before, before}).first;
  }
  if (!checkpoints_.empty()) undo_.push_back({it->first, std::move(it->second.now)});
  it->second.now = std::move(value);
}

void StateOverlay::put(BytesView key, Bytes value) { set(key, std::move(value)); }

void StateOverlay::erase(BytesView key) { set(key, std::nullopt); }

void StateOverlay::scan(BytesView prefix, const std::function<bool(BytesView, BytesView)>& visit) const {
  scan_range(prefix, prefix_end(prefix), visit);
}

void StateOverlay::scan_range(BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const {
  if (!to.empty() && from >= to) return;
  ++scanning_;
  auto it = entries_.lower_bound(from);
  const auto end = to.empty() ? entries_.end() : entries_.lower_bound(to);
  bool more = true;
  base_.scan(Column::state, from, to, [&](BytesView key, BytesView value) {
    for (; more && it != end && it->first < key; ++it) {
      if (it->second.now) more = visit(it->first, *it->second.now);
    }
    if (!more) return false;
    if (it != end && it->first == key) {
      if (it->second.now) more = visit(it->first, *it->second.now);
      ++it;
    } else {
      more = visit(key, value);
    }
    return more;
  });
  for (; more && it != end; ++it) {
    if (it->second.now) more = visit(it->first, *it->second.now);
  }
  --scanning_;
}

StateOverlay::Checkpoint StateOverlay::checkpoint() {
  checkpoints_.push_back(undo_.size());
  return checkpoints_.size();
}

void StateOverlay::rollback(Checkpoint checkpoint) {
  AGIDDI_CHECK(checkpoint >= 1 && checkpoint <= checkpoints_.size(), "the checkpoint is open");
  AGIDDI_CHECK(scanning_ == 0, "the state does not change during a scan of it");
  const std::size_t size = checkpoints_[checkpoint - 1];
  while (undo_.size() > size) {
    auto& undo = undo_.back();
    entries_.find(undo.key)->second.now = std::move(undo.value);
    undo_.pop_back();
  }
  checkpoints_.resize(checkpoint - 1);
}

void StateOverlay::commit(Checkpoint checkpoint) {
  AGIDDI_CHECK(checkpoint >= 1 && checkpoint <= checkpoints_.size(), "the checkpoint is open");
  checkpoints_.resize(checkpoint - 1);
  if (checkpoints_.empty()) undo_.clear();
}

StateChanges StateOverlay::changes() const {
  StateChanges changes;
  for (const auto& [key, entry] : entries_) {
    if (entry.before != entry.now) changes.push_back({key, entry.before, entry.now});
  }
  return changes;
}

const KvReader& empty_reader() {
  class Empty final : public KvReader {
   public:
    std::optional<Bytes> get(Column, BytesView) const override { return std::nullopt; }
    void scan(Column, BytesView, BytesView, const std::function<bool(BytesView, BytesView)>&) const override {}
    void scan_reverse(Column, BytesView, BytesView, const std::function<bool(BytesView, BytesView)>&) const override {}
  };
  static const Empty empty;
  return empty;
}

}  // namespace agiddi::ledger
