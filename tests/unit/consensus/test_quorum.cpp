// Quorum arithmetic for every number of members.
#include <catch2/catch.hpp>

#include "replica_net.h"

using namespace agiddi;
using namespace agiddi::consensus;

TEST_CASE("two quorums always share an honest member, and the honest ones alone are a quorum", "[consensus]") {
  for (std::size_t n = 1; n <= limits::kMembersMax; ++n) {
    const MemberSet members = test::make_members(n);
    const std::size_t f = members.faults(), q = members.quorum();
    INFO("n = " << n);
    CHECK(f == (n - 1) / 3);
    CHECK(3 * f + 1 <= n);
    CHECK(2 * q >= n + f + 1);        // intersection of at least f + 1
    CHECK(2 * (q - 1) < n + f + 1);   // and not one vote more than needed
    CHECK(q <= n - f);                // f silent members stop nothing
  }
}

TEST_CASE("every member is the primary of some view", "[consensus]") {
  for (std::size_t n = 1; n <= limits::kMembersMax; ++n) {
    std::set<MemberIndex> primaries;
    for (View view = 5; view < 5 + n; ++view) primaries.insert(primary_of(view, n));
    CHECK(primaries.size() == n);
  }
}
