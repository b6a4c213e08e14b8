// The named graphs of the ledger: one for each transaction, as it was recorded, with its provenance.
#include "subservices/query/transaction_graph.h"

#include <algorithm>

#include "ontology/sparql/parser.h"
#include "ontology/sparql/results.h"
#include "subservices/query/ledger_dataset.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;
namespace sparql = agiddi::ontology::sparql;

namespace {

// The rows of a SELECT as CSV without its header; "error 503: …".
std::string ask(const World& world, const std::string& query, std::size_t graphs_max = kGraphsMax) {
  const auto parsed = sparql::parse_query("PREFIX agiddi: <https://w3id.org/agiddi/ontology#> PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX schema: <https://schema.org/> " + query);
  REQUIRE(parsed);
  const auto snapshot = world.snapshot();
  const auto result = evaluate_on_ledger(*snapshot, *parsed, {}, nullptr, world.now, graphs_max);
  if (!result) return "error " + std::to_string(static_cast<int>(result.error().status)) + ": " + result.error().detail;
  std::string text = sparql::write_results(*result, sparql::Format::csv);
  text = text.substr(text.find('\n') + 1);
  std::erase(text, '\r');
  if (!text.empty()) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string graph(const Transaction& transaction) { return "<urn:agiddi:transaction:" + transaction.id.hex() + ">"; }

Json registration(World& world, const std::string& name) {
  return Json::object({{"devices", Json::array({world.device(R"({"perMinute":"0.10"})", name)})}});
}

struct Story {
  World world;
  Transaction registered, updated, retired, refused;
  std::string urn;

  Story() {
    registered = world.sign(world.provider, "device.register", registration(world, "First"));
    urn = device_urn(device_id(registered.id, 0));
    REQUIRE(world.block({registered}).front().status() == 201);
    Json update = world.device(R"({"perMinute":"0.20"})", "Second");
    update.set("id", urn).set("version", 1);
    updated = world.sign(world.provider, "device.update", update);
    const auto answer = world.block({updated}).front();
    INFO(answer.detail());
    REQUIRE(answer.status() == 201);
    refused = world.sign(world.other, "device.retire", Json::object({{"id", urn}, {"version", 2}}));
    REQUIRE(world.block({refused}).front().status() == 403);
    retired = world.sign(world.provider, "device.retire", Json::object({{"id", urn}, {"version", 2}}));
    REQUIRE(world.block({retired}).front().status() == 200);
  }
};

}  // namespace

TEST_CASE("every version of a device stands in the graph of its transaction, also when the device is gone") {
  Story story;
  World& world = story.world;
  const std::string device = "<" + story.urn + ">", first = "<" + story.urn + "?version=1>", second = "<" + story.urn + "?version=2>";
  CHECK(ask(world, "SELECT ?name { " + device + " schema:name ?name }").empty());
  CHECK(ask(world, "SELECT ?name { GRAPH " + graph(story.registered) + " { " + device + " schema:name ?name } }") == "First");
  CHECK(ask(world, "SELECT ?name { GRAPH " + graph(story.updated) + " { " + device + " schema:name ?name } }") == "Second");
  CHECK(ask(world, "SELECT ?name ?version { GRAPH ?g { " + device + " schema:name ?name ; agiddi:version ?version } } ORDER BY ?version") == "First,1 Second,2");
  CHECK(ask(world, "SELECT (COUNT(*) AS ?n) { GRAPH " + graph(story.registered) + " { " + device + " agiddi:recordedIn " + graph(story.registered) + " } }") == "1");
  CHECK(ask(world, "SELECT ?cost FROM " + graph(story.updated) + " { ?d agiddi:costPerMinute ?cost }") == "0.2");
  CHECK(ask(world, "SELECT ?name FROM NAMED " + graph(story.updated) + " { GRAPH ?g { ?d schema:name ?name ; agiddi:version 2 } }") == "Second");

  CHECK(ask(world, "SELECT ?former { GRAPH " + graph(story.updated) + " { " + second + " prov:wasRevisionOf ?former } }") == story.urn + "?version=1");
  CHECK(ask(world, "SELECT ?g { GRAPH ?g { ?t prov:generated " + first + " } }") == "urn:agiddi:transaction:" + story.registered.id.hex());
  CHECK(ask(world, "SELECT ?t { GRAPH ?g { " + first + " prov:wasInvalidatedBy ?t } }") == "urn:agiddi:transaction:" + story.updated.id.hex());
  CHECK(ask(world, "SELECT ?t { GRAPH ?g { ?t prov:invalidated " + second + " } }") == "urn:agiddi:transaction:" + story.retired.id.hex());
}

TEST_CASE("a transaction says who signed it, when it was recorded and what came of it") {
  Story story;
  World& world = story.world;
  CHECK(ask(world, "SELECT ?action ?height ?outcome { GRAPH ?g { ?g a agiddi:Transaction , prov:Activity ; agiddi:action ?action ; agiddi:recordedAtHeight ?height ; agiddi:outcome ?outcome } } ORDER BY ?height") ==
        "device.register,1,committed device.update,2,committed device.retire,3,rejected device.retire,4,committed");
  CHECK(ask(world, "SELECT ?who { GRAPH " + graph(story.refused) + " { ?t prov:wasAssociatedWith ?who . ?who a prov:Agent } }") == world.other.did);
  CHECK(ask(world, "SELECT ?why { GRAPH " + graph(story.refused) + " { ?t agiddi:reason ?why } }").find("only the provider") != std::string::npos);
  CHECK(ask(world, "SELECT ?what { GRAPH " + graph(story.refused) + " { ?t prov:generated|prov:invalidated ?what } }").empty());
  const auto header = world.snapshot()->header(2);
  REQUIRE(header);
  CHECK(ask(world, "SELECT ?at { GRAPH " + graph(story.updated) + " { ?t prov:endedAtTime ?at } }") == time_text(header->timestamp));
}

TEST_CASE("payments, accesses and usage reports stand in the graphs of their transactions") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const auto paid = world.sign(world.application, "payment.create", world.payment(world.item(urn, R"("minutes":5)", "0.5"), "0.5"));
  const auto payment = world.block({paid}).front();
  INFO(payment.detail());
  REQUIRE(payment.status() == 201);
  const auto access = world.sign(world.application, "integration.create", world.access(payment.text("payment"), {urn}, "node-1"));
  const auto integration = world.block({access}).front();
  INFO(integration.detail());
  REQUIRE(integration.status() == 201);
  CHECK(ask(world, "SELECT ?payer ?amount { GRAPH " + graph(paid) + " { ?p a agiddi:Payment ; agiddi:payer ?payer ; agiddi:amount ?amount ; prov:wasInformedBy " + graph(paid) + " } }") ==
        world.application.did + ",0.5");
  CHECK(ask(world, "SELECT ?device { GRAPH " + graph(access) + " { ?a a agiddi:DataAccess ; agiddi:device ?device ; prov:wasInformedBy ?t } }") == urn);
  const std::string before = ask(world, "SELECT ?s ?p ?o { GRAPH " + graph(access) + " { ?s ?p ?o } } ORDER BY ?s ?p ?o");
  world.pass(kMinute);
  const auto report = world.sign(world.members[0], "usage.report", world.report(integration.text("integration"), 1, false, {World::count(urn, 100, 60'000)}));
  const auto reported = world.block({report}).front();
  INFO(reported.detail());
  REQUIRE(reported.status() == 200);
  CHECK(ask(world, "SELECT ?bytes { GRAPH " + graph(report) + " { ?t prov:generated ?u . ?u a agiddi:UsageReport ; agiddi:bytes ?bytes } }") == "100");
  CHECK(ask(world, "SELECT ?s ?p ?o { GRAPH " + graph(access) + " { ?s ?p ?o } } ORDER BY ?s ?p ?o") == before);
}

TEST_CASE("only what is here is a graph, and the default graph has a name") {
  Story story;
  World& world = story.world;
  CHECK(transaction_graph(*world.snapshot(), Hash{}).empty());
  CHECK_FALSE(transaction_of("urn:agiddi:transaction:abc"));
  CHECK_FALSE(transaction_of("urn:agiddi:device:" + Hash{}.hex()));
  CHECK(ask(world, "SELECT * { GRAPH <urn:agiddi:transaction:" + Hash{}.hex() + "> {} }").empty());
  CHECK(ask(world, "SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }").starts_with("error 422"));
  CHECK(ask(world, "SELECT * FROM NAMED <urn:agiddi:transaction:" + Hash{}.hex() + "> { ?s ?p ?o }").starts_with("error 422"));
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  CHECK(ask(world, "SELECT ?d FROM <" + std::string(kCurrentGraph) + "> FROM NAMED " + graph(story.registered) + " { ?d a agiddi:Device GRAPH ?g { ?x agiddi:version 1 } }") == urn);
}

TEST_CASE("GRAPH over all transactions is bounded by their number, their size and the time") {
  World world;
  for (int i = 0; i < 12; ++i) world.registered(R"({"perMinute":"0.10"})");
  CHECK(ask(world, "SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } }") == "12");
  CHECK(ask(world, "SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } }", 11).find("error 503: GRAPH with a variable would range over") == 0);
  const auto cross = sparql::parse_query("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?a ?b ?c } GRAPH ?h { ?d ?e ?f } GRAPH ?i { ?j ?k ?l } }");
  REQUIRE(cross);
  sparql::Limits limits;
  limits.time_ms = 100;
  const auto result = evaluate_on_ledger(*world.snapshot(), *cross, limits);
  REQUIRE_FALSE(result);
  CHECK(result.error().status == Status::unavailable);
  CHECK(result.error().detail.find("time limit") != std::string::npos);
}
