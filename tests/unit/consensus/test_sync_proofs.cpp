// What proves a synced block: its certificate, or the headers above it up to a certified one.
#include <catch2/catch.hpp>

#include "consensus/frames.h"
#include "consensus/verify.h"
#include "replica_net.h"
#include "tools/sim/cheap_authenticator.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

// Blocks 5, 6, ... of one chain; those in `certified` with certificates.
struct SyncChain {
  SigningContext context = make_context(4);
  std::vector<SyncBlock> blocks;

  explicit SyncChain(Height count, const std::set<Height>& certified) {
    Hash previous = tx("block 4");
    for (Height height = 5; height < 5 + count; ++height) {
      SyncBlock block;
      block.batch = Batch{height, 0, kGenesis_ms, {}};
      CertifiedHeader one = make_certified(context, height, 0, kGenesis_ms, false);
      one.header.previous_hash = previous;
      one.header.batch_digest = block.batch.digest();
      previous = one.header.hash();
      sign_all(one);
      block.header = one.header;
      if (certified.contains(height)) block.certificate = one.certificate;
      blocks.push_back(std::move(block));
    }
  }
  void sign_all(CertifiedHeader& one) const {
    for (auto& each : one.certificate.signatures) {
      const auto member = static_cast<MemberIndex>(context.members.index_of(each.validator));
      each.signature = tools::CheapAuthenticator(member).sign(header_vote_bytes(one.header, each.validator));
    }
  }
  // The first `count` of them, the others as headers as far as a certified one.
  SyncResponse answer(std::size_t count) const {
    SyncResponse out{5, {blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count)}, {}, 1};
    for (std::size_t i = count; i < blocks.size() && !out.blocks.empty() && out.blocks.back().certificate.signatures.empty(); ++i) {
      out.chain.headers.push_back(blocks[i].header);
      out.chain.certificate = blocks[i].certificate;
      if (!out.chain.certificate.signatures.empty()) break;
    }
    return out;
  }
  // Over the wire; empty = it holds.
  std::string verdict(const SyncResponse& answer) const {
    const auto back = decode_frame(encode_frame({answer}), 4);
    if (!back) return back.error().detail;
    const auto verified = verify_frame(*back, context, tools::CheapAuthenticator(0));
    return verified ? "" : verified.error().detail;
  }
};

}  // namespace

TEST_CASE("a synced block without a certificate is proven by what follows it", "[sync-proofs]") {
  CHECK(SyncChain(4, {5, 6, 7, 8}).verdict(SyncChain(4, {5, 6, 7, 8}).answer(4)).empty());
  const SyncChain late(4, {8});
  CHECK(late.verdict(late.answer(4)).empty());
  CHECK(late.verdict(late.answer(1)).empty());
  CHECK(late.answer(1).chain.headers.size() == 3);
  const SyncChain mixed(6, {5, 8, 10});
  for (std::size_t count = 1; count <= 6; ++count) CHECK(mixed.verdict(mixed.answer(count)).empty());
}

TEST_CASE("a synced block that nothing proves is refused", "[sync-proofs]") {
  const SyncChain chain(5, {9});
  SyncResponse good = chain.answer(2);
  REQUIRE(chain.verdict(good).empty());

  SyncResponse bad = good;
  bad.chain = {};
  CHECK(chain.verdict(bad) == "a synced block that nothing proves");
  bad = good;
  bad.blocks[0].header.state_digest = tx("another state");
  CHECK(chain.verdict(bad) == "a synced block that nothing proves");
  bad = good;
  bad.chain.headers.erase(bad.chain.headers.begin());
  CHECK(chain.verdict(bad) == "the headers above the block do not follow it and each other");
  bad = good;
  bad.chain.headers[1].timestamp += 1;
  CHECK(chain.verdict(bad) == "the headers above the block do not follow it and each other");
  bad = good;
  bad.chain.headers.pop_back();   // the certificate is of another header
  CHECK_FALSE(chain.verdict(bad).empty());
  bad = good;
  bad.chain.certificate.signatures.pop_back();
  CHECK_FALSE(chain.verdict(bad).empty());
  bad = good;
  bad.blocks.clear();
  CHECK(chain.verdict(bad) == "headers that prove nothing");
  bad = chain.answer(5);
  bad.blocks.pop_back();          // the last one is certified, the one before it is not
  CHECK(chain.verdict(bad) == "a synced block that nothing proves");
}

TEST_CASE("blocks of members who are not known yet take their proof with them", "[sync-proofs]") {
  SyncChain chain(5, {6, 9});
  auto epochs = std::make_shared<EpochTable>();
  epochs->push_back({0, chain.context.members, {}});
  chain.context.epochs = epochs;
  SyncResponse answer = chain.answer(5);
  drop_unknown_epochs(answer, chain.context);
  CHECK_FALSE(answer.cut);
  CHECK(answer.blocks.size() == 5);
  answer.blocks[3].header.members_digest = tx("members of another epoch");
  drop_unknown_epochs(answer, chain.context);
  CHECK(answer.cut);
  CHECK(answer.blocks.size() == 2);
  answer = chain.answer(1);
  answer.blocks[0].certificate = {};
  answer.chain = {{chain.blocks[1].header}, chain.blocks[1].certificate};
  answer.chain.headers[0].members_digest = tx("members of another epoch");
  drop_unknown_epochs(answer, chain.context);
  CHECK(answer.cut);
  CHECK(answer.blocks.empty());
  CHECK(answer.chain.headers.empty());
}

TEST_CASE("a chain of headers is bounded", "[sync-proofs]") {
  const SyncChain chain(limits::kHeaderChainMax + 2, {5 + limits::kHeaderChainMax + 1});
  const SyncResponse answer = chain.answer(1);
  REQUIRE(answer.chain.headers.size() == limits::kHeaderChainMax + 1);
  CHECK(chain.verdict(answer) == "too many headers in a frame");
}
