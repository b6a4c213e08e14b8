#include "subservices/executor.h"

#include <algorithm>

#include "subservices/access/access_rules.h"
#include "subservices/dispatch.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/governance/governance_rules.h"
#include "subservices/governance/member_state.h"
#include "subservices/payment/accounts.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kTriplesOfPayment = 18;   // of one item
constexpr std::size_t kHash_bytes = std::tuple_size_v<decltype(Hash::bytes)>;

Receipt rejection(const Hash& transaction, const Error& error) {
  Json result = Json::object({{"detail", error.detail}});
  if (!error.fields.empty()) {
    Json errors = Json::array();
    for (const auto& field : error.fields) errors.push(Json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
    result.set("errors", std::move(errors));
  }
  return {transaction, error.status, result.dump()};
}

// The Seen keys that a block made and that fall due together: all of documents inside their windows, so within 11 minutes.
struct SeenOfBlock {
  Bytes hashes;
  TimeMs due = 0;
};

TimeMs forgotten_at(const Transaction& transaction) { return transaction.header.issued_at_s * 1000 + kWindowAfter_ms + 1; }

void store_seen(RuleContext& context, const Transaction& transaction, const Hash& hash) {
  records::Seen seen;
  seen.set_transaction(Bytes(transaction.id.view()));
  seen.set_forget_ms(forgotten_at(transaction));
  store(context.state, keys::seen_by_hash(hash), seen);
}

// Remembered until the document's window has passed; after that the window itself refuses it.
void remember(RuleContext& context, const Transaction& transaction, const Hash& hash) {
  store_seen(context, transaction, hash);
  context.state.put(keys::expiry({forgotten_at(transaction), keys::ExpiryKind::seen, hash, 0}), {});
}

void remember_with_block(RuleContext& context, SeenOfBlock& seen, const Transaction& transaction, const Hash& hash) {
  store_seen(context, transaction, hash);
  seen.hashes += hash.view();
  seen.due = std::max(seen.due, forgotten_at(transaction));
}

// A jti that was used again, when its first document was over and not yet swept, is remembered by a later entry too.
void forget_seen(RuleContext& context, const Hash& hash) {
  const Bytes key = keys::seen_by_hash(hash);
  if (context.rules_version >= kRulesWithFewerKeys) {
    const auto seen = load<records::Seen>(context.state, key);
    if (!seen || seen->forget_ms() > context.timestamp) return;
  }
  context.state.erase(key);
}

std::size_t sweep_seen(RuleContext& context, const keys::Expiry& entry) {
  const auto hashes = context.state.get(keys::expiry(entry));
  AGIDDI_CHECK(hashes && hashes->size() % kHash_bytes == 0, "a block's seen keys are whole hashes");
  for (BytesView rest = *hashes; !rest.empty(); rest.remove_prefix(kHash_bytes)) forget_seen(context, *Hash::from_bytes(rest.substr(0, kHash_bytes)));
  context.state.erase(keys::expiry(entry));
  return hashes->size() / kHash_bytes;
}

// A document that reached a block keeps its first outcome. The world state alone decides that, never the blocks that a node happens to have: a
// (kid, jti) is taken by the first document with it, also when that one is rejected, and one that came before its time is remembered by its id.
// time: the block's.
Result<void> take_first(RuleContext& context, SeenOfBlock& of_block, const Transaction& transaction, TimeMs time) {
  const Error before{Status::conflict, "the transaction came before and keeps its first outcome", {}};
  const Hash by_id = keys::seen_hash("", transaction.id.view());   // no kid is empty
  const Hash by_jti = keys::seen_hash(transaction.header.kid, transaction.header.jti);
  if (context.state.contains(keys::seen_by_hash(by_id))) return tl::unexpected(before);
  const auto seen = load<records::Seen>(context.state, keys::seen_by_hash(by_jti));
  const bool by_block = context.rules_version >= kRulesWithFewerKeys;
  if (seen && !(by_block && seen->forget_ms() <= context.timestamp)) {
    if (seen->transaction() == transaction.id.view()) return tl::unexpected(before);
    return fail(Status::conflict, "the jti was used for another document: take a new one");
  }
  if (auto valid = check_envelope(transaction, context.network, time, context.rules_version); !valid) {
    const bool early = transaction.header.issued_at_s * 1000 - kWindowBefore_ms > time;
    if (early) remember(context, transaction, by_id);
    return valid;
  }
  if (by_block) {
    remember_with_block(context, of_block, transaction, by_jti);
  } else {
    remember(context, transaction, by_jti);
  }
  return {};
}

Receipt execute_one(RuleContext& context, SeenOfBlock& seen, const Transaction& transaction, const ExecutorFaults& faults) {
  const TimeMs time = faults.window_unchecked ? transaction.header.issued_at_s * 1000 : context.timestamp;
  if (auto first = take_first(context, seen, transaction, time); !first) {
    const bool repeated = first.error().status == Status::conflict;
    if (!repeated || !faults.repeats_executed) return rejection(transaction.id, first.error());
  }

  if (context.admission) {
    if (const auto admitted = admit(context, *context.admission, transaction, true); !admitted) return rejection(transaction.id, admitted.error());
  }
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
        forget_seen(context, entry.id);
        context.state.erase(key);
        break;
      case keys::ExpiryKind::seen_block: done += sweep_seen(context, entry); break;
      case keys::ExpiryKind::payment_item: sweep_payment_item(context, entry); break;
      case keys::ExpiryKind::integration: done += sweep_integration(context, entry); break;
      case keys::ExpiryKind::account_day:
        context.state.erase(keys::account_day(entry.id));
        context.state.erase(key);
        break;
      case keys::ExpiryKind::proposal: sweep_proposal(context, entry); break;
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

Executor::Executor(Genesis genesis, ExecutorFaults faults) : genesis_(std::move(genesis)), faults_(faults) {}

ExecutedBlock Executor::execute(const Batch& batch, std::vector<Transaction> transactions, const ledger::LedgerSnapshot& parent) const {
  AGIDDI_CHECK(batch.height == parent.height() + 1, "a batch is executed on the block before it");
  AGIDDI_CHECK(transactions.size() == batch.transactions.size(), "every transaction of a batch is there");
  ExecutedBlock executed;
  ledger::StateOverlay state(parent.state());
  // Of the block before: what this block decides is in force above it.
  const MemberSet members = members_at(state, batch.height).members;
  const auto next = decided_after(state, batch.height);
  RuleContext context{state, members, genesis_.network, batch.height, batch.timestamp, executed.apply.triples, executed.events,
                      rules_at(state, batch.height), next ? &next->members : nullptr};
  const auto admission = admission_of(state);
  context.admission = admission ? &*admission : nullptr;
  AGIDDI_CHECK(context.rules_version <= kRulesVersionMax, "the rules in force are later than this program knows: update agiddi-node");
  sweep(context);

  Block& block = executed.apply.block;
  block.receipts.reserve(transactions.size());
  executed.apply.triples.reserve(transactions.size() * kTriplesOfPayment);   // a triple is large, and moves when the list grows
  const Hash batch_digest = batch.digest();
  SeenOfBlock seen;
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    const Transaction& transaction = transactions[i];
    AGIDDI_CHECK(transaction.id == batch.transactions[i], "the transactions are the batch's, in its order");
    block.receipts.push_back(execute_one(context, seen, transaction, faults_));
    if (faults_.money_from_nothing) make_money(context, transaction, block.receipts.back());
    if (faults_.differs) block.receipts.back().result += ' ';
  }

  if (!seen.hashes.empty()) state.put(keys::expiry({seen.due, keys::ExpiryKind::seen_block, batch_digest, 0}), std::move(seen.hashes));

  executed.next_members = decided_after(state, batch.height);
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
  header.batch_digest = batch_digest;
  header.transaction_root = root_of_ids(batch.transactions);
  header.receipt_root = root_of_receipts(block.receipts);
  header.state_digest = executed.apply.digest.digest();
  header.members_digest = members.digest();
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
