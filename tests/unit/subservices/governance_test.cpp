// Governance: who may propose and vote, when a change is decided, and from which height it is in force.
#include "protocol/limits.h"
#include "subservices/payment/accounts.h"
#include "subservices/access/access_wraps.h"
#include "subservices/governance/governance_rules.h"
#include "subservices/governance/member_state.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

constexpr std::uint64_t kDelay = limits::kWindowHeights + 1;

std::string sealing_text(int seed) { return to_base64url(Bytes(32, static_cast<char>(seed))); }

Json with_keys(const World& world, const char* change, const std::string& id, const Person& key, int sealing_seed) {
  std::array<std::uint8_t, 32> sealing;
  sealing.fill(static_cast<std::uint8_t>(sealing_seed));
  const Bytes proven = possession_bytes(world.executor->genesis().network, id, key.key.public_key(), sealing);
  return Json::object({{"change", change}, {"id", id}, {"did", key.did}, {"sealingKey", sealing_text(sealing_seed)},
                       {"possession", to_base64url(agiddi::view(key.key.sign(proven)))}});
}

Json addition(const World& world, const std::string& id, const Person& key, int port = 7105) {
  return with_keys(world, "add", id, key, 55).set("address", "127.0.0.1:" + std::to_string(port));
}

Json vote(const Answer& proposal, const char* what = "yes") { return Json::object({{"proposal", proposal.text("proposal")}, {"vote", what}}); }

MemberEpoch now(const World& world) {
  const auto snapshot = world.snapshot();
  const StateView state(snapshot->state());
  return members_at(state, snapshot->height() + 1);
}

void blocks_until(World& world, std::uint64_t height) {
  while (world.ledger->height() < height) world.block({});
}

struct Network : World {
  Answer propose(int member, const Json& body) { return run(members[static_cast<std::size_t>(member)], "governance.propose", body); }
  Answer give(int member, const Answer& proposal, const char* what = "yes") {
    return run(members[static_cast<std::size_t>(member)], "governance.vote", vote(proposal, what));
  }
};

}  // namespace

TEST_CASE("a quorum adds a member, in force one window and a block after the decision") {
  Network world;
  const Person fifth(200);
  const Answer proposed = world.propose(0, addition(world, "node-5", fifth));
  REQUIRE(proposed.status() == 201);
  CHECK(proposed.text("state") == "open");
  CHECK(world.give(1, proposed).text("state") == "open");
  CHECK(now(world).members.size() == 4);
  const Answer decided = world.give(2, proposed);
  REQUIRE(decided.status() == 200);
  CHECK(decided.text("state") == "decided");
  const std::uint64_t from = world.ledger->height() + kDelay;
  const auto epoch = member_epoch_from_json(*decided.result.find("decided"));
  REQUIRE(epoch);
  CHECK(epoch->from_height == from);
  CHECK(epoch->members.epoch() == 1);
  CHECK(epoch->members.size() == 5);
  CHECK(epoch->members[4].key == fifth.key.public_key());

  // The blocks before it are the old members', the first of the new ones carries their digest.
  const Hash before = now(world).members.digest();
  blocks_until(world, from - 1);
  CHECK(world.ledger->snapshot()->header().members_digest == before);
  CHECK(now(world).members.size() == 5);
  world.block({});
  CHECK(world.ledger->snapshot()->header().members_digest == epoch->members.digest());
  // The new member proposes; the old state still says who was in force when.
  CHECK(world.run(fifth, "governance.propose", Json::object({{"change", "remove"}, {"id", "node-1"}})).status() == 201);
  const auto snapshot = world.snapshot();
  CHECK(members_at(StateView(snapshot->state()), from - 1).members.size() == 4);
}

TEST_CASE("only members in force propose and vote, once each, on what is open") {
  Network world;
  const Json removal = Json::object({{"change", "remove"}, {"id", "node-4"}});
  CHECK(world.run(world.provider, "governance.propose", removal).status() == 403);
  const Answer proposed = world.propose(0, removal);
  REQUIRE(proposed.status() == 201);
  CHECK(world.run(world.application, "governance.vote", vote(proposed)).status() == 403);
  CHECK(world.give(0, proposed).status() == 409);
  CHECK(world.give(1, proposed).status() == 200);
  CHECK(world.give(1, proposed, "no").status() == 409);
  CHECK(world.give(3, proposed).text("state") == "decided");   // node-4 may agree to its own removal
  CHECK(world.give(2, proposed).status() == 409);
  CHECK(world.run(world.members[0], "governance.vote", Json::object({{"proposal", std::string(64, '0')}, {"vote", "yes"}})).status() == 404);
  blocks_until(world, world.ledger->height() + kDelay);
  CHECK(now(world).members.size() == 3);
  CHECK(world.propose(3, removal).status() == 403);
}

TEST_CASE("so many no that it cannot pass closes a proposal") {
  Network world;
  const Answer proposed = world.propose(0, Json::object({{"change", "remove"}, {"id", "node-4"}}));
  CHECK(world.give(1, proposed, "no").text("state") == "open");
  CHECK(world.give(2, proposed, "no").text("state") == "rejected");
  CHECK(world.give(3, proposed).status() == 409);
  CHECK(now(world).members.epoch() == 0);
}

TEST_CASE("a proposal that says the same as an open one is refused, at the door at once and in blocks from rules version 2 on") {
  Network world;
  const Json removal = Json::object({{"change", "remove"}, {"id", "node-4"}});
  const Answer first = world.propose(0, removal);
  const Json later = Json(removal).set("expiresMinutes", 60);
  CHECK(world.at_door(world.members[1], "governance.propose", later) == Status::conflict);
  CHECK(world.at_door(world.members[1], "governance.propose", Json(removal).set("fromHeight", 500)) == Status::ok);
  CHECK(world.at_door(world.members[1], "governance.propose", Json::object({{"change", "remove"}, {"id", "node-3"}})) == Status::ok);
  // A block of version 1 takes it, as it always did.
  const Answer second = world.propose(1, later);
  CHECK(second.status() == 201);

  const Answer rules = world.propose(2, Json::object({{"change", "rules"}, {"version", 2}}));
  world.give(0, rules);
  REQUIRE(world.give(1, rules).text("state") == "decided");
  blocks_until(world, world.ledger->height() + kDelay);
  const Answer again = world.propose(2, removal);
  CHECK(again.status() == 409);
  const auto names = [&](const Answer& proposal) { return again.detail().find(proposal.text("proposal")) != std::string::npos; };
  CHECK((names(first) || names(second)));
  // Closed, it may be proposed anew.
  for (const int member : {1, 2}) world.give(member, first, "no");
  CHECK(world.propose(3, later).status() == 409);              // the second of version 1 is still open
  for (const int member : {0, 2}) world.give(member, second, "no");
  CHECK(world.propose(3, later).status() == 201);
}

TEST_CASE("a closed proposal shows the quorum that it had") {
  Network world;
  const auto needed = [&](const Answer& proposal) -> std::optional<std::int64_t> {
    const auto snapshot = world.snapshot();
    const StateView state(snapshot->state());
    const Hash id = *Hash::from_hex(proposal.text("proposal"));
    const Json shown = shown_proposal(state, snapshot->height(), id, *load<records::Proposal>(state, keys::proposal(id)));
    const Json* found = shown.find("needed");
    return found ? std::optional<std::int64_t>(std::stoll(found->dump())) : std::nullopt;
  };
  const Answer rejected = world.propose(0, Json::object({{"change", "remove"}, {"id", "node-1"}}));
  const Answer removal = world.propose(0, Json::object({{"change", "remove"}, {"id", "node-4"}}));
  const Answer open = world.propose(1, Json::object({{"change", "remove"}, {"id", "node-2"}}));
  world.give(1, rejected, "no");
  REQUIRE(world.give(2, rejected, "no").text("state") == "rejected");
  CHECK(needed(removal) == 3);
  world.give(1, removal);
  REQUIRE(world.give(2, removal).text("state") == "decided");
  blocks_until(world, world.ledger->height() + kDelay);
  CHECK(now(world).members.quorum() == 2);
  CHECK(needed(removal) == 3);
  CHECK(needed(open) == 2);
  CHECK_FALSE(needed(rejected));                               // rules version 1 keeps no height of a rejection

  const Answer rules = world.propose(0, Json::object({{"change", "rules"}, {"version", 2}}));
  REQUIRE(world.give(1, rules).text("state") == "decided");
  blocks_until(world, world.ledger->height() + kDelay);
  for (const int member : {0, 2}) world.give(member, open, "no");
  CHECK(needed(open) == 2);
  const auto snapshot = world.snapshot();
  CHECK(load<records::Proposal>(StateView(snapshot->state()), keys::proposal(*Hash::from_hex(open.text("proposal"))))->decided_height() == snapshot->height());
}

TEST_CASE("one decided change is pending at a time; the vote that would decide another is given again later") {
  Network world;
  const Answer first = world.propose(0, Json::object({{"change", "remove"}, {"id", "node-4"}}));
  const Answer second = world.propose(1, Json::object({{"change", "address"}, {"id", "node-1"}, {"address", "10.0.0.1:9000"}}));
  world.give(1, first);
  REQUIRE(world.give(2, first).text("state") == "decided");
  CHECK(world.give(0, second).text("state") == "open");
  const Answer early = world.give(2, second);
  CHECK(early.status() == 409);
  CHECK(early.detail().find("height") != std::string::npos);
  blocks_until(world, world.ledger->height() + kDelay);
  REQUIRE(world.give(2, second).text("state") == "decided");
  blocks_until(world, world.ledger->height() + kDelay);
  CHECK(now(world).members.epoch() == 2);
  CHECK(now(world).members[0].address == "10.0.0.1:9000");
}

TEST_CASE("votes of members that left meanwhile do not count, and what no longer fits is rejected when it would be decided") {
  Network world;
  const Answer leave = world.propose(0, Json::object({{"change", "remove"}, {"id", "node-4"}}));
  const Answer again = world.propose(3, Json::object({{"change", "remove"}, {"id", "node-4"}, {"expiresMinutes", 60}}));
  world.give(1, leave);
  world.give(2, leave);
  blocks_until(world, world.ledger->height() + kDelay);
  // Three members: a quorum is two. node-4's own vote for the second proposal is worth nothing.
  CHECK(world.give(0, again).text("state") == "open");
  const Answer last = world.give(1, again);
  CHECK(last.text("state") == "rejected");
  CHECK(last.text("reason").find("node-4") != std::string::npos);
  CHECK(now(world).members.epoch() == 1);
}

TEST_CASE("an old proposal brings no key back that was rotated away meanwhile") {
  Network world;
  const Person fresh(203);
  const Answer old = world.propose(0, with_keys(world, "rotate", "node-2", world.members[1], 78));   // its present key, another sealing key
  const Answer proposed = world.propose(1, with_keys(world, "rotate", "node-2", fresh, 77));
  world.give(2, proposed);
  REQUIRE(world.give(3, proposed).text("state") == "decided");
  blocks_until(world, world.ledger->height() + kDelay);
  CHECK(world.give(2, old).text("state") == "open");
  const Answer last = world.give(3, old);
  CHECK(last.text("state") == "rejected");
  CHECK(last.text("reason").find("have changed") != std::string::npos);
  CHECK(now(world).members[1].key == fresh.key.public_key());
}

TEST_CASE("a rotated key must prove that it is there, and takes the member's place") {
  Network world;
  const Person fresh(201), other(202);
  Json stolen = with_keys(world, "rotate", "node-2", fresh, 77);
  stolen.set("did", other.did);
  CHECK(world.propose(1, stolen).status() == 422);
  CHECK(world.propose(1, with_keys(world, "rotate", "node-9", fresh, 77)).status() == 404);
  CHECK(world.propose(1, with_keys(world, "rotate", "node-2", world.members[2], 77)).status() == 409);   // another member's key
  CHECK(world.propose(1, Json::object({{"change", "rotate"}, {"id", "node-2"}, {"possession", std::string(86, 'A')}})).status() == 422);
  const Answer proposed = world.propose(1, with_keys(world, "rotate", "node-2", fresh, 77));
  REQUIRE(proposed.status() == 201);
  world.give(2, proposed);
  REQUIRE(world.give(3, proposed).text("state") == "decided");
  const std::uint64_t from = world.ledger->height() + kDelay;
  blocks_until(world, from - 1);
  const auto epoch = now(world);
  CHECK(epoch.members[1].id == "node-2");
  CHECK(epoch.members[1].key == fresh.key.public_key());
  CHECK(epoch.members[1].sealing_key[0] == 77);
  CHECK(world.propose(1, Json::object({{"change", "remove"}, {"id", "node-4"}})).status() == 403);
  CHECK(world.run(fresh, "governance.propose", Json::object({{"change", "remove"}, {"id", "node-4"}})).status() == 201);
  const auto snapshot = world.snapshot();
  const StateView state(snapshot->state());
  CHECK(epoch_entry(state, 1).members(1).sealing_since() == from);
  REQUIRE(former_members(state, 16).size() == 1);
  CHECK(former_members(state, 16)[0].key == world.members[1].key.public_key());
}

TEST_CASE("open proposals are bounded and expire") {
  Network world;
  const auto removal = [](int i) { return Json::object({{"change", "address"}, {"id", "node-1"}, {"address", "10.0.0.1:" + std::to_string(9000 + i)}, {"expiresMinutes", 10}}); };
  std::vector<Answer> open;
  for (int i = 0; i < 4; ++i) open.push_back(world.propose(0, removal(i)));
  CHECK(open.back().status() == 201);
  CHECK(world.propose(0, removal(4)).status() == 409);
  for (int member = 1; member < 4; ++member) {
    for (int i = 0; i < 4; ++i) CHECK(world.propose(member, removal(member * 10 + i)).status() == 201);
  }
  CHECK(world.propose(1, removal(99)).status() == 409);
  world.sweep_after(11 * kMinute);
  CHECK(world.give(1, open[0]).status() == 404);
  CHECK(world.propose(0, removal(5)).status() == 201);
  CHECK(world.at_door(world.members[0], "governance.propose", Json::object({{"change", "rules"}, {"version", 99}})) == Status::invalid);
}

TEST_CASE("a payment of devices and an open proposal have nothing to do with each other") {
  Network world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  world.paid(urn, R"("minutes":10)", "1");
  CHECK(world.propose(0, Json::object({{"change", "remove"}, {"id", "node-4"}})).status() == 201);
  const auto snapshot = world.snapshot();
  CHECK(proposed_members(StateView(snapshot->state())).empty());
}

TEST_CASE("changes that fit no member set are refused with their reason") {
  Network world;
  const Person fifth(200);
  const auto status = [&](const Json& body) { return world.propose(0, body).status(); };
  CHECK(status(addition(world, "node-4", fifth)) == 409);
  CHECK(status(addition(world, "node-5", world.members[1])) == 409);
  CHECK(status(addition(world, "node-5", fifth, 7001)) == 409);
  CHECK(status(addition(world, "Node 5", fifth)) == 422);
  CHECK(status(Json::object({{"change", "add"}, {"id", "node-5"}})) == 422);
  CHECK(status(Json::object({{"change", "remove"}, {"id", "node-7"}})) == 404);
  CHECK(status(Json::object({{"change", "expel"}, {"id", "node-2"}})) == 422);
  CHECK(status(Json::object({{"change", "remove"}, {"id", "node-2"}, {"why", "x"}})) == 422);
  CHECK(status(Json::object({{"change", "remove"}, {"id", "node-2"}, {"fromHeight", 5'000'000}})) == 422);
  CHECK(status(Json::object({{"change", "rules"}, {"version", 3}})) == 409);
}

TEST_CASE("registration takes sealed access for the members in force, and for the coming ones while a change is decided") {
  Network world;
  const auto sealed_for = [&](std::size_t members) {
    Json device = world.device(R"({"perMinute":"0.10"})", "for " + std::to_string(members));
    Json access = *device.find("access"), sealed = *access.find("sealed"), recipients = Json::array();
    for (std::size_t i = 1; i <= members; ++i) {
      recipients.push(Json::object({{"member", "node-" + std::to_string(i)}, {"key", *sealed.find("recipients")->items()[0].find("key")}}));
    }
    sealed.set("recipients", recipients).set("ciphertext", to_base64url(random_bytes(64)));
    access.set("sealed", sealed);
    device.set("access", access);
    return world.run(world.provider, "device.register", Json::object({{"devices", Json::array({device})}})).status();
  };
  const Person fifth(200);
  const Answer proposed = world.propose(0, addition(world, "node-5", fifth));
  CHECK(sealed_for(4) == 201);
  CHECK(sealed_for(5) == 422);
  world.give(1, proposed);
  world.give(2, proposed);
  const std::uint64_t from = world.ledger->height() + kDelay;
  CHECK(sealed_for(4) == 201);
  CHECK(sealed_for(5) == 201);
  CHECK(sealed_for(3) == 422);
  blocks_until(world, from - 1);
  CHECK(sealed_for(4) == 422);
  CHECK(sealed_for(5) == 201);
}

TEST_CASE("rules are activated at a height, and every block is executed under the version of its height") {
  Network world;
  const Answer proposed = world.propose(0, Json::object({{"change", "rules"}, {"version", 2}, {"fromHeight", 40}}));
  REQUIRE(proposed.status() == 201);
  world.give(1, proposed);
  REQUIRE(world.give(2, proposed).text("state") == "decided");
  CHECK(world.propose(0, Json::object({{"change", "rules"}, {"version", 2}})).status() == 409);
  // account.rotate belongs to version 2: the same document in a block below that height and in one above it.
  const Person fresh(210);
  const auto rotation = [&] {
    const Bytes proven = account_possession_bytes(world.executor->genesis().network, world.provider.did, fresh.did);
    return Json::object({{"account", world.provider.did}, {"newKey", fresh.did}, {"possession", to_base64url(agiddi::view(fresh.key.sign(proven)))}});
  };
  const Answer early = world.run(world.provider, "account.rotate", rotation());
  CHECK(early.status() == 422);
  CHECK(early.detail().find("version 2") != std::string::npos);
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  blocks_until(world, 45);
  REQUIRE(world.run(world.provider, "account.rotate", rotation()).status() == 200);

  // Money for the new key's own name, for which nobody could ever sign, reaches the account.
  const auto held = [&](const std::string& did) {
    const auto snapshot = world.snapshot();
    return available(StateView(snapshot->state()), did, "EUR");
  };
  const MicroUnits before = held(world.provider.did);
  REQUIRE(world.run(world.application, "credit.transfer", Json::object({{"to", fresh.did}, {"currency", "EUR"}, {"amount", "1"}})).status() == 201);
  CHECK(held(world.provider.did) == before + 1'000'000);
  CHECK(held(fresh.did) == 0);

  // The account keeps its devices; the former key signs for nothing, and the new one cannot be taken twice.
  const Json retire = Json::object({{"id", urn}, {"version", 1}});
  CHECK(world.run(world.provider, "device.retire", retire).status() == 403);
  CHECK(world.run(fresh, "device.retire", retire).status() == 200);
  CHECK(world.run(world.application, "account.rotate", rotation()).status() == 403);
  CHECK(world.run(fresh, "account.rotate", rotation()).status() == 409);
  blocks_until(world, 55);
  const auto snapshot = world.snapshot();
  const StateView state(snapshot->state());
  CHECK(rules_at(state, 39) == 1);
  CHECK(rules_at(state, 40) == 2);

  // The whole chain again, on another store: every block gives the same header.
  World again;
  for (const auto& applied : world.chain) {
    auto executed = again.executor->execute(applied.block.batch, applied.block.transactions, *again.ledger->snapshot());
    REQUIRE(executed.apply.block.header.hash() == applied.block.header.hash());
    again.ledger->apply(executed.apply);
  }
}

TEST_CASE("sealed access is wrapped again for a member that came later, once, and anew when it cannot be opened") {
  Network world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const Hash device = device_from_urn(urn).value();
  const auto lacking = [&] {
    const auto snapshot = world.snapshot();
    const StateView state(snapshot->state());
    std::string out;
    const auto version = load_known<records::DeviceVersion>(state, keys::device_version(device, 1));
    for (const Member& member : members_without_key(state, device, version, snapshot->height() + 1)) out += member.id + " ";
    return out;
  };
  const auto wraps = [&](const std::string& member, char byte) {
    return Json::object({{"wraps", Json::array({Json::object({{"device", urn}, {"version", 1}, {"member", member}, {"key", to_base64url(Bytes(80, byte))}})})}});
  };
  CHECK(lacking().empty());
  CHECK(world.run(world.members[0], "access.rewrap", wraps("node-5", 'w')).result.dump() == R"({"stored":0,"passedOver":1})");
  const Person fifth(200);
  const Answer proposed = world.propose(0, addition(world, "node-5", fifth));
  world.give(1, proposed);
  world.give(2, proposed);
  CHECK(lacking().empty());
  blocks_until(world, world.ledger->height() + kDelay - 1);
  CHECK(lacking() == "node-5 ");

  CHECK(world.run(world.provider, "access.rewrap", wraps("node-5", 'w')).status() == 403);
  CHECK(world.run(world.members[0], "access.rewrap", wraps("node-5", 'w').set("wraps", Json::array({Json::object({{"device", urn}})}))).status() == 422);
  CHECK(world.run(world.members[0], "access.rewrap", wraps("node-5", 'w')).result.dump() == R"({"stored":1,"passedOver":0})");
  CHECK(world.run(world.members[1], "access.rewrap", wraps("node-5", 'v')).result.dump() == R"({"stored":0,"passedOver":1})");
  CHECK(lacking().empty());
  const auto key_of = [&](const std::string& member) {
    const auto snapshot = world.snapshot();
    const StateView state(snapshot->state());
    const auto version = load_known<records::DeviceVersion>(state, keys::device_version(device, 1));
    const Json description = with_wraps(state, device, 1, parse(version.description()));
    for (const Json& one : description.find("access")->find("sealed")->find("recipients")->items()) {
      if (one.find("member")->as_string() == member) return one.find("key")->as_string();
    }
    return std::string();
  };
  CHECK(key_of("node-5") == to_base64url(Bytes(80, 'w')));
  CHECK(!key_of("node-1").empty());

  const Json report = Json::object({{"unopenable", Json::array({Json::object({{"device", urn}, {"version", 1}})})}});
  CHECK(world.run(fifth, "access.rewrap", report).status() == 200);
  CHECK(lacking() == "node-5 ");
  CHECK(world.run(world.members[1], "access.rewrap", wraps("node-5", 'v')).status() == 200);
  CHECK(lacking().empty());
  CHECK(key_of("node-5") == to_base64url(Bytes(80, 'v')));
}

TEST_CASE("an address that a member has already is no change; under earlier rules it was one") {
  for (const std::uint32_t rules : {1u, 2u, 3u}) {
    World world(rules);
    const std::string present = now(world).members[2].address;
    const auto propose = [&](const std::string& address) {
      return world.run(world.members[0], "governance.propose", Json::object({{"change", "address"}, {"id", "node-3"}, {"address", address}}));
    };
    const Answer same = propose(present);
    INFO(rules << " " << same.detail());
    CHECK(same.status() == (rules < 3 ? 201 : 409));
    if (rules == 3) CHECK(same.detail().find("has this address already") != std::string::npos);
    CHECK(propose("10.0.0.3:9000").status() == 201);
  }
}
