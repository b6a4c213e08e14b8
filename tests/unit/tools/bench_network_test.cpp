// The modelled network of tools/bench: what can be known beforehand comes out, and the same seed gives the same.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tools/benchmark/network/modelled_cluster.h"

using namespace agiddi::tools;

TEST_CASE("a payment alone takes three delays of a link at the primary and four elsewhere, whatever the number of members") {
  for (const std::size_t nodes : {4u, 7u, 16u}) {
    const auto figures = run_modelled({nodes, 100'000, 0, 60, 7});
    INFO((figures ? "" : figures.error().detail));
    REQUIRE(figures);
    REQUIRE(figures->latencies_ms.size() == 60);
    const auto [least, most] = std::minmax_element(figures->latencies_ms.begin(), figures->latencies_ms.end());
    CHECK(*least >= 300);
    CHECK(*least < 302);
    CHECK(*most >= 400);
    CHECK(*most < 420);   // and what the primary waits to gather more
    CHECK(figures->blocks == 60);
    // Each vote goes from everybody to everybody: three rounds of n (n - 1), but for the primary's Prepare.
    CHECK(static_cast<double>(figures->frames) / 60 > static_cast<double>(3 * (nodes - 1) * (nodes - 1)));
  }
}

TEST_CASE("the same seed gives the same figures, and another one others") {
  const ModelledNetwork network{4, 20'000, 300, 400, 3};
  const auto first = run_modelled(network), again = run_modelled(network);
  ModelledNetwork other = network;
  other.seed = 4;
  const auto different = run_modelled(other);
  REQUIRE(first);
  REQUIRE(again);
  REQUIRE(different);
  CHECK(first->latencies_ms == again->latencies_ms);
  CHECK(first->frames == again->frames);
  CHECK(first->bytes == again->bytes);
  CHECK(first->latencies_ms != different->latencies_ms);
}
