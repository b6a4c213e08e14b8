// Blocks: canonical records, RFC 6962 trees, certificates, quorum arithmetic.
#include <catch2/catch.hpp>

#include "protocol/limits.h"
#include "tests/unit/protocol/chain_fixture.h"

using namespace agiddi;
using agiddi::test::SmallChain;

namespace {

Hash leaf(std::string_view data) { return blake2b(std::string(1, '\0') + std::string(data)); }
Hash node(const Hash& a, const Hash& b) { return blake2b(std::string(1, '\1') + std::string(a.view()) + std::string(b.view())); }

// Every prefix, an unknown field behind, and every changed byte either fails or means another value: never the same one.
template <class Decode, class Encode>
void only_canonical(const Bytes& record, Decode decode, Encode encode) {
  REQUIRE(decode(record));
  CHECK(encode(*decode(record)) == record);
  CHECK_FALSE(decode(record + std::string("\xf8\x01\x01", 3)));
  CHECK_FALSE(decode(record + "\x08"));
  for (std::size_t at = 0; at < record.size(); ++at) {
    for (const int flip : {1, 0x80}) {
      Bytes changed = record;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto value = decode(changed);
      if (value) CHECK(encode(*value) == changed);
    }
  }
}

}  // namespace

TEST_CASE("quorums of any size from 1 to 16") {
  const std::size_t quorums[] = {0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10, 11};
  for (std::size_t n = 1; n <= 16; ++n) {
    const MemberSet members = SmallChain(n).genesis.member_set();
    CAPTURE(n);
    CHECK(members.faults() == (n - 1) / 3);
    CHECK(members.quorum() == quorums[n]);
    CHECK(2 * members.quorum() > n + members.faults());        // two quorums share an honest member
    CHECK(members.quorum() <= n - members.faults());           // the honest ones suffice
  }
}

TEST_CASE("members are found by id and key, and their digest covers everything") {
  const SmallChain chain;
  const MemberSet members = chain.genesis.member_set();
  CHECK(members.index_of("node-3") == 2);
  CHECK(members.index_of("node-9") == -1);
  CHECK(members.index_of(chain.keys[1].public_key()) == 1);
  CHECK(members.index_of(PublicKey{}) == -1);
  std::vector<Hash> digests{members.digest(), MemberSet(members.all(), 1).digest()};
  for (int field = 0; field < 4; ++field) {
    auto changed = members.all();
    if (field == 0) changed[0].id += "x";
    if (field == 1) changed[0].key[0] ^= 1;
    if (field == 2) changed[0].sealing_key[0] ^= 1;
    if (field == 3) changed[0].address += "0";
    digests.push_back(MemberSet(changed).digest());
  }
  auto shifted = members.all();
  std::swap(shifted[0], shifted[1]);
  digests.push_back(MemberSet(shifted).digest());
  std::sort(digests.begin(), digests.end());
  CHECK(std::adjacent_find(digests.begin(), digests.end()) == digests.end());
}

TEST_CASE("Merkle trees have the shape of RFC 6962 section 2.1") {
  CHECK(merkle_root({}) == blake2b(""));
  CHECK(merkle_root({"a"}) == leaf("a"));
  CHECK(merkle_root({"a", "b"}) == node(leaf("a"), leaf("b")));
  CHECK(merkle_root({"a", "b", "c"}) == node(node(leaf("a"), leaf("b")), leaf("c")));
  // Section 2.1.3: seven leaves d0 … d6.
  const Hash g = node(leaf("0"), leaf("1")), h = node(leaf("2"), leaf("3")), i = node(leaf("4"), leaf("5")), j = leaf("6");
  const Hash k = node(g, h), l = node(i, j);
  const std::vector<Bytes> leaves{"0", "1", "2", "3", "4", "5", "6"};
  CHECK(merkle_root(leaves) == node(k, l));
  CHECK(merkle_path(leaves, 0) == std::vector<Hash>{leaf("1"), h, l});
  CHECK(merkle_path(leaves, 3) == std::vector<Hash>{leaf("2"), g, l});
  CHECK(merkle_path(leaves, 4) == std::vector<Hash>{leaf("5"), j, k});
  CHECK(merkle_path(leaves, 6) == std::vector<Hash>{i, k});
}

TEST_CASE("every leaf's path leads to the root, and to no other leaf, place or size") {
  for (std::size_t n = 1; n <= 33; ++n) {
    std::vector<Bytes> leaves;
    for (std::size_t i = 0; i < n; ++i) leaves.push_back("leaf " + std::to_string(i));
    const Hash root = merkle_root(leaves);
    for (std::size_t i = 0; i < n; ++i) {
      auto path = merkle_path(leaves, i);
      REQUIRE(verify_merkle_path(leaves[i], i, n, path, root));
      REQUIRE_FALSE(verify_merkle_path("other", i, n, path, root));
      REQUIRE_FALSE(verify_merkle_path(leaves[i], n, n, path, root));
      if (n > 1) REQUIRE_FALSE(verify_merkle_path(leaves[i], (i + 1) % n, n, path, root));
      path.push_back(Hash{});
      REQUIRE_FALSE(verify_merkle_path(leaves[i], i, n, path, root));
      path.pop_back();
      if (!path.empty()) {
        path.back().bytes[0] ^= 1;
        REQUIRE_FALSE(verify_merkle_path(leaves[i], i, n, path, root));
      }
    }
  }
}

TEST_CASE("an inner node is never taken for a leaf") {
  const std::vector<Bytes> leaves{"a", "b", "c", "d"};
  const Hash left = node(leaf("a"), leaf("b")), right = node(leaf("c"), leaf("d"));
  CHECK_FALSE(verify_merkle_path(std::string(leaf("a").view()) + std::string(leaf("b").view()), 0, 2, {right}, merkle_root(leaves)));
  CHECK(merkle_root(leaves) == node(left, right));
}

TEST_CASE("records are canonical") {
  const SmallChain chain;
  const Block block = chain.block(3);
  const auto certificate = chain.certificate(block.header);
  only_canonical(encode_batch(block.batch), decode_batch, encode_batch);
  only_canonical(encode_header(block.header), decode_header, encode_header);
  only_canonical(encode_certificate(certificate), decode_certificate, encode_certificate);
  only_canonical(encode_receipt(block.receipts[1]), decode_receipt, encode_receipt);

  CHECK(decode_header(encode_header(block.header)).value().hash() == block.header.hash());
  CHECK(decode_batch(encode_batch(block.batch)).value().digest() == block.batch.digest());
  CHECK(decode_receipt(encode_receipt(block.receipts[1])).value() == block.receipts[1]);
  CHECK(decode_batch("").value().transactions.empty());
  CHECK_FALSE(decode_header(""));
  CHECK_FALSE(decode_receipt(""));

  // As protobuf writes records.Batch: fields in order, zeros left out, a negative number in ten bytes.
  const std::string ff(9, '\xff');
  CHECK(encode_batch({}) == "");
  CHECK(encode_batch({1, 0, -1, {}}) == "\x08\x01\x18" + ff + "\x01");
  CHECK(encode_batch({127, 128, 300, {}}) == "\x08\x7f\x10\x80\x01\x18\xac\x02");
  CHECK(encode_batch({UINT64_MAX, 0, 0, {blake2b("a")}}) == "\x08" + ff + "\x01\x22\x20" + std::string(blake2b("a").view()));
  for (const Batch& one : {Batch{}, Batch{1, 0, -1, {}}, Batch{127, 128, 1'780'000'000'000, {Hash{}, Hash{}}}, Batch{UINT64_MAX, 1, 0, block.batch.transactions}}) {
    only_canonical(encode_batch(one), decode_batch, encode_batch);
  }
  for (const char* bad : {"\x08", "\x08\x80", "\x10\x01\x08\x01", "\x22\x01x", "\x22\x20x", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "x"}) CHECK_FALSE(decode_batch(bad));

  Batch large;
  large.transactions.resize(limits::kBatchTransactionsMax + 1);
  CHECK_FALSE(decode_batch(encode_batch(large)));
  Receipt odd = block.receipts[0];
  odd.status = static_cast<Status>(299);
  CHECK_FALSE(decode_receipt(encode_receipt(odd)));
  odd = block.receipts[0];
  odd.result = "\xff";
  CHECK_FALSE(decode_receipt(encode_receipt(odd)));
}

TEST_CASE("digests cover every field") {
  const SmallChain chain;
  const Block block = chain.block(2);
  std::vector<Hash> hashes{block.header.hash()};
  const auto with = [&](auto change) {
    BlockHeader header = block.header;
    change(header);
    hashes.push_back(header.hash());
  };
  with([](auto& h) { h.format_version = 2; });
  with([](auto& h) { h.network += "x"; });
  with([](auto& h) { ++h.height; });
  with([](auto& h) { h.previous_hash.bytes[0] ^= 1; });
  with([](auto& h) { h.batch_digest.bytes[0] ^= 1; });
  with([](auto& h) { h.transaction_root.bytes[0] ^= 1; });
  with([](auto& h) { h.receipt_root.bytes[0] ^= 1; });
  with([](auto& h) { h.state_digest.bytes[0] ^= 1; });
  with([](auto& h) { h.members_digest.bytes[0] ^= 1; });
  with([](auto& h) { ++h.timestamp; });
  with([](auto& h) { ++h.view; });
  const auto batch_with = [&](auto change) {
    Batch batch = block.batch;
    change(batch);
    hashes.push_back(batch.digest());
  };
  batch_with([](auto&) {});
  batch_with([](auto& b) { ++b.height; });
  batch_with([](auto& b) { ++b.view; });
  batch_with([](auto& b) { ++b.timestamp; });
  batch_with([](auto& b) { std::swap(b.transactions[0], b.transactions[1]); });
  batch_with([](auto& b) { b.transactions.pop_back(); });
  std::sort(hashes.begin(), hashes.end());
  CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
}

TEST_CASE("a certificate needs a quorum of valid signatures of distinct members") {
  const SmallChain chain;
  const MemberSet members = chain.genesis.member_set();
  const BlockHeader header = chain.block(1).header;
  CHECK(verify_certificate(header, chain.certificate(header, 3), members));
  CHECK(verify_certificate(header, chain.certificate(header, 4), members));
  CHECK_FALSE(verify_certificate(header, chain.certificate(header, 2), members));
  CHECK_FALSE(verify_certificate(header, {}, members));

  auto twice = chain.certificate(header, 3);
  twice.signatures[2] = twice.signatures[1];
  CHECK_FALSE(verify_certificate(header, twice, members));
  auto disordered = chain.certificate(header, 3);
  std::swap(disordered.signatures[0], disordered.signatures[1]);
  CHECK_FALSE(verify_certificate(header, disordered, members));
  auto stranger = chain.certificate(header, 3);
  stranger.signatures[2].validator = "node-9";
  CHECK_FALSE(verify_certificate(header, stranger, members));
  auto borrowed = chain.certificate(header, 3);       // another member's signature under this name
  borrowed.signatures[2].signature = chain.keys[0].sign(header_vote_bytes(header, "node-1"));
  CHECK_FALSE(verify_certificate(header, borrowed, members));
  auto one_bad_of_four = chain.certificate(header, 4);
  one_bad_of_four.signatures[3].signature[0] ^= 1;
  CHECK_FALSE(verify_certificate(header, one_bad_of_four, members));
  BlockHeader other = header;
  ++other.height;
  CHECK_FALSE(verify_certificate(other, chain.certificate(header, 3), members));
}
