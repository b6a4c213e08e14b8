// The API over a real ledger in memory: every group of endpoints, what they answer and what they refuse, in the contract's order.
#include <catch2/catch.hpp>
#include <set>

#include "node/delivery/delivery_ledger.h"
#include "node/http/fresh_jtis.h"
#include "node/delivery/sealed_access.h"
#include "node/http/openapi.h"
#include "ontology/rdf_io.h"
#include "protocol/limits.h"
#include "protocol/proof.h"
#include "subservices/query/conditions.h"
#include "tests/unit/node/api_client.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

Json devices_of(Api& api, int count = 1) {
  Json devices = Json::array();
  for (int i = 0; i < count; ++i) {
    devices.push(api.chain.with_world([&](auto& world) { return world.device(R"({"perMinute":"0.10"})", "Station " + std::to_string(i)); }));
  }
  return Json::object({{"devices", std::move(devices)}});
}

std::string registered(Api& api) {
  const ApiAnswer answer = api.write("/v1/devices", api.chain.world.provider, "device.register", devices_of(api));
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  return answer.json().find("devices")->items()[0].find("id")->as_string();
}

Json payment_of(Api& api, const std::string& urn) {
  const auto& world = api.chain.world;
  return world.payment(world.item(urn, R"("minutes":10)", "1"), "1");
}

std::string paid(Api& api, const std::string& urn) {
  const ApiAnswer answer = api.write("/v1/payments", api.chain.world.application, "payment.create", payment_of(api, urn));
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  return answer.text("payment");
}

}  // namespace

TEST_CASE("a registration is answered from its block, a retry from the ledger, for ever") {
  Api api;
  const auto document = api.chain.world.sign(api.chain.world.provider, "device.register", devices_of(api, 2));
  const ApiAnswer first = api.send("/v1/devices", document);
  INFO(first.body);
  REQUIRE(first.status == 201);
  CHECK(first.text("transaction") == document.id.hex());
  CHECK(first.text("height") == "1");
  const Json answer = first.json();
  const Json::Array& devices = answer.find("devices")->items();
  REQUIRE(devices.size() == 2);
  CHECK(devices[1].find("id")->as_string() == device_urn(device_id(document.id, 1)));
  CHECK(devices[1].find("metadata")->is_object());
  CHECK(devices[1].find("template")->is_object());

  api.chain.with_world([](auto& world) { world.pass(subservices::test::kDay); });
  const ApiAnswer again = api.send("/v1/devices", document, {{"prefer", "respond-async"}});
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(api.chain.submitted() == 1);

  const ApiAnswer state = api.get("/v1/transactions/" + document.id.hex());
  CHECK(state.status == 200);
  CHECK(state.text("state") == "committed");
}

TEST_CASE("401 comes before 400 and 422, and consumes nothing") {
  Api api;
  auto& world = api.chain.world;
  const auto good = world.sign(world.provider, "device.register", devices_of(api));
  CHECK(api.post("/v1/devices", good.body).status == 401);
  CHECK(api.post("/v1/devices", good.body).header("WWW-Authenticate") == "Agiddi-Signature");
  CHECK(api.call("POST", "/v1/devices", good.body, {{"agiddi-signature", "nonsense"}}).status == 401);
  CHECK(api.call("POST", "/v1/devices", good.body + " ", {{"agiddi-signature", Api::signature(good)}}).status == 401);
  CHECK(api.call("POST", "/v1/devices", good.body, {{"agiddi-signature", Api::signature(good)}, {"agiddi-signature", Api::signature(good)}}).status == 401);
  auto damaged = good;
  damaged.signature[5] ^= 1;
  CHECK(api.send("/v1/devices", damaged).status == 401);
  CHECK(api.send("/v1/payments", good).status == 401);                                   // another act
  CHECK(api.write("/v1/devices", world.provider, "device.retire", Json::object()).status == 401);
  ProtectedHeader header{world.provider.did, "elsewhere-0000000000000000", "device.register", world.now / 1000, "j"};
  CHECK(api.call("POST", "/v1/devices", "{", {{"agiddi-signature", sign_document(world.provider.key, header, "{")}}).status == 401);
  header = {world.provider.did, api.chain.genesis().network, "device.register", world.now / 1000 - 601, "j"};
  CHECK(api.call("POST", "/v1/devices", "{", {{"agiddi-signature", sign_document(world.provider.key, header, "{")}}).status == 401);
  header.issued_at_s = world.now / 1000 + 62;
  CHECK(api.call("POST", "/v1/devices", "{", {{"agiddi-signature", sign_document(world.provider.key, header, "{")}}).status == 401);
  header.issued_at_s = world.now / 1000;
  CHECK(api.call("POST", "/v1/devices", "{", {{"agiddi-signature", sign_document(world.provider.key, header, "{")}}).status == 400);
  CHECK(api.call("POST", "/v1/devices", R"({"a":1,"a":2})", {{"agiddi-signature", sign_document(world.provider.key, header, R"({"a":1,"a":2})")}}).status == 422);
  const ApiAnswer unknown = api.write("/v1/devices", world.provider, "device.register", Json::object({{"device", 1}}));
  CHECK(unknown.status == 422);
  CHECK(unknown.content_type == "application/problem+json");
  CHECK(unknown.json().find("errors")->is_array());
  CHECK(api.call("POST", "/v1/devices", good.body, {{"content-type", "text/plain"}, {"agiddi-signature", Api::signature(good)}}).status == 415);
  CHECK(api.chain.submitted() == 0);
  CHECK(api.send("/v1/devices", good).status == 201);
}

TEST_CASE("path and body name the same device") {
  Api api;
  auto& world = api.chain.world;
  const std::string urn = registered(api), other = registered(api);
  const Json retire = Json::object({{"id", urn}, {"version", 1}});
  const std::size_t before = api.chain.submitted();
  const ApiAnswer wrong = api.write("/v1/devices/" + other + "/retire", world.provider, "device.retire", retire);
  CHECK(wrong.status == 422);
  CHECK(wrong.json().find("errors")->items()[0].find("pointer")->as_string() == "/id");
  CHECK(api.chain.submitted() == before);
  Json update = world.device(R"({"perMinute":"0.20"})", "Renamed");
  update.set("id", urn).set("version", 1);
  const ApiAnswer updated = api.write("/v1/devices/" + urn, world.provider, "device.update", update, {}, "PUT");
  INFO(updated.body);
  CHECK(updated.status == 201);
  const ApiAnswer versions = api.get("/v1/devices/" + urn + "/versions");
  CHECK(versions.json().find("versions")->items().size() == 2);
  const ApiAnswer page = api.get("/v1/devices/" + urn + "/versions?limit=1");
  REQUIRE(page.json().find("next"));
  const ApiAnswer next = api.get("/v1/devices/" + urn + "/versions?limit=1&cursor=" + page.text("next"));
  CHECK(next.json().find("versions")->items()[0].find("version")->number_text() == "2");
  CHECK_FALSE(next.json().find("next"));
  CHECK(api.get("/v1/devices/" + urn + "/versions?cursor=zzz").status == 422);
  const ApiAnswer stale = api.write("/v1/devices/" + urn + "/retire", world.provider, "device.retire", retire);
  CHECK(stale.status == 409);
  CHECK(!stale.text("transaction").empty());
  CHECK(api.write("/v1/devices/" + urn + "/retire", world.other, "device.retire", Json::object({{"id", urn}, {"version", 2}})).status == 403);
  CHECK(api.write("/v1/devices/" + urn + "/retire", world.provider, "device.retire", Json::object({{"id", urn}, {"version", 2}})).status == 200);
}

TEST_CASE("a device in every format, by URN in either spelling, and by version") {
  Api api;
  const std::string urn = registered(api);
  CHECK(api.get("/v1/devices/" + urn).content_type == "application/ld+json");
  CHECK(api.get("/v1/devices/urn%3Aagiddi%3Adevice%3A" + urn.substr(18)).status == 200);
  CHECK(api.get("/v1/devices/" + urn, "text/turtle").content_type.starts_with("text/turtle"));
  CHECK(api.get("/v1/devices/" + urn, "text/turtle;q=0.2, application/n-triples;q=0.9").content_type == "application/n-triples");
  CHECK(api.get("/v1/devices/" + urn, "application/n-triples").body.starts_with("<"));
  CHECK(api.get("/v1/devices/" + urn, "image/png").status == 406);
  CHECK(api.get("/v1/devices/" + urn + "/template", "text/turtle").status == 200);
  CHECK(api.get("/v1/devices/" + urn + "?version=1").status == 200);
  CHECK(api.get("/v1/devices/" + urn + "?version=2").status == 404);
  CHECK(api.get("/v1/devices/" + urn + "?version=one").status == 422);
  CHECK(api.get("/v1/devices/nonsense").status == 404);
  CHECK(api.get("/v1/devices/" + device_urn(Hash{})).status == 404);
}

TEST_CASE("a query parameter that is not known is 400 with its name; SPARQL clients and monitors may send their own") {
  Api api;
  const std::string urn = registered(api);
  for (const std::string& path : {"/v1/devices/" + urn + "?verson=1", "/v1/devices/" + urn + "/template?limit=1", "/v1/devices/" + urn + "/versions?version=1",
                                  std::string("/v1/status?x"), std::string("/v1/blocks/latest?wait=1"), std::string("/v1/query/attributes?limit=1")}) {
    INFO(path);
    const ApiAnswer answer = api.get(path);
    CHECK(answer.status == 400);
    CHECK(answer.text("detail").find("query parameter") != std::string::npos);
  }
  CHECK(api.get("/v1/devices/" + urn + "/versions?from=1").text("detail").find("\"from\" here; this call takes limit, cursor.") != std::string::npos);
  CHECK(api.get("/sparql?query=ASK%7B%7D&format=json").status == 200);
  CHECK(api.get("/healthz?probe=1").status == 200);
  CHECK(api.get("/metrics?x=1").status == 200);
}

TEST_CASE("Prefer: respond-async answers at once, wait bounds the wait") {
  Api api;
  auto& world = api.chain.world;
  api.chain.set_mode(WorldChain::Mode::hold);
  const auto document = world.sign(world.provider, "device.register", devices_of(api));
  const ApiAnswer accepted = api.send("/v1/devices", document, {{"prefer", "respond-async"}});
  INFO(accepted.body);
  CHECK(accepted.status == 202);
  CHECK(accepted.header("Location") == "/v1/transactions/" + document.id.hex());
  CHECK(accepted.header("Preference-Applied") == "respond-async");
  CHECK(accepted.text("transaction") == document.id.hex());
  CHECK(accepted.json().find("devices")->items()[0].find("id")->as_string() == device_urn(device_id(document.id, 0)));
  CHECK(api.get("/v1/transactions/" + document.id.hex()).text("state") == "pending");

  const ApiAnswer late = api.send("/v1/devices", world.sign(world.provider, "device.register", devices_of(api)), {{"prefer", "wait=0"}});
  CHECK(late.status == 504);
  CHECK(!late.text("transaction").empty());
  api.chain.release();
  CHECK(api.get("/v1/transactions/" + document.id.hex()).text("state") == "committed");
  CHECK(api.get("/v1/transactions/" + late.text("transaction")).text("state") == "committed");
  const ApiAnswer waited = api.send("/v1/devices", world.sign(world.provider, "device.register", devices_of(api)), {{"prefer", "wait=5"}});
  CHECK(waited.status == 201);
  CHECK(waited.header("Preference-Applied") == "wait=5");
  CHECK(api.get("/v1/transactions/" + Hash{}.hex()).status == 404);
  CHECK(api.get("/v1/transactions/xyz").status == 404);
}

TEST_CASE("a chain that takes nothing is 429 or 503, also asynchronously") {
  Api api;
  auto& world = api.chain.world;
  api.chain.set_mode(WorldChain::Mode::refuse);
  const auto document = world.sign(world.provider, "device.register", devices_of(api));
  const ApiAnswer refused = api.send("/v1/devices", document);
  CHECK(refused.status == 429);
  CHECK(!refused.header("Retry-After").empty());
  CHECK(api.send("/v1/devices", document, {{"prefer", "respond-async"}}).status == 429);
  api.chain.set_mode(WorldChain::Mode::lose_quorum);
  CHECK(api.send("/v1/devices", document).status == 503);
  CHECK(api.get("/readyz").status == 503);
  CHECK(api.get("/healthz").status == 200);
  api.chain.set_mode(WorldChain::Mode::commit);
  CHECK(api.send("/v1/devices", document).status == 201);
  CHECK(api.get("/readyz").status == 200);
}

TEST_CASE("quotes, payments and accounts") {
  Api api;
  auto& world = api.chain.world;
  const std::string urn = registered(api);
  const ApiAnswer quote = api.post("/v1/quotes", R"({"items":[{"device":")" + urn + R"(","minutes":10}]})");
  INFO(quote.body);
  CHECK(quote.status == 200);
  CHECK(quote.text("total") == "1");
  CHECK(api.post("/v1/quotes", "{").status == 400);
  CHECK(api.post("/v1/quotes", R"({"items":[],"x":1})").status == 422);
  CHECK(api.post("/v1/quotes", R"({"items":[{"device":")" + device_urn(Hash{}) + R"(","minutes":10}]})").status == 404);
  CHECK(api.post("/v1/quotes", "{}", "text/plain").status == 415);
  const ApiAnswer made = api.write("/v1/payments", world.application, "payment.create", payment_of(api, urn));
  REQUIRE(made.status == 201);
  CHECK(made.header("Location") == "/v1/payments/" + made.text("payment"));
  CHECK(api.get("/v1/payments/" + made.text("payment")).text("total") == "1");
  CHECK(api.get("/v1/payments/" + Hash{}.hex()).status == 404);
  CHECK(api.get("/v1/payments/../x").status == 404);
  const Json account = api.get("/v1/accounts/" + world.application.did).json();
  CHECK(account.find("balances")->items()[0].find("escrow")->as_string() == "1");
  Json poor = payment_of(api, urn);
  poor.set("payer", world.poor.did);
  const auto unpaid = world.sign(world.poor, "payment.create", poor);
  CHECK(api.send("/v1/payments", unpaid).status == 402);
  CHECK(api.send("/v1/payments", unpaid).status == 402);
  const ApiAnswer rejected = api.get("/v1/transactions/" + unpaid.id.hex());
  CHECK(rejected.text("state") == "rejected");
  CHECK(rejected.text("status") == "402");
  CHECK(!rejected.text("reason").empty());
}

TEST_CASE("integrations: who may, who serves, and what a stranger gets") {
  Api api;
  auto& world = api.chain.world;
  const std::string urn = registered(api), payment = paid(api, urn);
  const Json body = world.access(payment, {urn}, "node-2");
  const std::size_t before = api.chain.submitted();
  CHECK(api.write("/v1/integrations", world.application, "integration.create", world.access(payment, {urn})).status == 503);   // no broker here
  CHECK(api.chain.submitted() == before);
  CHECK(api.write("/v1/integrations", world.application, "integration.create", world.access(Hash{}.hex(), {urn}, "node-2")).status == 402);
  Json forged = body;
  forged.set("application", world.other.did);
  CHECK(api.write("/v1/integrations", world.other, "integration.create", forged).status == 403);
  const ApiAnswer made = api.write("/v1/integrations", world.application, "integration.create", body);
  INFO(made.body);
  REQUIRE(made.status == 201);
  CHECK_FALSE(made.json().find("delivery"));
  const std::string id = made.text("integration");
  CHECK(made.header("Location") == "/v1/integrations/" + id);
  CHECK(made.json().find("grants")->items().size() == 1);
  CHECK(made.json().find("templates")->items().size() == 1);
  CHECK(api.write("/v1/integrations", world.application, "integration.create", body).status == 409);

  const ApiAnswer shown = api.get("/v1/integrations/" + id);
  REQUIRE(shown.status == 200);
  CHECK(shown.text("state") == "active");
  CHECK(shown.json().find("devices")->items()[0].find("lastMeasurement")->is_null());
  CHECK(api.get("/v1/integrations/" + Hash{}.hex()).status == 404);
  CHECK(api.get("/v1/integrations/x").status == 404);

  const Json named = Json::object({{"integration", id}});
  const std::string credentials = "/v1/integrations/" + id + "/credentials";
  const ApiAnswer elsewhere = api.write(credentials, world.application, "integration.credentials", named);
  CHECK(elsewhere.status == 409);
  CHECK(elsewhere.text("detail").find("node-2") != std::string::npos);
  CHECK(api.write(credentials, world.other, "integration.credentials", named).status == 403);
  CHECK(api.write(credentials, world.application, "integration.close", named).status == 401);
  CHECK(api.write(credentials, world.application, "integration.credentials", Json::object({{"integration", Hash{}.hex()}})).status == 422);
  CHECK(api.write(credentials, world.application, "integration.credentials", Json::object({{"integration", id}, {"x", 1}})).status == 422);

  const ApiAnswer anonymous = api.get("/v1/integrations/" + id + "/stream");
  CHECK(anonymous.status == 401);
  CHECK(anonymous.header("WWW-Authenticate") == "Bearer");
  CHECK(api.get("/v1/integrations/x/stream").status == 401);

  CHECK(api.write("/v1/integrations/" + id + "/close", world.other, "integration.close", named).status == 403);
  const ApiAnswer closed = api.write("/v1/integrations/" + id + "/close", world.application, "integration.close", named);
  INFO(closed.body);
  CHECK(closed.status == 200);
}

TEST_CASE("search and SPARQL, in every result format") {
  Api api;
  const std::string urn = registered(api);
  const ApiAnswer found = api.post("/v1/query", R"({"conditions":{"sensor.observedProperty":"Temperature"}})");
  INFO(found.body);
  REQUIRE(found.status == 200);
  CHECK(found.json().find("devices")->items()[0].find("id")->as_string() == urn);
  CHECK(api.post("/v1/query", R"({"conditions":{"sensor.observedProperty":"Temperature"}})").body == found.body);   // of the text that was kept
  const std::string metrics = api.get("/metrics").body;
  CHECK(metrics.find("agiddi_device_texts_found_total 1\n") != std::string::npos);
  CHECK(metrics.find("agiddi_device_texts_missed_total 1\n") != std::string::npos);
  CHECK(api.post("/v1/query", "nonsense").status == 400);
  CHECK(api.post("/v1/query", R"({"conditions":{"colour":"red"}})").status == 422);
  CHECK(api.get("/v1/query/attributes").json().find("attributes")->items().size() > 15);
  CHECK(api.get("/v1/query").status == 405);

  const std::string ask = "/sparql?query=ASK+%7B%3Chttp%3A%2F%2Fx%3E+%3Fp+%3Fo%7D";
  CHECK(api.get(ask).content_type == "application/sparql-results+json");
  CHECK(api.get(ask).text("boolean") == "false");
  CHECK(api.get(ask, "application/sparql-results+xml").content_type == "application/sparql-results+xml");
  CHECK(api.get(ask, "text/csv").content_type.starts_with("text/csv"));
  CHECK(api.get(ask, "text/tab-separated-values").content_type.starts_with("text/tab-separated-values"));
  CHECK(api.get(ask, "text/turtle").status == 406);
  const std::string construct = "CONSTRUCT WHERE { <" + urn + "> ?p ?o }";
  const ApiAnswer graph = api.post("/sparql", construct, "application/sparql-query");
  CHECK(graph.status == 200);
  CHECK(graph.content_type.starts_with("text/turtle"));
  const auto accepting = [&](const std::string& accept) {
    return api.call("POST", "/sparql", construct, {{"content-type", "application/sparql-query"}, {"accept", accept}});
  };
  CHECK(accepting("application/n-triples").body.starts_with("<"));
  CHECK(accepting("application/ld+json;q=0.4, text/html").json().is_object());
  CHECK(accepting("text/csv").status == 406);
  CHECK(api.post("/sparql", "query=SELECT+%2A+%7B%3Fs+%3Fp+%3Fo%7D+LIMIT+1", "application/x-www-form-urlencoded").status == 200);
  CHECK(api.post("/sparql", "update=CLEAR+ALL", "application/x-www-form-urlencoded").status == 400);
  CHECK(api.post("/sparql", "CLEAR ALL", "application/sparql-update").status == 400);
  CHECK(api.post("/sparql", "INSERT DATA { <a:a> <a:b> <a:c> }", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql", "SELECT nonsense", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql", "ASK {}", "text/plain").status == 415);
  CHECK(api.call("POST", "/sparql", "ASK {}").status == 415);
  CHECK(accepting("application/rdf+xml").body.starts_with("<?xml"));
  CHECK(accepting("application/rdf+xml").content_type == "application/rdf+xml");
  CHECK(api.get(ask, "application/sparql-results+json;q=0.1, text/csv;q=0.5, text/*;q=0.3").content_type.starts_with("text/csv"));
  CHECK(api.get(ask, "application/*;q=0, text/tab-separated-values").content_type.starts_with("text/tab-separated-values"));
  CHECK(api.get(ask, "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8").content_type == "application/xml");
  CHECK(api.get(ask).header("Vary") == "Accept");
}

TEST_CASE("the SPARQL protocol: what is malformed is told, what is not the protocol's is passed over") {
  Api api;
  CHECK(api.get("/sparql?query=ASK+%7B%7D&query=ASK+%7B%7D").status == 400);
  CHECK(api.get("/sparql?query=").status == 400);
  CHECK(api.get("/sparql?format=json").status == 400);
  CHECK(api.get("/sparql?default-graph-uri=urn:agiddi:graph:current").status == 400);
  CHECK(api.get("/sparql?update=CLEAR+ALL").status == 400);
  CHECK(api.get("/sparql?query=ASK+%7B%7D&timeout=5&output=xml").status == 200);
  CHECK(api.get("/sparql?query=SELECT+*+%7B+%3Fs+%3Fp").text("detail").find("line 1") != std::string::npos);
  CHECK(api.post("/sparql", "", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql", "query=%zz", "application/x-www-form-urlencoded").status == 400);
  CHECK(api.post("/sparql", "query=ASK%7B%7D&query=ASK%7B%7D", "application/x-www-form-urlencoded").status == 400);
  CHECK(api.post("/sparql?query=ASK%7B%7D", "ASK {}", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql", "ASK {}", "application/sparql-query; charset=UTF-8").status == 200);
  CHECK(api.post("/sparql", "ASK {}", "application/sparql-query; charset=\"utf-16\"").status == 415);
  CHECK(api.post("/sparql", "ASK { <a:\xff> ?p ?o }", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql", "ASK { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "application/sparql-query").status == 400);
  CHECK(api.call("DELETE", "/sparql").status == 405);
  CHECK(api.call("PUT", "/sparql").header("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(api.call("OPTIONS", "/sparql").header("Allow") == "GET, HEAD, POST, OPTIONS");
  const ApiAnswer head = api.call("HEAD", "/sparql?query=ASK%7B%7D");
  CHECK(head.status == 200);
  CHECK(head.content_type == "application/sparql-results+json");
}

TEST_CASE("the protocol's dataset parameters choose among the transactions' graphs and win over FROM") {
  Api api;
  const std::string urn = registered(api);
  const std::string transaction = "urn:agiddi:transaction:" + api.get("/v1/devices/" + urn + "/versions").json().find("versions")->items()[0].find("transaction")->as_string();
  const std::string current = "urn:agiddi:graph:current";
  const auto ask = [&](const std::string& query, const std::string& parameters) {
    const ApiAnswer answer = api.post("/sparql?" + parameters, query, "application/sparql-query");
    return answer.status == 200 ? answer.text("boolean") : std::to_string(answer.status);
  };
  const std::string device = "<" + urn + ">", signer = "<" + transaction + "> <http://www.w3.org/ns/prov#wasAssociatedWith> ?who";
  CHECK(ask("ASK { " + signer + " }", "") == "false");
  CHECK(ask("ASK { GRAPH <" + transaction + "> { " + signer + " . " + device + " ?p ?o } }", "") == "true");
  CHECK(ask("ASK { GRAPH ?g { " + signer + " } FILTER(?g = <" + transaction + ">) }", "") == "true");
  CHECK(ask("ASK { " + signer + " }", "default-graph-uri=" + transaction) == "true");
  CHECK(ask("ASK FROM <" + current + "> { " + signer + " }", "default-graph-uri=" + transaction) == "true");
  CHECK(ask("ASK FROM <" + transaction + "> { " + signer + " }", "default-graph-uri=" + current) == "false");
  CHECK(ask("ASK { " + signer + " . " + device + " ?p ?o }", "default-graph-uri=" + current + "&default-graph-uri=" + transaction) == "true");
  CHECK(ask("ASK { ?s ?p ?o }", "named-graph-uri=" + transaction) == "false");
  CHECK(ask("ASK { GRAPH ?g { ?s ?p ?o } }", "default-graph-uri=" + current) == "false");
  CHECK(ask("ASK { GRAPH ?g { " + signer + " } }", "named-graph-uri=" + transaction) == "true");
  CHECK(ask("ASK {}", "default-graph-uri=urn:agiddi:transaction:" + std::string(64, '0')) == "422");
  CHECK(ask("ASK {}", "named-graph-uri=file:///etc/passwd") == "422");
  CHECK(ask("ASK FROM NAMED <http://x> {}", "") == "422");
  std::string many = "query=ASK%7B%7D";
  for (int i = 0; i < 257; ++i) many += "&named-graph-uri=" + transaction;
  CHECK(api.post("/sparql", many, "application/x-www-form-urlencoded").status == 400);
  CHECK(api.post("/sparql", "query=ASK%7B%7D&default-graph-uri=" + std::string(3000, 'x'), "application/x-www-form-urlencoded").status == 400);
  CHECK(api.post("/sparql", "query=ASK%7B+GRAPH+%3Fg+%7B%7D+%7D&named-graph-uri=" + transaction, "application/x-www-form-urlencoded").text("boolean") == "true");
}

TEST_CASE("the plan of a query is told instead of its answer") {
  Api api;
  registered(api);
  const ApiAnswer plan = api.post("/sparql?explain=true", "SELECT * { ?d a ?type . ?d <https://schema.org/name> ?name }", "application/sparql-query");
  CHECK(plan.status == 200);
  CHECK(plan.content_type == "text/plain; charset=utf-8");
  CHECK(plan.body.find("scan") != std::string::npos);
  CHECK(api.post("/sparql?explain=true", "SELECT", "application/sparql-query").status == 400);
  CHECK(api.post("/sparql?explain=true", "SELECT * FROM <a:b> {}", "application/sparql-query").status == 422);
  CHECK(api.post("/sparql?explain=false", "ASK {}", "application/sparql-query").text("boolean") == "true");
}

TEST_CASE("without a query /sparql describes itself") {
  Api api;
  registered(api);
  for (const std::string type : {"text/turtle", "application/n-triples", "application/ld+json", "application/rdf+xml"}) {
    const ApiAnswer description = api.get("/sparql", type);
    INFO(description.body);
    CHECK(description.status == 200);
    CHECK(description.content_type.starts_with(type));
    CHECK(description.body.find("http://127.0.0.1:1/sparql") != std::string::npos);
  }
  CHECK(api.get("/sparql").content_type.starts_with("text/turtle"));
  CHECK(api.get("/sparql", "text/csv").status == 406);
  const auto triples = ontology::parse_turtle(api.get("/sparql").body);
  REQUIRE(triples);
  const auto says = [&](const std::string& predicate, const std::string& object) {
    return std::any_of(triples->begin(), triples->end(), [&](const ledger::Triple& t) { return t.predicate.value.ends_with(predicate) && t.object.value.ends_with(object); });
  };
  CHECK(says("#type", "sparql-service-description#Service"));
  CHECK(says("#supportedLanguage", "#SPARQL11Query"));
  for (const char* format : {"SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV", "Turtle", "N-Triples", "JSON-LD", "RDF_XML"}) CHECK(says("#resultFormat", format));
  CHECK(says("void#property", "#costPerMinute"));
  CHECK(says("#name", "urn:agiddi:graph:current"));
}

TEST_CASE("blocks, status and validators show what the contract names") {
  Api api;
  const std::string urn = registered(api);
  api.chain.certify(1);
  const ApiAnswer block = api.get("/v1/blocks/1");
  INFO(block.body);
  REQUIRE(block.status == 200);
  const Json document = block.json();
  for (const char* name : {"formatVersion", "network", "height", "hash", "previousHash", "timestamp", "view", "batchDigest", "transactions",
                           "transactionRoot", "receiptRoot", "stateDigest", "membersDigest", "certificate"}) {
    CHECK(document.find(name) != nullptr);
  }
  CHECK(document.find("transactions")->items().size() == 1);
  CHECK(document.find("certificate")->find("signatures")->items().size() == 3);
  CHECK(api.get("/v1/blocks/latest").text("height") == "1");
  CHECK(api.get("/v1/blocks/0").json().find("certificate")->find("signatures")->items().empty());
  CHECK(api.get("/v1/blocks/0").text("hash") == document.find("previousHash")->as_string());
  for (const char* height : {"2", "01", "-1", "x", "99999999999999999999"}) CHECK(api.get(std::string("/v1/blocks/") + height).status == 404);

  const Json status = api.get("/v1/status").json();
  for (const char* name : {"network", "node", "height", "view", "primary", "peers", "syncing"}) CHECK(status.find(name) != nullptr);
  CHECK(status.find("peers")->items().size() == 3);
  const Json validators = api.get("/v1/validators").json();
  CHECK(validators.find("network")->as_string() == api.chain.genesis().network);
  REQUIRE(validators.find("validators")->items().size() == 4);
  for (const char* name : {"id", "did", "sealingKey", "address", "state"}) CHECK(validators.find("validators")->items()[0].find(name) != nullptr);
}

TEST_CASE("a proof waits for the certificate and verifies against genesis") {
  Api api;
  auto& world = api.chain.world;
  const auto document = world.sign(world.provider, "device.register", devices_of(api));
  REQUIRE(api.send("/v1/devices", document).status == 201);
  const std::string path = "/v1/transactions/" + document.id.hex() + "/proof";
  const ApiAnswer early = api.get(path + "?wait=0");
  CHECK(early.status == 503);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    api.chain.certify(1);
  });
  const ApiAnswer proof = api.get(path);
  later.join();
  INFO(proof.body);
  REQUIRE(proof.status == 200);
  const auto verified = verify_proof(api.chain.genesis(), proof.json());
  REQUIRE(verified.has_value());
  CHECK(verified->transaction.id == document.id);
  CHECK(verified->receipt.status == Status::created);
  CHECK(api.get("/v1/transactions/" + Hash{}.hex() + "/proof?wait=0").status == 404);
}

TEST_CASE("what was committed elsewhere a moment ago is waited for before a 404") {
  Api api;
  auto& world = api.chain.world;
  const auto document = world.sign(world.provider, "device.register", devices_of(api));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    api.chain.submit(document, [](auto) {});
  });
  const ApiAnswer shown = api.get("/v1/devices/" + device_urn(device_id(document.id, 0)));
  later.join();
  CHECK(shown.status == 200);
}

TEST_CASE("events are streamed to everyone who follows") {
  Api api;
  auto sink = std::make_shared<AnswerSink>();
  CHECK(api.call("GET", "/v1/events", {}, {}, sink).status == 200);
  registered(api);
  std::vector<StreamEvent> events;
  for (int i = 0; i < 200 && events.size() < 2; ++i) {
    const std::vector<StreamEvent> more = sink->events();
    events.insert(events.end(), more.begin(), more.end());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  REQUIRE(events.size() >= 2);
  CHECK(events[0].event == "block");
  CHECK(events[0].id == "1");
  CHECK(events[1].event == "device");
  CHECK(parse_json(events[1].data).has_value());
}

TEST_CASE("work that finds no place is 429") {
  Api api;
  std::promise<void> go;
  auto gate = go.get_future().share();
  std::atomic<int> busy{0};
  for (int i = 0; i < 2; ++i) {
    api.workers().post([gate, &busy] {
      ++busy;
      gate.wait();
    });
  }
  while (busy < 2) std::this_thread::yield();
  while (api.workers().post([gate] { gate.wait(); })) {   // until no place is left
  }
  const ApiAnswer refused = api.get("/v1/payments/" + Hash{}.hex());
  go.set_value();
  CHECK(refused.status == 429);
  CHECK(!refused.header("Retry-After").empty());
}

TEST_CASE("of too many writes under way the next is 429 with Retry-After, and reads go on") {
  Api api;
  api.chain.set_mode(WorldChain::Mode::hold);
  constexpr int kThreads = 4, kPlaces = 256;
  std::atomic<int> accepted{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kThreads; ++i) {
    clients.emplace_back([&] {
      for (int k = 0; k < kPlaces / kThreads; ++k) {
        accepted += api.write("/v1/devices", api.chain.world.provider, "device.register", devices_of(api), {{"prefer", "respond-async"}}).status == 202;
      }
    });
  }
  for (auto& client : clients) client.join();
  REQUIRE(accepted == kPlaces);
  const auto one_more = api.chain.world.sign(api.chain.world.provider, "device.register", devices_of(api));
  const ApiAnswer refused = api.send("/v1/devices", one_more);
  CHECK(refused.status == 429);
  CHECK(!refused.header("Retry-After").empty());
  CHECK(refused.text("detail").find("too many writes") != std::string::npos);
  CHECK(api.chain.submitted() == kPlaces);
  CHECK(api.get("/readyz").status == 200);
  CHECK(api.get("/v1/transactions/" + one_more.id.hex()).status == 404);
  api.chain.release();
  // The places come back with the outcomes.
  ApiAnswer taken;
  for (int i = 0; i < 500 && (i == 0 || taken.status == 429); ++i) {
    taken = api.send("/v1/devices", one_more);
    if (taken.status == 429) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(taken.status == 201);
}

TEST_CASE("the access of an integration that a member of later days serves opens with the key that was wrapped for it") {
  WorldChain chain;
  subservices::test::World& world = chain.world;
  const std::string network = world.executor->genesis().network;
  // Really sealed: a content key for the members of genesis, whose keys are nobody's here.
  const Bytes content_key(32, 'k'), nonce(24, 'n');
  const Json clear = Json::object({{"endpoint", "mqtt://device.example:1883"}, {"topic", "devices/one"}, {"provider", world.provider.did}, {"network", network}});
  Json described = world.device(R"({"perMinute":"0.10"})");
  Json sealed = *described.find("access")->find("sealed");
  sealed.set("ciphertext", to_base64url(aead_encrypt(content_key, nonce, clear.dump()))).set("nonce", to_base64url(nonce));
  described.set("access", Json::object({{"protocol", "mqtt"}, {"sealed", sealed}}));
  const auto registered = world.run(world.provider, "device.register", Json::object({{"devices", Json::array({described})}}));
  REQUIRE(registered.status() == 201);
  const std::string urn = registered.result.find("devices")->items()[0].find("id")->as_string();

  const subservices::test::Person fifth(200);
  const SealingKey sealing = SealingKey::generate();
  const BytesView sealing_public(reinterpret_cast<const char*>(sealing.public_key.data()), sealing.public_key.size());
  const Bytes proven = possession_bytes(network, "node-5", fifth.key.public_key(), sealing.public_key);
  const auto proposed = world.run(world.members[0], "governance.propose",
                                  Json::object({{"change", "add"}, {"id", "node-5"}, {"did", fifth.did}, {"sealingKey", to_base64url(sealing_public)},
                                                {"address", "127.0.0.1:7105"}, {"possession", to_base64url(view(fifth.key.sign(proven)))}}));
  REQUIRE(proposed.status() == 201);
  for (const int member : {1, 2}) {
    world.run(world.members[static_cast<std::size_t>(member)], "governance.vote", Json::object({{"proposal", proposed.text("proposal")}, {"vote", "yes"}}));
  }
  for (const std::uint64_t until = world.ledger->height() + limits::kWindowHeights; world.ledger->height() < until;) world.block({});

  const std::string payment = world.paid(urn, R"("minutes":10)", "1");
  const auto made = world.run(world.application, "integration.create", world.access(payment, {urn}, "node-5"));
  INFO(made.detail());
  REQUIRE(made.status() == 201);
  const auto ledger = make_delivery_ledger(chain, *world.ledger);
  const auto open = [&] {
    const auto view = ledger->integration(*Hash::from_hex(made.text("integration")));
    REQUIRE(view);
    return open_access(view->devices.at(0).access, {"node-5", world.provider.did, network}, [&](BytesView key) { return open_sealed(sealing, key); });
  };
  CHECK_FALSE(open());                                         // not sealed for it yet
  const Json wrap = Json::object({{"device", urn}, {"version", 1}, {"member", "node-5"}, {"key", to_base64url(seal_to(sealing_public, content_key))}});
  REQUIRE(world.run(world.members[2], "access.rewrap", Json::object({{"wraps", Json::array({wrap})}})).status() == 200);
  const auto opened = open();
  REQUIRE(opened);
  CHECK(opened->topic == "devices/one");
}

TEST_CASE("the description lists exactly the calls that are bound") {
  Api api;
  const auto description = parse_json(openapi_json());
  REQUIRE(description);
  CHECK(description->find("openapi")->as_string() == "3.1.0");
  std::set<std::string> described, bound;
  for (const auto& [path, item] : description->find("paths")->members()) {
    for (const auto& [method, operation] : item.members()) described.insert(path + " " + method);
  }
  for (const auto& [pattern, methods] : api.router().routes()) {
    for (const std::string& method : methods) bound.insert(pattern + " " + lower_case(method));
  }
  CHECK(described == bound);
  CHECK(api.get("/openapi.json").content_type == "application/json");
  // Its examples are searches.
  const Json* body = description->find("paths")->find("/v1/query")->find("post")->find("requestBody")->find("content")->find("application/json");
  for (const auto& [name, example] : body->find("examples")->members()) {
    INFO(name);
    CHECK(subservices::plan_search(*example.find("value")));
  }
  const ApiAnswer ontology = api.get("/ontology");
  CHECK(ontology.content_type.starts_with("text/turtle"));
  CHECK(ontology.body.find("sosa:") != std::string::npos);
  CHECK(api.get("/ontology", "application/n-triples").body.starts_with("<"));
  CHECK(api.get("/metrics").content_type == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("a jti is fresh once, until its window has passed") {
  FreshJtis fresh;
  ProtectedHeader header{"did:key:z1", "net", "integration.credentials", 1'000, "a"};
  CHECK(fresh.take(header, 1'000'000).has_value());
  CHECK(fresh.take(header, 1'000'000).error().status == Status::conflict);
  header.kid = "did:key:z2";
  CHECK(fresh.take(header, 1'000'000).has_value());
  CHECK(fresh.take(header, 1'600'000).error().status == Status::conflict);
  CHECK(fresh.take(header, 1'600'001).error().status == Status::unauthorized);   // not taken anew by who comes just as it is forgotten
  header.issued_at_s = 1'600;
  CHECK(fresh.take(header, 1'600'001).has_value());
}

TEST_CASE("a jti that was taken is known by a node that starts again, until its window has passed") {
  WorldChain chain;
  const auto ledger = make_delivery_ledger(chain, *chain.world.ledger);
  const ProtectedHeader header{"did:key:z1", "net", "integration.credentials", 1'000, "a"}, other{"did:key:z1", "net", "integration.credentials", 1'000, "b"};
  CHECK(FreshJtis(ledger.get()).take(header, 1'000'000).has_value());
  FreshJtis again(ledger.get());
  CHECK(again.take(header, 1'000'000).error().status == Status::conflict);
  CHECK(again.take(other, 1'000'000).has_value());
  CHECK(ledger->local_scan("jti/").size() == 2);
  CHECK(FreshJtis(ledger.get()).take({"did:key:z1", "net", "integration.credentials", 1'700, "c"}, 1'600'001).has_value());
  CHECK(ledger->local_scan("jti/").size() == 1);   // the others were forgotten on disk too
}
