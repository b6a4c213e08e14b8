// A ledger and state machine for tests of the Engine: small, deterministic, and durable as the real one (a block is applied wholly or not).
//
// A transaction "key" adds one to that key's counter; a repeated transaction does nothing. The state digest is a function of the counters only.
#pragma once

#include <map>
#include <optional>

#include "consensus/engine.h"

namespace agiddi::consensus::test {

class ChainMachine {
 public:
  explicit ChainMachine(std::string network, Hash members_digest);

  BlockHeader apply(const Batch& batch, const std::vector<Transaction>& transactions);
  void store_certificate(const consensus::CertifiedHeader& certified);

  consensus::Height height() const { return blocks_.size(); }
  const BlockHeader& header(consensus::Height height) const { return blocks_[height - 1].header; }
  const Batch& batch(consensus::Height height) const { return blocks_[height - 1].batch; }
  bool has_certificate(consensus::Height height) const { return blocks_[height - 1].certificate.has_value(); }
  bool knows(const Hash& transaction) const { return known_.contains(transaction); }
  std::vector<consensus::SyncBlock> read(consensus::Height from, consensus::Height to) const;
  void restore_into(consensus::Restored& restored) const;

 private:
  struct Stored {
    BlockHeader header;
    Batch batch;
    std::vector<Transaction> transactions;
    std::optional<QuorumCertificate> certificate;
  };
  std::string network_;
  Hash members_digest_;
  std::vector<Stored> blocks_;
  std::map<Hash, consensus::Height> known_;
  std::map<Bytes, std::uint64_t> counters_;
};

}  // namespace agiddi::consensus::test
