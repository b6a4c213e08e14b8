// Subjects by where they are: the cell that two of their numbers lie in, coordinates as a rule, as a column of its own (a Pairs whose objects are cells).
//
// The plane from -180 to 180 both ways is cut into 2^26 cells each way; what lies outside counts to the cells at the edge. Cells are numbered in
// Morton order (the bits of both numbers by turns), so a square of cells is one run of numbers, and a rectangle a few dozen. Internal to the ledger.
#pragma once

#include <vector>

#include "ledger/columns/state.h"
#include "ledger/triple_source.h"

namespace agiddi::ledger::columns {

inline constexpr TermId kCellsColumn = make_id(TermTag::iri, 0);   // no predicate has this number

// Ascending, each once. Numbers that are not inline, and more of them than one subject has as a rule, give the one cell that every look-up visits.
std::vector<TermId> cells_of(const State& state, Node subject);

// The column of cells of all that have both numbers, of a state without runs.
std::shared_ptr<const Pairs> all_cells(const State& state);
// What a block changed, which touched numbers of these subjects.
std::vector<Change> changed_cells(const State& before, const State& after, std::vector<Node> subjects);

// Subjects that may lie in the rectangle, ascending, each once: all that do, and those near it.
std::vector<Node> subjects_within(const Pairs& cells, const ValueRange& x, const ValueRange& y);
// The same by how far they are at least (TripleSource::scan_nearest).
void nearest_within(const Pairs& cells, const ValueRange& x, const ValueRange& y, const FarAtLeast& far_at_least,
                    const std::function<bool(Node subject, double at_least)>& visit);
std::uint64_t count_within(const Pairs& cells, const ValueRange& x, const ValueRange& y);   // nearly, of these

}  // namespace agiddi::ledger::columns
