// Proofs: what a node hands out is accepted; any change is refused, each with its own reason.
#include <catch2/catch.hpp>

#include "protocol/encoding.h"
#include "tests/unit/protocol/changed_chain.h"

using namespace agiddi;
using agiddi::test::SmallChain;

namespace {

struct Fixture {
  SmallChain chain;
  Block block;
  std::string proof;
  explicit Fixture(std::size_t transactions = 5, std::size_t index = 1)
      : block(chain.block(transactions)), proof(make_proof(block, chain.certificate(block.header), index).dump()) {}

  // Where the proof breaks after one replacement.
  std::string refusal(std::string_view from, std::string_view to) const {
    std::string changed = proof;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    changed.replace(at, from.size(), to);
    return refusal_of(changed);
  }
  std::string refusal_of(const std::string& text) const {
    const auto json = parse_json(text);
    if (!json) return "not JSON";
    const auto summary = verify_proof(chain.genesis, *json);
    if (summary) return "accepted";
    REQUIRE_FALSE(summary.error().fields.empty());
    return summary.error().fields[0].pointer;
  }
};

std::string other_digit(std::string hex) {
  hex[10] = hex[10] == '0' ? '1' : '0';
  return hex;
}

}  // namespace

TEST_CASE("the proof of every transaction of a block is accepted") {
  for (std::size_t n : {1, 2, 3, 7}) {
    for (std::size_t i = 0; i < n; ++i) {
      const Fixture f(n, i);
      const auto summary = verify_proof(f.chain.genesis, parse_json(f.proof).value());
      REQUIRE(summary);
      CHECK(summary->transaction.id == f.block.transactions[i].id);
      CHECK(summary->receipt == f.block.receipts[i]);
      CHECK(summary->header.hash() == f.block.header.hash());
    }
  }
}

TEST_CASE("every changed byte of a proof is refused") {
  const Fixture f(3, 1);
  for (std::size_t at = 0; at < f.proof.size(); ++at) {
    for (const char with : {'0', 'A', 'b', '}'}) {
      if (f.proof[at] == with) continue;
      std::string changed = f.proof;
      changed[at] = with;
      CAPTURE(at, with, f.proof.substr(at < 20 ? 0 : at - 20, 40));
      REQUIRE(f.refusal_of(changed) != "accepted");
    }
  }
}

TEST_CASE("each part is refused for its own reason") {
  const Fixture f;
  const auto& header = f.block.header;
  CHECK(f.refusal(header.hash().hex(), other_digit(header.hash().hex())) == "/header/hash");
  for (const Hash& part : {header.previous_hash, header.batch_digest, header.transaction_root, header.receipt_root, header.state_digest, header.members_digest}) {
    CHECK(f.refusal(part.hex(), other_digit(part.hex())) == "/header/hash");
  }
  CHECK(f.refusal("\"height\":7", "\"height\":8") == "/header/hash");
  CHECK(f.refusal("\"height\":7", "\"height\":7.0") == "/header/height");
  CHECK(f.refusal("\"view\":2", "\"view\":2e0") == "/header/view");
  CHECK(f.refusal(".234Z", ".235Z") == "/header/hash");
  CHECK(f.refusal(".234Z", ".2340Z") == "/header/timestamp");
  CHECK(f.refusal("\"formatVersion\":1", "\"formatVersion\":2") == "/header/formatVersion");
  CHECK(f.refusal("\"validator\":\"node-3\"", "\"validator\":\"node-4\"") == "/certificate");
  CHECK(f.refusal("\"validator\":\"node-3\"", "\"validator\":\"node-2\"") == "/certificate");
  CHECK(f.refusal("\"document\":\"", "\"document\":\"eyJ4") == "/transaction/signature");
  CHECK(f.refusal("\"document\":\"", "\"document\":\"=") == "/transaction/document");
  CHECK(f.refusal("\"memberChanges\":[]", "\"memberChanges\":[{}]") == "/memberChanges/0/header");
  CHECK(f.refusal("\"memberChanges\":[]", "\"memberChanges\":[],\"note\":1") == "/note");
  CHECK(f.refusal("\"memberChanges\":[]", "\"memberchanges\":[]") == "/memberChanges");
}

TEST_CASE("paths: sides and hashes are fixed by the root") {
  const Fixture f(4, 1);
  const Json proof = parse_json(f.proof).value();
  const auto changed = [&](const char* part, auto change) {
    Json copy = proof;
    Json section = *proof.find(part);
    Json path = *section.find("path");
    change(path.items());
    section.set("path", path);
    copy.set(part, section);
    return f.refusal_of(copy.dump());
  };
  CHECK(changed("transaction", [](auto& steps) { steps.pop_back(); }) == "/transaction/path");
  CHECK(changed("transaction", [](auto& steps) { std::swap(steps[0], steps[1]); }) == "/transaction/path");
  CHECK(changed("transaction", [](auto& steps) { steps[0] = Json::object({{"right", *steps[0].find("left")}}); }) == "/transaction/path");
  CHECK(changed("transaction", [](auto& steps) { steps.push_back(steps[0]); }) == "/transaction/path");
  CHECK(changed("transaction", [](auto& steps) { steps[0].set("right", *steps[0].find("left")); }) == "/transaction/path/0/right");
  CHECK(changed("receipt", [](auto& steps) { steps.pop_back(); }) == "/receipt/path");
  CHECK(changed("receipt", [](auto& steps) { steps[1] = steps[0]; }) == "/receipt/path");
  CHECK(changed("receipt", [](auto& steps) { steps[0] = "x"; }) == "/receipt/path/0");
  CHECK(changed("receipt", [](auto& steps) { steps.assign(40, steps[0]); }) == "/receipt/path");
}

TEST_CASE("a receipt that says success for a rejected payment, or is another transaction's, is refused") {
  const Fixture f(2, 1);
  const Json proof = parse_json(f.proof).value();
  const auto with_receipt = [&](const Receipt& receipt) {
    Json copy = proof;
    Json section = *proof.find("receipt");
    section.set("value", to_base64url(encode_receipt(receipt)));
    copy.set("receipt", section);
    return f.refusal_of(copy.dump());
  };
  CHECK(with_receipt(f.block.receipts[1]) == "accepted");
  Receipt paid = f.block.receipts[1];
  paid.status = Status::created;
  CHECK(with_receipt(paid) == "/receipt/path");
  CHECK(with_receipt(f.block.receipts[0]) == "/receipt/value");
}

TEST_CASE("a proof of another network, or certified by too few, is refused") {
  const Fixture f;
  const Json proof = parse_json(f.proof).value();
  Genesis other = f.chain.genesis;
  other.name = "other";
  const auto elsewhere = verify_proof(parse_genesis(write_genesis(other)).value(), proof);
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().fields[0].pointer == "/header/network");
  CHECK(f.refusal_of(make_proof(f.block, f.chain.certificate(f.block.header, 2), 0).dump()) == "/certificate");
  CHECK(f.refusal_of(make_proof(f.block, f.chain.certificate(f.block.header, 4), 0).dump()) == "accepted");

  // A quorum that signed a header whose members digest is not that of the genesis file.
  Block strange = f.block;
  strange.header.members_digest.bytes[0] ^= 1;
  CHECK(f.refusal_of(make_proof(strange, f.chain.certificate(strange.header), 0).dump()) == "/header/membersDigest");

  // A block that holds a document signed for another network.
  Block foreign = f.chain.block(0);
  foreign.transactions.push_back(make_transaction(f.chain.keys[0], "elsewhere", "device.register", 1, "{}"));
  foreign.receipts.push_back({foreign.transactions[0].id, Status::created, "{}"});
  foreign.header.transaction_root = transaction_root({foreign.transactions[0].id});
  foreign.header.receipt_root = receipt_root(foreign.receipts);
  CHECK(f.refusal_of(make_proof(foreign, f.chain.certificate(foreign.header), 0).dump()) == "/transaction/signature");
}

namespace {

struct ProvenChain : agiddi::test::ChangedChain {
  std::string refusal(const std::vector<MemberChange>& with) const { return refusal_of(make_proof(block, certified(block, 2), 0, with)); }
  std::string refusal_of(const Json& proof) const {
    const auto summary = verify_proof(genesis, proof);
    if (summary) return "accepted";
    REQUIRE_FALSE(summary.error().fields.empty());
    return summary.error().fields[0].pointer;
  }
  std::string refusal_with(const MemberChange& second) const { return refusal({changes[0], second}); }
};

}  // namespace

TEST_CASE("a proof across two changes of members is checked from genesis alone") {
  const ProvenChain c;
  const auto summary = verify_proof(c.genesis, parse_json(make_proof(c.block, c.certified(c.block, 2), 0, c.changes).dump()).value());
  REQUIRE(summary);
  CHECK(summary->members.epoch() == 2);
  CHECK(summary->members.size() == 4);
  // A block of an earlier epoch with the changes up to it.
  const Block middle = c.at(1, 120, "device.register", Json::object());
  CHECK(c.refusal_of(make_proof(middle, c.certified(middle, 1), 0, {c.changes[0]})) == "accepted");
}

TEST_CASE("changes of members that are missing, out of order, forged or not in force are refused, each for its reason") {
  const ProvenChain c;
  CHECK(c.refusal({}) == "/header/membersDigest");
  CHECK(c.refusal({c.changes[0]}) == "/header/membersDigest");
  CHECK(c.refusal({c.changes[1]}) == "/memberChanges/0/header/membersDigest");
  CHECK(c.refusal({c.changes[1], c.changes[0]}) == "/memberChanges/0/header/membersDigest");
  CHECK(c.refusal({c.changes[0], c.changes[0]}) == "/memberChanges/1/header/membersDigest");
  CHECK(c.refusal({c.changes[0], c.changes[1], c.changes[1]}) == "/memberChanges/2/header/membersDigest");
  // Epoch 2 twice, decided by the right members.
  CHECK(c.refusal_with(c.change(1, 150, {200, MemberSet(c.epochs[2].members.all(), 1)})) == "/memberChanges/1/receipt/value");
  // Members of an epoch do not choose who comes without the others: too few signatures, or those of the members to come.
  const Block alone = c.at(1, 150, "governance.vote", Json::object({{"decided", member_epoch_json(c.epochs[2])}}));
  QuorumCertificate few = c.certified(alone, 1);
  few.signatures.pop_back();
  CHECK(c.refusal_with(make_member_change(alone, few, 0)) == "/memberChanges/1/certificate");
  QuorumCertificate foreign = c.certified(alone, 1);
  foreign.signatures[0].signature = c.chain.keys[4].sign(header_vote_bytes(alone.header, foreign.signatures[0].validator));
  CHECK(c.refusal_with(make_member_change(alone, foreign, 0)) == "/memberChanges/1/certificate");
  // A certified block whose transaction was rejected, is of another kind, or decides nothing.
  CHECK(c.refusal_with(c.change(1, 150, c.epochs[2], "governance.vote", Status::conflict)) == "/memberChanges/1/transaction");
  CHECK(c.refusal_with(c.change(1, 150, c.epochs[2], "device.register")) == "/memberChanges/1/transaction");
  const Block open = c.at(1, 150, "governance.vote", Json::object({{"state", "open"}}));
  CHECK(c.refusal_with(make_member_change(open, c.certified(open, 1), 0)) == "/memberChanges/1/receipt/value");
  // Another set than the certified receipt says.
  MemberChange forged = c.changes[1];
  Receipt other{c.at(1, 150, "governance.vote", Json::object()).transactions[0].id, Status::ok,
                Json::object({{"decided", member_epoch_json({200, MemberSet({c.chain.genesis.members[0]}, 2)})}}).dump()};
  forged.receipt = encode_receipt(other);
  CHECK(c.refusal_with(forged) == "/memberChanges/1/receipt/value");
  // Heights: decided before the members who decided were in force, in force too early, and a block below its epoch.
  CHECK(c.refusal_with(c.change(1, 90, c.epochs[2])) == "/memberChanges/1/header/height");
  CHECK(c.refusal_with(c.change(1, 190, c.epochs[2])) == "/memberChanges/1/header/height");
  const Block early = c.at(2, 199, "device.register", Json::object());
  CHECK(c.refusal_of(make_proof(early, c.certified(early, 2), 0, c.changes)) == "/header/height");
  CHECK(c.refusal(std::vector<MemberChange>(kMemberChangesMax + 1, c.changes[0])) == "/memberChanges");
}

TEST_CASE("a block without a certificate of its own is proven by the headers above it") {
  const ProvenChain c;
  const auto above = [&](const Block& block, std::size_t count, std::size_t epoch) {
    HeaderChain chain;
    Block next = block;
    for (std::size_t i = 0; i < count; ++i) {
      next.header.previous_hash = next.header.hash();
      next.header.height++;
      next.header.members_digest = c.epochs[epoch].members.digest();
      chain.headers.push_back(next.header);
    }
    chain.certificate = c.certified(next, epoch);
    return chain;
  };
  const auto refused = [&](const HeaderChain& chain) { return c.refusal_of(make_proof(c.block, chain, 0, c.changes)); };
  CHECK(refused(above(c.block, 1, 2)) == "accepted");
  CHECK(refused(above(c.block, 32, 2)) == "accepted");
  CHECK(refused(above(c.block, 33, 2)) == "/headersAbove");
  CHECK(refused(above(c.block, 2, 1)) == "/headersAbove");     // members of another epoch
  HeaderChain chain = above(c.block, 3, 2);
  CHECK(refused({chain.headers, c.certified(c.block, 2)}) == "/certificate");
  CHECK(refused(chain.certificate) == "/certificate");
  chain.headers.erase(chain.headers.begin() + 1);
  CHECK(refused(chain) == "/headersAbove");
  chain = above(c.block, 3, 2);
  chain.headers[1].state_digest.bytes[3] ^= 1;
  CHECK(refused(chain) == "/headersAbove");
  Json empty = make_proof(c.block, c.certified(c.block, 2), 0, c.changes);
  empty.set("headersAbove", Json::array());
  CHECK(c.refusal_of(empty) == "/headersAbove");

  // The same of a block that decided members.
  const Block decided = c.at(1, 150, "governance.vote", Json::object({{"decided", member_epoch_json(c.epochs[2])}}), Status::ok);
  const MemberChange change = make_member_change(decided, above(decided, 2, 1), 0);
  CHECK(c.refusal_with(change) == "accepted");
  CHECK(verify_member_change(change, c.epochs[1], c.genesis.network));
  MemberChange cut = change;
  cut.proof.headers.pop_back();
  CHECK(c.refusal_with(cut) == "/memberChanges/1/certificate");
  cut.proof.headers.clear();
  CHECK(c.refusal_with(cut) == "/memberChanges/1/certificate");
  CHECK(c.refusal_with(make_member_change(decided, above(decided, 2, 2), 0)) == "/memberChanges/1/headersAbove");
  CHECK_FALSE(decided_by(make_member_change(decided, above(decided, 2, 2), 0), c.epochs[1], c.genesis.network));
  const auto again = decode_member_change(encode_member_change(change));
  REQUIRE(again);
  CHECK(member_change_json(*again).dump() == member_change_json(change).dump());
  CHECK_FALSE(decode_member_change(encode_member_change(make_member_change(decided, above(decided, 33, 1), 0))));
}

TEST_CASE("every changed byte of a member change is refused") {
  const ProvenChain c;
  const std::string text = make_proof(c.block, c.certified(c.block, 2), 0, c.changes).dump();
  const std::size_t begin = text.find("\"memberChanges\"");
  REQUIRE(begin != std::string::npos);
  for (std::size_t at = begin; at < text.size(); at += 3) {
    for (const char with : {'0', 'A', '}'}) {
      if (text[at] == with) continue;
      std::string changed = text;
      changed[at] = with;
      CAPTURE(at, with, text.substr(at - 20, 40));
      const auto json = parse_json(changed);
      REQUIRE((!json || !verify_proof(c.genesis, *json)));
    }
  }
}

TEST_CASE("a change of members survives its record, and no other bytes are one") {
  const ProvenChain c;
  for (const MemberChange& change : c.changes) {
    const Bytes record = encode_member_change(change);
    const auto again = decode_member_change(record);
    REQUIRE(again);
    CHECK(encode_member_change(*again) == record);
    CHECK(member_change_json(*again).dump() == member_change_json(change).dump());
    CHECK(record.size() < 4096);
    CHECK_FALSE(decode_member_change(record + Bytes("\x3a\x00", 2)));     // an unknown field
    CHECK_FALSE(decode_member_change(BytesView(record).substr(1)));
  }
  CHECK_FALSE(decode_member_change({}));
  MemberChange deep = c.changes[0];
  deep.receipt_path.sides.assign(33, MerkleSide::left);
  deep.receipt_path.hashes.assign(33, Hash{});
  CHECK_FALSE(decode_member_change(encode_member_change(deep)));
}

TEST_CASE("a chain of changes leads from genesis to the present members; a forged link is refused with its reason") {
  const ProvenChain c;
  const std::string& network = c.genesis.network;
  const auto one = verify_member_change(c.changes[0], c.epochs[0], network);
  REQUIRE(one);
  const auto two = verify_member_change(c.changes[1], *one, network);
  REQUIRE(two);
  CHECK(two->from_height == 200);
  CHECK(two->members.digest() == c.epochs[2].members.digest());

  const auto refusal = [&](const MemberChange& change, const MemberEpoch& before) {
    const auto done = verify_member_change(change, before, network);
    return done ? std::string("accepted") : done.error().fields.at(0).pointer;
  };
  CHECK(refusal(c.changes[1], c.epochs[0]) == "/header/membersDigest");                     // a link is missing
  CHECK(verify_member_change(c.changes[0], c.epochs[0], "other").error().fields.at(0).pointer == "/header/network");
  MemberChange forged = c.changes[0];
  forged.proof.certificate.signatures.pop_back();
  CHECK(refusal(forged, c.epochs[0]) == "/certificate");
  CHECK(decided_by(forged, c.epochs[0], network).has_value());                              // the caller checks signatures there
  forged = c.changes[0];
  forged.header.state_digest.bytes[0] ^= 1;
  CHECK(refusal(forged, c.epochs[0]) == "/certificate");
  forged = c.changes[0];
  forged.transaction.signature[0] ^= 1;
  CHECK(refusal(forged, c.epochs[0]) == "/transaction/signature");
  forged = c.changes[0];
  forged.transaction_path = {{MerkleSide::left}, {Hash{}}};
  CHECK(refusal(forged, c.epochs[0]) == "/transaction/path");
  CHECK_FALSE(decided_by(forged, c.epochs[0], network));
  forged = c.changes[0];
  forged.receipt = c.changes[1].receipt;
  CHECK(refusal(forged, c.epochs[0]) == "/receipt/value");
  forged = c.changes[0];
  forged.receipt_path = {{MerkleSide::right}, {Hash{}}};
  CHECK(refusal(forged, c.epochs[0]) == "/receipt/path");
}
