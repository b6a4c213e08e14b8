#include "tools/sim/cluster.h"

#include <algorithm>

#include "protocol/check.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr std::int64_t kRecoveryMax_us = 60'000'000;   // after the end of the faults everything is committed everywhere by then
constexpr std::int64_t kRetry_us = 2'000'000;
constexpr std::int64_t kHeartbeatRuns = 300;           // per thousand

Bytes seed_of(std::uint64_t seed, std::uint32_t number) {
  Bytes text;
  append_u64_be(text, seed);
  append_u32_be(text, number);
  return Bytes(tagged_hash("sim/seed", {text}).view());
}

std::shared_ptr<const KeyPair> key_of(std::uint64_t seed, std::uint32_t number) {
  auto key = KeyPair::from_seed(seed_of(seed, number));
  AGIDDI_CHECK(key.has_value(), "32 bytes are a seed");
  return std::make_shared<const KeyPair>(std::move(*key));
}

Transaction client_transaction(const KeyPair& key, std::size_t number) {
  ProtectedHeader header;
  header.kid = did_from_key(key.public_key());
  header.network = "sim";
  header.action = "sim.add";
  header.issued_at_s = 1'780'000'000;
  header.jti = "client-" + std::to_string(number);
  const Bytes body = "\"counter-" + std::to_string(number % 7) + "\"";
  auto transaction = parse_transaction(sign_document(key, header, body), body);
  AGIDDI_CHECK(transaction.has_value(), "our own document can be parsed");
  return std::move(*transaction);
}

SigningContext make_context(const std::vector<std::shared_ptr<const KeyPair>>& keys) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Member member;
    member.id = "node-" + std::string(i < 9 ? "0" : "") + std::to_string(i + 1);
    member.key = keys[i]->public_key();
    members.push_back(std::move(member));
  }
  return {"sim", MemberSet(std::move(members))};
}

std::vector<std::shared_ptr<const KeyPair>> member_keys(const SimOptions& options) {
  std::vector<std::shared_ptr<const KeyPair>> keys;
  for (std::size_t i = 0; i < options.nodes; ++i) keys.push_back(key_of(0, static_cast<std::uint32_t>(i)));
  return keys;
}

std::vector<std::shared_ptr<const Authenticator>> make_authenticators(const SimOptions& options, const SigningContext& context) {
  std::vector<std::shared_ptr<const Authenticator>> out;
  const auto keys = member_keys(options);
  for (std::size_t i = 0; i < options.nodes; ++i) {
    out.push_back(options.real_signatures ? make_ed25519_authenticator(keys[i], context.members)
                                          : std::make_shared<const CheapAuthenticator>(static_cast<MemberIndex>(i)));
  }
  return out;
}

}  // namespace

Cluster::Cluster(const SimOptions& options)
    : options_(options),
      random_(options.seed),
      timeline_(options.trace),
      context_(make_context(member_keys(options))),
      authenticators_(make_authenticators(options, context_)),
      checkers_(context_, authenticators_.front()),
      cut_(options.nodes, std::vector<bool>(options.nodes, false)),
      told_(options.nodes, std::vector<bool>(options.nodes, false)),
      last_arrival_us_(options.nodes, std::vector<std::int64_t>(options.nodes, 0)) {
  const auto client_key = key_of(options.seed, 1000);
  for (std::size_t i = 0; i < options.transactions; ++i) {
    clients_.push_back({client_transaction(*client_key, i), 0, false});
    client_of_[clients_.back().transaction.id] = i;
  }
  const Hash members_digest = context_.members.digest();
  for (std::size_t i = 0; i < options.nodes; ++i) {
    nodes_.push_back(std::make_unique<SimNode>(*this, i, random_.between(-300, 300), members_digest));
  }
}

EngineConfig Cluster::engine_config(std::size_t node) const {
  EngineConfig config;
  config.network = context_.network;
  config.members = context_.members;
  config.self = static_cast<MemberIndex>(node);
  config.test_faults = options_.test_faults;
  return config;
}

void Cluster::count(const EngineCounters& counters) {
  report_.view_changes += counters.view_changes;
  report_.synced_blocks += counters.blocks_synced;
  report_.fetched += counters.bodies_fetched;
}

void Cluster::after(std::int64_t delay_us, std::function<void()> action) { events_.push({now_us_ + delay_us, order_++, std::move(action)}); }

void Cluster::transmit(std::size_t from, std::optional<std::size_t> to, std::shared_ptr<const PeerFrame> frame) {
  for (std::size_t node = 0; node < options_.nodes; ++node) {
    if (node == from || (to && *to != node)) continue;
    carry(from, node, frame);
    if (duplicate_ > 0 && random_.chance(duplicate_)) carry(from, node, frame);
  }
}

void Cluster::carry(std::size_t from, std::size_t to, const std::shared_ptr<const PeerFrame>& frame) {
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
    if (!lost) nodes_[to]->deliver(from, *frame);
  });
}

// A client asks one node, and another one when it has no answer after a while.
void Cluster::submit(std::size_t client) {
  ClientTransaction& one = clients_[client];
  if (one.acknowledged) return;
  one.node = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(options_.nodes) - 1));
  SimNode& node = *nodes_[one.node];
  if (node.up()) {
    if (node.machine().knows(one.transaction.id)) {
      one.acknowledged = true;
      ++acknowledged_;
      return;
    }
    node.submit(one.transaction);
  }
  after(kRetry_us, [this, client] { submit(client); });
}

void Cluster::applied(std::size_t node, const Batch& batch) {
  for (const Hash& id : batch.transactions) {
    const auto known = client_of_.find(id);
    if (known == client_of_.end()) {
      checkers_.fail("a transaction that no client sent was committed");
      return;
    }
    ClientTransaction& client = clients_[known->second];
    if (client.node != node || client.acknowledged) continue;
    client.acknowledged = true;
    ++acknowledged_;
  }
}

bool Cluster::converged() const {
  if (faulty() || acknowledged_ != clients_.size()) return false;
  const View view = nodes_.front()->engine().status().view;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    const EngineStatus status = node->engine().status();
    const Height height = node->machine().height();
    return status.view == view && !status.in_view_change && height == checkers_.height() && status.certified == height &&
           status.mempool_transactions == 0 && (height == 0 || node->machine().has_certificate(height));
  });
}

std::string Cluster::states() const {
  std::string text;
  for (const auto& node : nodes_) text += node->summary() + "\n";
  return text;
}

SimReport Cluster::run() {
  plan_faults();
  for (auto& node : nodes_) node->start();
  refresh_links();
  if (random_.chance(kHeartbeatRuns)) {
    for (auto& node : nodes_) node->heartbeat_wanted(true);
  }
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    after(random_.between(0, faults_end_us_), [this, i] { submit(i); });
  }

  while (!checkers_.failure() && !events_.empty()) {
    if (++report_.steps > options_.steps_max) {
      checkers_.fail("no end after " + std::to_string(options_.steps_max) + " steps");
      break;
    }
    Event event = events_.top();
    events_.pop();
    now_us_ = event.at_us;
    event.action();
    if (!faulty() && converged()) break;
    if (now_us_ > faults_end_us_ + kRecoveryMax_us) checkers_.fail("no convergence within a minute after the faults ended");
  }
  for (const ClientTransaction& client : clients_) {
    if (client.acknowledged && !checkers_.committed(client.transaction.id)) checkers_.fail("an acknowledged transaction is in no block");
  }

  report_.ok = !checkers_.failure();
  report_.height = checkers_.height();
  report_.virtual_ms = now_us_ / 1000;
  report_.recovery_ms = (now_us_ - faults_end_us_) / 1000;
  for (const auto& node : nodes_) {
    if (!node->up()) continue;
    count(node->engine().counters());
    report_.view = std::max(report_.view, node->engine().status().view);
  }
  if (!report_.ok) {
    report_.failure = timeline_.tell(80) + "\n" + states() + "\nFAILED: " + *checkers_.failure() + "\nreplay: " + replay_command(options_) + "\n";
  }
  return report_;
}

}  // namespace agiddi::tools
