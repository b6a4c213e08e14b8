#include "tools/sim/sim_disk.h"

#include <algorithm>

namespace agiddi::tools {

void SimDisk::write(const ledger::KvBatch& batch, bool sync) {
  if (full_ && !failing_) throw ProcessEnds("no space left on the disk");
  if (writes_left_ == 0) throw ProcessEnds("a crash between two writes");
  if (writes_left_ > 0) --writes_left_;
  const bool hard = sync && !failing_;
  store_->write(batch, hard);
  if (hard) {
    unsynced_.clear();
  } else {
    unsynced_.push_back(batch);
  }
}

std::size_t SimDisk::power_lost(Random& random) {
  const auto batches = std::exchange(unsynced_, {});
  const auto kept = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(batches.size())));
  store_->crash();
  for (std::size_t i = 0; i < kept; ++i) store_->write(batches[i], true);
  failing_ = false;
  return batches.size() - kept;
}

std::optional<Bytes> SimDisk::durable(ledger::Column column, BytesView key) const {
  const bool at_risk = std::any_of(unsynced_.begin(), unsynced_.end(), [&](const ledger::KvBatch& batch) {
    return std::any_of(batch.begin(), batch.end(), [&](const ledger::KvWrite& write) { return write.column == column && write.key == key; });
  });
  return at_risk ? std::nullopt : store_->get(column, key);
}

void SimDisk::wipe() {
  store_ = ledger::make_memory_store();
  unsynced_.clear();
  failing_ = damaged_ = false;
}

}  // namespace agiddi::tools
