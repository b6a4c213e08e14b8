// Who certified a stored snapshot, from genesis alone: what a restored backup stands on. Forgers hold every key but the ones that they need.
#include <catch2/catch.hpp>

#include "node/client_documents.h"
#include "node/node_store.h"
#include "protocol/encoding.h"
#include "tests/unit/protocol/changed_chain.h"

using namespace agiddi;
using Catch::Matchers::Contains;

namespace {

// Epoch 1 from height 100, epoch 2 from height 200; the snapshot is of an empty state, which needs no chunk.
struct Backup : agiddi::test::ChangedChain {
  ledger::StoredSnapshot snapshot(std::size_t epoch, std::uint64_t height) const {
    Block last = at(epoch, height, "device.register", Json::object());
    last.header.state_digest = ledger::StateDigest{}.digest();
    SnapshotManifest manifest;
    manifest.header = last.header;
    return {manifest, certified(last, epoch), manifest.id(), "backup"};
  }
  // As --restore does it; "accepted", or the reason.
  std::string restored(const std::vector<MemberChange>& with, const ledger::StoredSnapshot& one) const {
    const auto proven = node::check_member_changes(genesis, with, one.path);
    if (!proven) return proven.error().detail;
    const auto checked = node::check_stored(genesis, one, *proven);
    return checked ? "accepted" : checked.error().detail;
  }
};

}  // namespace

TEST_CASE("a snapshot is accepted with the members of its height, proven from genesis on") {
  const Backup b;
  CHECK(b.restored({}, b.snapshot(0, 99)) == "accepted");
  CHECK(b.restored(b.changes, b.snapshot(0, 99)) == "accepted");       // later sets may stand there too
  CHECK(b.restored({b.changes[0]}, b.snapshot(1, 100)) == "accepted");
  CHECK(b.restored(b.changes, b.snapshot(1, 199)) == "accepted");
  CHECK(b.restored(b.changes, b.snapshot(2, 250)) == "accepted");
  const auto proven = node::check_member_changes(b.genesis, b.changes, "backup");
  REQUIRE(proven);
  REQUIRE(proven->size() == 3);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    CHECK((*proven)[epoch].members.digest() == b.epochs[epoch].members.digest());
    CHECK((*proven)[epoch].from_height == b.epochs[epoch].from_height);
  }
}

TEST_CASE("a snapshot whose members are not proven is refused, and the reason says what is missing") {
  const Backup b;
  CHECK_THAT(b.restored({}, b.snapshot(1, 150)), Contains("proven are the members up to epoch 0") && Contains("member-change-1 must stand beside its manifest"));
  CHECK_THAT(b.restored({b.changes[0]}, b.snapshot(2, 250)), Contains("up to epoch 1") && Contains("member-change-2 must stand beside its manifest"));
  CHECK_THAT(b.restored({b.changes[1]}, b.snapshot(2, 250)), Contains("backup/member-change-1: does not prove the members of epoch 1"));
  CHECK_THAT(b.restored({b.changes[0], b.changes[0]}, b.snapshot(1, 150)), Contains("backup/member-change-2: does not prove the members of epoch 2"));
}

TEST_CASE("a backup that forgers made whole, with a set of their own, is refused") {
  Backup b;
  // node-5's key and those of strangers: they sign everything, but the change that names them has no quorum of genesis's members.
  std::vector<Member> own = b.genesis.members;
  std::vector<KeyPair> strangers;
  for (Member& member : own) {
    strangers.push_back(KeyPair::generate());
    member.key = strangers.back().public_key();
  }
  b.epochs[1] = {100, MemberSet(own, 1)};
  const Block decided = b.at(0, 50, "governance.vote", Json::object({{"decided", member_epoch_json(b.epochs[1])}}), Status::ok);
  const auto sign = [&](const BlockHeader& header) {
    QuorumCertificate out;
    for (std::size_t i = 0; i < 3; ++i) out.signatures.push_back({own[i].id, strangers[i].sign(header_vote_bytes(header, own[i].id))});
    return out;
  };
  ledger::StoredSnapshot forged = b.snapshot(1, 150);
  forged.certificate = sign(forged.manifest.header);
  CHECK_THAT(b.restored({make_member_change(decided, sign(decided.header), 0)}, forged), Contains("member-change-1: does not prove the members of epoch 1"));
  QuorumCertificate few = b.certified(decided, 0);
  few.signatures.pop_back();
  CHECK_THAT(b.restored({make_member_change(decided, few, 0)}, forged), Contains("member-change-1: does not prove the members of epoch 1"));
  // With a real quorum of genesis it would stand: the forgers lack nothing else.
  CHECK(b.restored({b.change(0, 50, b.epochs[1])}, forged) == "accepted");
}

TEST_CASE("a manifest that its members did not certify is refused") {
  const Backup b;
  ledger::StoredSnapshot forged = b.snapshot(2, 250);
  forged.manifest.header.state_digest.bytes[0] ^= 1;
  CHECK_THAT(b.restored(b.changes, forged), Contains("certificate") || Contains("signature"));
  forged = b.snapshot(2, 250);
  forged.certificate.signatures.pop_back();
  CHECK_THAT(b.restored(b.changes, forged), Contains("certificate") || Contains("signature"));
  forged.certificate = b.snapshot(2, 251).certificate;
  CHECK_THAT(b.restored(b.changes, forged), Contains("certificate") || Contains("signature"));
  // Former members, all of them with their own keys, at a height that is not theirs any more; and members before their time.
  CHECK_THAT(b.restored(b.changes, b.snapshot(0, 100)), Contains("certified by the members of epoch 0, who are not in force there"));
  CHECK_THAT(b.restored(b.changes, b.snapshot(1, 200)), Contains("certified by the members of epoch 1, who are not in force there"));
  CHECK_THAT(b.restored(b.changes, b.snapshot(2, 199)), Contains("certified by the members of epoch 2, who are not in force there"));
  // Another network, and a state that is not the certified one.
  forged = b.snapshot(2, 250);
  forged.manifest.header.network = "elsewhere";
  CHECK_THAT(b.restored(b.changes, forged), Contains("is a snapshot of network elsewhere"));
  Block block = b.at(2, 250, "device.register", Json::object());
  forged.manifest.header = block.header;
  forged.certificate = b.certified(block, 2);
  CHECK_THAT(b.restored(b.changes, forged), Contains("does not have the digest that its block states"));
}

TEST_CASE("clients' signatures go unverified only where genesis and configuration both say so") {
  Backup b;
  node::NodeConfig config;
  CHECK(node::check_unverified_clients(config, b.genesis));
  config.unverified_clients = true;
  const auto refused = node::check_unverified_clients(config, b.genesis);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().detail, Contains("take benchmark.unverified_clients out"));
  b.genesis.unverified_clients = true;
  CHECK(node::check_unverified_clients(config, b.genesis));
  config.unverified_clients = false;
  CHECK_FALSE(node::check_unverified_clients(config, b.genesis));
}

TEST_CASE("without verification a document that names a member must be signed by it, and a normal network verifies every document") {
  Backup b;
  const auto members = [&] { return b.genesis.member_set(); };
  const auto document = [&](const KeyPair& key) { return make_transaction(key, b.genesis.network, "payment.create", 1'800'000'000, "{}"); };
  const KeyPair client = KeyPair::generate();
  Transaction good = document(client), wrong = good, unsigned_one = good, of_member = document(b.chain.keys[0]);
  wrong.signature[7] ^= 1;
  unsigned_one.signature = {};
  for (const bool benchmark : {false, true}) {
    b.genesis.unverified_clients = benchmark;
    CHECK(node::is_authentic(good, b.genesis, members));
    CHECK(node::is_authentic(wrong, b.genesis, members) == benchmark);
    CHECK(node::is_authentic(unsigned_one, b.genesis, members) == benchmark);
    CHECK(node::is_authentic(of_member, b.genesis, members));
    Transaction forged = of_member;
    forged.signature[7] ^= 1;
    CHECK_FALSE(node::is_authentic(forged, b.genesis, members));
  }
}
