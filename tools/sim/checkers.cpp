#include "tools/sim/checkers.h"

#include "consensus/frames.h"
#include "consensus/log_records.h"
#include "consensus/new_view_plan.h"
#include "protocol/limits.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::size_t kMemory_bytes = 1024 * 1024;         // of one member's consensus, in a simulation of small transactions
constexpr std::size_t kMemoryOfLiar_bytes = 4'500'000;     // what each liar may make it keep: messages of later views

std::string short_hash(const Hash& hash) { return hash.hex().substr(0, 8); }
std::string node(std::size_t member) { return "node " + std::to_string(member); }

Bytes log_key(const LogWrite& erasure) {
  Bytes key;
  append_u64_be(key, ledger::kLogKept);
  return key + erasure.key;
}

}  // namespace

// True when it is given for the first time.
bool Checkers::promise(std::size_t member, const char* kind, std::uint64_t view, std::uint64_t height, const Hash& what) {
  const auto [entry, first] = promises_.try_emplace({member, kind, view, height}, what);
  if (!first && entry->second != what) {
    fail(node(member) + " signed two different " + kind + " for view " + std::to_string(view) + ", height " + std::to_string(height) + ": " +
         short_hash(entry->second) + " and " + short_hash(what));
  }
  return first;
}

void Checkers::prepare_on_disk(const Sender& sender, const Vote& vote, bool bodies) {
  const std::string what = node(sender.member) + " sent a Prepare for height " + std::to_string(vote.height) + " of view " + std::to_string(vote.view);
  if (vote.height <= sender.ledger.height()) return;   // applied since: its records are gone
  const auto raw = sender.disk.durable(ledger::Column::log, log_key(erase_accepted(vote.height)));
  const Result<PrePrepare> record = raw ? decode_pre_prepare(*raw, context_.members.size()) : agiddi::fail(Status::not_found, "nothing");
  if (!record || record->vote.view < vote.view) return fail(what + " before the batch was on its disk");
  if (record->vote.view > vote.view) return;
  if (record->vote.digest != vote.digest) return fail(what + " and has another batch on its disk");
  for (const Hash& id : record->batch.transactions) {
    const auto known = sender.ledger.transaction(id);
    if (bodies && !known && !sender.disk.durable(ledger::Column::log, log_key(erase_body(vote.height, id)))) {
      return fail(what + " and does not have the body of " + short_hash(id) + " on its disk");
    }
    // What a later view proposes again was judged by those who prepared it first.
    if (record->batch.view == vote.view && known && known->height < vote.height && known->height <= sender.applied) {
      return fail(what + ", which repeats transaction " + short_hash(id) + " of block " + std::to_string(known->height));
    }
  }
}

void Checkers::commit_on_disk(const Sender& sender, const Vote& vote) {
  const std::string what = node(sender.member) + " sent a Commit for height " + std::to_string(vote.height) + " of view " + std::to_string(vote.view);
  if (vote.height <= sender.ledger.height()) return;
  const auto raw = sender.disk.durable(ledger::Column::log, log_key(erase_prepared(vote.height)));
  const Result<PreparedCertificate> record = raw ? decode_prepared(*raw, context_.members.size()) : agiddi::fail(Status::not_found, "nothing");
  if (!record || record->view < vote.view) return fail(what + " before the prepared certificate was on its disk");
  if (record->view == vote.view && record->digest != vote.digest) return fail(what + " and has prepared another batch");
  if (auto ok = verify_prepared(*record, context_, *authenticator_); !ok) fail(what + " on a prepared certificate that is not valid: " + ok.error().detail);
}

void Checkers::vote(const Sender& sender, const Vote& vote, bool bodies) {
  if (vote.sender != sender.member) return;
  const bool prepare = vote.phase == Phase::prepare;
  if (!promise(sender.member, prepare ? "Prepares" : "Commits", vote.view, vote.height, vote.digest)) return;
  const std::string what = node(sender.member) + (prepare ? " sent a Prepare" : " sent a Commit") + " for height " + std::to_string(vote.height) + " of view " +
                           std::to_string(vote.view);
  if (const auto left = left_.find(sender.member); left != left_.end() && vote.view < left->second) {
    fail(what + " after it had asked for view " + std::to_string(left->second));
  }
  if (vote.height > sender.stable + limits::kWindowHeights) fail(what + ", beyond the window above its certified height " + std::to_string(sender.stable));
  prepare ? prepare_on_disk(sender, vote, bodies) : commit_on_disk(sender, vote);
}

void Checkers::sent(const Sender& sender, const PeerFrame& frame) {
  const std::size_t member = sender.member;
  if (const auto* one = std::get_if<Vote>(&frame.content)) vote(sender, *one, true);
  if (const auto* one = std::get_if<PrePrepare>(&frame.content)) vote(sender, one->vote, true);
  if (const auto* one = std::get_if<HeaderVote>(&frame.content)) {
    const Height height = one->header.height;
    promise(member, "header votes", 0, height, one->header.hash());
    const auto own = sender.ledger.header(height);
    if (!own || own->hash() != one->header.hash()) fail(node(member) + " signed the header of a block " + std::to_string(height) + " that its ledger does not hold");
  }
  if (const auto* one = std::get_if<ViewChange>(&frame.content)) {
    View& left = left_[member];
    left = std::max(left, one->view);
    promise(member, "ViewChanges", one->view, 0, blake2b(signing_bytes(context_, *one)));
  }
  if (const auto* one = std::get_if<NewView>(&frame.content); one != nullptr && one->sender == member) {
    promise(member, "NewViews", one->view, 0, blake2b(signing_bytes(context_, *one)));
    for (const Vote& prepare : one->prepares) vote(sender, prepare, false);  // a NewView promises no bodies
  }
}

void Checkers::entered(std::size_t member, const NewView& message, TimeMs genesis_timestamp) {
  const std::string what = node(member) + " took up view " + std::to_string(message.view);
  if (auto ok = verify_frame({message}, context_, *authenticator_); !ok) return fail(what + " on a NewView that is not valid: " + ok.error().detail);
  std::vector<const ViewChange*> together;
  for (const ViewChange& one : message.view_changes) together.push_back(&one);
  std::map<Hash, const Batch*> batch_of;
  for (const Batch& batch : message.batches) batch_of.emplace(batch.digest(), &batch);
  const auto plan = plan_new_view(message.view, context_.members.digest(), together, genesis_timestamp, batch_of);
  bool same = plan && plan->batches.size() == message.prepares.size();
  for (const Vote& vote : message.prepares) {
    if (!same) break;
    const auto batch = plan->batches.find(vote.height);
    same = batch != plan->batches.end() && batch->second.digest() == vote.digest;
  }
  if (!same) fail(what + " on a NewView that does not follow from its ViewChanges");
}

void Checkers::applied(std::size_t member, const Block& block, const ledger::LedgerSnapshot& after, TimeMs latest) {
  const BlockHeader& header = block.header;
  const std::string where = node(member) + ", height " + std::to_string(header.height) + ": ";
  const auto [entry, first] = headers_.try_emplace(header.height, header);
  if (!first) {
    if (entry->second.hash() != header.hash()) {
      fail(where + "another block than elsewhere (batch " + short_hash(header.batch_digest) + " of view " + std::to_string(header.view) + ", not " +
           short_hash(entry->second.batch_digest) + " of view " + std::to_string(entry->second.view) + "; states " +
           (header.state_digest == entry->second.state_digest ? "equal" : "differ") + ")");
    }
    return;
  }
  if (header.timestamp > latest) fail(where + "a timestamp that is ahead of every correct clock");
  if (const auto before = headers_.find(header.height - 1); before != headers_.end()) {
    const bool in_order = block.transactions.empty() ? header.timestamp >= before->second.timestamp : header.timestamp > before->second.timestamp;
    if (!in_order) fail(where + "a timestamp that is not above the previous block's");
    if (header.previous_hash != before->second.hash()) fail(where + "does not continue the chain");
  }
  if (auto wrong = workload_.follow(block, after)) fail(where + *wrong);
}

void Checkers::certified(std::size_t member, const CertifiedHeader& certified) {
  const std::string where = node(member) + ", height " + std::to_string(certified.header.height) + ": ";
  if (auto ok = verify_certified(certified, context_, *authenticator_); !ok) fail(where + "a certificate that is not valid: " + ok.error().detail);
  const auto known = headers_.find(certified.header.height);
  if (known == headers_.end() || known->second.hash() != certified.header.hash()) fail(where + "a certificate of a block that no correct member applied");
}

void Checkers::memory(std::size_t member, std::size_t bytes) {
  if (bytes > kMemory_bytes + liars_ * kMemoryOfLiar_bytes) fail(node(member) + " buffers " + std::to_string(bytes) + " bytes");
}

void Checkers::disk_lost(std::size_t member) {
  std::erase_if(promises_, [&](const auto& entry) { return std::get<0>(entry.first) == member; });
  left_.erase(member);
}

void Checkers::acknowledged(const Hash& transaction, std::uint64_t height, const Receipt& receipt) {
  const auto [entry, first] = acknowledged_.try_emplace(transaction, Acknowledged{height, receipt});
  if (!first && (entry->second.height != height || !(entry->second.receipt == receipt))) {
    fail("transaction " + short_hash(transaction) + " was answered twice, differently");
  }
}

void Checkers::at_end(std::size_t member, const ledger::LedgerSnapshot& ledger) {
  for (const auto& [id, outcome] : acknowledged_) {
    const auto record = ledger.transaction(id);
    if (!record) {
      fail(node(member) + ": acknowledged transaction " + short_hash(id) + " is in no block");
    } else if (record->height != outcome.height || !(record->receipt == outcome.receipt)) {
      fail(node(member) + ": acknowledged transaction " + short_hash(id) + " has another outcome");
    }
  }
  for (Height height = 1; height <= ledger.height(); ++height) {
    const auto certificate = ledger.certificate(height);
    if (!certificate) {
      fail(node(member) + " has no certificate of block " + std::to_string(height));
    } else if (auto ok = verify_certified({*ledger.header(height), *certificate}, context_, *authenticator_); !ok) {
      fail(node(member) + " keeps a certificate of block " + std::to_string(height) + " that is not valid: " + ok.error().detail);
    }
  }
}

}  // namespace agiddi::tools
