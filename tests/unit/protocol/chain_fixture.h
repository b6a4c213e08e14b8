// A small real chain for tests of blocks, genesis and proofs: four members with known keys, and certified blocks.
#pragma once

#include "protocol/proof.h"

namespace agiddi::test {

struct SmallChain {
  std::vector<KeyPair> keys;
  Genesis genesis;

  explicit SmallChain(std::size_t members = 4) {
    Genesis draft;
    draft.name = "test";
    draft.created = 1'769'846'400'000;
    draft.units_digest = blake2b("units");
    for (std::size_t i = 0; i < members; ++i) {
      keys.push_back(KeyPair::from_seed(blake2b("member " + std::to_string(i)).view()).value());
      Member member;
      member.id = "node-" + std::to_string(i + 1);
      member.key = keys.back().public_key();
      member.sealing_key = SealingKey::from_secret(blake2b("sealing " + std::to_string(i)).view()).value().public_key;
      member.address = "127.0.0.1:" + std::to_string(8201 + i);
      draft.members.push_back(member);
    }
    draft.accounts.push_back({did_from_key(keys[0].public_key()), "EUR", 1'000'000 * kMicro});
    draft.issuers.push_back(did_from_key(keys[0].public_key()));
    genesis = parse_genesis(write_genesis(draft)).value();
  }

  Block block(std::size_t transactions) const {
    Block out;
    for (std::size_t i = 0; i < transactions; ++i) {
      out.transactions.push_back(make_transaction(keys[0], genesis.network, "device.register", 1'769'846'400, "{\"n\":" + std::to_string(i) + "}"));
      out.batch.transactions.push_back(out.transactions.back().id);
      out.receipts.push_back({out.transactions.back().id, i % 2 ? Status::payment_required : Status::created, "{\"k\":" + std::to_string(i) + "}"});
    }
    out.batch.height = 7;
    out.batch.view = 2;
    out.batch.timestamp = 1'769'846'401'234;
    out.header.network = genesis.network;
    out.header.height = 7;
    out.header.view = 2;
    out.header.timestamp = out.batch.timestamp;
    out.header.previous_hash = blake2b("previous");
    out.header.state_digest = blake2b("state");
    out.header.batch_digest = out.batch.digest();
    out.header.members_digest = genesis.member_set().digest();
    out.header.transaction_root = transaction_root(out.batch.transactions);
    out.header.receipt_root = receipt_root(out.receipts);
    return out;
  }

  QuorumCertificate certificate(const BlockHeader& header, std::size_t signatures = 3) const {
    QuorumCertificate out;
    for (std::size_t i = 0; i < signatures; ++i) {
      out.signatures.push_back({genesis.members[i].id, keys[i].sign(header_vote_bytes(header, genesis.members[i].id))});
    }
    return out;
  }
};

}  // namespace agiddi::test
