// A small real chain whose members change, with the keys of all of them: for tests of proofs, backups and what forges them.
#pragma once

#include "tests/unit/protocol/chain_fixture.h"

namespace agiddi::test {

// A chain whose members changed twice: node-5 joined (epoch 1, from height 100), node-1 left (epoch 2, from height 200).
struct ChangedChain {
  SmallChain chain{5};
  Genesis genesis;
  std::vector<MemberEpoch> epochs;
  std::vector<MemberChange> changes;
  Block block;

  ChangedChain() {
    Genesis draft = chain.genesis;
    draft.members.pop_back();
    genesis = parse_genesis(write_genesis(draft)).value();
    const std::vector<Member>& all = chain.genesis.members;
    epochs = {{0, genesis.member_set()},
              {100, MemberSet(all, 1)},
              {200, MemberSet({all[1], all[2], all[3], all[4]}, 2)}};
    changes = {change(0, 50, epochs[1]), change(1, 150, epochs[2])};
    block = at(2, 250, "governance.vote", Json::object({{"state", "open"}}));
  }

  // A block of one transaction, with the members of an epoch.
  Block at(std::size_t epoch, std::uint64_t height, const std::string& action, const Json& result, Status status = Status::created) const {
    Block out = chain.block(0);
    out.transactions = {make_transaction(chain.keys[0], genesis.network, action, 1'769'846'400, "{}")};
    out.batch.transactions = {out.transactions[0].id};
    out.receipts = {{out.transactions[0].id, status, result.dump()}};
    out.header.network = genesis.network;
    out.header.height = height;
    out.header.members_digest = epochs[epoch].members.digest();
    out.header.transaction_root = transaction_root(out.batch.transactions);
    out.header.receipt_root = receipt_root(out.receipts);
    return out;
  }
  QuorumCertificate certified(const Block& what, std::size_t epoch) const {
    QuorumCertificate out;
    const MemberSet& members = epochs[epoch].members;
    for (std::size_t i = 0; i < members.quorum(); ++i) {
      const auto key = static_cast<std::size_t>(members[i].id.back() - '1');
      out.signatures.push_back({members[i].id, chain.keys[key].sign(header_vote_bytes(what.header, members[i].id))});
    }
    return out;
  }
  MemberChange change(std::size_t epoch, std::uint64_t height, const MemberEpoch& next, const std::string& action = "governance.vote", Status status = Status::ok) const {
    const Block decided = at(epoch, height, action, Json::object({{"decided", member_epoch_json(next)}}), status);
    return make_member_change(decided, certified(decided, epoch), 0);
  }
};

}  // namespace agiddi::test
