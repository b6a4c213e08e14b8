#include "node/chain_duties.h"

#include <algorithm>

#include "consensus/verify.h"
#include "subservices/door.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

constexpr std::uint64_t kRecentBlocksMax = 10'000;  // read at start for the ids of recent transactions

}  // namespace

consensus::Restored restored_from(const ledger::Ledger& ledger, const ledger::LedgerSnapshot& view) {
  consensus::Restored restored;
  for (ledger::LogRecord& record : ledger.log_read_all()) restored.log.push_back({std::move(record.key), std::move(record.value)});
  restored.applied = view.height();
  const std::uint64_t certified = view.certified_height();
  if (certified > 0) restored.certified = consensus::CertifiedHeader{*view.header(certified), *view.certificate(certified)};
  for (std::uint64_t height = certified + 1; height <= restored.applied; ++height) restored.uncertified.push_back(*view.header(height));
  const std::size_t wanted = consensus::MempoolLimits{}.remembered;
  auto& recent = restored.recent_transactions;
  for (std::uint64_t height = restored.applied; height > 0 && recent.size() < wanted && restored.applied - height < kRecentBlocksMax && !view.pruned(height);
       --height) {
    const std::vector<Hash> ids = view.batch(height)->transactions;
    recent.insert(recent.end(), ids.rbegin(), ids.rend());
  }
  std::reverse(recent.begin(), recent.end());
  return restored;
}

void write_log(ledger::Ledger& ledger, std::vector<consensus::LogWrite> records) {
  std::vector<ledger::LogWrite> writes;
  writes.reserve(records.size());
  for (consensus::LogWrite& record : records) writes.push_back({std::move(record.key), std::move(record.value)});
  ledger.log_write(writes, true);
}

Result<void> skip_certificates(ledger::Ledger& ledger, const ledger::LedgerSnapshot& view, const consensus::CertifiedHeader& certified) {
  const std::uint64_t height = certified.header.height;
  const auto own = view.header(height);
  if (!own || own->hash() != certified.header.hash()) {
    return fail(Status::internal, "block " + std::to_string(height) + " was executed differently here: certified " + certified.header.hash().hex());
  }
  ledger.skip_certificates(height, certified.certificate);
  return {};
}

ReadBlocks read_blocks(const ledger::LedgerSnapshot& view, const consensus::ReadRequest& request) {
  ReadBlocks out;
  auto& blocks = out.blocks;
  const std::uint64_t last = std::min<std::uint64_t>({request.to, request.from + consensus::kSyncBlocksMax - 1, view.height()});
  std::size_t bytes = 0;
  for (std::uint64_t height = request.from; height <= last && bytes < consensus::kSyncAnswerMax_bytes; ++height) {
    auto block = view.block(height);
    if (!block) break;   // pruned meanwhile
    for (const Transaction& transaction : block->transactions) bytes += transaction.body.size();
    blocks.push_back({std::move(block->header), view.certificate(height).value_or(QuorumCertificate{}), std::move(block->batch), std::move(block->transactions)});
  }
  if (blocks.empty() || !blocks.back().certificate.signatures.empty()) return out;
  if (auto proof = view.header_proof(blocks.back().header.height)) {
    out.chain = *std::move(proof);
    return out;
  }
  // Nothing proves the last ones yet.
  while (!blocks.empty() && blocks.back().certificate.signatures.empty()) blocks.pop_back();
  return out;
}

std::vector<MemberEpoch> proven_epochs(const ledger::KvReader& reader, const Genesis& genesis) {
  std::vector<MemberEpoch> epochs{{0, genesis.member_set()}};
  while (const auto change = ledger::read_member_change(reader, epochs.size())) {
    auto next = decided_by(*change, epochs.back(), genesis.network);
    if (!next) break;
    epochs.push_back(std::move(*next));
  }
  return epochs;
}

std::vector<MemberEpoch> known_epochs(const ledger::LedgerSnapshot& view, const Genesis& genesis) {
  const subservices::StateView state(view.state());
  std::vector<MemberEpoch> epochs;
  // With the epoch before: who has just begun this one shows the certificate that ended that one.
  const std::uint64_t present = subservices::members_at(state, view.certified_height()).members.epoch();
  for (std::uint64_t epoch = present > 0 ? present - 1 : 0; epoch <= subservices::latest_epoch(state); ++epoch) {
    epochs.push_back(subservices::epoch_record(state, epoch));
  }
  for (MemberEpoch& epoch : proven_epochs(view.state(), genesis)) {
    if (epoch.members.epoch() > epochs.back().members.epoch()) epochs.push_back(std::move(epoch));
  }
  return epochs;
}

std::vector<MemberEpoch> keep_member_changes(ledger::Ledger& ledger, const ledger::LedgerSnapshot& view, std::uint64_t proven) {
  const subservices::StateView state(view.state());
  const std::uint64_t latest = subservices::latest_epoch(state);
  std::vector<MemberEpoch> kept;
  for (std::uint64_t epoch = proven + 1; epoch <= latest; ++epoch) {
    if (!view.member_change(epoch)) {
      const auto id = Hash::from_bytes(subservices::epoch_entry(state, epoch).transaction());
      const auto record = id ? view.transaction(*id) : std::nullopt;
      const auto proof = record ? view.header_proof(record->height) : std::nullopt;
      if (!proof) break;
      ledger.store_member_change(epoch, make_member_change(*view.block(record->height), *proof, record->index));
    }
    kept.push_back(subservices::epoch_record(state, epoch));
  }
  return kept;
}

bool drop_foreign_log(ledger::KvStore& store, const Genesis& genesis) {
  std::vector<consensus::LogRecord> records;
  for (ledger::LogRecord& record : ledger::read_log(store)) records.push_back({std::move(record.key), std::move(record.value)});
  if (consensus::logged_epoch(records) <= proven_epochs(store, genesis).back().members.epoch()) return false;
  store.erase_range(ledger::Column::log, {}, {});
  return true;
}

std::vector<MemberChange> read_member_changes(const ledger::LedgerSnapshot& view, const consensus::EpochRead& request) {
  std::vector<MemberChange> changes;
  std::size_t bytes = 0;
  if (request.above > kMemberChangesMax) return changes;
  while (changes.size() < consensus::kEpochProofsMax && bytes < consensus::kEpochProofsMax_bytes) {
    auto change = view.member_change(request.above + 1 + changes.size());
    if (!change) break;
    bytes += change->transaction.body.size() + change->receipt.size();
    changes.push_back(std::move(*change));
  }
  return changes;
}

bool check_transactions(consensus::PeerFrame& frame, const ledger::LedgerSnapshot& view, std::string_view network, TimeMs now,
                        const std::function<bool(const Transaction&)>& verify) {
  if (auto* gossip = std::get_if<consensus::Transactions>(&frame.content); gossip != nullptr && !gossip->answer) {
    std::erase_if(gossip->items, [&](const consensus::TransactionPtr& t) { return !inside_window(t->header, now) || view.has_transaction(t->id) || subservices::came_before(view, *t); });
  }
  return consensus::for_each_transaction(frame, [&](const Transaction& t) {
    return t.header.network == network && subservices::is_known_action(t.header.action) && verify(t);
  });
}

Result<subservices::ExecutedBlock> execute_committed(const subservices::Executor& executor, consensus::CommittedBatch batch,
                                                     const ledger::LedgerSnapshot& parent) {
  subservices::ExecutedBlock executed = executor.execute(batch.batch, std::move(batch.transactions), parent);
  const BlockHeader& header = executed.apply.block.header;
  if (batch.expected && batch.expected->hash() != header.hash()) {
    return fail(Status::internal, "block " + std::to_string(header.height) + " does not reproduce the header that others certified");
  }
  return executed;
}

}  // namespace agiddi::node
