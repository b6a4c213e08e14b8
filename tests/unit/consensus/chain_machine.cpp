#include "chain_machine.h"

#include "protocol/check.h"

namespace agiddi::consensus::test {



ChainMachine::ChainMachine(std::string network, Hash members_digest) : network_(std::move(network)), members_digest_(members_digest) {}

BlockHeader ChainMachine::apply(const Batch& batch, const std::vector<Transaction>& transactions) {
  AGIDDI_CHECK(batch.height == height() + 1, "blocks are applied in order");
  AGIDDI_CHECK(batch.transactions.size() == transactions.size(), "a batch comes with its bodies");
  std::vector<Bytes> ids, receipts;
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    AGIDDI_CHECK(transactions[i].id == batch.transactions[i], "bodies stand in batch order");
    const bool fresh = known_.try_emplace(transactions[i].id, batch.height).second;
    if (fresh) ++counters_[transactions[i].body];
    ids.emplace_back(transactions[i].id.view());
    receipts.push_back(fresh ? "done" : "repeated");
  }
  Bytes state;
  for (const auto& [key, count] : counters_) {
    append_u32_be(state, static_cast<std::uint32_t>(key.size()));
    state += key;
    append_u64_be(state, count);
  }
  BlockHeader header;
  header.network = network_;
  header.height = batch.height;
  if (!blocks_.empty()) header.previous_hash = blocks_.back().header.hash();
  header.batch_digest = batch.digest();
  header.transaction_root = merkle_root(ids);
  header.receipt_root = merkle_root(receipts);
  header.state_digest = tagged_hash("sim/state", {state});
  header.members_digest = members_digest_;
  header.timestamp = batch.timestamp;
  header.view = batch.view;
  blocks_.push_back({header, batch, transactions, std::nullopt});
  return header;
}

void ChainMachine::store_certificate(const CertifiedHeader& certified) {
  AGIDDI_CHECK(certified.header.height >= 1 && certified.header.height <= height(), "a certificate is stored beside its block");
  blocks_[certified.header.height - 1].certificate = certified.certificate;
}

std::vector<SyncBlock> ChainMachine::read(Height from, Height to) const {
  std::vector<SyncBlock> out;
  for (Height at = from; at <= to && at <= height() && has_certificate(at); ++at) {
    const Stored& block = blocks_[at - 1];
    out.push_back({block.header, *block.certificate, block.batch, block.transactions});
  }
  return out;
}

void ChainMachine::restore_into(Restored& restored) const {
  restored.applied = height();
  Height certified = 0;
  while (certified < height() && has_certificate(certified + 1)) ++certified;
  if (certified > 0) restored.certified = CertifiedHeader{header(certified), *blocks_[certified - 1].certificate};
  for (Height at = certified + 1; at <= height(); ++at) restored.uncertified.push_back(header(at));
  for (const Stored& block : blocks_) {
    restored.recent_transactions.insert(restored.recent_transactions.end(), block.batch.transactions.begin(), block.batch.transactions.end());
  }
}

}  // namespace agiddi::consensus::test
