// Proofs: what a node hands out is accepted; any change is refused, each with its own reason.
#include <catch2/catch.hpp>

#include "protocol/encoding.h"
#include "tests/unit/protocol/chain_fixture.h"

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
  CHECK(f.refusal("\"memberChanges\":[]", "\"memberChanges\":[{}]") == "/memberChanges");
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
