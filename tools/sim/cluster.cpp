#include "tools/sim/cluster.h"

#include <algorithm>

#include "protocol/check.h"
#include "subservices/door.h"
#include "subservices/genesis_state.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::int64_t kRecoveryMax_us = 120'000'000;  // after the end of the faults everything is committed everywhere by then
constexpr std::int64_t kRetry_us = 2'000'000;
constexpr std::size_t kStoryLines = 80;

std::vector<std::string> names_of(std::size_t members, std::size_t seats) {
  std::vector<std::string> names;
  for (Seat seat = 0; seat < seats; ++seat) names.push_back((seat < members ? "node " : "spare node ") + std::to_string(seat));
  return names;
}

// Not in every run, so that each is also met without the other.
bool members_change(const SimOptions& options) { return options.has("members") && Random(options.seed ^ 0x3e3b'e275ULL).chance(400); }

ledger::GenesisState state_of(const Genesis& genesis) {
  auto state = subservices::genesis_state(genesis);
  AGIDDI_CHECK(state.has_value(), "the simulated genesis has a state");
  return *std::move(state);
}

subservices::ExecutorFaults without_difference(subservices::ExecutorFaults faults) {
  faults.differs = false;
  return faults;
}

}  // namespace

Cluster::Cluster(const SimOptions& options)
    : options_(resolved(options)),
      random_(options.seed),
      workload_(options_.nodes, options_.transactions, members_change(options_), Random(options.seed ^ 0xc11e'47c1'1e47ULL)),
      genesis_state_(state_of(workload_.genesis())),
      timeline_(options.trace, names_of(options_.nodes, options_.nodes + (members_change(options_) ? 1 : 0))),
      seats_(options_.nodes + (members_change(options_) ? 1 : 0)),
      executor_(workload_.genesis(), without_difference(options_.executor_faults)),
      other_executor_(workload_.genesis(), options_.executor_faults),
      checkers_(workload_, [this](const MemberSet& members) { return make_authenticator(key_of(0), members); }),
      clients_(workload_.clients().size()) {
  for (std::size_t client = 0; client < clients_.size(); ++client) {
    const auto& chain = workload_.clients()[client];
    for (std::size_t step = 0; step < chain.size(); ++step) client_of_[chain[step].id] = {client, step};
  }
  for (Seat seat = 0; seat < seats_; ++seat) nodes_.push_back(std::make_unique<SimNode>(*this, seat, seat));
  choose_liars();
  checkers_.set_liars(report_.counts.byzantine);
  const std::size_t places = nodes_.size();
  cut_.assign(places, std::vector<bool>(places, false));
  told_.assign(places, std::vector<bool>(seats_, false));
  last_arrival_us_.assign(places, std::vector<std::int64_t>(places, 0));
  for (auto& node : nodes_) node->set_skew(small_skew());
}

EngineConfig Cluster::engine_config(bool correct) const {
  EngineConfig config;
  config.network = workload_.genesis().network;
  config.genesis_timestamp = workload_.genesis().created;
  config.snapshots.behind_min = snapshot_policy_.behind_min;
  config.snapshots.catch_up_min = snapshot_policy_.catch_up_min;
  config.gone_patience_ms = 1500;
  config.snapshots.timeout_ms = 1000;
  config.snapshots.give_up_ms = 3000;
  if (!correct) return config;
  config.test_faults = options_.test_faults;
  config.snapshots.believe_chunks = options_.driver_faults.chunks_unchecked;
  config.snapshots.believe_one = options_.driver_faults.attested_by_one;
  return config;
}

std::shared_ptr<const Authenticator> Cluster::make_authenticator(const std::shared_ptr<const KeyPair>& key, const MemberSet& members) const {
  if (options_.real_signatures) return make_ed25519_authenticator(key, members);
  return std::make_shared<const CheapKeyAuthenticator>(key->public_key(), members);
}

// A seat has every key that it will ever rotate to.
EpochIdentity Cluster::identify(Seat seat, const MemberSet& members) {
  const auto [entry, fresh] = identities_.try_emplace({seat, members.epoch()});
  if (!fresh) return entry->second;
  const auto index = index_in(members, seat);
  auto key = seat_key(seat, 0);
  for (unsigned generation = 0; index && generation < kSeatKeys; ++generation) {
    if (seat_key(seat, generation)->public_key() == members[*index].key) key = seat_key(seat, generation);
  }
  if (index) entry->second.self = static_cast<MemberIndex>(*index);
  entry->second.authenticator = make_authenticator(key, members);
  return entry->second;
}

void Cluster::count(const EngineCounters& counters) {
  report_.counts.view_changes += counters.view_changes;
  report_.counts.synced_blocks += counters.blocks_synced;
  report_.counts.fetched += counters.bodies_fetched;
}

std::int64_t Cluster::sync_latency_us() {
  std::int64_t latency_us = random_.between(sync_us_ / 2, 2 * sync_us_);
  if (faulty() && options_.has("delay") && random_.chance(20)) latency_us += random_.between(1000, 40'000);
  return latency_us;
}

std::int64_t Cluster::apply_latency_us() { return random_.between(apply_us_ / 2, 4 * apply_us_); }

void Cluster::after(std::int64_t delay_us, std::function<void()> action) { events_.push({now_us_ + delay_us, order_++, std::move(action)}); }

// To every replica of that seat.
void Cluster::carry(std::size_t from, Seat to, const std::shared_ptr<const PeerFrame>& frame) {
  for (std::size_t place = 0; place < nodes_.size(); ++place) {
    if (nodes_[place]->seat() != to || deaf_[from][place]) continue;
    carry_to(from, place, frame);
    if (duplicate_ > 0 && random_.chance(duplicate_)) carry_to(from, place, frame);
  }
}

void Cluster::carry_to(std::size_t from, std::size_t to, const std::shared_ptr<const PeerFrame>& frame) {
  if (cut_[from][to] || !nodes_[to]->up() || (loss_ > 0 && random_.chance(loss_))) {
    timeline_.message(now_us_, from, to, "lost", frame);
    return;
  }
  std::int64_t delay_us = random_.between(100, 1500);
  if (slow_ > 0 && random_.chance(slow_)) delay_us += random_.between(1000, 400'000);
  std::int64_t arrival_us = now_us_ + delay_us;
  if (reorder_ == 0 || !random_.chance(reorder_)) {
    arrival_us = std::max(arrival_us, last_arrival_us_[from][to] + 1);
    last_arrival_us_[from][to] = arrival_us;
  }
  after(arrival_us - now_us_, [this, from, to, frame] {
    const bool lost = cut_[from][to] || !nodes_[to]->up();
    timeline_.message(now_us_, from, to, lost ? "lost" : "gets", frame);
    if (!lost) nodes_[to]->deliver(nodes_[from]->seat(), nodes_[from]->correct(), frame);
  });
}

// A client asks one node, sometimes two at once, and another one when it has no answer after a while.
void Cluster::submit(std::size_t client, std::size_t step) {
  Client& one = clients_[client];
  if (one.step != step || one.stopped) return;
  const Transaction& transaction = workload_.clients()[client][step];
  for (int tries = random_.chance(100) ? 2 : 1; tries > 0; --tries) {
    one.place = any_place();
    SimNode& node = *nodes_[one.place];
    if (!node.up()) continue;
    if (node.correct() && node.ledger().has_transaction(transaction.id)) return answered(client, node);
    // It came, and its block is not here any more: the client learns that much, and no outcome.
    if (node.correct() && subservices::came_before(node.ledger(), transaction)) {
      if (!workload_.seen(transaction.id)) checkers_.fail("a ledger remembers a transaction that no block held");
      return next_step(client, false);
    }
    node.submit(transaction);
  }
  after(kRetry_us, [this, client, step] { submit(client, step); });
}

// The answer of a liar is worth nothing; nobody asks here what it was.
void Cluster::answered(std::size_t client, const SimNode& node) {
  Client& one = clients_[client];
  const auto& chain = workload_.clients()[client];
  const auto record = node.ledger().transaction(chain[one.step].id);
  checkers_.acknowledged(chain[one.step].id, record->height, record->receipt);
  next_step(client, record->receipt.status == Status::ok || record->receipt.status == Status::created);
}

void Cluster::next_step(std::size_t client, bool successful) {
  Client& one = clients_[client];
  const std::size_t length = workload_.clients()[client].size();
  ++acknowledged_;
  ++one.step;
  if (workload_.governs(client) && !successful) {
    one.stopped = true;
    acknowledged_ += length - one.step;   // what follows is never sent
    return;
  }
  if (one.step == length) return;
  const std::int64_t pause_us = random_.between(1000, workload_.governs(client) ? 500'000 : 300'000);
  after(pause_us, [this, client, step = one.step] { submit(client, step); });
}

void Cluster::applied(const SimNode& node) {
  if (!node.correct()) return;
  const auto batch = node.ledger().batch(node.ledger().height());
  for (const Hash& id : batch->transactions) {
    const auto known = client_of_.find(id);
    if (known == client_of_.end()) continue;
    const auto [client, step] = known->second;
    if (clients_[client].step == step && !clients_[client].stopped && clients_[client].place == node.place()) answered(client, node);
  }
}

bool Cluster::converged() const {
  if (faulty() || acknowledged_ != workload_.transactions()) return false;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    if (!node->correct()) return true;
    if (!node->up()) return false;
    const EngineStatus status = node->engine().status();
    const Height height = node->ledger().height();
    return !status.in_view_change && height == checkers_.height() && node->ledger().certified_height() == height && status.committed == height &&
           status.mempool_transactions == 0 && !status.epoch_ends;   // who is decided comes into force without load, too
  });
}

std::string Cluster::states() const {
  std::string text;
  for (const auto& node : nodes_) text += node->summary() + "\n";
  return text;
}

std::string Cluster::story(const std::string& failure) const {
  return timeline_.tell(kStoryLines) + "\n" + states() + "\nFAILED: " + failure + "\nreplay: " + replay_command(options_) + "\n";
}

SimReport Cluster::run() {
  plan_faults();
  for (auto& node : nodes_) node->start();
  refresh_links();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    after(random_.between(0, faults_end_us_), [this, i] { submit(i, 0); });
  }

  bool done = false;
  while (!checkers_.failure() && !events_.empty() && !done) {
    if (++report_.counts.steps > options_.steps_max) {
      checkers_.fail("no end after " + std::to_string(options_.steps_max) + " steps");
      break;
    }
    Event event = events_.top();
    events_.pop();
    now_us_ = event.at_us;
    event.action();
    done = !faulty() && converged();
    if (now_us_ > faults_end_us_ + kRecoveryMax_us) {
      checkers_.fail("no convergence within " + std::to_string(kRecoveryMax_us / 1'000'000) + " s after the faults ended; " +
                     std::to_string(workload_.transactions() - acknowledged_) + " transactions are not answered");
    }
  }
  for (const auto& node : nodes_) {
    if (done && node->correct()) checkers_.at_end(node->seat(), node->ledger());
  }

  report_.ok = !checkers_.failure();
  report_.counts.height = checkers_.height();
  report_.counts.transactions = acknowledged_;
  report_.counts.virtual_ms = now_us_ / 1000;
  report_.counts.recovery_ms = std::max<std::int64_t>(0, (now_us_ - faults_end_us_) / 1000);
  for (const auto& node : nodes_) {
    report_.counts.lies += node->lies();
    if (!node->up()) continue;
    count(node->engine().counters());
    if (!node->correct()) continue;
    report_.counts.view = std::max(report_.counts.view, node->engine().status().view);
    report_.counts.epochs = std::max(report_.counts.epochs, node->engine().epoch());
    report_.counts.pruned = std::max(report_.counts.pruned, node->ledger().first_block() - 1);
  }
  if (!report_.ok) {
    report_.failure = *checkers_.failure();
    report_.story = story(report_.failure);
  }
  return report_;
}

}  // namespace agiddi::tools
