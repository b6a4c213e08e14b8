#include "ledger/columns/pairs.h"

#include "ledger/columns/cursor.h"

namespace agiddi::ledger::columns {
namespace {

// Runs grow by this factor from the newest to the oldest, so there are few of them and a change is merged a few times only.
constexpr std::size_t kGrowth = 4;

template <class Order>
std::vector<Change> merged(const std::vector<Change>& older, const std::vector<Change>& newer) {
  std::vector<Change> out;
  out.reserve(older.size() + newer.size());
  auto a = older.begin();
  for (const Change& change : newer) {
    for (; a != older.end() && Order::less(a->pair, change.pair); ++a) out.push_back(*a);
    if (a != older.end() && a->pair == change.pair) ++a;
    out.push_back(change);
  }
  out.insert(out.end(), a, older.end());
  return out;
}

template <class Order>
bool change_less(const Change& a, const Change& b) {
  return Order::less(a.pair, b.pair);
}

std::shared_ptr<const Run> with_counts(std::shared_ptr<Run> run) {
  run->balance.reserve(run->size() + 1);
  std::int32_t balance = 0;
  for (std::size_t i = 0; i < run->size(); ++i) {
    run->balance.push_back(balance);
    balance += run->by_object[i].added ? 1 : -1;
    run->distinct_subjects += i == 0 || run->by_subject[i].pair.subject != run->by_subject[i - 1].pair.subject;
    run->distinct_objects += i == 0 || run->by_object[i].pair.object != run->by_object[i - 1].pair.object;
  }
  run->balance.push_back(balance);
  return run;
}

}  // namespace

std::shared_ptr<const Run> make_run(std::vector<Change> changes) {
  auto run = std::make_shared<Run>();
  run->by_object = changes;
  run->by_subject = std::move(changes);
  std::sort(run->by_subject.begin(), run->by_subject.end(), change_less<BySubject>);
  std::sort(run->by_object.begin(), run->by_object.end(), change_less<ByObject>);
  return with_counts(std::move(run));
}

std::shared_ptr<const Run> merge_runs(const Run& older, const Run& newer) {
  auto run = std::make_shared<Run>();
  run->by_subject = merged<BySubject>(older.by_subject, newer.by_subject);
  run->by_object = merged<ByObject>(older.by_object, newer.by_object);
  return with_counts(std::move(run));
}

Pairs Pairs::with(std::vector<Change> changes) const {
  if (changes.empty()) return *this;
  Pairs next = *this;
  for (const Change& change : changes) next.count_ += change.added ? 1 : -1;
  next.runs_.push_back(make_run(std::move(changes)));
  while (next.runs_.size() > fence_ + 1 && next.runs_[next.runs_.size() - 2]->size() <= kGrowth * next.runs_.back()->size()) {
    const auto newest = std::move(next.runs_.back());
    next.runs_.pop_back();
    next.runs_.back() = merge_runs(*next.runs_.back(), *newest);
  }
  return next;
}

Pairs Pairs::fenced() const {
  Pairs next = *this;
  next.fence_ = runs_.size();
  return next;
}

Pairs Pairs::rebased(std::shared_ptr<const Base> base) const {
  Pairs next(std::move(base));
  next.runs_.assign(runs_.begin() + static_cast<std::ptrdiff_t>(fence_), runs_.end());
  next.count_ = count_;
  return next;
}

std::shared_ptr<const Base> Pairs::compacted() const {
  std::vector<Node> subjects;
  std::vector<TermId> objects;
  subjects.reserve(count_);
  objects.reserve(count_);
  for (SubjectCursor at = all_rows(*this); !at.done(); at.advance()) {
    subjects.push_back(at.head().subject);
    objects.push_back(at.head().object);
  }
  AGIDDI_CHECK(subjects.size() == count_, "a column counts its pairs");
  return std::make_shared<const Base>(std::move(subjects), objects);
}

std::size_t Pairs::changes() const {
  std::size_t count = 0;
  for (const auto& run : runs_) count += run->size();
  return count;
}

bool Pairs::contains(const Pair& pair) const {
  const Change wanted{pair, true};
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    const auto& changes = (*run)->by_subject;
    if (changes.empty() || pair.subject < changes.front().pair.subject || changes.back().pair.subject < pair.subject) continue;
    const auto found = std::lower_bound(changes.begin(), changes.end(), wanted, change_less<BySubject>);
    if (found != changes.end() && found->pair == pair) return found->added;
  }
  return base_ && base_->contains(pair);
}

std::uint64_t Pairs::distinct_subjects() const {
  std::uint64_t count = base_ ? base_->distinct_subjects() : 0;
  for (const auto& run : runs_) count += run->distinct_subjects;
  return std::min(count, count_);
}

std::uint64_t Pairs::distinct_objects() const {
  std::uint64_t count = base_ ? base_->distinct_objects() : 0;
  for (const auto& run : runs_) count = std::max<std::uint64_t>(count, run->distinct_objects);
  return std::min(count, count_);
}

std::uint64_t Pairs::count_of_subject(Node subject) const {
  std::uint64_t count = 0;
  if (runs_.empty()) return base_ ? base_->rows_of(subject).size() : 0;
  for (SubjectCursor at = rows_of(*this, subject); !at.done(); at.advance()) ++count;
  return count;
}

std::uint64_t Pairs::count_of_objects(TermId first, TermId last) const {
  std::int64_t count = 0;
  if (base_ && first <= last) {
    const std::uint32_t low = base_->lower_rank(first), high = base_->upper_rank(last);
    if (low < high) count = base_->holders_of(high - 1).end - base_->holders_of(low).begin;
  }
  for (const auto& run : runs_) {
    const auto begin = std::partition_point(run->by_object.begin(), run->by_object.end(), [&](const Change& change) { return change.pair.object < first; });
    const auto end = std::partition_point(begin, run->by_object.end(), [&](const Change& change) { return change.pair.object <= last; });
    count += run->balance[static_cast<std::size_t>(end - run->by_object.begin())] - run->balance[static_cast<std::size_t>(begin - run->by_object.begin())];
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

bool Pairs::objects_within(TermId first, TermId last) const {
  if (base_ && (base_->lower_rank(first) != 0 || base_->upper_rank(last) != base_->distinct_objects())) return false;
  return std::all_of(runs_.begin(), runs_.end(), [&](const auto& run) {
    return run->size() == 0 || (run->by_object.front().pair.object >= first && run->by_object.back().pair.object <= last);
  });
}

std::size_t Pairs::memory_bytes() const {
  return (base_ ? base_->memory_bytes() : 0) + changes() * (2 * sizeof(Change) + sizeof(std::int32_t));
}

}  // namespace agiddi::ledger::columns
