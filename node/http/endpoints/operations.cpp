// What operators and tools ask: health, readiness, metrics, the API's description and the ontology.
#include "node/http/negotiate.h"
#include "node/http/openapi.h"
#include "node/http/writes.h"
#include "ontology/metadata.h"
#include "ontology/rdf_io.h"
#include "ontology/vocabulary.h"
#include "protocol/check.h"

namespace agiddi::node {
namespace {

constexpr const char* kStatic = "public, max-age=300";

void ready(const Core& core, HttpRequest, Responder responder) {
  const ChainStatus now = core->chain().status();
  if (!now.is_member) {
    return responder.send(problem(Status::unavailable, "The node is no member of the network: it follows the chain and takes no writes. Height " +
                                                           std::to_string(now.height) + ", epoch " + std::to_string(now.epoch) + "."));
  }
  if (now.syncing) return responder.send(problem(Status::unavailable, "The node is catching up with the others' blocks."));
  if (!now.has_quorum) return responder.send(problem(Status::unavailable, "The node sees no quorum of members."));
  responder.send(json_response(200, Json::object({{"status", "ready"}, {"height", now.height}})));
}

void ontology_document(HttpRequest request, Responder responder) {
  static const std::vector<std::string> kTypes{"text/turtle", "application/n-triples", "application/ld+json"};
  const auto type = negotiate(request.header_list("accept"), kTypes);
  if (!type) return responder.send(problem(Status::not_acceptable, "The ontology is written in text/turtle, application/n-triples and application/ld+json."));
  HttpResponse response;
  response.with("Cache-Control", kStatic).with("Vary", "Accept");
  response.content_type = *type == 0 ? "text/turtle; charset=utf-8" : kTypes[*type];
  if (*type == 0) {
    response.body = std::string(ontology::ontology_turtle());
  } else {
    const auto triples = ontology::parse_turtle(ontology::ontology_turtle());
    AGIDDI_CHECK(triples.has_value(), "the built-in ontology is Turtle");
    response.body = *type == 1 ? ontology::write_ntriples(*triples) : ontology::write_jsonld(*triples);
  }
  responder.send(std::move(response));
}

// By its id it never changes.
void measurement_context(const HttpRequest& request, const Responder& responder, bool by_id) {
  if (by_id && request.parameter("id") != ontology::measurement_context_id()) {
    return responder.send(problem(Status::not_found, "There is no such context here; GET /v1/context/measurement has the present one."));
  }
  HttpResponse response;
  response.content_type = "application/ld+json";
  response.body = Json::object({{"@context", ontology::measurement_context()}}).dump();
  response.with("Cache-Control", by_id ? "public, max-age=31536000, immutable" : kStatic);
  responder.send(std::move(response));
}

}  // namespace

void bind_operations(Router& router, const Core& core) {
  router.add("GET", "/healthz", [](HttpRequest, Responder responder) { responder.send(json_response(200, Json::object({{"status", "ok"}}))); });
  router.add("GET", "/readyz", [core](HttpRequest request, Responder responder) { ready(core, std::move(request), std::move(responder)); });
  router.add("GET", "/metrics", [core](HttpRequest, Responder responder) {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = core->metrics().text();
    responder.send(std::move(response));
  });
  router.add("GET", "/openapi.json", [](HttpRequest, Responder responder) {
    HttpResponse response;
    response.body = std::string(openapi_json());
    response.with("Cache-Control", kStatic);
    responder.send(std::move(response));
  });
  const RouteOptions linked_data = with_query({"application/ld+json", "application/json"}, {});
  router.add("GET", "/v1/context/measurement", [](HttpRequest request, Responder responder) { measurement_context(request, responder, false); }, linked_data);
  router.add("GET", "/v1/context/measurement/{id}", [](HttpRequest request, Responder responder) { measurement_context(request, responder, true); }, linked_data);
  router.add("GET", "/ontology", [](HttpRequest request, Responder responder) { ontology_document(std::move(request), std::move(responder)); });
}

}  // namespace agiddi::node
