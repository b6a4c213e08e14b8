// The pure parts of the HTTP floor: negotiation, preferences, URIs, routing, problems, event lines, WebSocket frames, metrics.
#include <catch2/catch.hpp>

#include "node/http/event_queue.h"
#include "node/http/negotiate.h"
#include "node/http/problem.h"
#include "node/http/router.h"
#include "node/http/uri.h"
#include "node/http/websocket.h"
#include "node/http/wire.h"
#include "node/metrics.h"

using namespace agiddi;
using namespace agiddi::node;

namespace {

const std::vector<std::string> kRdf{"application/ld+json", "text/turtle", "application/n-triples"};

std::string chosen(std::string_view accept, const std::vector<std::string>& offered = kRdf) {
  const auto index = negotiate(accept, offered);
  return index ? offered[*index] : "406";
}

// Remembers the answer; streams are queues that nobody drains.
class Sink final : public ResponseSink {
 public:
  void respond(HttpResponse response) override { answers.push_back(std::move(response)); }
  std::shared_ptr<EventStream> open_stream(std::vector<NameValue>) override { return std::make_shared<EventQueue>(4, 4096, [] {}); }
  std::vector<HttpResponse> answers;
};

HttpResponse dispatch(const Router& router, HttpRequest request) {
  auto sink = std::make_shared<Sink>();
  if (request.path.empty()) request.path = request.target;
  router.dispatch(std::move(request), Responder(sink));
  REQUIRE(sink->answers.size() == 1);
  return sink->answers[0];
}

HttpRequest get(std::string path) {
  HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  return request;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("Accept chooses by weight, then by specificity, then by the server's order") {
  CHECK(chosen("") == "application/ld+json");
  CHECK(chosen("*/*") == "application/ld+json");
  CHECK(chosen("text/turtle") == "text/turtle");
  CHECK(chosen("text/*") == "text/turtle");
  CHECK(chosen("TEXT/Turtle; charset=utf-8") == "text/turtle");
  CHECK(chosen("text/turtle;q=0.2, application/n-triples;q=0.9") == "application/n-triples");
  CHECK(chosen("text/turtle;q=0.5, */*;q=0.1") == "text/turtle");
  CHECK(chosen("application/ld+json;q=0, */*") == "text/turtle");
  CHECK(chosen("application/*;q=0.8, application/ld+json;q=0.1, text/turtle;q=0.5") == "application/n-triples");
  CHECK(chosen("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8") == "application/ld+json");
  CHECK(chosen("image/png") == "406");
  CHECK(chosen("*/*;q=0") == "406");
  CHECK(chosen("text/turtle;q=0.0") == "406");
  CHECK(chosen("text/turtle;q=abc") == "406");
  CHECK(chosen("text/turtle;x=\"a,b;q=0\";q=1") == "text/turtle");
  CHECK(chosen("nonsense") == "406");
}

TEST_CASE("Prefer: what is known is used, the rest is ignored") {
  CHECK(parse_prefer("respond-async").respond_async);
  CHECK_FALSE(parse_prefer("").respond_async);
  CHECK(parse_prefer("wait=5").wait_s == 5);
  CHECK(parse_prefer("Respond-Async , WAIT = \"7\"; x=1, handling=lenient").wait_s == 7);
  CHECK(parse_prefer("Respond-Async , WAIT = 7").respond_async);
  CHECK(parse_prefer("wait=600").wait_s == 60);
  CHECK(parse_prefer("wait=99999999999999999999").wait_s == 60);
  CHECK_FALSE(parse_prefer("wait=-1").wait_s);
  CHECK_FALSE(parse_prefer("wait=soon").wait_s);
  CHECK(parse_prefer("wait=1, wait=2").wait_s == 1);
}

TEST_CASE("targets are decoded strictly") {
  CHECK(percent_decode("urn%3Aagiddi%3adevice") == "urn:agiddi:device");
  CHECK(percent_decode("a+b") == "a+b");
  CHECK_FALSE(percent_decode("%"));
  CHECK_FALSE(percent_decode("%a"));
  CHECK_FALSE(percent_decode("%gg"));
  const auto form = form_decode("query=SELECT+%2A&empty=&bare&&q=a%3Db");
  REQUIRE(form);
  CHECK(*form == std::vector<NameValue>{{"query", "SELECT *"}, {"empty", ""}, {"bare", ""}, {"q", "a=b"}});
  CHECK_FALSE(form_decode("a=%1"));
  CHECK(path_segments("/a//b/") == std::vector<std::string_view>{"a", "", "b", ""});
}

TEST_CASE("the router binds verbs and patterns, and parameters are decoded once") {
  Router router;
  router.add("GET", "/v1/devices/{id}", [](HttpRequest request, Responder to) {
    to.send(HttpResponse{200, "text/plain", std::string(request.parameter("id")), {}});
  });
  router.add("PUT", "/v1/devices/{id}", [](HttpRequest, Responder to) { to.send(HttpResponse{201, "", "put", {}}); }, {{}, {"application/json"}, false});
  router.add("GET", "/v1/devices/{id}/versions", [](HttpRequest, Responder to) { to.send(HttpResponse{200, "", "versions", {}}); });
  router.add("GET", "/v1/query/attributes", [](HttpRequest, Responder to) { to.send(HttpResponse{200, "", "literal", {}}); });
  router.add("GET", "/v1/query/{name}", [](HttpRequest, Responder to) { to.send(HttpResponse{200, "", "parameter", {}}); });
  CHECK(dispatch(router, get("/v1/devices/urn:agiddi:device:00")).body == "urn:agiddi:device:00");
  CHECK(dispatch(router, get("/v1/devices/urn%3Aagiddi%3Adevice%3A00")).body == "urn:agiddi:device:00");
  CHECK(dispatch(router, get("/v1/devices/a%2Fb")).body == "a/b");
  CHECK(dispatch(router, get("/v1/devices/a%252Fb")).body == "a%2Fb");
  CHECK(dispatch(router, get("/v1/devices/x/versions")).body == "versions");
  CHECK(dispatch(router, get("/v1/query/attributes")).body == "literal");
  CHECK(dispatch(router, get("/v1/query/other")).body == "parameter");
  CHECK(dispatch(router, get("/v1/devices/")).status == 404);
  CHECK(dispatch(router, get("/v1/devices")).status == 404);
  CHECK(dispatch(router, get("/v1/devices/x/")).status == 404);
  CHECK(dispatch(router, get("v1/devices/x")).status == 404);
  HttpRequest post = get("/v1/devices/x");
  post.method = "POST";
  const HttpResponse refused = dispatch(router, post);
  CHECK(refused.status == 405);
  CHECK(header_of(refused, "Allow") == "GET, HEAD, PUT, OPTIONS");
  HttpRequest put = get("/v1/devices/x");
  put.method = "PUT";
  CHECK(dispatch(router, put).status == 201);
  put.headers = {{"content-type", "Application/JSON; charset=utf-8"}};
  CHECK(dispatch(router, put).status == 201);
  put.headers = {{"content-type", "text/plain"}};
  CHECK(dispatch(router, put).status == 415);
  put.headers = {{"content-type", ";;"}};
  CHECK(dispatch(router, put).status == 415);
}

TEST_CASE("a query parameter that a call does not know is 400 and named, where the call says what it knows") {
  Router router;
  const auto handler = [](HttpRequest, Responder to) { to.send(HttpResponse{200, "", "", {}}); };
  router.add("GET", "/some", handler, {{}, {}, false, std::vector<std::string>{"limit", "cursor"}});
  router.add("GET", "/none", handler, {{}, {}, false, std::vector<std::string>{}});
  router.add("POST", "/none", handler, {{}, {}, false, std::vector<std::string>{}});
  router.add("GET", "/any", handler);
  const auto ask = [&](const std::string& path, std::vector<NameValue> query, const std::string& method = "GET") {
    HttpRequest request = get(path);
    request.method = method;
    request.query = std::move(query);
    return dispatch(router, std::move(request));
  };
  CHECK(ask("/some", {{"limit", "1"}, {"cursor", ""}}).status == 200);
  const HttpResponse refused = ask("/some", {{"limit", "1"}, {"limt", "1"}});
  CHECK(refused.status == 400);
  CHECK(refused.body.find("\\\"limt\\\" here; this call takes limit, cursor.") != std::string::npos);
  CHECK(ask("/none", {{"x", ""}}).status == 400);
  CHECK(ask("/none", {{"x", ""}}, "HEAD").status == 400);
  CHECK(ask("/none", {{"x", ""}}, "OPTIONS").status == 204);
  CHECK(ask("/none", {{"x", ""}}, "POST").status == 200);
  CHECK(ask("/any", {{"x", ""}}).status == 200);
}

TEST_CASE("problems say what RFC 9457 asks for, and retries when") {
  const HttpResponse invalid = problem(Error{Status::invalid, "devices/0: \"x\"", {{"/devices/0/x", "unknown"}}});
  CHECK(invalid.status == 422);
  CHECK(invalid.content_type == "application/problem+json");
  CHECK(invalid.body == R"({"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"devices/0: \"x\"","errors":[{"pointer":"/devices/0/x","detail":"unknown"}]})");
  CHECK(header_of(problem(Status::unauthorized, "x"), "WWW-Authenticate") == "Agiddi-Signature");
  CHECK(!header_of(problem(Status::overloaded, "x"), "Retry-After").empty());
  CHECK(!header_of(problem(Status::unavailable, "x"), "Retry-After").empty());
  CHECK(problem_with(Error{Status::timed_out, "late", {}}, {{"transaction", "ab"}}).body.ends_with(R"("detail":"late","transaction":"ab"})"));
}

TEST_CASE("a responder answers once, and for a handler that forgot") {
  auto sink = std::make_shared<Sink>();
  {
    Responder first(sink);
    const Responder copy = first;
    copy.send(HttpResponse{201, "", "", {}});
    first.send(HttpResponse{202, "", "", {}});
    CHECK(first.stream() == nullptr);
  }
  CHECK(sink->answers.size() == 1);
  CHECK(sink->answers[0].status == 201);
  { Responder forgotten(sink); }
  CHECK(sink->answers.size() == 2);
  CHECK(sink->answers[1].status == 503);
}

TEST_CASE("header values cannot smuggle lines, and neither can events") {
  HttpResponse response;
  response.with("Location", "/a\r\nSet-Cookie: x");
  CHECK(answer_head(response, {}).find("Location: /aSet-Cookie: x\r\n") != std::string::npos);
  CHECK(event_text({"blo\nck", "1\r2", "a\r\nb\rc\n", ""}) == "event: blo\nid: 1\ndata: a\ndata: b\ndata: c\ndata: \n\n");
  CHECK(event_text({"", "", "", "end: used\nup"}) == ": end: used\n\n");
  CHECK(chunk("hello world!!!!!") == "10\r\nhello world!!!!!\r\n");
}

TEST_CASE("a group of event queues knows what its clients have not been sent yet") {
  const auto group = std::make_shared<StreamGroup>();
  int joined = 0;
  std::vector<StreamEvent> taken;
  std::string rest;
  auto first = std::make_unique<EventQueue>(8, 1000, [] {}, [&] { ++joined; });
  EventQueue second(8, 1000, [] {});
  first->send({"", "", "1234567890", ""});
  first->join(group);
  second.join(group);
  CHECK(joined == 1);
  CHECK(group->unsent_bytes == 10);
  second.send({"", "", "12345", ""});
  first->take(rest, taken);
  CHECK(first->unsent_bytes() == 10);       // being written
  CHECK(group->unsent_bytes == 15);
  first->send({"", "", "123", ""});
  CHECK(group->unsent_bytes == 18);
  first->take(rest, taken);
  CHECK(group->unsent_bytes == 8);
  first.reset();
  CHECK(group->unsent_bytes == 5);
  second.finish();
  CHECK(group->unsent_bytes == 0);
}

TEST_CASE("the event queue is bounded, and a full one cuts the client off") {
  int wakes = 0, closed = 0;
  EventQueue queue(2, 1000, [&] { ++wakes; });
  queue.on_closed([&] { ++closed; });
  CHECK(queue.send({"", "", "a", ""}));
  CHECK(queue.send({"", "", "b", ""}));
  CHECK_FALSE(queue.send({"", "", "c", ""}));
  std::vector<StreamEvent> out;
  std::string rest;
  CHECK(queue.take(rest, out) == EventQueue::State::cut);
  CHECK(out.size() == 2);
  CHECK(closed == 0);
  queue.finish();
  CHECK(closed == 1);
  queue.on_closed([&] { ++closed; });
  CHECK(closed == 2);
  EventQueue bytes(100, 10, [] {});
  CHECK_FALSE(bytes.send({"", "", "12345678901", ""}));
  CHECK(wakes >= 3);
}

TEST_CASE("a parked event queue writes at once, as far as the socket takes it, and keeps the order") {
  int wakes = 0;
  std::size_t room = 7;
  std::string socket;
  const EventQueue::Writer writer{[](const StreamEvent& event) { return "<" + event.data + ">"; },
                                  [&](std::string_view text) {
                                    text = text.substr(0, room);
                                    room -= text.size();
                                    socket += text;
                                    return text.size();
                                  }};
  EventQueue queue(4, 100, [&] { ++wakes; });
  std::vector<StreamEvent> out;
  std::string rest;
  CHECK(queue.send({"", "", "early", ""}));
  CHECK_FALSE(queue.park(writer));            // there is something to take
  CHECK(wakes == 1);
  queue.take(rest, out);
  CHECK(out.size() == 1);
  CHECK(queue.park(writer));
  CHECK(queue.unsent_bytes() == 0);
  CHECK(queue.send({"", "", "abc", ""}));
  CHECK(socket == "<abc>");
  CHECK(wakes == 1);                          // the connection sleeps on
  CHECK(queue.written_at() > std::chrono::steady_clock::time_point{});
  CHECK(queue.send({"", "", "def", ""}));     // two bytes more are taken
  CHECK(queue.send({"", "", "g", ""}));
  CHECK(socket == "<abc><d");
  CHECK(wakes == 3);
  CHECK(queue.unsent_bytes() == 4);
  CHECK_FALSE(queue.park(writer));
  room = 100;
  queue.take(rest, out);
  CHECK(rest == "ef>");
  CHECK(out.size() == 1);
  CHECK(queue.park(writer));
  queue.unpark();
  CHECK(queue.send({"", "", "h", ""}));
  CHECK(socket == "<abc><d");
  queue.take(rest, out);
  CHECK(rest.empty());
  CHECK(queue.park(writer));
  CHECK_FALSE(queue.send({"", "", std::string(101, 'x'), ""}));
  CHECK(queue.take(rest, out) == EventQueue::State::cut);
  CHECK_FALSE(queue.park(writer));
  queue.finish();
  CHECK_FALSE(queue.park(writer));
}

TEST_CASE("WebSocket input: control frames are answered, broken frames end the stream") {
  WebSocketInput input;
  const std::string ping("\x89\x82\x01\x02\x03\x04\x69\x6b", 8);
  CHECK(input.feed(ping.substr(0, 3)).reply.empty());
  CHECK(input.feed(ping.substr(3)).reply == std::string("\x8a\x02hi", 4));
  CHECK(input.feed(std::string("\x81\x81\x00\x00\x00\x00z", 7)).reply.empty());
  const auto unmasked = WebSocketInput().feed(std::string("\x81\x01z", 3));
  CHECK(unmasked.closed);
  CHECK(unmasked.reply == websocket_close_frame(1002));
  CHECK(WebSocketInput().feed(std::string("\x81\xff\x00\x00\x00\x00", 6)).reply == websocket_close_frame(1009));
  CHECK(WebSocketInput().feed(std::string("\x81\xfe\xff\xff\x00\x00\x00\x00", 8)).closed);
  const auto close = WebSocketInput().feed(std::string("\x88\x80\x00\x00\x00\x00", 6));
  CHECK(close.closed);
  CHECK(close.reply == std::string("\x88\x00", 2));
  CHECK(websocket_text_frame(std::string(200, 'a')).substr(0, 4) == std::string("\x81\x7e\x00\xc8", 4));
  CHECK(websocket_text_frame(std::string(70'000, 'a')).substr(0, 10) == std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 10));
}

TEST_CASE("metrics are written in the Prometheus text format") {
  Metrics metrics;
  metrics.counter("a_total", "Things\nseen.", {{"kind", "x\"y\\z"}}).add(3);
  metrics.gauge("b", "Level.").set(-2);
  metrics.read_value("c", "Asked.", [] { return std::int64_t{7}; });
  Histogram& histogram = metrics.histogram("d_seconds", "Time.", {{"route", "/r"}});
  histogram.observe_us(400);
  histogram.observe_us(1'500'000);
  histogram.observe_us(100'000'000);
  CHECK(&metrics.counter("a_total", "", {{"kind", "x\"y\\z"}}) == &metrics.counter("a_total", "", {{"kind", "x\"y\\z"}}));
  const std::string text = metrics.text();
  CHECK(text.find("# HELP a_total Things\\nseen.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\\\\z\"} 3\n") != std::string::npos);
  CHECK(text.find("# TYPE b gauge\nb -2\n") != std::string::npos);
  CHECK(text.find("c 7\n") != std::string::npos);
  CHECK(text.find("d_seconds_bucket{route=\"/r\",le=\"0.000500\"} 1\n") != std::string::npos);
  CHECK(text.find("d_seconds_bucket{route=\"/r\",le=\"2.500000\"} 2\n") != std::string::npos);
  CHECK(text.find("d_seconds_bucket{route=\"/r\",le=\"+Inf\"} 3\n") != std::string::npos);
  CHECK(text.find("d_seconds_sum{route=\"/r\"} 101.500400\n") != std::string::npos);
  CHECK(text.find("d_seconds_count{route=\"/r\"} 3\n") != std::string::npos);
}
