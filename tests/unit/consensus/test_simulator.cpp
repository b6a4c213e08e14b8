// The simulator's checks can fail: planted bugs are found, and the same seed without them passes. One run with real signatures.
#include <catch2/catch.hpp>

#include "tools/sim/cluster.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

SimOptions options_with(void (*change)(SimOptions&)) {
  SimOptions options;
  options.faults = {true, true, true, true, true, true};
  change(options);
  return options;
}

// The first seed, of at most that many, whose run fails.
std::optional<SimReport> first_failure(SimOptions options, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    options.seed = seed;
    if (SimReport report = Cluster(options).run(); !report.ok) return report;
  }
  return std::nullopt;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the simulator finds planted bugs", "[simulator]") {
  crypto_init();
  SECTION("a quorum that is too small by one vote") {
    const auto report = first_failure(options_with([](SimOptions& o) { o.test_faults.quorum_too_small = true; }), 20);
    REQUIRE(report);
    CHECK(contains(report->failure, "without a quorum"));
  }
  SECTION("prepared certificates dropped in view changes") {
    const auto report = first_failure(options_with([](SimOptions& o) { o.test_faults.forget_prepared = true; }), 100);
    REQUIRE(report);
    CHECK((contains(report->failure, "another block than elsewhere") || contains(report->failure, "committed twice") ||
           contains(report->failure, "executed differently")));
  }
  SECTION("votes sent before their records are on disk") {
    const auto report = first_failure(options_with([](SimOptions& o) { o.send_before_persist = true; }), 400);
    REQUIRE(report);
    CHECK(contains(report->failure, "signed two different"));
  }
  SECTION("no progress is noticed too") {
    const auto report = first_failure(options_with([](SimOptions& o) { o.steps_max = 100; }), 1);
    REQUIRE(report);
    CHECK(contains(report->failure, "no end after 100 steps"));
    CHECK(contains(report->failure, "replay: agiddi-sim --seed 1 --nodes 4"));
  }
}

TEST_CASE("one seed is one story", "[simulator]") {
  crypto_init();
  SimOptions options = options_with([](SimOptions& o) { o.seed = 7; });
  const SimReport one = Cluster(options).run(), two = Cluster(options).run();
  CHECK(one.ok);
  CHECK(one.steps == two.steps);
  CHECK(one.height == two.height);
  CHECK(one.virtual_ms == two.virtual_ms);
}

TEST_CASE("a run with real signatures", "[simulator]") {
  crypto_init();
  SimOptions options = options_with([](SimOptions& o) {
    o.real_signatures = true;
    o.transactions = 15;
  });
  const SimReport report = Cluster(options).run();
  INFO(report.failure);
  CHECK(report.ok);
}

TEST_CASE("the command line of the simulator", "[simulator]") {
  const auto line = parse_command_line({"--seed", "18446744073709551615", "--nodes", "1,4", "--faults", "loss,crash", "--transactions", "5"});
  REQUIRE(line);
  CHECK(line->options.seed == UINT64_MAX);
  CHECK(line->nodes == std::vector<std::size_t>{1, 4});
  CHECK(line->options.faults.loss);
  CHECK_FALSE(line->options.faults.delay);
  CHECK(parse_command_line({"--faults", "all"})->options.faults.partition);
  for (const auto& wrong : std::vector<std::vector<std::string>>{{"--seed", "-1"}, {"--seed", "18446744073709551616"}, {"--nodes", "0"},
                                                                 {"--nodes", "17"}, {"--faults", "fire"}, {"--what", "1"}, {"--seed"}}) {
    CHECK_FALSE(parse_command_line(wrong));
  }
}
