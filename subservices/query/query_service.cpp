#include "subservices/query/query_service.h"

#include <algorithm>

#include "ontology/sparql/parser.h"
#include "protocol/check.h"
#include "subservices/query/attributes.h"
#include "subservices/query/cursor.h"
#include "subservices/query/device_reader.h"

namespace agiddi::subservices {
namespace {

using ontology::sparql::QueryResult;

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
  return plan ? search(*plan, triples) : tl::unexpected(plan.error());
}

Result<Json> QueryService::search(const SearchPlan& plan, const ledger::TripleSource& triples) const {
  const auto query = ontology::sparql::parse_query(plan.probe);
  if (!query) return fail(Status::internal, "the query that was made of the conditions is not valid: " + query.error().detail);
  const auto result = ontology::sparql::evaluate(*query, ontology::sparql::Dataset(triples), limits_);
  if (!result) return tl::unexpected(result.error());

  const DeviceReader reader(triples);
  Json devices = Json::array();
  const std::size_t device = column_of(*result, "device");
  for (std::size_t row = 0; row < std::min(result->rows.size(), plan.limit); ++row) {
    Json entry = reader.entry(result->rows[row][device]->value);
    if (plan.has_distance) entry.set("distanceKm", Json::number(result->rows[row][column_of(*result, "distance")]->value));
    devices.push(std::move(entry));
  }
  Json answer = Json::object({{"sparql", plan.sparql}, {"devices", std::move(devices)}});
  if (result->rows.size() > plan.limit) answer.set("next", next_cursor(plan, *result));
  return answer;
}

Json QueryService::attributes() { return attributes_document(); }

}  // namespace agiddi::subservices
