// A few Replicas and a queue between them, for tests: messages move only when told, bodies are always held, execution is instant.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "consensus/replica.h"

namespace agiddi::consensus::test {

inline constexpr TimeMs kGenesis_ms = 1'000'000;

MemberSet make_members(std::size_t count);
SigningContext make_context(std::size_t count);
// A transaction id that a person can recognise; there is no body behind it.
Hash tx(const std::string& name);
Batch make_batch(Height height, View view, TimeMs timestamp, const std::vector<std::string>& transactions);
Vote make_vote(const SigningContext& context, Phase phase, View view, Height height, const Hash& digest, MemberIndex sender);
PreparedCertificate make_prepared(const SigningContext& context, View view, const Batch& batch);
ViewChange make_view_change(const SigningContext& context, View view, MemberIndex sender, std::vector<PreparedCertificate> prepared,
                            std::optional<CertifiedHeader> stable = std::nullopt);
CertifiedHeader make_certified(const SigningContext& context, Height height, View view, TimeMs timestamp, bool empty);

class ReplicaNet {
 public:
  explicit ReplicaNet(std::size_t count, TestFaults faults = {});

  Replica& operator[](std::size_t node) { return *nodes_[node].replica; }
  std::size_t size() const { return nodes_.size(); }
  Now now() const { return {time_ms, kGenesis_ms + time_ms}; }

  Batch propose(std::size_t node, const std::vector<std::string>& transactions);
  void start_view_change(std::size_t node, View view);
  // Delivers what is queued, and what that causes, except messages that a filter stops. Gives the number delivered.
  std::size_t deliver();
  void restart(std::size_t node);
  void exchange_status();

  // Executed blocks of a node, as the names of their transactions.
  const std::vector<Batch>& chain(std::size_t node) const { return nodes_[node].chain; }
  const std::map<Bytes, Bytes>& log(std::size_t node) const { return nodes_[node].log; }
  const std::map<Height, CertifiedHeader>& certified(std::size_t node) const { return nodes_[node].certified; }
  const std::optional<std::string>& fatal(std::size_t node) const { return nodes_[node].fatal; }
  std::size_t queued() const { return queue_.size(); }
  void inject(std::size_t to, PeerFrame frame);   // verified or not: the net asks verify_frame first, and gives the refusal
  void take(std::size_t node);                    // what a node made ready

  std::int64_t time_ms = 10;
  std::set<std::size_t> down;                     // neither send nor receive
  std::function<bool(std::size_t from, std::size_t to, const PeerFrame&)> stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  std::function<bool(std::size_t node, const Batch&)> bodies = [](std::size_t, const Batch&) { return true; };
  std::vector<std::string> transcript;            // of deliveries
  std::vector<std::string> refused;

 private:
  struct Node {
    std::unique_ptr<Replica> replica;
    std::map<Bytes, Bytes> log;
    std::vector<Batch> chain;
    std::vector<BlockHeader> headers;
    std::map<Height, CertifiedHeader> certified;
    std::optional<std::string> fatal;
  };
  struct Queued {
    std::size_t from, to;
    PeerFrame frame;
  };
  void make(std::size_t node);
  void hand(std::size_t node, const PeerFrame& frame);
  BlockHeader execute(Node& node, const Batch& batch);

  SigningContext context_;
  TestFaults faults_;
  std::vector<Node> nodes_;
  std::deque<Queued> queue_;
};

}  // namespace agiddi::consensus::test
