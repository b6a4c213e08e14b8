// Following a stream against a scripted server: breaks, refused credentials, a node that stays away, and the end.
#include <catch2/catch.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "tools/cli/follow.h"
#include "tools/cli/node_client.h"

using namespace agiddi;
using namespace agiddi::tools;
using tcp = boost::asio::ip::tcp;

namespace {

constexpr const char* kStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

std::string refusal(int status, const std::string& detail) {
  const std::string body = R"({"title":"x","status":)" + std::to_string(status) + R"(,"detail":")" + detail + R"("})";
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/problem+json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Gives the answers one connection each, in order, and notes the targets that were asked for; then it is gone.
class StreamServer {
 public:
  explicit StreamServer(std::vector<std::string> answers) : acceptor_(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)), answers_(std::move(answers)) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] {
      for (const std::string& answer : answers_) {
        boost::system::error_code ec;
        tcp::socket socket(io_);
        acceptor_.accept(socket, ec);
        boost::asio::streambuf buffer;
        boost::asio::read_until(socket, buffer, "\r\n\r\n", ec);
        const std::string head(boost::asio::buffers_begin(buffer.data()), boost::asio::buffers_end(buffer.data()));
        targets.push_back(head.substr(4, head.find(' ', 4) - 4));
        boost::asio::write(socket, boost::asio::buffer(answer), ec);
      }
      acceptor_.close();
    });
  }
  ~StreamServer() { join(); }
  Json delivery(const std::string& token) const { return Json::object({{"url", "http://127.0.0.1:" + std::to_string(port_) + "/s?token=" + token}}); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::vector<std::string> targets;   // after join()

 private:
  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::vector<std::string> answers_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

struct Story {
  std::vector<std::string> readings, said;
  int probes_until_end = 1000, renewals = 0;
  bool stop = false;
  Follower follower;
  explicit Story(StreamServer& server) {
    follower.node = "http://node";
    follower.measurement = [this](const std::string& text) { return readings.push_back(text), true; };
    follower.ended = [this]() -> Outcome<bool> { return probes_until_end-- <= 0; };
    follower.renew = [this, &server]() -> Outcome<Json> { return ++renewals, server.delivery("fresh"); };
    follower.interrupted = [this] { return stop; };
    follower.say = [this](const std::string& line) { said.push_back(line); };
    follower.patience = std::chrono::seconds(5);
  }
  bool told(const std::string& part) const {
    for (const std::string& line : said) {
      if (line.find(part) != line.npos) return true;
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a broken stream is taken up again, with new credentials when the old ones are refused, until the end") {
  StreamServer server({std::string(kStream) + "data: 1\n\n", refusal(401, "no"), refusal(503, "starting"), std::string(kStream) + "data: 2\n\n: end: time used up\n\n"});
  Story story(server);
  story.probes_until_end = 3;
  const auto end = follow_stream(server.delivery("first"), story.follower);
  REQUIRE(end);
  CHECK(*end == FollowEnd::ended);
  CHECK(story.readings == std::vector<std::string>{"1", "2"});
  CHECK(story.renewals == 1);
  CHECK(story.told("lost the connection"));
  CHECK(story.told("starting"));
  CHECK(story.told("reconnected"));
  server.join();
  CHECK(server.targets == std::vector<std::string>{"/s?token=first", "/s?token=first", "/s?token=fresh", "/s?token=fresh"});
}

TEST_CASE("a node that stays away is given up after the patience, and says so") {
  StreamServer server({std::string(kStream) + "data: 1\n\n"});
  Story story(server);
  story.follower.patience = std::chrono::milliseconds(700);
  const auto end = follow_stream(server.delivery("first"), story.follower);
  REQUIRE_FALSE(end);
  CHECK(detail_of(end.error()).find("gave up") != std::string::npos);
  CHECK(story.readings.size() == 1);
}

TEST_CASE("another reader with the same key is not fought with") {
  for (const char* comment : {": end: a newer stream took over\n\n", ": end: the credentials were renewed\n\n"}) {
    StreamServer server({std::string(kStream) + comment});
    Story story(server);
    CHECK_FALSE(follow_stream(server.delivery("first"), story.follower));
    CHECK(story.renewals == 0);
  }
  StreamServer server({refusal(401, "no"), refusal(401, "no")});   // refused again soon after its own renewal
  Story story(server);
  CHECK_FALSE(follow_stream(server.delivery("first"), story.follower));
  CHECK(story.renewals == 1);
}

TEST_CASE("a refusal for good ends at once; so do the user and a closed output") {
  {
    StreamServer server({refusal(409, "The integration's delivery is over MQTT.")});
    Story story(server);
    const auto end = follow_stream(server.delivery("first"), story.follower);
    REQUIRE_FALSE(end);
    CHECK(detail_of(end.error()) == "The integration's delivery is over MQTT.");
  }
  {
    StreamServer server({std::string(kStream) + "data: 1\n\n"});
    Story story(server);
    story.follower.measurement = [&](const std::string&) { return story.stop = true; };
    CHECK(follow_stream(server.delivery("first"), story.follower).value() == FollowEnd::interrupted);
  }
  {
    std::string busy = kStream;   // far more than is read at once: a stream that never pauses is left too
    for (int i = 0; i < 20'000; ++i) busy += "data: 0123456789\n\n";
    StreamServer server({busy});
    Story story(server);
    story.follower.measurement = [&](const std::string& text) { return story.readings.push_back(text), story.stop = true; };
    CHECK(follow_stream(server.delivery("first"), story.follower).value() == FollowEnd::interrupted);
    CHECK(story.readings.size() < 20'000);
  }
  {
    StreamServer server({std::string(kStream) + "data: 1\n\ndata: 2\n\n"});
    Story story(server);
    story.follower.measurement = [&](const std::string& text) { return story.readings.push_back(text), false; };
    CHECK_FALSE(follow_stream(server.delivery("first"), story.follower));
    CHECK(story.readings.size() == 1);
  }
}

TEST_CASE("MQTT: a broker that is not there is waited for, and the node's word ends it") {
  const Json delivery = Json::object({{"broker", "mqtt://127.0.0.1:1"}, {"topic", "out/x"}, {"username", "u"}, {"password", "p"}});
  StreamServer server(std::vector<std::string>{});
  Story story(server);
  story.follower.patience = std::chrono::milliseconds(600);
  const auto away = follow_mqtt(delivery, story.follower);
  REQUIRE_FALSE(away);
  CHECK(detail_of(away.error()).find("gave up on the broker at 127.0.0.1:1") != std::string::npos);
  story.probes_until_end = 1;
  CHECK(follow_mqtt(delivery, story.follower).value() == FollowEnd::ended);
  story.follower.ended = []() -> Outcome<bool> { return failed("no answer"); };
  const auto silent = follow_mqtt(delivery, story.follower);
  REQUIRE_FALSE(silent);
  CHECK(story.told("lost the connection to the node http://node: no answer"));
  CHECK_FALSE(follow_mqtt(Json::object({{"broker", "mqtt://127.0.0.1:1"}}), story.follower));
}
