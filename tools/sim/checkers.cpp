#include "tools/sim/checkers.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::size_t kMemoryMax_bytes = 16 * 1024 * 1024;  // of one member, in a simulation of small transactions

}  // namespace

void Checkers::promise(std::size_t node, const char* kind, std::uint64_t view, std::uint64_t height, const Hash& what) {
  const auto [entry, first] = promises_.try_emplace({node, kind, view, height}, what);
  if (first || entry->second == what) return;
  fail("node " + std::to_string(node) + " signed two different " + kind + " for view " + std::to_string(view) + ", height " + std::to_string(height) + ": " +
       entry->second.hex().substr(0, 8) + " and " + what.hex().substr(0, 8));
}

void Checkers::vote(std::size_t node, const Vote& vote) {
  if (vote.sender == node) promise(node, vote.phase == Phase::prepare ? "Prepares" : "Commits", vote.view, vote.height, vote.digest);
}

void Checkers::sent(std::size_t node, const PeerFrame& frame) {
  if (const auto* one = std::get_if<Vote>(&frame.content)) vote(node, *one);
  if (const auto* one = std::get_if<PrePrepare>(&frame.content)) vote(node, one->vote);
  if (const auto* one = std::get_if<HeaderVote>(&frame.content)) promise(node, "header votes", 0, one->header.height, one->header.hash());
  if (const auto* one = std::get_if<ViewChange>(&frame.content)) {
    promise(node, "ViewChanges", one->view, 0, blake2b(signing_bytes(context_, *one)));
  }
  if (const auto* one = std::get_if<NewView>(&frame.content); one != nullptr && one->sender == node) {
    promise(node, "NewViews", one->view, 0, blake2b(signing_bytes(context_, *one)));
    for (const Vote& prepare : one->prepares) vote(node, prepare);
  }
}

void Checkers::applied(std::size_t node, const BlockHeader& header, const Batch& batch) {
  const std::string where = "node " + std::to_string(node) + ", height " + std::to_string(header.height) + ": ";
  const auto [entry, first] = headers_.try_emplace(header.height, header);
  if (!first) {
    if (entry->second.hash() != header.hash()) {
      fail(where + "another block than elsewhere (batch " + header.batch_digest.hex().substr(0, 8) + " of view " + std::to_string(header.view) + ", not " +
           entry->second.batch_digest.hex().substr(0, 8) + " of view " + std::to_string(entry->second.view) + "; states " +
           (header.state_digest == entry->second.state_digest ? "equal" : "differ") + ")");
    }
    return;
  }
  if (const auto before = headers_.find(header.height - 1); before != headers_.end()) {
    const bool in_order = batch.transactions.empty() ? header.timestamp >= before->second.timestamp : header.timestamp > before->second.timestamp;
    if (!in_order) fail(where + "a timestamp that is not above the previous block's");
  }
  for (const Hash& id : batch.transactions) {
    const auto [known, fresh] = transactions_.try_emplace(id, header.height);
    if (!fresh) fail(where + "transaction " + id.hex().substr(0, 8) + " stands in block " + std::to_string(known->second) + " already");
  }
}

void Checkers::certified(std::size_t node, const CertifiedHeader& certified) {
  const std::string where = "node " + std::to_string(node) + ", height " + std::to_string(certified.header.height) + ": ";
  if (auto ok = verify_certified(certified, context_, *authenticator_); !ok) fail(where + "a certificate that is not valid: " + ok.error().detail);
  const auto known = headers_.find(certified.header.height);
  if (known == headers_.end() || known->second.hash() != certified.header.hash()) fail(where + "a certificate of a block that nobody applied");
}

void Checkers::memory(std::size_t node, std::size_t bytes) {
  if (bytes > kMemoryMax_bytes) fail("node " + std::to_string(node) + " buffers " + std::to_string(bytes) + " bytes");
}

}  // namespace agiddi::tools
