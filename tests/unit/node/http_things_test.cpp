// The directory of Things over a real ledger in memory: paging while devices come and go, signed writes of Thing Descriptions, events.
#include <catch2/catch.hpp>
#include <algorithm>
#include <set>

#include "subservices/registration/thing_directory.h"
#include "tests/unit/node/api_client.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

constexpr std::uint32_t kRules = 3;

std::vector<std::string> registered(Api& api, int count) {
  Json devices = Json::array();
  for (int i = 0; i < count; ++i) {
    devices.push(api.chain.with_world([&](auto& world) { return world.device(R"({"perMinute":"0.10"})", "Station " + std::to_string(i)); }));
  }
  const ApiAnswer answer = api.write("/v1/devices", api.chain.world.provider, "device.register", Json::object({{"devices", std::move(devices)}}));
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  std::vector<std::string> urns;
  const Json document = answer.json();
  for (const Json& device : document.find("devices")->items()) urns.push_back(device.find("id")->as_string());
  return urns;
}

void retire(Api& api, const std::string& urn, int version = 1) {
  const ApiAnswer answer = api.write("/v1/devices/" + urn + "/retire", api.chain.world.provider, "device.retire", Json::object({{"id", urn}, {"version", version}}));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
}

// The TD of a registered device, made ready to be sent: sealed access anew, without the directory's id.
Json thing_to_send(Api& api, const std::string& urn, const std::string& title, bool update) {
  Json thing = api.get("/things/" + urn).json();
  REQUIRE(thing.find("title"));
  const Json device = api.chain.with_world([&](auto& world) { return world.device(R"({"perMinute":"0.10"})", title); });
  thing.set("title", title).set("agiddi:access", *device.find("access"));
  if (!update) std::erase_if(thing.members(), [](const auto& member) { return member.first == "id"; });
  return thing;
}

std::vector<std::string> links(const ApiAnswer& answer) {
  std::vector<std::string> out;
  for (const auto& [name, value] : answer.headers) {
    if (name == "Link") out.push_back(value);
  }
  return out;
}

std::string next_of(const ApiAnswer& answer) {
  for (const std::string& link : links(answer)) {
    if (link.ends_with("rel=\"next\"")) return link.substr(1, link.find('>') - 1);
  }
  return {};
}

std::string tag_of(const ApiAnswer& answer) {
  for (const std::string& link : links(answer)) {
    if (link.starts_with("</things>; rel=\"canonical\"; etag=")) return link.substr(link.find("etag="));
  }
  return {};
}

std::vector<std::string> ids_of(const ApiAnswer& answer) {
  std::vector<std::string> out;
  const Json document = answer.json();
  for (const Json& thing : (document.is_array() ? document : *document.find("members")).items()) out.push_back(thing.find("id")->as_string());
  return out;
}

std::vector<StreamEvent> events_of(const std::shared_ptr<AnswerSink>& sink, std::size_t count) {
  std::vector<StreamEvent> all;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (all.size() < count && std::chrono::steady_clock::now() < end) {
    const std::vector<StreamEvent> some = sink->events();
    all.insert(all.end(), some.begin(), some.end());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  REQUIRE(all.size() == count);
  return all;
}

std::shared_ptr<AnswerSink> following(Api& api, const std::string& target, const std::string& last = {}) {
  auto sink = std::make_shared<AnswerSink>();
  const ApiAnswer answer = api.call("GET", target, {}, last.empty() ? std::vector<NameValue>{} : std::vector<NameValue>{{"last-event-id", last}}, sink);
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  return sink;
}

}  // namespace

TEST_CASE("the list is sorted by id, and its next links lead through all of it") {
  Api api(kRules);
  const auto urns = registered(api, 12);
  const std::set<std::string> wanted(urns.begin(), urns.end());
  ApiAnswer page = api.get("/things?limit=5");
  CHECK(page.content_type == "application/ld+json");
  CHECK(tag_of(page) == "etag=\"12-12\"");
  std::vector<std::string> seen;
  int pages = 0;
  for (std::string url = "/things?limit=5"; !url.empty(); url = next_of(page), ++pages) {
    page = api.get(url);
    INFO(url << "\n" << page.body);
    REQUIRE(page.status == 200);
    for (const auto& id : ids_of(page)) seen.push_back(id);
    if (!next_of(page).empty()) CHECK(next_of(page).starts_with("/things?offset=" + std::to_string(seen.size()) + "&limit=5"));
  }
  CHECK(pages == 3);
  CHECK(seen == std::vector<std::string>(wanted.begin(), wanted.end()));
  CHECK(ids_of(api.get("/things?offset=7&limit=3")) == std::vector<std::string>(seen.begin() + 7, seen.begin() + 10));
  CHECK(ids_of(api.get("/things?offset=12")).empty());
  CHECK(links(api.get("/things")).size() == 1);
  const ApiAnswer down = api.get("/things?sort_by=id&sort_order=desc&limit=5");
  CHECK(ids_of(down) == std::vector<std::string>(seen.rbegin(), seen.rbegin() + 5));
  CHECK(ids_of(api.get(next_of(down))) == std::vector<std::string>(seen.rbegin() + 5, seen.rbegin() + 10));
}

TEST_CASE("the collection format has total and next") {
  Api api(kRules);
  const auto urns = registered(api, 3);
  retire(api, urns[0]);
  const ApiAnswer page = api.get("/things?limit=1&format=collection");
  const Json collection = page.json();
  INFO(page.body);
  CHECK(collection.find("@type")->as_string() == "ThingCollection");
  CHECK(collection.find("@context")->as_string() == "https://www.w3.org/2022/wot/discovery");
  CHECK(collection.find("total")->number_text() == "2");
  CHECK(collection.find("members")->items().size() == 1);
  CHECK(collection.find("next")->as_string() == next_of(page));
  CHECK(tag_of(page) == "etag=\"3-2\"");
  const ApiAnswer last = api.get(collection.find("next")->as_string());
  CHECK_FALSE(last.json().find("next"));
  CHECK(last.json().find("members")->items().size() == 1);
}

TEST_CASE("pages neither repeat nor skip a Thing that stays while others come and go") {
  Api api(kRules);
  auto urns = registered(api, 40);
  std::sort(urns.begin(), urns.end());
  std::set<std::string> gone;
  std::vector<std::string> seen;
  std::set<std::string> tags;
  std::string url = "/things?limit=4";
  for (int round = 0; !url.empty(); ++round) {
    const ApiAnswer page = api.get(url);
    REQUIRE(page.status == 200);
    for (const auto& id : ids_of(page)) seen.push_back(id);
    tags.insert(tag_of(page));
    url = next_of(page);
    if (round < 5) {   // behind and before the window
      registered(api, 3);
      for (const std::size_t index : {static_cast<std::size_t>(round), 39 - static_cast<std::size_t>(round)}) {
        retire(api, urns[index]);
        gone.insert(urns[index]);
      }
    }
  }
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == seen.size());
  for (const auto& urn : urns) {
    if (!gone.contains(urn)) CHECK(std::find(seen.begin(), seen.end(), urn) != seen.end());
  }
  CHECK(tags.size() >= 6);   // each change shows in the tag
  CHECK(tag_of(api.get("/things")) == "etag=\"55-45\"");
}

TEST_CASE("the count that is kept up with the blocks is the count of the devices") {
  Api api(kRules);
  CHECK(tag_of(api.get("/things")) == "etag=\"0-0\"");
  const auto urns = registered(api, 5);
  for (int i = 0; i < 80; ++i) api.chain.with_world([](auto& world) { world.block({}); });   // blocks of which the chain told nobody
  CHECK(tag_of(api.get("/things")) == "etag=\"5-5\"");
  retire(api, urns[2]);
  const auto more = registered(api, 2);
  CHECK(tag_of(api.get("/things")) == "etag=\"7-6\"");
  const auto count = subservices::ThingDirectory(*api.chain.snapshot()).count();
  CHECK(count == subservices::ThingCount{7, 6});
}

TEST_CASE("what the list does not take is 400 and says why") {
  Api api(kRules);
  for (const char* query : {"limit=0", "limit=-1", "limit=x", "limit=", "offset=-1", "offset=1.5", "format=xml", "sort_by=title", "sort_by=/properties", "sort_order=up", "after=me",
                            "limit=1&limit=2", "page=2"}) {
    const ApiAnswer answer = api.get(std::string("/things?") + query);
    INFO(query << " " << answer.body);
    CHECK(answer.status == 400);
    CHECK(answer.content_type == "application/problem+json");
  }
  CHECK(api.get("/things", "text/html").status == 406);
  CHECK(api.get("/things?limit=999999999").status == 200);
}

TEST_CASE("a Thing Description is registered, changed and taken out by signed documents") {
  Api api(kRules);
  const auto& provider = api.chain.world.provider;
  const std::string first = registered(api, 1)[0];
  const ApiAnswer shown = api.get("/things/" + first);
  CHECK(shown.content_type == "application/td+json");
  CHECK(shown.json().find("base")->as_string() == "http://127.0.0.1:1/");

  const Json thing = thing_to_send(api, first, "From a TD", false);
  const auto document = api.chain.with_world([&](auto& world) { return world.sign(provider, "device.register", thing); });
  const ApiAnswer made = api.send("/things", document, {{"content-type", "application/td+json"}});
  INFO(made.body);
  REQUIRE(made.status == 201);
  const std::string urn = device_urn(device_id(document.id, 0));
  CHECK(made.header("Location") == "/things/" + urn);
  CHECK(made.json().find("devices")->items()[0].find("id")->as_string() == urn);
  const ApiAnswer again = api.send("/things", document, {{"content-type", "application/td+json"}});
  CHECK(again.status == 201);
  CHECK(again.header("Location") == made.header("Location"));
  CHECK(again.body == made.body);
  CHECK(api.get("/things/" + urn).json().find("title")->as_string() == "From a TD");
  CHECK(api.chain.world.has_triple(urn, "name", "From a TD"));

  Json change = thing_to_send(api, urn, "Changed", true);
  const ApiAnswer elsewhere = api.write("/things/" + first, provider, "device.update", change, {}, "PUT");
  CHECK(elsewhere.status == 422);
  const ApiAnswer changed = api.write("/things/" + urn, provider, "device.update", change, {{"content-type", "application/td+json"}}, "PUT");
  INFO(changed.body);
  CHECK(changed.status == 204);
  CHECK(changed.body.empty());
  CHECK(!changed.header("Agiddi-Transaction").empty());
  const Json now = api.get("/things/" + urn).json();
  CHECK(now.find("title")->as_string() == "Changed");
  CHECK(now.find("version")->dump() == R"({"instance":"2"})");
  CHECK(now.find("links")->items().size() == 3);
  CHECK(api.write("/things/" + urn, provider, "device.update", change, {}, "PUT").status == 409);                          // stale
  CHECK(api.write("/things/" + urn, api.chain.world.other, "device.update", thing_to_send(api, urn, "Mine", true), {}, "PUT").status == 422);   // names another seller

  const Json end = Json::object({{"id", urn}, {"version", 2}});
  CHECK(api.write("/things/" + urn, api.chain.world.other, "device.retire", end, {}, "DELETE").status == 403);
  CHECK(api.write("/things/" + urn, provider, "device.retire", end, {}, "DELETE").status == 204);
  const ApiAnswer gone = api.get("/things/" + urn);
  CHECK(gone.status == 404);
  CHECK(gone.body.find("/v1/devices/") != std::string::npos);
  CHECK(api.get("/v1/devices/" + urn).status == 200);
}

TEST_CASE("what a write of a Thing refuses: problems name the place in the TD") {
  Api api(kRules);
  const auto& provider = api.chain.world.provider;
  const std::string urn = registered(api, 1)[0];
  Json thing = thing_to_send(api, urn, "A", false);
  const std::size_t before = api.chain.submitted();
  CHECK(api.call("POST", "/things", thing.dump(), {{"content-type", "application/td+json"}}).status == 401);
  CHECK(api.call("POST", "/things", thing.dump(), {{"content-type", "text/plain"}}).status == 415);
  CHECK(api.call("PATCH", "/things/" + urn, "{}", {{"content-type", "application/merge-patch+json"}}).status == 405);
  thing.set("geo:lat", 100).set("actions", Json::object());
  const ApiAnswer refused = api.write("/things", provider, "device.register", thing);
  INFO(refused.body);
  CHECK(refused.status == 422);
  const Json problem = refused.json();
  REQUIRE(problem.find("validationErrors"));
  CHECK(problem.find("errors")->items()[0].find("pointer")->as_string() == "/actions");
  CHECK(problem.find("validationErrors")->items()[0].find("field")->as_string() == "actions");
  std::erase_if(thing.members(), [](const auto& member) { return member.first == "actions"; });
  CHECK(api.write("/things", provider, "device.register", thing).json().find("errors")->items()[0].find("pointer")->as_string() == "/geo:lat");
  CHECK(api.write("/things", provider, "device.register", api.get("/things/" + urn).json()).status == 422);   // has an id
  const Json devices = Json::object({{"devices", Json::array({api.chain.with_world([](auto& world) { return world.device(R"({"perMinute":"0.10"})"); })})}});
  CHECK(api.write("/things", provider, "device.register", devices).status == 422);
  CHECK(api.chain.submitted() == before);
}

TEST_CASE("before rules version 3 a Thing Description is refused at the door with a reason, and in a block as an unknown member") {
  Api api(2);
  const std::string urn = registered(api, 1)[0];
  const Json thing = thing_to_send(api, urn, "Early", false);
  const ApiAnswer refused = api.write("/things", api.chain.world.provider, "device.register", thing);
  CHECK(refused.status == 422);
  CHECK(refused.body.find("rules version 3") != std::string::npos);
  const auto answer = api.chain.with_world([&](auto& world) { return world.run(world.provider, "device.register", thing); });
  CHECK(answer.status() == 422);
  CHECK(answer.detail().find("\"/@context\"") != std::string::npos);
}

TEST_CASE("events of Things: types, diff, and going on after an event") {
  Api api(kRules);
  const auto& provider = api.chain.world.provider;
  const auto all = following(api, "/events");
  const auto full = following(api, "/events?diff=true");
  const auto updates = following(api, "/events/thing_updated?diff=true");
  const auto urns = registered(api, 2);
  Json change = thing_to_send(api, urns[0], "Changed", true);
  REQUIRE(api.write("/things/" + urns[0], provider, "device.update", change, {}, "PUT").status == 204);
  retire(api, urns[1]);

  const auto plain = events_of(all, 4);
  CHECK(plain[0].event == "thing_created");
  CHECK(plain[0].id == "1-0");
  CHECK(plain[0].data == R"({"id":")" + urns[0] + "\"}");
  CHECK(plain[1].id == "1-1");
  CHECK(plain[2].event == "thing_updated");
  CHECK(plain[3].event == "thing_deleted");
  CHECK(plain[3].data == R"({"id":")" + urns[1] + "\"}");

  const auto whole = events_of(full, 4);
  const auto created = parse_json(whole[0].data);
  REQUIRE(created);
  CHECK(created->find("title")->as_string() == "Station 0");
  CHECK(created->find("properties"));
  const auto patch = parse_json(whole[2].data);
  REQUIRE(patch);
  CHECK(patch->members()[0].first == "id");
  CHECK(patch->find("title")->as_string() == "Changed");
  CHECK(patch->find("version")->dump() == R"({"instance":"2"})");
  CHECK_FALSE(patch->find("properties"));
  CHECK(whole[3].data == plain[3].data);
  CHECK(events_of(updates, 1)[0].data == whole[2].data);

  const auto rest = events_of(following(api, "/events?diff=true", "1-0"), 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rest[i].id == whole[i + 1].id);
    CHECK(rest[i].data == whole[i + 1].data);
  }
  CHECK(api.get("/events/thing_moved").status == 404);
  CHECK(api.get("/events?diff=maybe").status == 400);
  CHECK(api.call("GET", "/events", {}, {{"last-event-id", "nonsense"}}).status == 400);
  CHECK(api.call("GET", "/events", {}, {{"last-event-id", "999999-0"}}).status == 400);
}

TEST_CASE("a client that was away longer than the memory goes on from the ledger, as fast as it reads") {
  Api api(kRules);
  std::vector<std::string> urns;
  for (int i = 0; i < 3; ++i) {
    for (const auto& urn : registered(api, 100)) urns.push_back(urn);
  }
  for (int i = 0; i < 300; ++i) api.chain.with_world([](auto& world) { world.block({}); });
  const auto late = following(api, "/events", "0-0");   // its queue takes far fewer at a time
  const auto events = events_of(late, urns.size());
  for (std::size_t i = 0; i < urns.size(); ++i) CHECK(events[i].data == R"({"id":")" + urns[i] + "\"}");
}

TEST_CASE("the events of a block are the same from the executor and from the ledger") {
  Api api(kRules);
  auto& world = api.chain.world;
  const auto urn = world.registered(R"({"perMinute":"0.10"})");
  const auto from_ledger = subservices::ThingDirectory(*world.snapshot()).events(world.snapshot()->height());
  REQUIRE(from_ledger);
  REQUIRE(from_ledger->size() == 1);
  const auto told = subservices::thing_event(world.events.back().data);
  REQUIRE(told);
  CHECK(told->kind == (*from_ledger)[0].kind);
  CHECK(told->device == (*from_ledger)[0].device);
  CHECK(told->version == (*from_ledger)[0].version);
}

TEST_CASE("the directory describes itself, and says what it leaves out") {
  Api api(kRules);
  const ApiAnswer answer = api.get("/.well-known/wot");
  CHECK(answer.content_type == "application/td+json");
  const Json thing = answer.json();
  CHECK(thing.find("@type")->as_string() == "ThingDirectory");
  CHECK(thing.find("properties")->find("things"));
  for (const char* name : {"createAnonymousThing", "retrieveThing", "updateThing", "deleteThing", "searchSPARQL"}) CHECK(thing.find("actions")->find(name));
  for (const char* name : {"partiallyUpdateThing", "searchJSONPath", "searchXPath"}) CHECK_FALSE(thing.find("actions")->find(name));
  CHECK(thing.find("description")->as_string().find("JSONPath") != std::string::npos);
  CHECK(api.get("/search/jsonpath?query=$").status == 404);
  CHECK(thing.find("events")->members().size() == 3);
}

TEST_CASE("the directory's SPARQL search answers in JSON unless it is told otherwise") {
  Api api(kRules);
  registered(api, 1);
  CHECK(api.get("/search/sparql?query=ASK%7B%3Fs+%3Fp+%3Fo%7D").content_type == "application/json");
  CHECK(api.get("/search/sparql?query=ASK%7B%3Fs+%3Fp+%3Fo%7D", "*/*").content_type == "application/json");
  CHECK(api.get("/search/sparql?query=ASK%7B%3Fs+%3Fp+%3Fo%7D", "application/sparql-results+xml").content_type == "application/sparql-results+xml");
  CHECK(api.get("/search/sparql?query=CONSTRUCT%7B%3Fs+%3Fp+%3Fo%7DWHERE%7B%3Fs+%3Fp+%3Fo%7D").content_type == "application/ld+json");
  CHECK(api.post("/search/sparql", "ASK{?s ?p ?o}", "application/sparql-query").content_type == "application/json");
  CHECK(api.get("/search/sparql?query=INSERT+DATA%7B%7D").status == 400);
  CHECK(api.get("/search/sparql").status == 400);
}
