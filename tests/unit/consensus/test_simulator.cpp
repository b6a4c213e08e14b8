// The simulator itself: one seed is one story, its checks can fail (every planted bug is found, see tools/sim/bugs.cpp), and its command line.
#include <catch2/catch.hpp>

#include "tools/sim/bugs.h"
#include "tools/sim/runner.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The first seed, of at most that many, whose run fails.
std::optional<SeedResult> first_failure(const SimOptions& options, std::uint64_t seeds) {
  std::uint64_t next = 1;
  std::optional<SeedResult> failure;
  run_seeds(
      2,
      [&]() -> std::optional<SimOptions> {
        if (next > seeds) return std::nullopt;
        SimOptions one = options;
        one.seed = next++;
        return resolved(one);
      },
      [&](const SeedResult& result) {
        if (!result.report.ok && (!failure || result.options.seed < failure->options.seed)) failure = result;
        return !failure;
      });
  return failure;
}

}  // namespace

TEST_CASE("one seed is one story", "[simulator]") {
  crypto_init();
  SimOptions options;
  options.seed = 7;
  options.nodes = 7;
  options.faults = all_faults();
  const SimReport one = Cluster(options).run(), two = Cluster(options).run();
  INFO(one.story);
  CHECK(one.ok);
  CHECK(one.counts.steps == two.counts.steps);
  CHECK(one.counts.height == two.counts.height);
  CHECK(one.counts.virtual_ms == two.counts.virtual_ms);
  CHECK(one.counts.lies == two.counts.lies);
}

TEST_CASE("a run with real signatures", "[simulator]") {
  crypto_init();
  SimOptions options;
  options.faults = all_faults();
  options.real_signatures = true;
  options.transactions = 15;
  const SimReport report = Cluster(options).run();
  INFO(report.story);
  CHECK(report.ok);
}

TEST_CASE("a failure tells its story", "[simulator]") {
  crypto_init();
  SimOptions options;
  options.faults = all_faults();
  options.steps_max = 100;
  const auto failure = first_failure(options, 1);
  REQUIRE(failure);
  CHECK(contains(failure->report.failure, "no end after 100 steps"));
  CHECK(contains(failure->report.story, "node 0"));
  CHECK(contains(failure->report.story, "replay: agiddi-sim --seed 1 --nodes 4 --faults all --transactions "));
}

TEST_CASE("the command line of the simulator", "[simulator]") {
  const auto line = parse_command_line({"--seed", "18446744073709551615", "--nodes", "1,any,4", "--faults", "loss,crash", "--transactions", "5"});
  REQUIRE(line);
  CHECK(line->options.seed == UINT64_MAX);
  CHECK(line->nodes == std::vector<std::size_t>{1, 0, 4});
  CHECK(line->options.has("loss"));
  CHECK_FALSE(line->options.has("delay"));
  CHECK(parse_command_line({"--faults", "all"})->options.faults == all_faults());
  CHECK(parse_command_line({"--faults", "benign,twins"})->options.has("twins"));
  CHECK_FALSE(parse_command_line({"--faults", "benign"})->options.has("twins"));
  CHECK(parse_command_line({"--bug", "forget-prepared"})->options.test_faults.forget_prepared);
  for (const auto& wrong : std::vector<std::vector<std::string>>{{"--seed", "-1"}, {"--seed", "18446744073709551616"}, {"--nodes", "0"},
                                                                 {"--nodes", "17"}, {"--faults", "fire"}, {"--what", "1"}, {"--seed"}, {"--bug", "none"}}) {
    CHECK_FALSE(parse_command_line(wrong));
  }
}
