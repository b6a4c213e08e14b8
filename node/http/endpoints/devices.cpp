// Step 1: registration, update and retirement of devices, and reading them in the RDF formats.
#include "node/http/negotiate.h"
#include "node/http/writes.h"
#include "ontology/rdf_io.h"
#include "protocol/encoding.h"
#include "subservices/registration/registration_service.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kPageDefault = 100, kPageMax = 1000;

const std::vector<std::string>& rdf_types() {
  static const std::vector<std::string> kTypes{"application/ld+json", "text/turtle", "application/n-triples", "application/json"};
  return kTypes;
}

HttpResponse rdf_response(const std::string& type, const Json& document, const std::vector<ledger::Triple>& triples) {
  HttpResponse response;
  if (type == "text/turtle") {
    response.content_type = "text/turtle; charset=utf-8";
    response.body = ontology::write_turtle(triples);
  } else if (type == "application/n-triples") {
    response.content_type = type;
    response.body = ontology::write_ntriples(triples);
  } else {
    response.content_type = type;
    response.body = document.dump();
  }
  response.with("Vary", "Accept");
  return response;
}

void get_device(const Core& core, HttpRequest request, Responder responder, bool measurement_template) {
  const auto type = negotiate(request.header_list("accept"), rdf_types());
  if (!type) return responder.send(problem(Status::not_acceptable, "Devices are written in application/ld+json, text/turtle and application/n-triples."));
  std::optional<std::uint32_t> version;
  if (const auto text = request.query_value("version")) {
    const auto number = parse_count(*text);
    if (!number || *number == 0 || *number > UINT32_MAX) return responder.send(problem(Status::invalid, "version must be a whole number from 1 on."));
    version = static_cast<std::uint32_t>(*number);
  }
  core->read_device(std::move(responder), std::string(request.parameter("id")), [urn = std::string(request.parameter("id")), version, type = rdf_types()[*type],
                                    measurement_template](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const auto view = subservices::RegistrationService(snapshot).device(urn, version);
    if (!view) return tl::unexpected(view.error());
    return measurement_template ? rdf_response(type, view->measurement_template, view->template_triples)
                                : rdf_response(type, view->metadata, view->metadata_triples);
  });
}

// The cursor of a list is the base64url of "<place>": opaque to clients.
std::optional<std::size_t> read_cursor(std::string_view cursor) {
  const auto text = from_base64url(cursor);
  const auto place = text ? parse_count(*text) : std::nullopt;
  return place ? std::optional<std::size_t>(*place) : std::nullopt;
}

void get_versions(const Core& core, HttpRequest request, Responder responder) {
  std::size_t limit = kPageDefault, from = 0;
  if (const auto text = request.query_value("limit")) {
    const auto number = parse_count(*text);
    if (!number || *number == 0 || *number > kPageMax) return responder.send(problem(Status::invalid, "limit must be from 1 to 1000."));
    limit = *number;
  }
  if (const auto text = request.query_value("cursor")) {
    const auto place = read_cursor(*text);
    if (!place) return responder.send(problem(Status::invalid, "cursor must be a value that `next` gave."));
    from = *place;
  }
  core->read_device(std::move(responder), std::string(request.parameter("id")), [urn = std::string(request.parameter("id")), limit, from](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const auto all = subservices::RegistrationService(snapshot).versions(urn);
    if (!all) return tl::unexpected(all.error());
    Json page = Json::array();
    const Json::Array& versions = all->find("versions")->items();
    const std::size_t end = std::min(versions.size(), from < versions.size() ? from + limit : from);
    for (std::size_t i = from; i < end; ++i) page.push(versions[i]);
    Json answer = Json::object({{"versions", std::move(page)}});
    if (end < versions.size()) answer.set("next", to_base64url(std::to_string(end)));
    return json_response(200, answer);
  });
}

}  // namespace

void bind_devices(Router& router, const Core& core) {
  router.add("POST", "/v1/devices", write_handler(core, {"device.register", ""}), kJsonBody);
  router.add("PUT", "/v1/devices/{id}", write_handler(core, {"device.update", "id"}), kJsonBody);
  router.add("POST", "/v1/devices/{id}/retire", write_handler(core, {"device.retire", "id"}), kJsonBody);
  router.add("GET", "/v1/devices/{id}", [core](HttpRequest request, Responder responder) {
    get_device(core, std::move(request), std::move(responder), false);
  }, with_query({}, {"version"}));
  router.add("GET", "/v1/devices/{id}/template", [core](HttpRequest request, Responder responder) {
    get_device(core, std::move(request), std::move(responder), true);
  }, with_query({}, {"version"}));
  router.add("GET", "/v1/devices/{id}/versions", [core](HttpRequest request, Responder responder) {
    get_versions(core, std::move(request), std::move(responder));
  }, with_query({"application/json"}, {"limit", "cursor"}));
}

}  // namespace agiddi::node
