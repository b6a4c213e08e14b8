// How a follower waits for a far end that went away: growing pauses, a bound, and what the user is told. Time is made up.
#include <catch2/catch.hpp>
#include <vector>

#include "tools/cli/contact.h"

using namespace agiddi::tools;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct ContactWorld {
  std::vector<std::string> said;
  Contact::Clock::time_point now{};
  Contact contact;
  explicit ContactWorld(milliseconds patience) : contact("the node", patience, [this](const std::string& line) { said.push_back(line); }) {}
  void up() { contact.up(now); }
  bool lost(const std::string& why = "gone") { return contact.lost(why, now); }
};

}  // namespace

TEST_CASE("a loss, the attempts and the return are told once each") {
  ContactWorld w(seconds(60));
  w.up();
  CHECK(w.said.empty());
  w.now += seconds(100);
  CHECK(w.lost());
  CHECK(w.contact.pause() == milliseconds(200));
  w.now += milliseconds(200);
  CHECK(w.lost());
  CHECK(w.contact.pause() == milliseconds(400));
  w.now += milliseconds(400);
  w.up();
  w.up();
  CHECK(w.said == std::vector<std::string>{"lost the connection to the node: gone; trying again for up to 60 s", "reconnected to the node after 0.6 s"});
}

TEST_CASE("pauses are bounded, a new reason is told at once, the same one now and then, and patience ends") {
  ContactWorld w(seconds(12));
  CHECK(w.lost("refused"));
  CHECK(w.said.back() == "cannot reach the node: refused; trying again for up to 12 s");
  w.now += milliseconds(300);
  CHECK(w.lost("no route"));
  CHECK(w.said.back() == "trying again, 0.3 s so far: no route");
  int attempts = 0;
  while (w.lost("no route")) {
    CHECK(w.contact.pause() <= seconds(5));
    w.now += w.contact.pause();
    REQUIRE(++attempts < 20);
  }
  CHECK(w.contact.pause() == seconds(5));
  CHECK(w.said.size() <= 5);
  CHECK(w.contact.verdict() == "gave up on the node after 12 s: no route");
}

TEST_CASE("a far end that accepts and drops for ever is given up too") {
  ContactWorld w(seconds(10));
  w.up();
  int rounds = 0;
  while (w.lost("dropped")) {
    w.now += w.contact.pause();
    w.up();
    w.now += milliseconds(100);
    REQUIRE(++rounds < 20);
  }
  CHECK(rounds > 4);
}

TEST_CASE("one that stood for a while is waited for anew") {
  ContactWorld w(seconds(10));
  CHECK(w.lost());
  w.now += seconds(9);
  w.up();
  w.now += seconds(5);
  CHECK(w.lost());
  CHECK(w.contact.pause() == milliseconds(200));
  w.now += seconds(9);
  CHECK(w.lost());
}

TEST_CASE("no patience at all: the first loss is the end") {
  ContactWorld w(milliseconds(0));
  w.up();
  CHECK_FALSE(w.lost());
}
