// Step 2: search by conditions. SPARQL stands in sparql.cpp.
#include "node/http/writes.h"
#include "subservices/query/query_service.h"

namespace agiddi::node {
namespace {

namespace sparql = ontology::sparql;

sparql::Limits search_limits() {
  sparql::Limits limits;
  limits.time_ms = 3'000;
  return limits;
}

void search(const Core& core, HttpRequest request, Responder responder) {
  auto body = std::make_shared<std::string>(std::move(request.body));
  core->run(core->queries(), responder, [core, body, responder] {
    const auto conditions = parse_json(*body);
    if (!conditions) return responder.send(problem(conditions.error()));
    const auto snapshot = core->chain().snapshot();
    const auto answer = subservices::QueryService(search_limits()).search(*conditions, snapshot->triples());
    responder.send(answer ? json_response(200, *answer) : problem(answer.error()));
  });
}

}  // namespace

void bind_discovery(Router& router, const Core& core) {
  router.add("POST", "/v1/query", [core](HttpRequest request, Responder responder) { search(core, std::move(request), std::move(responder)); }, kJsonBody);
  router.add("GET", "/v1/query/attributes", [](HttpRequest, Responder responder) {
    responder.send(json_response(200, subservices::QueryService::attributes()));
  }, kJsonOnly);
}

}  // namespace agiddi::node
