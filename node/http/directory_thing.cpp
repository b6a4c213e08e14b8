#include "node/http/directory_thing.h"

#include "ontology/thing_description.h"
#include "ontology/vocabulary.h"

namespace agiddi::node {
namespace {

constexpr const char* kProblem = "application/problem+json";
constexpr const char* kReads = "nosec_sc";
constexpr const char* kWrites = "signature_sc";

Json text_schema(std::string_view title) { return Json::object({{"title", title}, {"type", "string"}}); }

Json failure(unsigned status, std::string_view description) {
  return Json::object({{"description", description}, {"contentType", kProblem}, {"success", false}, {"htv:statusCodeValue", status}});
}

struct Call {
  std::string_view href, method;
  std::string_view content_type;       // of the body; "" = none
  unsigned status = 200;
  std::string_view answer;             // content type of the success response
  const char* security = kReads;
};

Json form(const Call& call, Json failures) {
  Json out = Json::object({{"href", call.href}, {"htv:methodName", call.method}});
  if (!call.content_type.empty()) out.set("contentType", call.content_type);
  out.set("response", Json::object({{"description", "Success response"}, {"contentType", call.answer}, {"htv:statusCodeValue", call.status}}));
  out.set("additionalResponses", std::move(failures));
  out.set("security", call.security);
  return out;
}

Json write_failures() {
  return Json::array({failure(401, "The detached signature is missing or does not fit"), failure(403, "Not the provider of this Thing"),
                      failure(409, "Another version than the current one is named"),
                      failure(422, "No valid Thing Description, or one that says what this directory does not keep: see validationErrors")});
}

Json id_variable() {
  return Json::object({{"id", Json::object({{"@type", "ThingID"}, {"title", "Thing Description ID"}, {"type", "string"}, {"format", "iri-reference"}})}});
}

Json thing_schema(std::string_view description) { return Json::object({{"description", description}, {"type", "object"}}); }

Json things_property() {
  Json item = thing_schema("Thing Description");
  Json plain = Json::object({{"description", "Plain list of Thing Descriptions"}, {"type", "array"}, {"items", item}});
  Json collection = Json::object(
      {{"description", "With paging information, see format"},
       {"type", "object"},
       {"properties", Json::object({{"@context", Json::object({{"const", ontology::kDiscoveryContext}})},
                                    {"@type", Json::object({{"const", "ThingCollection"}})},
                                    {"@id", text_schema("URI of this page")},
                                    {"total", Json::object({{"title", "Thing Descriptions in the directory"}, {"type", "number"}})},
                                    {"members", plain},
                                    {"next", text_schema("URI of the next page")}})}});
  const auto word = [](std::initializer_list<Json> words, const char* usual) {
    return Json::object({{"type", "string"}, {"enum", Json::array(words)}, {"default", usual}});
  };
  Json number = Json::object({{"title", "Thing Descriptions in a page, at most 1000 are given"}, {"type", "number"}, {"default", 100}});
  Json form_of_list = form({"things{?offset,limit,format,sort_by,sort_order,after}", "GET", "", 200, "application/ld+json"}, Json::array({failure(400, "Invalid query arguments")}));
  form_of_list.set("op", "readproperty");
  return Json::object(
      {{"description", "The current Thing Descriptions, by id. The next link of a page names in `after` where the next one begins, so pages neither repeat nor skip a Thing "
                       "that stays while others come and go."},
       {"readOnly", true},
       {"oneOf", Json::array({plain, std::move(collection)})},
       {"uriVariables", Json::object({{"offset", Json::object({{"title", "Thing Descriptions before the page"}, {"type", "number"}, {"default", 0}})},
                                      {"limit", std::move(number)},
                                      {"format", word({"array", "collection"}, "array")},
                                      {"sort_by", word({"id"}, "id")},
                                      {"sort_order", word({"asc", "desc"}, "asc")},
                                      {"after", text_schema("Id of the last Thing before the page; offset then only counts")}})},
       {"forms", Json::array({std::move(form_of_list)})}});
}

Json actions() {
  const Json not_found = Json::array({failure(404, "No such Thing in the directory")});
  Json actions = Json::object();
  actions.set("createAnonymousThing",
              Json::object({{"description", "Register a device by its Thing Description, without an id: the signed registration gives one."},
                            {"input", thing_schema("Thing Description with sealed access (agiddi:access)")},
                            {"forms", Json::array({form({"things", "POST", "application/td+json", 201, "application/json", kWrites}, write_failures())})}}));
  actions.set("retrieveThing", Json::object({{"description", "Retrieve a Thing Description"},
                                             {"uriVariables", id_variable()},
                                             {"output", thing_schema("Thing Description")},
                                             {"safe", true},
                                             {"idempotent", true},
                                             {"forms", Json::array({form({"things/{id}", "GET", "", 200, "application/td+json"}, not_found)})}}));
  actions.set("updateThing", Json::object({{"description", "Replace a Thing Description; version.instance names the version that it replaces."},
                                           {"uriVariables", id_variable()},
                                           {"input", thing_schema("Thing Description with sealed access (agiddi:access)")},
                                           {"forms", Json::array({form({"things/{id}", "PUT", "application/td+json", 204, "application/x-empty", kWrites}, write_failures())})}}));
  actions.set("deleteThing", Json::object({{"description", "Take a Thing out of the directory. A deletion is a signed document, so it has a body."},
                                           {"uriVariables", id_variable()},
                                           {"input", Json::object({{"type", "object"},
                                                                   {"properties", Json::object({{"id", text_schema("The Thing's id")},
                                                                                                {"version", Json::object({{"title", "Its current version"}, {"type", "integer"}})}})},
                                                                   {"required", Json::array({"id", "version"})}})},
                                           {"forms", Json::array({form({"things/{id}", "DELETE", "application/json", 204, "application/x-empty", kWrites}, write_failures())})}}));
  const Json no_query = Json::array({failure(400, "No SPARQL 1.1 query, or an update"), failure(503, "The query passed its limits")});
  actions.set("searchSPARQL", Json::object({{"description", "SPARQL 1.1 query over the devices' metadata (see /ontology), not over the Thing Descriptions' own vocabulary"},
                                            {"uriVariables", Json::object({{"query", text_schema("A SPARQL 1.1 query")}})},
                                            {"output", thing_schema("The schema depends on the query")},
                                            {"safe", true},
                                            {"idempotent", true},
                                            {"forms", Json::array({form({"search/sparql{?query}", "GET", "", 200, "application/json"}, no_query),
                                                                   form({"search/sparql", "POST", "application/sparql-query", 200, "application/json"}, no_query)})}}));
  return actions;
}

Json event(std::string_view description, std::string_view type, bool diff) {
  Json form = Json::object({{"op", "subscribeevent"},
                            {"href", "events/" + std::string(type) + (diff ? "{?diff}" : "")},
                            {"subprotocol", "sse"},
                            {"contentType", "text/event-stream"},
                            {"htv:methodName", "GET"},
                            {"htv:headers", Json::array({Json::object({{"htv:fieldName", "Last-Event-ID"}})})}});
  Json out = Json::object({{"description", description}, {"data", thing_schema("The Thing's id; with diff also what is new")}});
  if (diff) out.set("uriVariables", Json::object({{"diff", Json::object({{"description", "The whole Thing that was created, or a JSON Merge Patch of what changed"}, {"type", "boolean"}})}}));
  out.set("forms", Json::array({std::move(form)}));
  return out;
}

}  // namespace

Json directory_thing(std::string_view network, std::string_view member, std::string_view base) {
  const Json prefixes = Json::object({{"agiddi", ontology::ns::kAgiddi}, {"htv", "http://www.w3.org/2011/http#"}});
  return Json::object(
      {{"@context", Json::array({ontology::kThingContext, ontology::kDiscoveryContext, prefixes})},
       {"@type", "ThingDirectory"},
       {"id", "urn:agiddi:directory:" + std::string(network) + ":" + std::string(member)},
       {"title", "aGIDDI Thing Description Directory"},
       {"description", "The devices that are registered on the ledger of the network " + std::string(network) +
                           ", the same at each of its nodes. Not offered: partial updates (PATCH: a change is a whole signed document), registrations that expire, search by JSONPath and XPath."},
       {"base", base},
       {"securityDefinitions",
        Json::object({{kReads, Json::object({{"scheme", "nosec"}})},
                      {kWrites, Json::object({{"scheme", "agiddi:DetachedJws"},
                                              {"description", "The body is signed: header Agiddi-Signature, a detached JWS (EdDSA) with kid, net, act (device.register, device.update, "
                                                              "device.retire), iat and jti in its protected header; see /openapi.json."},
                                              {"agiddi:in", "header"},
                                              {"agiddi:name", "Agiddi-Signature"}})}})},
       {"security", kReads},
       {"properties", Json::object({{"things", things_property()}})},
       {"actions", actions()},
       {"events", Json::object({{"thingCreated", event("A Thing was registered", "thing_created", true)},
                                {"thingUpdated", event("A Thing has a new version", "thing_updated", true)},
                                {"thingDeleted", event("A Thing was taken out of the directory", "thing_deleted", false)}})},
       {"links", Json::array({Json::object({{"rel", "service-desc"}, {"href", "openapi.json"}, {"type", "application/json"}}),
                              Json::object({{"rel", "describedby"}, {"href", "ontology"}, {"type", "text/turtle"}})})}});
}

}  // namespace agiddi::node
