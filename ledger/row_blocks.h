// Rows for TripleSource::scan_rows() and scan_range_rows(). Internal to the ledger.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "ledger/triple_source.h"

namespace agiddi::ledger {

// Gathers rows into blocks that grow: the first few may be all that is wanted.
class RowBlocks {
 public:
  explicit RowBlocks(const VisitRows& visit) : visit_(visit) {}
  // False: no more is wanted.
  bool add(TermId subject, TermId object) {
    subjects_[count_] = subject;
    objects_[count_] = object;
    return ++count_ < room_ || tell();
  }
  bool tell() {
    const std::size_t count = std::exchange(count_, 0);
    room_ = std::min(room_ * 4, kFoundMax);
    return count == 0 || visit_({subjects_.data(), count}, {objects_.data(), count});
  }

 private:
  const VisitRows& visit_;
  std::size_t count_ = 0, room_ = 1;
  std::array<TermId, kFoundMax> subjects_, objects_;
};

}  // namespace agiddi::ledger
