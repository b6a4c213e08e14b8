#include "ledger/columns/store.h"

#include <map>

#include "ledger/columns/loading.h"
#include "ledger/columns/places.h"
#include "ledger/dictionary.h"
#include "protocol/check.h"

namespace agiddi::ledger::columns {
namespace {

constexpr std::size_t kStatesKept = 64;           // heights that a snapshot may still be taken at
constexpr std::size_t kSortAtOnce = 16'384;       // a column this small is sorted where it changes
constexpr std::size_t kSortFraction = 8;          // of a column may be changes

bool wants_sorting(const Pairs& column) {
  const std::size_t changes = column.changes();
  return changes > 1024 && changes > (column.base() ? column.base()->size() : 0) / kSortFraction;
}

}  // namespace

Store::Store(const KvReader& reader, std::uint64_t height, std::optional<Coordinates> coordinates) : coordinates_(std::move(coordinates)) {
  State state = load(reader, terms_);
  state.height = height;
  if (coordinates_) {
    state.x = terms_.find(encode_term(coordinates_->x));
    state.y = terms_.find(encode_term(coordinates_->y));
    state.cells = {kCellsColumn, all_cells(state)};
  }
  states_.push_back(std::make_shared<const State>(std::move(state)));
  sorter_ = std::thread([this] { sort_columns(); });
}

Store::~Store() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  sorter_.join();
}

void Store::sort_columns() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || job_; });
    if (stop_) return;
    const Job job = *std::exchange(job_, std::nullopt);
    lock.unlock();
    auto base = job.pairs->compacted();
    lock.lock();
    sorted_ = {job.predicate, std::move(base)};
  }
}

// Takes in a column that was sorted meanwhile, and gives out the next one.
void Store::adopt(State& next) {
  std::optional<std::pair<TermId, std::shared_ptr<const Base>>> sorted;
  {
    std::lock_guard lock(mutex_);
    sorted = std::exchange(sorted_, std::nullopt);
  }
  if (sorted) sorting_ = kNoTerm;
  for (Predicate& one : next.predicates) adopt(one, sorted);
  if (next.cells.pairs) adopt(next.cells, sorted);
}

void Store::adopt(Predicate& column, std::optional<std::pair<TermId, std::shared_ptr<const Base>>>& sorted) {
  if (sorted && column.id == sorted->first) column.pairs = std::make_shared<const Pairs>(column.pairs->rebased(std::move(sorted->second)));
  if (!wants_sorting(*column.pairs) || column.id == sorting_) return;
  if (column.pairs->count() <= kSortAtOnce) {
    column.pairs = std::make_shared<const Pairs>(column.pairs->fenced().rebased(column.pairs->compacted()));
    return;
  }
  if (sorting_ != kNoTerm) return;
  sorting_ = column.id;
  column.pairs = std::make_shared<const Pairs>(column.pairs->fenced());
  {
    std::lock_guard lock(mutex_);
    job_ = Job{column.id, column.pairs};
  }
  wake_.notify_one();
}

// Coordinates may be new to the dictionary in this very block.
void Store::place(const State& former, State& next, const TripleIdChanges& block) const {
  if (!coordinates_) return;
  if (next.x == kNoTerm) next.x = terms_.find(encode_term(coordinates_->x));
  if (next.y == kNoTerm) next.y = terms_.find(encode_term(coordinates_->y));
  std::vector<Node> subjects;
  for (const TripleIdChange& change : block.changes) {
    if (change.predicate == next.x || change.predicate == next.y) subjects.push_back(node_of(change.subject));
  }
  if (!subjects.empty()) next.cells.pairs = std::make_shared<const Pairs>(next.cells.pairs->with(changed_cells(former, next, std::move(subjects))));
}

void Store::apply(std::uint64_t height, const TripleIdChanges& block) {
  std::shared_ptr<const State> former;
  {
    std::lock_guard lock(mutex_);
    former = states_.back();
  }
  AGIDDI_CHECK(height == former->height + 1, "heights are contiguous");
  for (const Bytes& term : block.terms) terms_.append(term);
  auto next = std::make_shared<State>(*former);
  next->height = height;
  next->terms = terms_.size();
  std::map<TermId, std::vector<Change>> by_predicate;
  for (const TripleIdChange& change : block.changes) {
    by_predicate[change.predicate].push_back({{node_of(change.subject), change.object}, change.added});
    next->triples += change.added ? 1 : -1;
  }
  for (auto& [predicate, changes] : by_predicate) {
    const auto at = std::lower_bound(next->predicates.begin(), next->predicates.end(), predicate,
                                     [](const Predicate& one, TermId id) { return one.id < id; });
    const bool known = at != next->predicates.end() && at->id == predicate;
    auto column = std::make_shared<const Pairs>((known ? *at->pairs : Pairs()).with(std::move(changes)));
    if (known) {
      at->pairs = std::move(column);
    } else {
      next->predicates.insert(at, {predicate, std::move(column)});
    }
  }
  place(*former, *next, block);
  adopt(*next);
  // One that is being sorted stays, or its return would stand on what it was.
  std::erase_if(next->predicates, [&](const Predicate& one) { return one.pairs->count() == 0 && one.id != sorting_; });
  std::lock_guard lock(mutex_);
  states_.push_back(std::move(next));
  if (states_.size() > kStatesKept) states_.pop_front();
}

std::shared_ptr<const State> Store::at(std::uint64_t height) const {
  std::lock_guard lock(mutex_);
  if (height < states_.front()->height || height > states_.back()->height) return nullptr;
  return states_[height - states_.front()->height];
}

std::size_t Store::memory_bytes() const {
  std::shared_ptr<const State> newest;
  {
    std::lock_guard lock(mutex_);
    newest = states_.back();
  }
  std::size_t bytes = terms_.memory_bytes();
  for (const Predicate& one : newest->predicates) bytes += one.pairs->memory_bytes();
  if (newest->cells.pairs) bytes += newest->cells.pairs->memory_bytes();
  return bytes;
}

}  // namespace agiddi::ledger::columns
