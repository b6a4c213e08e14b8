// Solutions by the block instead of one by one: what a pipeline's steps hand on. A block holds only the ids that its own step found, and for each of its
// solutions the place of the solution of the block before from which it came; so nothing is copied until somebody asks for a column.
//
// A block lives as long as the call that hands it on. Internal; one thread.
#pragma once

#include <span>
#include <vector>

#include "ontology/sparql/execution.h"

namespace agiddi::ontology::sparql {

struct Block {
  struct Found {
    Slot slot = kNoSlot;
    std::span<const TermId> ids;
  };
  const Block* before = nullptr;
  std::span<const std::uint32_t> of;      // places in `before`, ascending; empty without one
  std::span<const Found> found;
  std::size_t size = 0;

  const TermId* column(Slot slot) const {
    for (const Found& one : found) {
      if (one.slot == slot) return one.ids.data();
    }
    return nullptr;
  }
};

using VisitBlock = FunctionRef<bool(const Block&)>;

// Some slots of the solutions of a block, as columns.
class Columns {
 public:
  explicit Columns(std::vector<Slot> slots) : slots_(std::move(slots)), data_(slots_.size()) {}
  // Slots that no block binds are as the row has them.
  void load(const Block& block, const Execution& execution) {
    for (std::size_t i = 0; i < slots_.size(); ++i) load(slots_[i], block, execution, data_[i]);
  }
  std::size_t count() const { return slots_.size(); }
  const std::vector<Slot>& slots() const { return slots_; }
  std::span<const TermId> operator[](std::size_t i) const { return data_[i]; }
  void bind(std::size_t solution, Execution& execution) const {
    for (std::size_t i = 0; i < slots_.size(); ++i) execution.row[slots_[i]] = data_[i][solution];
  }
  void unbind(Execution& execution) const {
    for (const Slot slot : slots_) execution.row[slot] = kNoTerm;
  }

 private:
  void load(Slot slot, const Block& block, const Execution& execution, std::vector<TermId>& out);
  std::vector<Slot> slots_;
  std::vector<std::vector<TermId>> data_;
  std::vector<std::uint32_t> places_;
};

// What gives its solutions in blocks. False from run_blocks(): no more wanted.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  virtual bool run_blocks(Execution& execution, VisitBlock visit) = 0;
};

}  // namespace agiddi::ontology::sparql
