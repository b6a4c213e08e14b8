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

constexpr std::size_t kReservedMax_bytes = 1024 * 1024;   // of an answer's room, before its devices are there

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

Result<std::string> QueryService::search(const Json& body, const ledger::TripleSource& triples) const {
  const auto plan = plan_search(body);
  return plan ? search(*plan, triples) : tl::unexpected(plan.error());
}

Result<std::string> QueryService::search(const SearchPlan& plan, const ledger::TripleSource& triples, std::optional<std::uint64_t> height) const {
  const auto query = ontology::sparql::parse_query(plan.probe);
  if (!query) return fail(Status::internal, "the query that was made of the conditions is not valid: " + query.error().detail);
  const auto result = ontology::sparql::evaluate(*query, ontology::sparql::Dataset(triples), limits_);
  if (!result) return tl::unexpected(result.error());

  const DeviceReader reader(triples, texts_);
  const std::size_t device = column_of(*result, "device"), distance = plan.has_distance ? column_of(*result, "distance") : 0;
  const std::size_t devices = std::min(result->rows.size(), plan.limit);
  std::string answer = "{\"sparql\":";
  append_json_string(answer, plan.sparql);
  answer += ",\"devices\":[";
  for (std::size_t row = 0; row < devices; ++row) {
    const auto& values = result->rows[row];
    if (row > 0) answer.push_back(',');
    const bool there = reader.append_entry(answer, values[device]->value, plan.has_distance ? std::optional(values[distance]->value) : std::nullopt);
    AGIDDI_CHECK(there, "a device of the default graph has a version");
    // Devices are of much the same size.
    if (row == 0) answer.reserve(std::min(answer.size() * (devices + 1), kReservedMax_bytes));
  }
  answer.push_back(']');
  if (result->rows.size() > plan.limit) {
    answer += ",\"next\":";
    append_json_string(answer, next_cursor(plan, *result));
  }
  if (height) answer += ",\"height\":" + std::to_string(*height);
  answer.push_back('}');
  return answer;
}

Json QueryService::attributes() { return attributes_document(); }

}  // namespace agiddi::subservices
