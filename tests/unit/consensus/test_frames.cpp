// Frames on the wire, and what verification refuses.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "consensus/frames.h"
#include "consensus/verify.h"
#include "replica_net.h"
#include "tools/sim/cheap_authenticator.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

std::shared_ptr<const KeyPair> key(char fill) { return std::make_shared<const KeyPair>(std::move(*KeyPair::from_seed(Bytes(32, fill)))); }

Transaction frame_document(const std::string& jti) {
  ProtectedHeader header{did_from_key(key('c')->public_key()), "test", "sim.add", 1'780'000'000, jti};
  return *parse_transaction(sign_document(*key('c'), header, "{}"), "{}");
}

SnapshotAttestation attestation(const SigningContext& context, Height height, const std::string& name, MemberIndex sender) {
  SnapshotAttestation one{height, tx(name), sender, {}};
  one.signature = tools::CheapAuthenticator(sender).sign(signing_bytes(context, one));
  return one;
}

MemberChange member_change(const CertifiedHeader& certified) {
  return {certified.header, certified.certificate, frame_document("two"), {{MerkleSide::left, MerkleSide::right}, {tx("a"), tx("b")}},
          encode_receipt({tx("c"), Status::created, "{}"}), {{MerkleSide::right}, {tx("d")}}};
}

std::vector<PeerFrame> examples(const SigningContext& context) {
  const Batch batch = make_batch(3, 1, kGenesis_ms, {"a", "b"});
  const CertifiedHeader stable = make_certified(context, 2, 0, kGenesis_ms, false);
  auto bare = make_prepared(context, 1, batch);
  bare.batch.reset();
  NewView new_view{2, 2, {}, {batch}, {make_vote(context, Phase::prepare, 2, 3, batch.digest(), 2)}, {}};
  for (MemberIndex sender = 0; sender < 3; ++sender) new_view.view_changes.push_back(make_view_change(context, 2, sender, {bare}, stable));
  new_view.signature = tools::CheapAuthenticator(2).sign(signing_bytes(context, new_view));
  MemberStatus status{1, 2, true, 7, 6, stable, {{8, true, true, false}, {9, true, false, false}}, {}};
  status.signature = tools::CheapAuthenticator(1).sign(signing_bytes(context, status));
  HeaderVote header_vote{stable.header, 1, {}};
  header_vote.signature = tools::CheapAuthenticator(1).sign(signing_bytes(context, header_vote));
  const Transaction transaction = frame_document("one");
  Batch block_batch{2, 0, kGenesis_ms, {transaction.id}};
  CertifiedHeader block = make_certified(context, 2, 0, kGenesis_ms, false);
  block.header.batch_digest = block_batch.digest();
  for (auto& one : block.certificate.signatures) {
    one.signature = tools::CheapAuthenticator(static_cast<MemberIndex>(context.members.index_of(one.validator))).sign(header_vote_bytes(block.header, one.validator));
  }
  // The same without a certificate, and a certified header above it.
  const CertifiedHeader below = block;
  CertifiedHeader above = make_certified(context, 3, 0, kGenesis_ms, false);
  above.header.previous_hash = below.header.hash();
  for (auto& one : above.certificate.signatures) {
    one.signature = tools::CheapAuthenticator(static_cast<MemberIndex>(context.members.index_of(one.validator))).sign(header_vote_bytes(above.header, one.validator));
  }
  return {
      {Transactions{{std::make_shared<const Transaction>(transaction)}}},
      {FetchTransactions{{tx("a"), tx("b")}}},
      {PrePrepare{batch, make_vote(context, Phase::prepare, 1, 3, batch.digest(), 1)}},
      {make_vote(context, Phase::commit, 1, 3, batch.digest(), 3)},
      {header_vote},
      {make_view_change(context, 2, 3, {make_prepared(context, 1, batch)}, stable)},
      {new_view},
      {status},
      {SyncRequest{4, 9}},
      {SyncResponse{2, {{block.header, block.certificate, block_batch, {transaction}}}}},
      {SyncResponse{2, {{below.header, {}, block_batch, {transaction}}}, {{above.header}, above.certificate}}},
      {SnapshotOffers{7, {attestation(context, 20, "twenty", 2), attestation(context, 10, "ten", 2)}}},
      {SnapshotRequest{tx("twenty"), 3}},
      {SnapshotPart{SnapshotManifest{1, stable.header, 2, {tx("chunk")}}.id(), 0, encode_manifest({1, stable.header, 2, {tx("chunk")}}), false, stable.certificate}},
      {SnapshotPart{tx("twenty"), 1, "chunk", false, {}}},
      {SnapshotPart{tx("twenty"), 2, "", true, {}}},
      {EpochRequest{2}},
      {EpochProofs{1, {member_change(stable), member_change(block)}, stable}},
  };
}

}  // namespace

TEST_CASE("every kind of frame survives the wire and verifies", "[frames]") {
  const SigningContext context = make_context(4);
  for (const PeerFrame& frame : examples(context)) {
    INFO(describe(frame));
    const Bytes bytes = encode_frame(frame);
    auto back = decode_frame(bytes, 4);
    REQUIRE(back);
    CHECK(encode_frame(*back) == bytes);
    CHECK(describe(*back) == describe(frame));
    auto verified = verify_frame(*back, context, tools::CheapAuthenticator(0));
    CHECK(verified);
    if (!verified) WARN(verified.error().detail);
  }
}

// Hidden: AGIDDI_CORPUS=tests/fuzz/corpus/peer_message test_consensus "[.corpus]" writes one file for each kind of frame.
TEST_CASE("write the fuzz corpus", "[.corpus]") {
  const char* folder = std::getenv("AGIDDI_CORPUS");
  if (folder == nullptr) return;
  int number = 0;
  for (const PeerFrame& frame : examples(make_context(4))) {
    std::ofstream(std::string(folder) + "/" + std::to_string(number++) + ".bin", std::ios::binary) << encode_frame(frame);
  }
}

TEST_CASE("no truncated or changed frame crashes, and a changed signed one is refused", "[frames]") {
  const SigningContext context = make_context(4);
  for (const PeerFrame& frame : examples(context)) {
    const Bytes bytes = encode_frame(frame);
    for (std::size_t length = 0; length < bytes.size(); length += 7) (void)decode_frame(bytes.substr(0, length), 4);
    if (std::holds_alternative<Transactions>(frame.content) || std::holds_alternative<FetchTransactions>(frame.content) ||
        std::holds_alternative<SyncRequest>(frame.content) || std::holds_alternative<SnapshotRequest>(frame.content) ||
        std::holds_alternative<SnapshotPart>(frame.content) || std::holds_alternative<EpochRequest>(frame.content) ||
        std::holds_alternative<EpochProofs>(frame.content)) {
      // Unsigned: the driver verifies transactions, ids and ranges are only asked for, parts have their hashes in what is attested, and the
      // Engine checks proofs of member sets one with the other.
      continue;
    }
    for (std::size_t at = 0; at < bytes.size(); at += 5) {
      Bytes changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 0x11);
      auto back = decode_frame(changed, 4);
      if (!back || encode_frame(*back) == bytes) continue;
      // Only what a signature does not cover may pass: the bodies in a sync answer, whose own signatures the driver verifies.
      if (std::holds_alternative<SyncResponse>(back->content)) continue;
      INFO(describe(frame) << " changed at " << at << " of " << bytes.size());
      CHECK_FALSE(verify_frame(*back, context, tools::CheapAuthenticator(0)));
    }
  }
}

TEST_CASE("senders, counts and sizes are bounded", "[frames]") {
  const SigningContext context = make_context(4);
  const auto refused = [&](const PeerFrame& frame, std::size_t members = 4) { return !decode_frame(encode_frame(frame), members); };
  CHECK(refused({make_vote(context, Phase::prepare, 0, 1, tx("d"), 3)}, 3));   // a sender that is no member
  CHECK(refused({make_vote(context, Phase::prepare, 0, 0, tx("d"), 1)}));      // height 0
  CHECK(refused({SyncRequest{5, 4}}));
  CHECK(refused({SyncRequest{0, 4}}));
  CHECK(refused({EpochProofs{0, std::vector<MemberChange>(kEpochProofsMax + 1, member_change(make_certified(context, 2, 0, kGenesis_ms, false))), {}}}));
  MemberChange deep = member_change(make_certified(context, 2, 0, kGenesis_ms, false));
  deep.transaction_path = {std::vector<MerkleSide>(33, MerkleSide::left), std::vector<Hash>(33)};
  CHECK(refused({EpochProofs{0, {deep}, {}}}));
  FetchTransactions many;
  many.ids.resize(limits::kBatchTransactionsMax + 1);
  CHECK(refused({many}));
  MemberStatus status{1, 0, true, 0, 0, std::nullopt, {{5, true, false, false}, {5, true, false, false}}, {}};
  CHECK(refused({status}));
  CHECK(!decode_frame(Bytes(limits::kPeerFrameMax_bytes + 1, '\0'), 4));
  CHECK(!decode_frame("", 4));
}

TEST_CASE("forged and incomplete certificates are refused", "[verify]") {
  const SigningContext context = make_context(4);
  const tools::CheapAuthenticator checker(0);
  CertifiedHeader certified = make_certified(context, 5, 0, kGenesis_ms, false);
  CHECK(verify_certified(certified, context, checker));

  SECTION("too few") { certified.certificate.signatures.pop_back(); }
  SECTION("one twice") { certified.certificate.signatures[1] = certified.certificate.signatures[0]; }
  SECTION("another header") { certified.header.height = 6; }
  SECTION("another network") { certified.header.network = "else"; }
  SECTION("a stranger") { certified.certificate.signatures[2].validator = "zzz"; }
  CHECK_FALSE(verify_certified(certified, context, checker));
}

TEST_CASE("a ViewChange cannot claim what was not prepared", "[verify]") {
  const SigningContext context = make_context(4);
  const tools::CheapAuthenticator checker(0);
  const Batch batch = make_batch(3, 1, kGenesis_ms, {"a"});
  auto certificate = make_prepared(context, 1, batch);
  View asked = 2;
  SECTION("too few votes") { certificate.prepares.pop_back(); }
  SECTION("another batch") { certificate.batch = make_batch(3, 1, kGenesis_ms, {"b"}); }
  SECTION("votes of another view") { certificate.view = 0; }
  SECTION("of the asked view itself") { asked = 1; }
  SECTION("beyond the window") {
    certificate = make_prepared(context, 1, make_batch(limits::kWindowHeights + 1, 1, kGenesis_ms, {"a"}));
  }
  CHECK_FALSE(verify_frame({make_view_change(context, asked, 0, {certificate})}, context, checker));
}

TEST_CASE("signatures are bound to phase, view, height, network and sender", "[verify]") {
  const SigningContext context = make_context(4);
  const tools::CheapAuthenticator checker(0);
  Vote vote = make_vote(context, Phase::prepare, 1, 3, tx("digest"), 2);
  CHECK(verify_frame({vote}, context, checker));
  SECTION("phase") { vote.phase = Phase::commit; }
  SECTION("view") { vote.view = 2; }
  SECTION("height") { vote.height = 4; }
  SECTION("digest") { vote.digest = tx("other"); }
  SECTION("sender") { vote.sender = 1; }
  CHECK_FALSE(verify_frame({vote}, context, checker));
  SigningContext other = context;
  other.network = "other";
  CHECK_FALSE(verify_frame({make_vote(context, Phase::prepare, 1, 3, tx("digest"), 2)}, other, checker));
}

TEST_CASE("Ed25519 authenticators agree with the protocol floor's certificates", "[verify]") {
  std::vector<std::shared_ptr<const KeyPair>> keys;
  std::vector<Member> members;
  for (char c = 'a'; c < 'e'; ++c) {
    keys.push_back(key(c));
    members.push_back({"node-" + std::string(1, c), keys.back()->public_key(), {}, ""});
  }
  const SigningContext context{"test", MemberSet(members)};
  CertifiedHeader certified;
  certified.header.network = "test";
  certified.header.height = 9;
  certified.header.members_digest = context.members.digest();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto authenticator = make_ed25519_authenticator(keys[i], context.members);
    HeaderVote vote{certified.header, static_cast<MemberIndex>(i), {}};
    certified.certificate.signatures.push_back({members[i].id, authenticator->sign(signing_bytes(context, vote))});
  }
  const auto checker = make_ed25519_authenticator(keys[3], context.members);
  CHECK(verify_certified(certified, context, *checker));
  CHECK(verify_certificate(certified.header, certified.certificate, context.members));
  certified.certificate.signatures[0].signature[3] ^= 1;
  CHECK_FALSE(verify_certified(certified, context, *checker));
}
