// What a new view re-proposes (section 4.4 of the PBFT paper, and docs/CONSENSUS.md for the certificates that exclude each other).
#include <catch2/catch.hpp>

#include "consensus/new_view_plan.h"
#include "replica_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

NewViewPlan plan(View view, const std::vector<ViewChange>& messages) {
  std::vector<const ViewChange*> pointers;
  std::map<Hash, const Batch*> batch_of;
  for (const ViewChange& message : messages) {
    pointers.push_back(&message);
    for (const PreparedCertificate& one : message.prepared) batch_of.emplace(one.digest, &*one.batch);
  }
  auto result = plan_new_view(view, make_context(4).members.digest(), pointers, kGenesis_ms, batch_of);
  REQUIRE(result);
  return *result;
}

}  // namespace

TEST_CASE("nothing prepared: nothing to re-propose", "[plan]") {
  const SigningContext context = make_context(4);
  const auto result = plan(1, {make_view_change(context, 1, 0, {}), make_view_change(context, 1, 1, {}), make_view_change(context, 1, 2, {})});
  CHECK(result.batches.empty());
  CHECK(result.last() == 0);
}

TEST_CASE("prepared batches are carried unchanged; gaps become null batches with the previous timestamp", "[plan]") {
  const SigningContext context = make_context(4);
  const Batch one = make_batch(1, 0, kGenesis_ms + 5, {"a"}), four = make_batch(4, 0, kGenesis_ms + 9, {"d"});
  const auto result = plan(1, {make_view_change(context, 1, 0, {make_prepared(context, 0, one)}), make_view_change(context, 1, 1, {}),
                               make_view_change(context, 1, 2, {make_prepared(context, 0, four)})});
  REQUIRE(result.batches.size() == 4);
  CHECK(result.batches.at(1).digest() == one.digest());
  CHECK(result.batches.at(4).digest() == four.digest());
  for (Height height : {2, 3}) {
    CHECK(result.batches.at(height).transactions.empty());
    CHECK(result.batches.at(height).timestamp == kGenesis_ms + 5);
    CHECK(result.batches.at(height).view == 1);
  }
}

TEST_CASE("the certificate of the highest view counts", "[plan]") {
  const SigningContext context = make_context(4);
  const Batch old = make_batch(1, 0, kGenesis_ms + 5, {"a"}), young = make_batch(1, 2, kGenesis_ms + 7, {"b"});
  const auto result = plan(3, {make_view_change(context, 3, 0, {make_prepared(context, 0, old)}),
                               make_view_change(context, 3, 1, {make_prepared(context, 2, young)}), make_view_change(context, 3, 2, {})});
  CHECK(result.batches.at(1).digest() == young.digest());
}

TEST_CASE("what is certified is not proposed again", "[plan]") {
  const SigningContext context = make_context(4);
  const Batch three = make_batch(3, 0, kGenesis_ms + 5, {"a"}), four = make_batch(4, 0, kGenesis_ms + 6, {"b"});
  const auto stable = make_certified(context, 3, 0, kGenesis_ms + 5, false);
  const auto result = plan(1, {make_view_change(context, 1, 0, {make_prepared(context, 0, three), make_prepared(context, 0, four)}),
                               make_view_change(context, 1, 1, {}, stable), make_view_change(context, 1, 2, {})});
  CHECK(result.stable_height() == 3);
  REQUIRE(result.batches.size() == 1);
  CHECK(result.batches.at(4).digest() == four.digest());
}

TEST_CASE("certificates that cannot stand in one chain: the lower view gives way", "[plan]") {
  const SigningContext context = make_context(4);
  const auto messages = [&](std::vector<PreparedCertificate> certificates) {
    return std::vector<ViewChange>{make_view_change(context, 5, 0, std::move(certificates)), make_view_change(context, 5, 1, {}),
                                   make_view_change(context, 5, 2, {})};
  };
  SECTION("timestamps out of order") {
    const Batch lower = make_batch(1, 2, kGenesis_ms + 50, {"a"}), upper = make_batch(2, 3, kGenesis_ms + 20, {"b"});
    const auto result = plan(5, messages({make_prepared(context, 2, lower), make_prepared(context, 3, upper)}));
    CHECK(result.batches.at(1).transactions.empty());
    CHECK(result.batches.at(2).digest() == upper.digest());
  }
  SECTION("a transaction in both") {
    const Batch lower = make_batch(1, 0, kGenesis_ms + 5, {"a", "x"}), upper = make_batch(2, 3, kGenesis_ms + 20, {"x"});
    const auto result = plan(5, messages({make_prepared(context, 4, lower), make_prepared(context, 3, upper)}));
    CHECK(result.batches.at(1).digest() == lower.digest());
    CHECK_FALSE(result.batches.contains(2));
  }
  SECTION("an older certificate above a batch that a later view was free to propose") {
    const Batch lower = make_batch(1, 3, kGenesis_ms + 5, {"a"}), upper = make_batch(2, 0, kGenesis_ms + 20, {"b"});
    const auto result = plan(5, messages({make_prepared(context, 3, lower), make_prepared(context, 0, upper)}));
    CHECK(result.batches.at(1).digest() == lower.digest());
    CHECK_FALSE(result.batches.contains(2));
  }
  SECTION("the same above a certified block") {
    const auto stable = make_certified(context, 1, 3, kGenesis_ms + 5, false);
    const Batch upper = make_batch(2, 0, kGenesis_ms + 20, {"b"});
    const auto result = plan(5, {make_view_change(context, 5, 0, {make_prepared(context, 0, upper)}), make_view_change(context, 5, 1, {}, stable),
                                 make_view_change(context, 5, 2, {})});
    CHECK(result.batches.empty());
  }
  SECTION("but not above an empty one, which a new view makes while it carries what stands higher") {
    const auto stable = make_certified(context, 1, 3, kGenesis_ms, true);
    const Batch upper = make_batch(2, 0, kGenesis_ms + 20, {"b"});
    const auto result = plan(5, {make_view_change(context, 5, 0, {make_prepared(context, 0, upper)}), make_view_change(context, 5, 1, {}, stable),
                                 make_view_change(context, 5, 2, {})});
    CHECK(result.batches.at(2).digest() == upper.digest());
  }
}

TEST_CASE("views of the epoch before say nothing about certificates of this one", "[plan]") {
  const SigningContext context = make_context(4);
  SigningContext before = context;
  before.members = MemberSet(context.members.all(), context.members.epoch() + 7);
  // The last block of another epoch, not empty, first proposed there in view 3; the first batch of this epoch was prepared in view 0.
  const CertifiedHeader last = make_certified(before, 10, 3, kGenesis_ms + 5, false);
  const Batch first = make_batch(11, 0, kGenesis_ms + 9, {"a"});
  const auto messages = [&](const CertifiedHeader& stable) {
    return std::vector<ViewChange>{make_view_change(context, 1, 0, {make_prepared(context, 0, first)}, stable), make_view_change(context, 1, 1, {}, stable),
                                   make_view_change(context, 1, 2, {}, stable)};
  };
  const auto kept = plan(1, messages(last));
  REQUIRE(kept.batches.count(11) == 1);
  CHECK(kept.batches.at(11).digest() == first.digest());
  CHECK(plan(4, messages(make_certified(context, 10, 3, kGenesis_ms + 5, false))).batches.empty());   // of this epoch: it was never committed
}
