#include "subservices/executor.h"

#include <set>

#include "subservices/access/access_rules.h"
#include "subservices/dispatch.h"
#include "subservices/payment/accounts.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

Receipt rejection(const Hash& transaction, const Error& error) {
  Json result = Json::object({{"detail", error.detail}});
  if (!error.fields.empty()) {
    Json errors = Json::array();
    for (const auto& field : error.fields) errors.push(Json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
    result.set("errors", std::move(errors));
  }
  return {transaction, error.status, result.dump()};
}

// (kid, jti) is taken by the first document that reaches a block, also when that one is rejected there.
Result<void> take_jti(RuleContext& context, const Transaction& transaction) {
  const Hash hash = keys::seen_hash(transaction.header.kid, transaction.header.jti);
  if (context.state.contains(keys::seen_by_hash(hash))) return fail(Status::conflict, "the jti was used for another document: take a new one");
  records::Seen seen;
  seen.set_transaction(Bytes(transaction.id.view()));
  seen.set_forget_ms(transaction.header.issued_at_s * 1000 + kWindowAfter_ms + 1);
  store(context.state, keys::seen_by_hash(hash), seen);
  context.state.put(keys::expiry({seen.forget_ms(), keys::ExpiryKind::seen, hash, 0}), {});
  return {};
}

Receipt execute_one(RuleContext& context, const Transaction& transaction, const ExecutorFaults& faults) {
  const TimeMs time = faults.window_unchecked ? transaction.header.issued_at_s * 1000 : context.timestamp;
  if (auto valid = check_envelope(transaction, context.network, time); !valid) return rejection(transaction.id, valid.error());
  if (auto fresh = take_jti(context, transaction); !fresh && !faults.repeats_executed) return rejection(transaction.id, fresh.error());

  const auto checkpoint = context.state.checkpoint();
  const std::size_t triples = context.triples.size(), events = context.events.size();
  const auto outcome = run_rule(context, transaction);
  if (!outcome) {
    context.state.rollback(checkpoint);
    context.triples.resize(triples);
    context.events.resize(events);
    return rejection(transaction.id, outcome.error());
  }
  context.state.commit(checkpoint);
  return {transaction.id, outcome->status, outcome->result.dump()};
}

// A planted bug: see ExecutorFaults.
void make_money(RuleContext& context, const Transaction& transaction, const Receipt& receipt) {
  if (transaction.header.action != "credit.transfer" || receipt.status != Status::created) return;
  auto account = load<records::Account>(context.state, keys::account(transaction.header.kid, "EUR"));
  if (!account) return;
  account->set_available(account->available() + 1);
  store(context.state, keys::account(transaction.header.kid, "EUR"), *account);
}

void sweep(RuleContext& context) {
  std::vector<Bytes> due;
  context.state.scan_range(keys::expiries(), keys::expiries_until(context.timestamp), [&](BytesView key, BytesView) {
    due.emplace_back(key);
    return due.size() < kSweepMax;
  });
  std::size_t done = 0;
  for (const Bytes& key : due) {
    if (done >= kSweepMax) return;
    if (!context.state.contains(key)) continue;   // an entry before it ended this one too
    const auto entry = keys::read_expiry(key);
    ++done;
    switch (entry.kind) {
      case keys::ExpiryKind::seen:
        context.state.erase(keys::seen_by_hash(entry.id));
        context.state.erase(key);
        break;
      case keys::ExpiryKind::payment_item: sweep_payment_item(context, entry); break;
      case keys::ExpiryKind::integration: done += sweep_integration(context, entry); break;
    }
    AGIDDI_CHECK(!context.state.contains(key), "what fell due is dealt with");
  }
}

Hash root_of_ids(const std::vector<Hash>& ids) {
  std::vector<Bytes> leaves;
  leaves.reserve(ids.size());
  for (const Hash& id : ids) leaves.emplace_back(id.view());
  return merkle_root(leaves);
}

Hash root_of_receipts(const std::vector<Receipt>& receipts) {
  std::vector<Bytes> leaves;
  leaves.reserve(receipts.size());
  for (const Receipt& receipt : receipts) leaves.push_back(encode_receipt(receipt));
  return merkle_root(leaves);
}

}  // namespace

Executor::Executor(Genesis genesis, ExecutorFaults faults)
    : genesis_(std::move(genesis)), members_(genesis_.member_set()), faults_(faults) {}

ExecutedBlock Executor::execute(const Batch& batch, std::vector<Transaction> transactions, const ledger::LedgerSnapshot& parent) const {
  AGIDDI_CHECK(batch.height == parent.height() + 1, "a batch is executed on the block before it");
  AGIDDI_CHECK(transactions.size() == batch.transactions.size(), "every transaction of a batch is there");
  ExecutedBlock executed;
  ledger::StateOverlay state(parent.state());
  RuleContext context{state, members_, genesis_.network, batch.height, batch.timestamp, executed.apply.triples, executed.events};
  sweep(context);

  Block& block = executed.apply.block;
  std::set<Hash> ids;
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    const Transaction& transaction = transactions[i];
    AGIDDI_CHECK(transaction.id == batch.transactions[i], "the transactions are the batch's, in its order");
    const bool repeated = !ids.insert(transaction.id).second || parent.has_transaction(transaction.id);
    if (repeated && !faults_.repeats_executed) {
      block.receipts.push_back(rejection(transaction.id, {Status::conflict, "the transaction came before and keeps its first outcome", {}}));
    } else {
      block.receipts.push_back(execute_one(context, transaction, faults_));
    }
    if (faults_.money_from_nothing) make_money(context, transaction, block.receipts.back());
    if (faults_.differs) block.receipts.back().result += ' ';
  }

  executed.apply.changes = state.changes();
  if (!faults_.money_from_nothing) check_conservation(executed.apply.changes);
  executed.apply.digest = parent.state_digest();
  executed.apply.digest.apply(executed.apply.changes);

  block.batch = batch;
  block.transactions = std::move(transactions);
  BlockHeader& header = block.header;
  header.network = genesis_.network;
  header.height = batch.height;
  header.previous_hash = parent.header_hash();
  header.batch_digest = batch.digest();
  header.transaction_root = root_of_ids(batch.transactions);
  header.receipt_root = root_of_receipts(block.receipts);
  header.state_digest = executed.apply.digest.digest();
  header.members_digest = members_.digest();
  header.timestamp = batch.timestamp;
  header.view = batch.view;
  return executed;
}

bool heartbeat_wanted(const ledger::LedgerSnapshot& snapshot) {
  const StateView state(snapshot.state());
  const auto counters = load<records::Counters>(state, keys::counters());
  return counters && (counters->open_items() > 0 || counters->open_integrations() > 0);
}

}  // namespace agiddi::subservices
