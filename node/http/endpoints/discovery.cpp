// Step 2: search by conditions. SPARQL stands in sparql.cpp.
#include "node/http/endpoints/watch.h"
#include "subservices/query/query_service.h"

namespace agiddi::node {
namespace {

namespace sparql = ontology::sparql;

sparql::Limits search_limits() {
  sparql::Limits limits;
  limits.time_ms = 3'000;
  return limits;
}

void search(const Core& core, const std::shared_ptr<WatchStreams>& watches, HttpRequest request, Responder responder) {
  auto body = std::make_shared<std::string>(std::move(request.body));
  core->run(core->searches(), responder, [core, watches, body, responder] {
    const auto conditions = parse_json(*body);
    if (!conditions) return responder.send(problem(conditions.error()));
    auto plan = subservices::plan_search(*conditions);
    if (!plan) return responder.send(problem(plan.error()));
    if (plan->watch) return watches->add(responder, *std::move(plan));
    const auto snapshot = core->chain().snapshot();
    auto answer = subservices::QueryService(search_limits(), &core->device_texts()).search(*plan, snapshot->triples());
    responder.send(answer ? json_text_response(200, *std::move(answer)) : problem(answer.error()));
  });
}

}  // namespace

void bind_discovery(Router& router, const Core& core) {
  const auto texts = [&](const char* name, const char* help, auto read) {
    core->metrics().read_value(name, help, [weak = std::weak_ptr<ApiCore>(core), read] {
      const auto alive = weak.lock();
      return alive ? static_cast<std::int64_t>(read(alive->device_texts())) : 0;
    });
  };
  texts("agiddi_device_texts_bytes", "Memory of the device metadata that is kept as text.", [](const auto& kept) { return kept.bytes(); });
  texts("agiddi_device_texts_found_total", "Devices in answers whose metadata was kept.", [](const auto& kept) { return kept.found(); });
  texts("agiddi_device_texts_missed_total", "Devices in answers whose metadata was made.", [](const auto& kept) { return kept.missed(); });

  for (Lane& (ApiCore::*lane)() : {&ApiCore::queries, &ApiCore::searches, &ApiCore::standing}) {
    core->metrics().read_value("agiddi_lane_waiting", "Pieces of work that wait for a thread of their lane.", [weak = std::weak_ptr<ApiCore>(core), lane] {
      const auto alive = weak.lock();
      return alive ? static_cast<std::int64_t>((*alive.*lane)().depth()) : 0;
    }, {{"lane", (*core.*lane)().name()}});
  }

  router.add("POST", "/v1/query", [core, watches = WatchStreams::make(core, search_limits())](HttpRequest request, Responder responder) {
    search(core, watches, std::move(request), std::move(responder));
  }, {{"application/json", "text/event-stream"}, {"application/json"}, false});
  router.add("GET", "/v1/query/attributes", [](HttpRequest, Responder responder) {
    responder.send(json_response(200, subservices::QueryService::attributes()));
  }, kJsonOnly);
}

}  // namespace agiddi::node
