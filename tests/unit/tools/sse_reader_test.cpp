#include <catch2/catch.hpp>
#include <vector>

#include "tools/cli/sse_reader.h"
#include "tools/cli/url.h"

using namespace agiddi::tools;

namespace {

// All events, "event|id|data", of a text cut into pieces of one size.
std::vector<std::string> events(std::string_view text, std::size_t piece) {
  SseReader reader;
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    REQUIRE(reader.feed(text.substr(at, piece), [&](const SseEvent& e) {
      out.push_back(e.event + "|" + e.id + "|" + e.data);
      return true;
    }));
  }
  return out;
}

}  // namespace

TEST_CASE("events come out the same however the bytes are cut, with any line end") {
  const std::vector<std::string> expected{"|0-1|{\"a\":1}", "end|0-1|over", "||two\nlines"};
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string text;
    for (const char* line : {": comment", "", "id: 0-1", "data: {\"a\":1}", "", "event:end", "data:over", "", "retry: 5", "", "id:", "data: two", "data: lines", "", "data: unfinished"}) {
      text += line;
      text += end;
    }
    for (std::size_t piece = 1; piece < text.size(); piece += 3) CHECK(events(text, piece) == expected);
  }
}

TEST_CASE("the last comment is kept: a node says in it why it ends") {
  SseReader reader;
  const auto ignore = [](const SseEvent&) { return true; };
  REQUIRE(reader.feed(": heartbeat\n\ndata: 1\n\n: end: time us", ignore));
  CHECK(reader.last_comment() == "heartbeat");
  REQUIRE(reader.feed("ed up\n\n", ignore));
  CHECK(reader.last_comment() == "end: time used up");
}

TEST_CASE("reading stops when the handler says so, and when an event is too long") {
  SseReader reader;
  int seen = 0;
  CHECK_FALSE(reader.feed("data: 1\n\ndata: 2\n\n", [&](const SseEvent&) { return ++seen < 1; }));
  CHECK(seen == 1);
  SseReader flooded;
  CHECK_FALSE(flooded.feed("data: " + std::string(SseReader::kEventMax_bytes + 1, 'x'), [](const SseEvent&) { return true; }));
  SseReader many;
  bool open = true;
  for (int i = 0; open && i < 1'000'000; ++i) open = many.feed("data: 0123456789012345\n", [](const SseEvent&) { return true; });
  CHECK_FALSE(open);
}

TEST_CASE("addresses") {
  const Url url = parse_url("http://127.0.0.1:8101/v1/integrations/x/stream?token=a").value();
  CHECK(url.host == "127.0.0.1");
  CHECK(url.port == 8101);
  CHECK(url.target == "/v1/integrations/x/stream?token=a");
  CHECK_FALSE(url.tls());
  CHECK(parse_url("https://node.example.org").value().port == 443);
  CHECK(parse_url("https://node.example.org").value().target == "/");
  CHECK(parse_url("https://node.example.org?x").value().target == "/?x");
  CHECK(parse_url("mqtts://broker").value().port == 8883);
  CHECK(parse_url("http://[::1]:80/").value().host == "::1");
  CHECK(parse_url("http://[::1]:80/").value().authority() == "[::1]:80");
  for (const char* bad : {"", "127.0.0.1:80", "ftp://a", "http://", "http://:80", "http://a:", "http://a:0", "http://a:70000", "http://a:8x", "http://u@h", "http://a b", "http://a/\r\nX: y", "http://[::1", "http://[]"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_url(bad));
  }
}
