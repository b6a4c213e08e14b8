// Certificates that nobody can make any more, while later blocks are certified: members give them up, and the headers above prove the blocks.
#include "epoch_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::epoch_test;

namespace {

const HeaderVote* header_vote(const PeerFrame& frame) { return std::get_if<HeaderVote>(&frame.content); }

bool all_certified(EpochNet& net, Height height) {
  for (std::size_t host = 0; host < net.size(); ++host) {
    if (net[host].status().certified < height) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the votes for one block are lost for ever: it is given up after 30 s, or when more than 512 blocks stand above it", "[certificates]") {
  for (const bool load : {true, false}) {
    EpochNet net("a b c d");
    net.run(100, true);
    const Height gap = net.lowest() + 1;
    net.lost = [&](std::size_t, std::size_t, const PeerFrame& frame) { return header_vote(frame) != nullptr && header_vote(frame)->header.height == gap; };
    REQUIRE(net.until([&] { return net.lowest() > gap + 10; }, 5'000, true));
    net.run(1'000, load);
    CHECK(net[0].status().certified == gap - 1);
    const std::int64_t begin = net.now().monotonic_ms;
    REQUIRE(net.until([&] { return all_certified(net, gap + 10); }, 60'000, load));
    const std::int64_t waited = net.now().monotonic_ms - begin;
    INFO("waited " << waited << " ms, up to block " << net.lowest());
    CHECK((load ? waited < 20'000 && net.lowest() > gap + 512 : waited > 25'000 && waited < 32'000));
    net.run(1'000, load);
    for (std::size_t host = 0; host < net.size(); ++host) {
      std::size_t unproven = 0;
      for (Height height = 1; height <= net[host].status().certified; ++height) {
        const auto proof = net.disk(host).proof_of(height);
        unproven += !proof || proof->headers.size() > (height == gap ? 1 : 0) ? 1 : 0;
      }
      CHECK(unproven == 0);
    }
    net.check_chains();
  }
}

TEST_CASE("who gives one certificate now and then makes nobody wait longer", "[certificates]") {
  EpochNet net("a b c d");
  net.run(100, true);
  const Height from = net.lowest() + 1, to = from + 40;
  Height given = from;
  // Of every second block the votes come only when they are given.
  net.lost = [&](std::size_t, std::size_t, const PeerFrame& frame) {
    const HeaderVote* vote = header_vote(frame);
    return vote != nullptr && vote->header.height > given && vote->header.height <= to && (vote->header.height - from) % 2 == 1;
  };
  REQUIRE(net.until([&] { return net.lowest() > to; }, 5'000, true));
  net.run(500);
  CHECK(net[0].status().certified == from);
  const std::int64_t begin = net.now().monotonic_ms;
  std::int64_t next = begin;
  REQUIRE(net.until([&] {
    if (net.now().monotonic_ms >= next) given += 2, next += 10'000;
    return all_certified(net, to);
  }, 100'000));
  CHECK(net.now().monotonic_ms - begin < 45'000);
  CHECK(given < from + 12);
  net.check_chains();
}
