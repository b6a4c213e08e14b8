// The Engine with its driver's duties done at once: no latency, no loss unless a test says so, virtual time.
#pragma once

#include <catch2/catch.hpp>
#include <deque>

#include "consensus/frames.h"
#include "consensus/log_records.h"
#include "replica_net.h"
#include "chain_machine.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::consensus::test {

inline Transaction document(const std::string& jti) {
  static const KeyPair key = (crypto_init(), std::move(*KeyPair::from_seed(Bytes(32, 'k'))));
  const ProtectedHeader header{did_from_key(key.public_key()), "test", "sim.add", 1'780'000'000, jti};
  return *parse_transaction(sign_document(key, header, "\"x\""), "\"x\"");
}

class EngineNet {
 public:
  explicit EngineNet(std::size_t count, const std::function<void(EngineConfig&)>& change = [](EngineConfig&) {}) : change_(change) {
    for (std::size_t i = 0; i < count; ++i) nodes_.push_back({nullptr, ChainMachine("test", make_members(count).digest()), {}, {}, 0});
    for (std::size_t i = 0; i < count; ++i) start(i);
  }

  void start(std::size_t i) {
    EngineConfig config;
    config.network = "test";
    config.members = make_members(nodes_.size());
    config.self = static_cast<MemberIndex>(i);
    config.genesis_timestamp = kGenesis_ms - 10;
    change_(config);
    Restored restored;
    for (const auto& [key, value] : nodes_[i].log) restored.log.push_back({key, value});
    nodes_[i].machine.restore_into(restored);
    nodes_[i].engine = std::make_unique<Engine>(std::move(config), std::make_shared<const tools::CheapAuthenticator>(static_cast<MemberIndex>(i)),
                                                std::move(restored), now());
    take(i);
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      if (other == i || !nodes_[other].engine) continue;
      nodes_[i].engine->peer_connected(static_cast<MemberIndex>(other), now());
      take(i);
      nodes_[other].engine->peer_connected(static_cast<MemberIndex>(i), now());
      take(other);
    }
  }
  void kill(std::size_t i) {
    nodes_[i].engine.reset();
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      if (!nodes_[other].engine) continue;
      nodes_[other].engine->peer_disconnected(static_cast<MemberIndex>(i), now());
      take(other);
    }
  }
  Engine& operator[](std::size_t i) { return *nodes_[i].engine; }
  ChainMachine& machine(std::size_t i) { return nodes_[i].machine; }
  const std::vector<std::string>& fatal() const { return fatal_; }
  std::size_t log_records(std::size_t i) const { return nodes_[i].log.size(); }
  std::map<Bytes, Bytes>& log(std::size_t i) { return nodes_[i].log; }
  Now now() const { return {time_ms_, kGenesis_ms + time_ms_}; }

  Admission submit(std::size_t i, const Transaction& transaction) {
    const Admission admission = nodes_[i].engine->submit(transaction, now());
    take(i);
    return admission;
  }
  void deliver() {
    while (!queue_.empty()) {
      const auto [from, to, bytes] = queue_.front();
      queue_.pop_front();
      if (!nodes_[to].engine) continue;
      auto frame = decode_frame(*bytes, nodes_.size());
      REQUIRE(frame);
      if (lost(from, to, *frame)) continue;
      const auto ok = nodes_[to].engine->receive(static_cast<MemberIndex>(from), std::move(*frame), now());
      if (!ok) refused.push_back(ok.error().detail);
      take(to);
    }
  }
  // Time passes in steps, with all wake-ups.
  void run(std::int64_t ms) {
    for (const std::int64_t end = time_ms_ + ms; time_ms_ < end;) {
      deliver();
      std::int64_t next = end;
      for (const Node& node : nodes_) {
        if (node.engine) next = std::min(next, node.wake_at_ms);
      }
      time_ms_ = std::max(time_ms_ + 1, std::min(next, end));
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].engine || nodes_[i].wake_at_ms > time_ms_) continue;
        nodes_[i].engine->tick(now());
        take(i);
      }
    }
    deliver();
  }

  std::function<bool(std::size_t from, std::size_t to, const PeerFrame&)> lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  std::function<void(std::vector<SyncBlock>&)> tamper = [](std::vector<SyncBlock>&) {};
  std::function<SnapshotPart(std::size_t from, const SnapshotRequest&)> serve = [](std::size_t, const SnapshotRequest& request) {
    return SnapshotPart{request.id, request.part, {}, false, {}};
  };
  std::vector<SnapshotStep> steps;                 // of whoever fetches a snapshot
  std::vector<std::string> refused;

 private:
  struct Node {
    std::unique_ptr<Engine> engine;
    ChainMachine machine;
    std::map<Bytes, Bytes> log;
    std::vector<ReadRequest> reads;
    std::int64_t wake_at_ms;
  };
  void take(std::size_t i) {
    for (bool more = true; more;) {
      more = false;
      Node& node = nodes_[i];
      Output output = node.engine->take_output();
      node.wake_at_ms = output.wake_at_ms;
      if (output.fatal) fatal_.push_back(*output.fatal);
      for (const LogWrite& write : output.persist) write.value ? void(node.log[write.key] = *write.value) : void(node.log.erase(write.key));
      for (const Send& send : output.sends) {
        for (std::size_t to = 0; to < nodes_.size(); ++to) {
          if (to != i && (!send.to || *send.to == to)) queue_.push_back({i, to, send.frame});
        }
      }
      for (const CommittedBatch& batch : output.execute) {
        node.engine->executed(node.machine.apply(batch.batch, batch.transactions), now());
        more = true;
      }
      for (const CertifiedBlock& one : output.certified) node.machine.store_certificate(one.certified);
      for (const ReadRequest& read : output.reads) {
        auto blocks = node.machine.read(read.from, read.to);
        tamper(blocks);
        node.engine->blocks_read(read.peer, read.from, std::move(blocks), {}, now());
        more = true;
      }
      for (const SnapshotRead& read : output.snapshot_reads) {
        node.engine->snapshot_read(read.peer, serve(i, read.request), now());
        more = true;
      }
      for (SnapshotStep& step : output.snapshot_steps) {
        if (const auto* begin = std::get_if<SnapshotBegin>(&step)) {
          node.engine->snapshot_begun(begin->manifest.id(), {}, now());
          more = true;
        }
        if (std::holds_alternative<SnapshotStore>(step)) node.engine->snapshot_stored(now());
        steps.push_back(std::move(step));
      }
    }
  }

  std::function<void(EngineConfig&)> change_;
  std::vector<Node> nodes_;
  std::deque<std::tuple<std::size_t, std::size_t, std::shared_ptr<const Bytes>>> queue_;
  std::vector<std::string> fatal_;
  std::int64_t time_ms_ = 1000;
};

template <class Kind>
auto losing(std::size_t to) {
  return [to](std::size_t, std::size_t receiver, const PeerFrame& frame) { return receiver == to && std::holds_alternative<Kind>(frame.content); };
}

}  // namespace agiddi::consensus::test
