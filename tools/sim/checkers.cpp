#include "tools/sim/checkers.h"

#include <algorithm>

#include "consensus/engine.h"
#include "consensus/frames.h"
#include "consensus/log_records.h"
#include "consensus/new_view_plan.h"
#include "ledger/snapshot.h"
#include "node/chain_duties.h"
#include "protocol/check.h"
#include "protocol/limits.h"
#include "subservices/governance/member_state.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::size_t kMemory_bytes = 1024 * 1024;         // of one member's consensus, in a simulation of small transactions
constexpr std::size_t kMemoryOfLiar_bytes = 4'500'000;     // what each liar may make it keep: 4 MiB of later views' messages, and more

std::string short_hash(const Hash& hash) { return hash.hex().substr(0, 8); }
std::string node(Seat seat) { return "node " + std::to_string(seat); }

// What one header has and the other has not.
std::string differences(const BlockHeader& one, const BlockHeader& other) {
  std::string out;
  const auto compare = [&](const char* name, const std::string& a, const std::string& b) {
    if (a != b) out += std::string(out.empty() ? "" : ", ") + name + " " + a + ", not " + b;
  };
  const auto compare_hash = [&](const char* name, const Hash& a, const Hash& b) { compare(name, short_hash(a), short_hash(b)); };
  compare_hash("previous block", one.previous_hash, other.previous_hash);
  compare_hash("batch", one.batch_digest, other.batch_digest);
  compare("view", std::to_string(one.view), std::to_string(other.view));
  compare("timestamp", std::to_string(one.timestamp), std::to_string(other.timestamp));
  compare_hash("transaction root", one.transaction_root, other.transaction_root);
  compare_hash("receipt root", one.receipt_root, other.receipt_root);
  compare_hash("state", one.state_digest, other.state_digest);
  compare_hash("members", one.members_digest, other.members_digest);
  return out;
}

Bytes log_key(const LogWrite& erasure) {
  Bytes key;
  append_u64_be(key, UINT64_MAX);   // docs/FORMATS.md, "log"
  return key + erasure.key;
}

}  // namespace

Checkers::Checkers(Workload& workload, AuthenticatorOf authenticator) : workload_(workload), make_authenticator_(std::move(authenticator)) {
  const MemberSet members = workload.genesis().member_set();
  epochs_.push_back({1, members, make_authenticator_(members)});
  tabulate();
}

void Checkers::tabulate() {
  const auto table = std::make_shared<const EpochTable>(epochs_);
  contexts_.clear();
  for (const EpochKeys& one : epochs_) contexts_.push_back({workload_.genesis().network, one.members, 0, table, {}});
}

const SigningContext& Checkers::context_of(std::uint64_t epoch) const {
  AGIDDI_CHECK(epoch < contexts_.size(), "a correct member is in an epoch that was decided");
  return contexts_[epoch];
}

// True when it is given for the first time.
bool Checkers::promise(Seat seat, const char* kind, std::uint64_t epoch, std::uint64_t view, std::uint64_t height, const Hash& what) {
  const auto [entry, first] = promises_.try_emplace({seat, kind, epoch, view, height}, what);
  if (!first && entry->second != what) {
    fail(node(seat) + " signed two different " + kind + " for view " + std::to_string(view) + ", height " + std::to_string(height) + ": " +
         short_hash(entry->second) + " and " + short_hash(what));
  }
  return first;
}

// Whose bodies the log holds for that height.
std::set<Hash> Checkers::bodies_on_disk(const Sender& sender, std::uint64_t height) {
  std::set<Hash> ids;
  for (std::uint32_t number = 0;; ++number) {
    const LogWrite record = log_bodies(height, number, {});
    const auto raw = sender.disk.durable(ledger::Column::log, log_key(record));
    if (!raw) return ids;
    const RestoredLog restored = restore_log({{record.key, *raw}}, limits::kMembersMax);
    for (const TransactionPtr& body : restored.bodies.at(height).transactions) ids.insert(body->id);
  }
}

void Checkers::prepare_on_disk(const Sender& sender, const Vote& vote, const NewView* within) {
  const std::string what = node(sender.seat) + " sent a Prepare for height " + std::to_string(vote.height) + " of view " + std::to_string(vote.view);
  if (vote.height <= sender.ledger.height()) return;   // applied since: its records are gone
  const auto raw = sender.disk.durable(ledger::Column::log, log_key(erase_accepted(vote.height)));
  const Result<PrePrepare> record = raw ? decode_pre_prepare(*raw, limits::kMembersMax) : agiddi::fail(Status::not_found, "nothing");
  if (!record || record->vote.view < vote.view) {
    // What is certified is decided already, and the NewView in which the vote stands is a record of it.
    if (within != nullptr && vote.height <= sender.stable && sender.disk.durable(ledger::Column::log, log_key(erase_new_view())) == log_new_view(*within).value) return;
    return fail(what + " before the batch was on its disk");
  }
  if (record->vote.view > vote.view) return;
  if (record->vote.digest != vote.digest) return fail(what + " and has another batch on its disk");
  const std::set<Hash> held = within == nullptr ? bodies_on_disk(sender, vote.height) : std::set<Hash>{};   // a NewView promises no bodies
  for (const Hash& id : record->batch.transactions) {
    const auto known = sender.ledger.transaction(id);
    if (within == nullptr && !known && !held.contains(id)) {
      return fail(what + " and does not have the body of " + short_hash(id) + " on its disk");
    }
    // What a later view proposes again was judged by those who prepared it first.
    if (record->batch.view == vote.view && known && known->height < vote.height && known->height <= sender.applied) {
      return fail(what + ", which repeats transaction " + short_hash(id) + " of block " + std::to_string(known->height));
    }
  }
}

void Checkers::commit_on_disk(const Sender& sender, std::uint64_t epoch, const Vote& vote) {
  const std::string what = node(sender.seat) + " sent a Commit for height " + std::to_string(vote.height) + " of view " + std::to_string(vote.view);
  if (vote.height <= sender.ledger.height()) return;
  const auto raw = sender.disk.durable(ledger::Column::log, log_key(erase_prepared(vote.height)));
  const Result<PreparedCertificate> record = raw ? decode_prepared(*raw, limits::kMembersMax) : agiddi::fail(Status::not_found, "nothing");
  if (!record || record->view < vote.view) return fail(what + " before the prepared certificate was on its disk");
  if (record->view == vote.view && record->digest != vote.digest) return fail(what + " and has prepared another batch");
  if (auto ok = verify_prepared(*record, context_of(epoch), authenticator_of(epoch)); !ok) fail(what + " on a prepared certificate that is not valid: " + ok.error().detail);
}

void Checkers::vote(const Sender& sender, std::uint64_t epoch, const Vote& vote, const NewView* within) {
  if (index_in(context_of(epoch).members, sender.seat) != vote.sender) return;
  const bool prepare = vote.phase == Phase::prepare;
  if (!promise(sender.seat, prepare ? "Prepares" : "Commits", epoch, vote.view, vote.height, vote.digest)) return;
  const std::string what = node(sender.seat) + (prepare ? " sent a Prepare" : " sent a Commit") + " for height " + std::to_string(vote.height) + " of view " +
                           std::to_string(vote.view);
  if (const auto left = left_.find({sender.seat, epoch}); left != left_.end() && vote.view < left->second) {
    fail(what + " after it had asked for view " + std::to_string(left->second));
  }
  if (vote.height > sender.stable + limits::kWindowHeights) fail(what + ", beyond the window above its certified height " + std::to_string(sender.stable));
  if (vote.height < epochs_[epoch].from || (epoch + 1 < epochs_.size() && vote.height >= epochs_[epoch + 1].from)) {
    fail(what + ", which is not of epoch " + std::to_string(epoch));
  }
  prepare ? prepare_on_disk(sender, vote, within) : commit_on_disk(sender, epoch, vote);
}

void Checkers::sent(const Sender& sender, const PeerFrame& frame) {
  const Seat seat = sender.seat;
  const std::uint64_t epoch = frame.epoch;
  if (const auto* one = std::get_if<Vote>(&frame.content)) vote(sender, epoch, *one, nullptr);
  if (const auto* one = std::get_if<PrePrepare>(&frame.content)) vote(sender, epoch, one->vote, nullptr);
  if (const auto* one = std::get_if<HeaderVote>(&frame.content)) {
    const Height height = one->header.height;
    promise(seat, "header votes", 0, 0, height, one->header.hash());
    const auto own = sender.ledger.header(height);
    if (!sender.ledger.pruned(height) && (!own || own->hash() != one->header.hash())) {
      fail(node(seat) + " signed the header of a block " + std::to_string(height) + " that its ledger does not hold");
    }
  }
  if (const auto* one = std::get_if<ViewChange>(&frame.content)) {
    View& left = left_[{seat, epoch}];
    left = std::max(left, one->view);
    promise(seat, "ViewChanges", epoch, one->view, 0, blake2b(signing_bytes(context_of(epoch), *one)));
  }
  if (const auto* one = std::get_if<NewView>(&frame.content); one != nullptr && index_in(context_of(epoch).members, seat) == one->sender) {
    promise(seat, "NewViews", epoch, one->view, 0, blake2b(signing_bytes(context_of(epoch), *one)));
    for (const Vote& prepare : one->prepares) vote(sender, epoch, prepare, one);
  }
}

void Checkers::entered(Seat seat, std::uint64_t epoch, const NewView& message, TimeMs genesis_timestamp) {
  const std::string what = node(seat) + " took up view " + std::to_string(message.view);
  const SigningContext& context = context_of(epoch);
  if (auto ok = verify_frame({message, epoch}, context, authenticator_of(epoch)); !ok) return fail(what + " on a NewView that is not valid: " + ok.error().detail);
  std::vector<const ViewChange*> together;
  for (const ViewChange& one : message.view_changes) together.push_back(&one);
  std::map<Hash, const Batch*> batch_of;
  for (const Batch& batch : message.batches) batch_of.emplace(batch.digest(), &batch);
  const auto plan = plan_new_view(message.view, context.members.digest(), together, genesis_timestamp, batch_of);
  bool same = plan && plan->batches.size() == message.prepares.size();
  for (const Vote& vote : message.prepares) {
    if (!same) break;
    const auto batch = plan->batches.find(vote.height);
    same = batch != plan->batches.end() && batch->second.digest() == vote.digest;
  }
  if (!same) fail(what + " on a NewView that does not follow from its ViewChanges");
}

void Checkers::applied(Seat seat, const Block& block, const std::optional<MemberEpoch>& next_members, const ledger::LedgerSnapshot& after, TimeMs latest) {
  if (next_members && next_members->members.epoch() == epochs_.size()) {
    epochs_.push_back({next_members->from_height, next_members->members, make_authenticator_(next_members->members)});
    tabulate();
  }
  const BlockHeader& header = block.header;
  const std::string where = node(seat) + ", height " + std::to_string(header.height) + ": ";
  const auto [entry, first] = headers_.try_emplace(header.height, header);
  if (!first) {
    if (entry->second.hash() != header.hash()) {
      fail(where + "another block than elsewhere: " + differences(header, entry->second));
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

void Checkers::certified(Seat seat, const CertifiedHeader& certified) {
  const std::string where = node(seat) + ", height " + std::to_string(certified.header.height) + ": ";
  if (auto ok = verify_certified(certified, contexts_.back(), authenticator_of(contexts_.size() - 1)); !ok) fail(where + "a certificate that is not valid: " + ok.error().detail);
  const auto known = headers_.find(certified.header.height);
  if (known == headers_.end() || known->second.hash() != certified.header.hash()) fail(where + "a certificate of a block that no correct member applied");
}

void Checkers::learned(Seat seat, const MemberEpoch& epoch) {
  const std::uint64_t number = epoch.members.epoch();
  const bool known = number < epochs_.size() && epochs_[number].from == epoch.from_height && epochs_[number].members.digest() == epoch.members.digest();
  if (!known) fail(node(seat) + " believes in members of epoch " + std::to_string(number) + " that nobody decided");
}

// What correct members export at a height is the same to the byte, and what they begin with after a snapshot is what others executed.
void Checkers::snapshot_made(Seat seat, Height height, const Hash& id) {
  const auto [entry, first] = snapshots_.try_emplace(height, id);
  if (!first && entry->second != id) fail(node(seat) + " made another snapshot of height " + std::to_string(height) + " than the others");
}

void Checkers::started(Seat seat, const ledger::LedgerSnapshot& ledger, std::size_t chunk_bytes) {
  const Height height = ledger.height();
  if (height == 0) return;
  const std::string where = node(seat) + " began at height " + std::to_string(height);
  const auto known = headers_.find(height);
  if (known == headers_.end() || known->second.hash() != ledger.header().hash()) return fail(where + " with a block that no correct member applied");
  const auto snapshot = snapshots_.find(height);
  if (snapshot == snapshots_.end()) return;
  const auto manifest = ledger::export_snapshot(ledger, [](const Hash&, const Bytes&) -> Result<void> { return {}; }, chunk_bytes);
  if (manifest->id() != snapshot->second) fail(where + " with another state than the snapshot of that height");
}

void Checkers::asks_for_snapshot(Seat seat, const Hash& id) {
  if (std::none_of(snapshots_.begin(), snapshots_.end(), [&](const auto& made) { return made.second == id; })) {
    fail(node(seat) + " fetches a snapshot that no correct member made");
  }
}

void Checkers::memory(Seat member, std::size_t bytes, std::size_t late_body_bytes) {
  if (late_body_bytes > consensus::kLateBodies_bytes) fail(node(member) + " keeps " + std::to_string(late_body_bytes) + " bytes of late bodies");
  if (bytes > kMemory_bytes + liars_ * kMemoryOfLiar_bytes) fail(node(member) + " buffers " + std::to_string(bytes) + " bytes");
}

void Checkers::disk_lost(Seat seat) {
  std::erase_if(promises_, [&](const auto& entry) { return std::get<0>(entry.first) == seat; });
  std::erase_if(left_, [&](const auto& entry) { return entry.first.first == seat; });
}

void Checkers::acknowledged(const Hash& transaction, std::uint64_t height, const Receipt& receipt) {
  const auto [entry, first] = acknowledged_.try_emplace(transaction, Acknowledged{height, receipt});
  if (!first && (entry->second.height != height || !(entry->second.receipt == receipt))) {
    fail("transaction " + short_hash(transaction) + " was answered twice, differently");
  }
}

void Checkers::at_end(Seat seat, const ledger::LedgerSnapshot& ledger) {
  for (const auto& [id, outcome] : acknowledged_) {
    if (ledger.pruned(outcome.height)) continue;
    const auto record = ledger.transaction(id);
    if (!record) {
      fail(node(seat) + ": acknowledged transaction " + short_hash(id) + " is in no block");
    } else if (record->height != outcome.height || !(record->receipt == outcome.receipt)) {
      fail(node(seat) + ": acknowledged transaction " + short_hash(id) + " has another outcome");
    }
  }
  for (Height height = ledger.first_block(); height <= ledger.height(); ++height) {
    const auto proof = ledger.header_proof(height);
    if (!proof) {
      fail(node(seat) + " has nothing that proves block " + std::to_string(height));
      continue;
    }
    const BlockHeader header = *ledger.header(height);
    auto ok = check_chain(header, proof->headers);
    if (proof->certified(header).members_digest != header.members_digest) fail(node(seat) + " proves block " + std::to_string(height) + " by other members' word");
    if (ok) ok = verify_certified({proof->certified(header), proof->certificate}, contexts_.back(), authenticator_of(contexts_.size() - 1));
    if (!ok) fail(node(seat) + " keeps a certificate of block " + std::to_string(height) + " that is not valid: " + ok.error().detail);
  }
  const std::uint64_t latest = subservices::latest_epoch(subservices::StateView(ledger.state()));
  const std::size_t proven = node::proven_epochs(ledger.state(), workload_.genesis()).size();
  for (const MemberChange& change : ledger.member_changes()) {
    const CertifiedHeader certified{change.proof.certified(change.header), change.proof.certificate};
    if (!verify_certified(certified, contexts_.back(), authenticator_of(contexts_.size() - 1))) fail(node(seat) + " keeps a change of members that is not certified");
  }
  if (proven != latest + 1) fail(node(seat) + " cannot prove the members of epoch " + std::to_string(proven) + "; the latest is " + std::to_string(latest));
}

}  // namespace agiddi::tools
