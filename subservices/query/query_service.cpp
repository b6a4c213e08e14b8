#include "subservices/query/query_service.h"

#include <algorithm>

#include "ontology/metadata.h"
#include "ontology/sparql/parser.h"
#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "protocol/transaction.h"
#include "subservices/query/attributes.h"
#include "subservices/query/conditions.h"
#include "subservices/query/cursor.h"

namespace agiddi::subservices {
namespace {

using ledger::Term;
using ledger::TermId;
using ontology::sparql::QueryResult;

// The public metadata of a device are its star and those of its sensors.
class MetadataReader {
 public:
  explicit MetadataReader(const ledger::TripleSource& triples)
      : triples_(triples), hosts_(triples.find(Term::iri(std::string(ontology::ns::kSosa) + "hosts"))) {}

  Json read(const std::string& urn) {
    const auto hash = device_from_urn(urn);
    AGIDDI_CHECK(hash.has_value(), "a device of the default graph has a device's id");
    ontology::Triples star;
    std::vector<TermId> sensors;
    copy(triples_.find(Term::iri(urn)), star, &sensors);
    for (const TermId sensor : sensors) copy(sensor, star, nullptr);
    const std::string version_predicate = std::string(ontology::ns::kAgiddi) + "version";
    const auto version = std::find_if(star.begin(), star.end(), [&](const ledger::Triple& t) { return t.predicate.value == version_predicate; });
    AGIDDI_CHECK(version != star.end(), "a device of the default graph has a version");
    return Json::object(
        {{"id", urn}, {"version", Json::number(version->object.value)}, {"metadata", ontology::metadata_from_triples(star, *hash)}});
  }

 private:
  void copy(TermId subject, ontology::Triples& out, std::vector<TermId>* hosted) const {
    const Term node = triples_.term(subject);
    triples_.scan({subject, ledger::kNoTerm, ledger::kNoTerm}, [&](TermId, TermId predicate, TermId object) {
      out.push_back({node, triples_.term(predicate), triples_.term(object)});
      if (hosted && predicate == hosts_) hosted->push_back(object);
      return true;
    });
  }

  const ledger::TripleSource& triples_;
  TermId hosts_;
};

std::size_t column_of(const QueryResult& result, std::string_view variable) {
  const auto found = std::find(result.variables.begin(), result.variables.end(), variable);
  AGIDDI_CHECK(found != result.variables.end(), "the query that was made selects its sort keys");
  return static_cast<std::size_t>(found - result.variables.begin());
}

std::string next_cursor(const SearchPlan& plan, const QueryResult& result) {
  const auto& last = result.rows[plan.limit - 1];
  Position position;
  for (const SortKey& key : plan.order) {
    const auto& value = last[column_of(result, key.variable)];
    position.keys.push_back(value ? std::optional(value->value) : std::nullopt);
  }
  position.device = last[column_of(result, "device")]->value;
  return write_cursor(plan.fingerprint, position);
}

}  // namespace

Result<Json> QueryService::search(const Json& body, const ledger::TripleSource& triples) const {
  const auto plan = plan_search(body);
  if (!plan) return tl::unexpected(plan.error());
  const auto query = ontology::sparql::parse_query(plan->probe);
  if (!query) return fail(Status::internal, "the query that was made of the conditions is not valid: " + query.error().detail);
  const auto result = ontology::sparql::evaluate(*query, ontology::sparql::Dataset(triples), limits_);
  if (!result) return tl::unexpected(result.error());

  MetadataReader reader(triples);
  Json devices = Json::array();
  const std::size_t device = column_of(*result, "device");
  for (std::size_t row = 0; row < std::min(result->rows.size(), plan->limit); ++row) {
    Json entry = reader.read(result->rows[row][device]->value);
    if (plan->has_distance) entry.set("distanceKm", Json::number(result->rows[row][column_of(*result, "distance")]->value));
    devices.push(std::move(entry));
  }
  Json answer = Json::object({{"sparql", plan->sparql}, {"devices", std::move(devices)}});
  if (result->rows.size() > plan->limit) answer.set("next", next_cursor(*plan, *result));
  return answer;
}

Json QueryService::attributes() { return attributes_document(); }

}  // namespace agiddi::subservices
