#include "subservices/query/standing_queries.h"

#include <algorithm>

#include "ontology/sparql/conjunction.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/requirements.h"
#include "protocol/check.h"
#include "protocol/transaction.h"
#include "subservices/query/device_reader.h"
#include "subservices/query/standing_index.h"

namespace agiddi::subservices {
namespace {

namespace sparql = ontology::sparql;

constexpr std::int64_t kQueryTime_ms = 1'000;    // of one query on one device, where the engine runs it

struct Standing {
  std::shared_ptr<const sparql::Query> query;           // for the engine
  std::optional<sparql::Conjunction> conjunction;       // for all others, and then instead
  std::string text;                                     // of the query, where the engine may be asked after all
  bool has_distance = false;
};

// One device in one state, for as many queries as there are.
class OneDevice {
 public:
  OneDevice(DeviceStar star, const std::unordered_map<Digest, std::size_t>& ranged) : star_(std::move(star)), graph_(star_.triples), facts_(graph_, ranged) {}

  bool exists() const { return !star_.triples.empty(); }
  const Facts& facts() const { return facts_; }
  DeviceStar& star() { return star_; }

  // Whether the query gives the device, and at what distance.
  std::optional<std::string> ask(const Standing& one) {
    if (!exists()) return std::nullopt;
    if (one.conjunction) {
      std::string distance;
      switch (one.conjunction->ask(graph_, &distance)) {
        case sparql::Conjunction::Answer::no: return std::nullopt;
        case sparql::Conjunction::Answer::yes: return distance;
        case sparql::Conjunction::Answer::unclear: break;
      }
      const auto query = sparql::parse_query(one.text);
      AGIDDI_CHECK(query.has_value(), "what was parsed once is parsed again");
      return run(*query, one.has_distance);
    }
    return run(*one.query, one.has_distance);
  }

 private:
  std::optional<std::string> run(const sparql::Query& query, bool has_distance) {
    if (!source_) {
      source_ = std::make_unique<sparql::MemorySource>();
      for (const ledger::TripleView& triple : star_.triples) source_->add({*triple.subject, *triple.predicate, *triple.object});
    }
    sparql::Limits limits;
    limits.time_ms = kQueryTime_ms;
    const auto result = sparql::evaluate(query, sparql::Dataset(*source_), limits);
    if (!result || result->rows.empty()) return std::nullopt;
    if (!has_distance) return "";
    const auto column = std::find(result->variables.begin(), result->variables.end(), "distance");
    AGIDDI_CHECK(column != result->variables.end(), "the query that was made selects the distance");
    return result->rows[0][static_cast<std::size_t>(column - result->variables.begin())]->value;
  }

  DeviceStar star_;
  const sparql::SmallGraph graph_;
  const Facts facts_;
  std::unique_ptr<sparql::MemorySource> source_;
};

}  // namespace

struct StandingQueries::Queries {
  std::unordered_map<std::uint64_t, Standing> by_number;
  StandingIndex index;
  std::uint64_t next = 0;
};

StandingQueries::StandingQueries() : queries_(std::make_unique<Queries>()) {}
StandingQueries::~StandingQueries() = default;
std::size_t StandingQueries::size() const { return queries_->by_number.size(); }

Result<std::uint64_t> StandingQueries::add(const SearchPlan& plan, const ledger::TripleSource& now) {
  auto query = sparql::parse_query(plan.sparql);
  if (!query) return fail(Status::internal, "the query that was made of the conditions is not valid: " + query.error().detail);
  const std::uint64_t number = ++queries_->next;
  queries_->index.add(number, sparql::requirements_of(*query), now);
  Standing one;
  one.has_distance = plan.has_distance;
  one.conjunction = sparql::Conjunction::compile(*query, plan.has_distance ? "distance" : "");
  if (one.conjunction) one.text = plan.sparql;
  else one.query = std::make_shared<const sparql::Query>(*std::move(query));
  queries_->by_number.emplace(number, std::move(one));
  return number;
}

void StandingQueries::remove(std::uint64_t query) {
  if (queries_->by_number.erase(query) > 0) queries_->index.remove(query);
}

std::vector<StandingMatch> StandingQueries::changed(const std::vector<Hash>& devices, const ledger::TripleSource& before, const ledger::TripleSource& after,
                                                    DeviceTexts* texts) {
  std::vector<StandingMatch> out;
  if (queries_->by_number.empty()) return out;
  StandingIndex& index = queries_->index;
  const DeviceReader reader_before(before), reader_after(after, texts);
  std::vector<std::uint64_t> concerned;
  for (const Hash& device : devices) {
    const std::string urn = device_urn(device);
    OneDevice then(reader_before.star(urn), index.ranged()), now(reader_after.star(urn), index.ranged());
    bool told = false;
    concerned.clear();
    for (const OneDevice* state : {&then, &now}) {
      if (state->exists()) index.find(state->facts(), concerned);
    }
    std::sort(concerned.begin(), concerned.end());
    concerned.erase(std::unique(concerned.begin(), concerned.end()), concerned.end());
    for (const std::uint64_t number : concerned) {
      const Standing& one = queries_->by_number.at(number);
      const auto matched = then.ask(one);
      auto matches = now.ask(one);
      if (!matched && !matches) continue;
      StandingMatch match{!matched  ? StandingMatch::Kind::match
                          : matches ? StandingMatch::Kind::update
                                    : StandingMatch::Kind::unmatch,
                          number, device, std::nullopt};
      told |= matches.has_value();
      if (matches && one.has_distance) match.distance_km = *std::move(matches);
      out.push_back(std::move(match));
    }
    if (told) reader_after.keep_text(device, now.star());   // somebody is about to be sent it, and its terms are at hand
  }
  return out;
}

}  // namespace agiddi::subservices
