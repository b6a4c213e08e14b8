#include "ontology/sparql/nearest.h"

#include <queue>

#include "ontology/sparql/distance.h"
#include "protocol/check.h"

namespace agiddi::ontology::sparql {

std::optional<DistanceCall> distance_call(const Expr& expression) {
  if (expression.kind != Expr::Kind::function || expression.function != kDistanceFunction || expression.args.size() != 4) return std::nullopt;
  const auto& args = expression.args;
  if (args[0]->kind != Expr::Kind::variable || args[1]->kind != Expr::Kind::variable) return std::nullopt;
  if (args[2]->kind != Expr::Kind::constant || args[3]->kind != Expr::Kind::constant) return std::nullopt;
  const Value latitude = Value::of(args[2]->term), longitude = Value::of(args[3]->term);
  if (!latitude.number || !longitude.number) return std::nullopt;
  const DistanceCall call{args[0]->slot, args[1]->slot, latitude.number->as_double(), longitude.number->as_double()};
  if (!std::isfinite(call.to_latitude) || !std::isfinite(call.to_longitude)) return std::nullopt;
  return call;
}

namespace {

constexpr std::size_t kTogether = 64;

// What Number::as_double() gives, without a Value for what is inline.
std::optional<double> number_of(TermId id, Execution& execution) {
  if (ledger::is_inline_number(id)) {
    constexpr ledger::Wide kExact = ledger::Wide{1} << 53;
    const ledger::Wide nanos = ledger::inline_nanos(id);
    if (nanos >= -kExact && nanos <= kExact) return static_cast<double>(nanos) / 1e9;
  }
  const auto& number = execution.value(id).number;
  return number ? std::optional(number->as_double()) : std::nullopt;
}

}  // namespace

// Solutions whose distance is known, until nothing nearer can come.
class NearestOperator::Waiting {
 public:
  Waiting(const NearestOperator& scan, Execution& execution) : scan_(scan), execution_(execution) {}
  ~Waiting() { execution_.release(entries_.size() * sizeof(Entry)); }

  // All places of these subjects.
  bool add(std::span<const TermId> subjects) {
    const std::vector<Coordinate> latitudes = of(subjects, scan_.predicate_), longitudes = of(subjects, scan_.box_.across->predicate);
    auto from = longitudes.begin();
    for (const Coordinate& latitude : latitudes) {
      while (from != longitudes.end() && from->subject < latitude.subject) ++from;
      for (auto longitude = from; longitude != longitudes.end() && longitude->subject == latitude.subject; ++longitude) {
        const double distance = distance_km(latitude.degrees, longitude->degrees, scan_.call_.to_latitude, scan_.call_.to_longitude);
        if (std::isnan(distance)) continue;
        if (!execution_.reserve(sizeof(Entry))) return false;
        entries_.push({distance, subjects[latitude.subject], latitude.id, longitude->id});
      }
    }
    return execution_.tick(latitudes.size() + longitudes.size());
  }

  // Gives those that are no further than this.
  bool give(double up_to_km, Emit emit) {
    while (!entries_.empty() && entries_.top().distance_km <= up_to_km) {
      const Entry entry = entries_.top();
      entries_.pop();
      execution_.release(sizeof(Entry));
      const std::pair<Slot, TermId> bound[] = {{scan_.subject_.slot, entry.subject}, {scan_.latitude_.slot, entry.latitude}, {scan_.longitude_.slot, entry.longitude}};
      for (const auto& [slot, id] : bound) execution_.row[slot] = id;
      const bool wanted = emit();
      for (const auto& [slot, id] : bound) execution_.row[slot] = kNoTerm;
      if (!wanted) return false;
    }
    return true;
  }

 private:
  struct Coordinate {
    std::uint32_t subject;   // its place among those asked for
    TermId id;
    double degrees;
  };
  std::vector<Coordinate> of(std::span<const TermId> subjects, TermId predicate) {
    std::vector<Coordinate> numbers;
    execution_.graph->look_up({predicate, subjects, {}}, [&](std::span<const std::uint32_t> which, std::span<const TermId> found) {
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (const auto number = number_of(found[i], execution_)) numbers.push_back({which[i], found[i], *number});
      }
      execution_.triples_read += found.size();
      return execution_.tick(found.size());
    });
    return numbers;
  }

  struct Further {
    bool operator()(const Entry& a, const Entry& b) const { return a.distance_km > b.distance_km; }
  };
  const NearestOperator& scan_;
  Execution& execution_;
  std::priority_queue<Entry, std::vector<Entry>, Further> entries_;
};

bool NearestOperator::run(Execution& execution, Emit emit) {
  if (execution.graph == nullptr) return true;
  Waiting waiting(*this, execution);
  bool wanted = true;
  std::vector<TermId> subjects;   // some at a time: they are looked up together
  const auto far_at_least = [&](const ledger::Rectangle& r) { return far_at_least_km(r, call_.to_latitude, call_.to_longitude); };
  const bool known = execution.graph->scan_nearest(box_.box(predicate_), far_at_least, [&](TermId subject, double at_least) {
    subjects.push_back(subject);
    if (subjects.size() < kTogether) return true;
    wanted = waiting.add(subjects) && waiting.give(at_least, emit);
    subjects.clear();
    return wanted;
  });
  AGIDDI_CHECK(known, "a plan that begins with what is nearest was made for a graph with an index of places");
  return wanted && waiting.add(subjects) && waiting.give(std::numeric_limits<double>::infinity(), emit);
}

std::string NearestOperator::describe() const {
  const auto bounds = [](const auto& range) { return " in [" + range.low->value + ", " + range.high->value + "]"; };
  return "nearest first " + subject_.shown + " " + latitude_.shown + bounds(box_) + ", " + longitude_.shown + bounds(*box_.across);
}

}  // namespace agiddi::ontology::sparql
