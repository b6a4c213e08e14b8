#include "subservices/query/standing_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "protocol/decimal.h"

namespace agiddi::subservices {
namespace {

namespace sparql = ontology::sparql;
using ledger::Term;

Digest pair_digest(Digest predicate, Digest object) {
  const Digest mixed = (predicate ^ (object << 1 | object >> 63)) * 0x9e3779b97f4a7c15ULL;
  return (mixed ^ (mixed >> 31)) | 1;   // never 0
}

// A query as it stands in a file, with what rejects it before its own memory is touched.
struct Entry;
struct Filed {
  Entry* entry = nullptr;
  Demand::Kind second = Demand::Kind::nothing;   // nothing, pair or range
  Digest key = 0;
  double low = 0, high = 0;
};
using File = std::vector<Filed>;
using Bounded = std::multimap<double, Filed>;    // by the only bound of a range

// A cell of the line of numbers: 2^level long. A range lies in at most two cells of the level that is as long as it is.
struct Cell {
  Digest predicate = 0;
  std::int32_t level = 0;
  std::int64_t at = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};
struct CellHash {
  std::size_t operator()(const Cell& cell) const {
    return pair_digest(cell.predicate + static_cast<Digest>(cell.level), static_cast<Digest>(cell.at) * 0xff51afd7ed558ccdULL);
  }
};

std::int32_t level_of(double low, double high) {
  const double width = high - low, far = std::max(std::abs(low), std::abs(high));
  const int wide = width > 0 ? std::ilogb(width) + 1 : -1000;
  const int fine = far > 0 ? std::ilogb(far) - 50 : -1000;   // cells are counted exactly
  return std::clamp(std::max(wide, fine), -1000, 1000);
}
std::int64_t cell_of(double number, std::int32_t level) { return static_cast<std::int64_t>(std::floor(std::ldexp(number, -level))); }
bool countable(double number, std::int32_t level) { return number == 0 || std::ilogb(number) - level < 62; }

struct Entry {
  StandingIndex::Number query = 0;
  std::vector<Demand> demands;   // the rarest first: it is filed under that one
  std::uint64_t seen = 0;        // the look-up in which it was found last
  // Where it is filed.
  struct Place { File* file; std::size_t at; };
  std::vector<Place> places;
  Bounded* bounded = nullptr;
  Bounded::iterator bound;
};

}  // namespace

Facts::Facts(const sparql::SmallGraph& graph, const std::unordered_map<Digest, std::size_t>& ranged)
    : table_(std::bit_ceil(2 * graph.entries().size() + 2), 0) {
  pairs_.reserve(graph.entries().size());
  for (const auto& entry : graph.entries()) {
    const Digest predicate = graph.digest(entry.predicate), pair = pair_digest(predicate, graph.digest(entry.object));
    std::size_t at = pair & (table_.size() - 1);
    while (table_[at] != 0 && table_[at] != pair) at = (at + 1) & (table_.size() - 1);
    if (table_[at] == 0) {
      table_[at] = pair;
      pairs_.push_back(pair);
    }
    if (!ranged.contains(predicate)) continue;
    const sparql::Value& value = graph.value(entry.object);
    const double number = value.number ? value.number->as_double() : std::numeric_limits<double>::quiet_NaN();
    if (!std::isnan(number)) numbers_.emplace_back(predicate, number);   // what is no number is within no bounds
  }
  std::sort(numbers_.begin(), numbers_.end());
  numbers_.erase(std::unique(numbers_.begin(), numbers_.end()), numbers_.end());
}

bool Facts::has(Digest pair) const {
  for (std::size_t at = pair & (table_.size() - 1); table_[at] != 0; at = (at + 1) & (table_.size() - 1)) {
    if (table_[at] == pair) return true;
  }
  return false;
}

bool Facts::has(Digest predicate, double low, double high) const {
  return std::any_of(numbers_.begin(), numbers_.end(), [&](const auto& one) { return one.first == predicate && one.second >= low && one.second <= high; });
}

bool Facts::meet(const Demand& demand) const {
  switch (demand.kind) {
    case Demand::Kind::nothing: return true;
    case Demand::Kind::pair: return has(demand.key);
    case Demand::Kind::any_of: return std::any_of(demand.pairs.begin(), demand.pairs.end(), [&](Digest pair) { return has(pair); });
    case Demand::Kind::range: return has(demand.key, demand.low, demand.high);
  }
  return true;
}

struct StandingIndex::Impl {
  std::unordered_map<Number, std::unique_ptr<Entry>> entries;
  std::unordered_map<Digest, File> by_pair;
  std::unordered_map<Cell, File, CellHash> cells;             // ranges with two bounds
  std::unordered_map<Digest, std::map<std::int32_t, std::size_t>> levels;   // of the cells of each predicate, counted
  std::unordered_map<Digest, Bounded> below, above;           // ranges with a highest number only (or none), and with a lowest only; by predicate
  File others;                                                // that demand nothing
  std::unordered_map<Digest, std::size_t> ranged;             // predicates of all demands for a number, counted
  std::uint64_t turn = 0;

  void put(Entry& entry, File& file, const Filed& filed) {
    entry.places.push_back({&file, file.size()});
    file.push_back(filed);
  }

  void put(Entry& entry, Bounded& bounded, double bound, const Filed& filed) {
    entry.bounded = &bounded;
    entry.bound = bounded.emplace(bound, filed);
  }

  // Calls with each cell of a range.
  template <class Visit>
  static void each_cell(const Demand& demand, Visit visit) {
    const std::int32_t level = level_of(demand.low, demand.high);
    for (std::int64_t at = cell_of(demand.low, level), last = cell_of(demand.high, level); at <= last; ++at) visit(Cell{demand.key, level, at});
  }

  void file(Entry& entry) {
    Filed filed{&entry, Demand::Kind::nothing, 0, 0, 0};
    for (std::size_t i = 1; i < entry.demands.size(); ++i) {
      const Demand& demand = entry.demands[i];
      if (demand.kind != Demand::Kind::pair && demand.kind != Demand::Kind::range) continue;
      filed = {&entry, demand.kind, demand.key, demand.low, demand.high};
      break;
    }
    if (entry.demands.empty()) return put(entry, others, filed);
    const Demand& first = entry.demands.front();
    switch (first.kind) {
      case Demand::Kind::nothing: return put(entry, others, filed);
      case Demand::Kind::pair: return put(entry, by_pair[first.key], filed);
      case Demand::Kind::any_of:
        for (const Digest pair : first.pairs) put(entry, by_pair[pair], filed);
        return;
      case Demand::Kind::range: break;
    }
    if (std::isinf(first.low)) return put(entry, below[first.key], first.high, filed);
    if (std::isinf(first.high)) return put(entry, above[first.key], first.low, filed);
    each_cell(first, [&](const Cell& cell) { put(entry, cells[cell], filed); });
    ++levels[first.key][level_of(first.low, first.high)];
  }

  void take_out(Entry& entry) {
    for (const Entry::Place& place : entry.places) {
      File& file = *place.file;
      if (place.at + 1 < file.size()) {
        file[place.at] = file.back();
        for (Entry::Place& moved : file[place.at].entry->places) {
          if (moved.file == &file && moved.at + 1 == file.size()) moved.at = place.at;
        }
      }
      file.pop_back();
    }
    if (entry.bounded) entry.bounded->erase(entry.bound);
    if (entry.demands.empty()) return;
    const auto tidy = [](auto& files, const auto& key) {
      const auto found = files.find(key);
      if (found != files.end() && found->second.empty()) files.erase(found);
    };
    const Demand& first = entry.demands.front();
    if (first.kind == Demand::Kind::pair) tidy(by_pair, first.key);
    for (const Digest pair : first.pairs) tidy(by_pair, pair);
    if (first.kind != Demand::Kind::range) return;
    if (entry.bounded) {
      tidy(below, first.key);
      tidy(above, first.key);
      return;
    }
    each_cell(first, [&](const Cell& cell) { tidy(cells, cell); });
    auto& counted = levels[first.key];
    const auto level = counted.find(level_of(first.low, first.high));
    if (--level->second == 0) counted.erase(level);
    tidy(levels, first.key);
  }
};

StandingIndex::StandingIndex() : impl_(std::make_unique<Impl>()) {}
StandingIndex::~StandingIndex() = default;
const std::unordered_map<Digest, std::size_t>& StandingIndex::ranged() const { return impl_->ranged; }

namespace {

// Between which values the numbers of a range lie, for counting.
std::optional<Term> bound_term(double bound) {
  if (!std::isfinite(bound) || std::abs(bound) > 1e9) return std::nullopt;
  return Term::typed(Decimal(std::llround(bound * 1e6), 6).text(), ledger::xsd::decimal);
}

std::uint64_t count_of(const sparql::Requirement& requirement, const ledger::TripleSource& now) {
  const ledger::TermId predicate = now.find(Term::iri(requirement.predicate));
  if (predicate == ledger::kNoTerm) return 0;
  if (requirement.is_range()) {
    const auto low = bound_term(requirement.low), high = bound_term(requirement.high);
    const ledger::ValueRange range{ledger::ValueRange::Kind::number, low ? &*low : nullptr, high ? &*high : nullptr, false};
    return now.count_range(predicate, range).value_or(now.estimate({ledger::kNoTerm, predicate, ledger::kNoTerm}));
  }
  std::uint64_t count = 0;
  for (const Term& object : requirement.any_of) {
    if (const ledger::TermId id = now.find(object); id != ledger::kNoTerm) count += now.estimate({ledger::kNoTerm, predicate, id});
  }
  return count;
}

// What every device has is no demand.
bool is_trivial(const sparql::Requirement& requirement) {
  static const std::string kType = std::string(ontology::ns::kRdf) + "type";
  static const Term kDevice = Term::iri(std::string(ontology::ns::kAgiddi) + "Device");
  return requirement.predicate == kType && std::find(requirement.any_of.begin(), requirement.any_of.end(), kDevice) != requirement.any_of.end();
}

}  // namespace

void StandingIndex::add(Number query, const std::vector<sparql::Requirement>& requirements, const ledger::TripleSource& now) {
  auto entry = std::make_unique<Entry>();
  entry->query = query;
  struct Counted { std::uint64_t count; int shape; Demand demand; };
  std::vector<Counted> counted;
  for (const sparql::Requirement& requirement : requirements) {
    if (is_trivial(requirement)) continue;
    Demand demand;
    const Digest predicate = sparql::term_digest(Term::iri(requirement.predicate));
    demand.kind = requirement.is_range() ? Demand::Kind::range : requirement.any_of.size() == 1 ? Demand::Kind::pair : Demand::Kind::any_of;
    demand.key = predicate;
    if (requirement.is_range()) {
      demand.low = requirement.low;
      demand.high = requirement.high;
      if (demand.low > demand.high) demand.high = demand.low;   // nothing is between: any small range does
    } else if (requirement.any_of.size() == 1) {
      demand.key = pair_digest(predicate, sparql::term_digest(requirement.any_of.front()));
    } else {
      for (const Term& object : requirement.any_of) demand.pairs.push_back(pair_digest(predicate, sparql::term_digest(object)));
      std::sort(demand.pairs.begin(), demand.pairs.end());
      demand.pairs.erase(std::unique(demand.pairs.begin(), demand.pairs.end()), demand.pairs.end());
    }
    // Of the same count, as with an empty ledger: a pair, then a range that is short.
    const int shape = !requirement.is_range() ? 0 : std::isinf(demand.low) || std::isinf(demand.high) ? 2 : 1;
    counted.push_back({count_of(requirement, now), shape, std::move(demand)});
  }
  std::stable_sort(counted.begin(), counted.end(),
                   [](const Counted& a, const Counted& b) { return std::pair(a.count, a.shape) < std::pair(b.count, b.shape); });
  for (Counted& one : counted) {
    if (one.demand.kind == Demand::Kind::range) ++impl_->ranged[one.demand.key];
    entry->demands.push_back(std::move(one.demand));
  }
  impl_->file(*entry);
  const bool added = impl_->entries.emplace(query, std::move(entry)).second;
  AGIDDI_CHECK(added, "each standing query has a number of its own");
}

void StandingIndex::remove(Number query) {
  const auto found = impl_->entries.find(query);
  if (found == impl_->entries.end()) return;
  impl_->take_out(*found->second);
  for (const Demand& demand : found->second->demands) {
    if (demand.kind != Demand::Kind::range) continue;
    const auto counted = impl_->ranged.find(demand.key);
    if (--counted->second == 0) impl_->ranged.erase(counted);
  }
  impl_->entries.erase(found);
}

void StandingIndex::find(const Facts& facts, std::vector<Number>& out) {
  Impl& index = *impl_;
  ++index.turn;
  const auto look = [&](const Filed& filed) {
    if (filed.second == Demand::Kind::pair && !facts.has(filed.key)) return;
    if (filed.second == Demand::Kind::range && !facts.has(filed.key, filed.low, filed.high)) return;
    if (std::exchange(filed.entry->seen, index.turn) == index.turn) return;
    const auto& demands = filed.entry->demands;
    if (std::all_of(demands.begin(), demands.end(), [&](const Demand& demand) { return facts.meet(demand); })) out.push_back(filed.entry->query);
  };
  for (const Filed& filed : index.others) look(filed);
  for (const Digest pair : facts.pairs()) {
    const auto file = index.by_pair.find(pair);
    if (file == index.by_pair.end()) continue;
    for (const Filed& filed : file->second) look(filed);
  }
  for (const auto& [predicate, number] : facts.numbers()) {
    if (const auto below = index.below.find(predicate); below != index.below.end()) {
      for (auto one = below->second.lower_bound(number); one != below->second.end(); ++one) look(one->second);
    }
    if (const auto above = index.above.find(predicate); above != index.above.end()) {
      const auto end = above->second.upper_bound(number);
      for (auto one = above->second.begin(); one != end; ++one) look(one->second);
    }
    const auto levels = index.levels.find(predicate);
    if (levels == index.levels.end()) continue;
    for (const auto& [level, count] : levels->second) {
      if (!std::isfinite(number) || !countable(number, level)) continue;
      const auto file = index.cells.find(Cell{predicate, level, cell_of(number, level)});
      if (file == index.cells.end()) continue;
      for (const Filed& filed : file->second) look(filed);
    }
  }
}

}  // namespace agiddi::subservices
