// What a limit of open files leaves for clients.
#include <catch2/catch.hpp>

#include "node/file_limit.h"

using agiddi::node::FilePlan;
using agiddi::node::plan_files;

TEST_CASE("enough files allow all that was asked for") {
  const FilePlan plan = plan_files(20'000, 1024, 10'000);
  CHECK(plan.enough);
  CHECK(plan.connections == 1024);
  CHECK(plan.watchers == 10'000);
  CHECK(plan.webhooks == agiddi::node::kWebhooksMax);
  CHECK(plan_files(plan.wanted, 1024, 10'000).enough);
  CHECK_FALSE(plan_files(plan.wanted - 1, 1024, 10'000).enough);
}

TEST_CASE("of too few files the watchers get less first, and the node keeps its own") {
  const FilePlan some = plan_files(4096, 1024, 10'000);
  CHECK_FALSE(some.enough);
  CHECK(some.connections == 1024);
  CHECK(some.watchers > 1800);
  for (const std::size_t allowed : {256, 1024, 1600, 4096, 11'000}) {
    const FilePlan plan = plan_files(allowed, 1024, 10'000);
    CHECK(plan.connections > 0);
    CHECK(plan.watchers > 0);
    CHECK(plan.webhooks > 0);
    CHECK(plan.connections + plan.watchers + plan.webhooks <= allowed - std::min<std::size_t>(allowed / 2, 768));
  }
  CHECK(plan_files(1024, 1024, 0).watchers == 0);
}

TEST_CASE("the soft limit of open files becomes the hard one") { CHECK(agiddi::node::raise_file_limit() == agiddi::node::raise_file_limit()); }
