#include "subservices/query/standing_queries.h"

#include <algorithm>
#include <unordered_set>

#include "ledger/term_id.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/requirements.h"
#include "ontology/sparql/value.h"
#include "protocol/check.h"
#include "protocol/transaction.h"
#include "subservices/query/device_reader.h"

namespace agiddi::subservices {
namespace {

namespace sparql = ontology::sparql;
using ledger::Term;
using Digest = std::uint64_t;   // of a predicate, or of a predicate and an object: two that share one cost a query that is run for nothing

constexpr std::int64_t kQueryTime_ms = 1'000;    // of one query on one device

Digest mix(Digest a, Digest b) { return a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2)); }
Digest digest_of(const std::string& predicate) { return std::hash<std::string>{}(predicate); }
Digest digest_of(Digest predicate, const Term& object) {
  // Numbers that are one term to the store are one here.
  const ledger::TermId id = ledger::inline_id(object);
  if (id != ledger::kNoTerm) return mix(predicate, mix(1, id));
  Digest out = mix(predicate, static_cast<Digest>(object.kind) + 2);
  for (const std::string* part : {&object.value, &object.datatype, &object.language}) out = mix(out, std::hash<std::string>{}(*part));
  return out;
}

// What one device has, as far as demands can ask for it.
struct Facts {
  ontology::Triples star;
  std::unordered_set<Digest> pairs;
  std::unordered_map<Digest, std::vector<double>> numbers;   // by predicate

  Facts(ontology::Triples triples, const std::unordered_set<Digest>& ranged) : star(std::move(triples)) {
    for (const ledger::Triple& triple : star) {
      const Digest predicate = digest_of(triple.predicate.value);
      pairs.insert(digest_of(predicate, triple.object));
      if (!ranged.contains(predicate)) continue;
      const sparql::Value value = sparql::Value::of(triple.object);
      if (value.number) numbers[predicate].push_back(value.number->as_double());
    }
  }
};

struct Demand {
  Digest predicate = 0;
  std::vector<Digest> any_of;   // empty: a range
  double low = 0, high = 0;

  bool met_by(const Facts& facts) const {
    if (!any_of.empty()) return std::any_of(any_of.begin(), any_of.end(), [&](Digest one) { return facts.pairs.contains(one); });
    const auto found = facts.numbers.find(predicate);
    return found != facts.numbers.end() && std::any_of(found->second.begin(), found->second.end(), [&](double n) { return n >= low && n <= high; });
  }
};

struct Standing {
  std::uint64_t id = 0;
  sparql::Query query;
  bool has_distance = false;
  std::vector<Demand> demands;   // the rarest first: it is filed under that one
  std::uint64_t seen = 0;        // the turn in which it was found last
};

}  // namespace

struct StandingQueries::Index {
  std::unordered_map<std::uint64_t, std::unique_ptr<Standing>> queries;
  std::unordered_map<Digest, std::vector<Standing*>> by_pair, by_range;   // by_range: by predicate
  std::vector<Standing*> others;                                          // that demand nothing
  std::unordered_map<Digest, std::size_t> ranged;                         // predicates of all demands for a number, counted
  std::uint64_t next = 0, turn = 0;

  std::vector<std::vector<Standing*>*> files_of(const Standing& one) {
    if (one.demands.empty()) return {&others};
    const Demand& first = one.demands.front();
    if (first.any_of.empty()) return {&by_range[first.predicate]};
    std::vector<std::vector<Standing*>*> files;
    for (const Digest pair : first.any_of) files.push_back(&by_pair[pair]);
    return files;
  }

  // Those whose demands the device meets, in the order of their numbers.
  std::vector<Standing*> found(const Facts& facts) {
    std::vector<Standing*> out;
    ++turn;
    const auto look = [&](const std::vector<Standing*>& file) {
      for (Standing* one : file) {
        if (one->seen == turn) continue;
        one->seen = turn;
        if (std::all_of(one->demands.begin(), one->demands.end(), [&](const Demand& demand) { return demand.met_by(facts); })) out.push_back(one);
      }
    };
    if (facts.star.empty()) return out;
    look(others);
    for (const Digest pair : facts.pairs) {
      if (const auto file = by_pair.find(pair); file != by_pair.end()) look(file->second);
    }
    for (const auto& [predicate, numbers] : facts.numbers) {
      if (const auto file = by_range.find(predicate); file != by_range.end()) look(file->second);
    }
    std::sort(out.begin(), out.end(), [](const Standing* a, const Standing* b) { return a->id < b->id; });
    return out;
  }
};

namespace {

// One device, for as many queries as there are.
class OneDevice {
 public:
  explicit OneDevice(const Facts& facts) : facts_(facts) {}

  // Whether the query gives the device, and at what distance.
  std::optional<std::string> run(const Standing& one) {
    if (!source_) {
      source_ = std::make_unique<sparql::MemorySource>();
      for (const ledger::Triple& triple : facts_.star) source_->add(triple);
    }
    sparql::Limits limits;
    limits.time_ms = kQueryTime_ms;
    const auto result = sparql::evaluate(one.query, sparql::Dataset(*source_), limits);
    if (!result || result->rows.empty()) return std::nullopt;
    if (!one.has_distance) return "";
    const auto column = std::find(result->variables.begin(), result->variables.end(), "distance");
    AGIDDI_CHECK(column != result->variables.end(), "the query that was made selects the distance");
    return result->rows[0][static_cast<std::size_t>(column - result->variables.begin())]->value;
  }

 private:
  const Facts& facts_;
  std::unique_ptr<sparql::MemorySource> source_;
};

}  // namespace

StandingQueries::StandingQueries() : index_(std::make_unique<Index>()) {}
StandingQueries::~StandingQueries() = default;
std::size_t StandingQueries::size() const { return index_->queries.size(); }

Result<std::uint64_t> StandingQueries::add(const SearchPlan& plan, const ledger::TripleSource& now) {
  auto query = sparql::parse_query(plan.sparql);
  if (!query) return fail(Status::internal, "the query that was made of the conditions is not valid: " + query.error().detail);
  auto one = std::make_unique<Standing>(Standing{++index_->next, *std::move(query), plan.has_distance, {}, 0});
  std::vector<std::pair<std::uint64_t, Demand>> demands;   // with how many triples meet it now
  for (const sparql::Requirement& requirement : sparql::requirements_of(one->query)) {
    Demand demand{digest_of(requirement.predicate), {}, requirement.low, requirement.high};
    const ledger::TermId predicate = now.find(Term::iri(requirement.predicate));
    std::uint64_t count = 0;
    for (const Term& object : requirement.any_of) {
      demand.any_of.push_back(digest_of(demand.predicate, object));
      const ledger::TermId id = now.find(object);
      if (predicate != ledger::kNoTerm && id != ledger::kNoTerm) count += now.estimate({ledger::kNoTerm, predicate, id});
    }
    // All queries under one predicate are looked at for each number: a pair, whose file is small, is better than a range of the same count.
    if (requirement.is_range() && predicate != ledger::kNoTerm) count = now.estimate({ledger::kNoTerm, predicate, ledger::kNoTerm});
    demands.emplace_back(count, std::move(demand));
  }
  std::stable_sort(demands.begin(), demands.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.any_of.empty(), a.first) < std::pair(b.second.any_of.empty(), b.first);
  });
  for (auto& [count, demand] : demands) {
    if (demand.any_of.empty()) ++index_->ranged[demand.predicate];
    one->demands.push_back(std::move(demand));
  }
  for (auto* file : index_->files_of(*one)) file->push_back(one.get());
  const std::uint64_t id = one->id;
  index_->queries.emplace(id, std::move(one));
  return id;
}

void StandingQueries::remove(std::uint64_t query) {
  const auto found = index_->queries.find(query);
  if (found == index_->queries.end()) return;
  Standing& one = *found->second;
  for (auto* file : index_->files_of(one)) std::erase(*file, &one);
  if (!one.demands.empty()) {
    const Demand& first = one.demands.front();
    for (const Digest pair : first.any_of) {
      if (const auto file = index_->by_pair.find(pair); file != index_->by_pair.end() && file->second.empty()) index_->by_pair.erase(file);
    }
    if (const auto file = index_->by_range.find(first.predicate); file != index_->by_range.end() && file->second.empty()) index_->by_range.erase(file);
  }
  for (const Demand& demand : one.demands) {
    if (!demand.any_of.empty()) continue;
    const auto counted = index_->ranged.find(demand.predicate);
    if (--counted->second == 0) index_->ranged.erase(counted);
  }
  index_->queries.erase(found);
}

std::vector<StandingMatch> StandingQueries::changed(const std::vector<Hash>& devices, const ledger::TripleSource& before, const ledger::TripleSource& after) {
  std::vector<StandingMatch> out;
  if (index_->queries.empty()) return out;
  std::unordered_set<Digest> ranged;
  for (const auto& [predicate, count] : index_->ranged) ranged.insert(predicate);
  const DeviceReader reader_before(before), reader_after(after);
  for (const Hash& device : devices) {
    const std::string urn = device_urn(device);
    const Facts then(reader_before.star(urn), ranged), now(reader_after.star(urn), ranged);
    OneDevice device_then(then), device_now(now);
    std::vector<Standing*> concerned = index_->found(then);
    const std::vector<Standing*> more = index_->found(now);
    concerned.insert(concerned.end(), more.begin(), more.end());
    std::sort(concerned.begin(), concerned.end(), [](const Standing* a, const Standing* b) { return a->id < b->id; });
    concerned.erase(std::unique(concerned.begin(), concerned.end()), concerned.end());
    for (const Standing* one : concerned) {
      const auto matched = then.star.empty() ? std::nullopt : device_then.run(*one);
      auto matches = now.star.empty() ? std::nullopt : device_now.run(*one);
      if (!matched && !matches) continue;
      StandingMatch match{!matched ? StandingMatch::Kind::match : matches ? StandingMatch::Kind::update : StandingMatch::Kind::unmatch, one->id, device, std::nullopt};
      if (matches && one->has_distance) match.distance_km = *std::move(matches);
      out.push_back(std::move(match));
    }
  }
  return out;
}

}  // namespace agiddi::subservices
