// A small world of hosts with an Engine each; a transaction "members a b c …" decides the set that is in force one window and a block after its own block.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <sstream>

#include "consensus/engine.h"
#include "consensus/frames.h"
#include "protocol/encoding.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::consensus::epoch_test {

inline constexpr TimeMs kGenesis_ms = 1'000'000;
inline constexpr Height kDelay = limits::kWindowHeights + 1;

inline Member member(const std::string& id) {
  Member out;
  out.id = id;
  out.key[0] = static_cast<std::uint8_t>(id[0]);
  out.sealing_key[0] = out.key[0];
  out.address = id + ":1";
  return out;
}

inline MemberSet member_set(const std::string& ids, std::uint64_t epoch) {
  std::vector<Member> members;
  std::istringstream words(ids);
  for (std::string id; words >> id;) members.push_back(member(id));
  return MemberSet(std::move(members), epoch);
}

inline Transaction document(const std::string& text, const std::string& jti) {
  static const KeyPair key = (crypto_init(), std::move(*KeyPair::from_seed(Bytes(32, 'k'))));
  const ProtectedHeader header{did_from_key(key.public_key()), "test", text.starts_with("members ") ? "governance.vote" : "sim.add", 1'780'000'000, jti};
  const Bytes body = '"' + text + '"';
  return *parse_transaction(sign_document(key, header, body), body);
}

// One host's disk: the chain with the epochs that it decided, and the log.
struct Disk {
  struct Stored {
    SyncBlock block;
    bool certified = false;
    std::vector<Receipt> receipts{};
  };
  std::vector<Stored> blocks;
  Height first = 1;                         // what lies below was pruned: it is kept for the checks, and not served
  std::map<std::uint64_t, MemberChange> changes;
  std::vector<MemberEpoch> epochs{{0, member_set("a b c d", 0)}};
  std::map<Bytes, Bytes> log;

  const MemberEpoch& epoch_at(Height height) const {
    const MemberEpoch* found = nullptr;
    for (const MemberEpoch& epoch : epochs) {
      if (epoch.from_height <= height) found = &epoch;
    }
    return *found;
  }
  std::optional<HeaderChain> proof_of(Height height) const {
    HeaderChain proof;
    for (Height at = height; at <= blocks.size(); ++at) {
      const Stored& stored = blocks[at - 1];
      if (at > height) proof.headers.push_back(stored.block.header);
      if (!stored.certified) continue;
      proof.certificate = stored.block.certificate;
      return proof;
    }
    return std::nullopt;
  }
  // What decided the epochs whose blocks are here and certified; gives the latest epoch up to which all are.
  MemberEpoch prove() {
    for (const Stored& stored : blocks) {
      for (std::size_t i = 0; i < stored.receipts.size(); ++i) {
        const Json result = parse_json(stored.receipts[i].result).value();
        if (result.find("decided") == nullptr) continue;
        const std::uint64_t epoch = member_epoch_from_json(*result.find("decided"))->members.epoch();
        const Block block{stored.block.header, stored.block.batch, stored.block.transactions, stored.receipts};
        const auto proof = proof_of(stored.block.header.height);
        if (proof && !changes.contains(epoch)) changes.emplace(epoch, make_member_change(block, *proof, i));
      }
    }
    return learned().back();
  }
  std::vector<MemberEpoch> learned() const {
    std::vector<MemberEpoch> out{epochs.front()};
    for (auto change = changes.begin(); change != changes.end() && change->first == out.size(); ++change) {
      out.push_back(decided_by(change->second, out.back(), "test").value());
    }
    return out;
  }
  std::optional<MemberEpoch> next() const {
    if (epochs.back().from_height <= blocks.size()) return std::nullopt;
    return epochs.back();
  }
  BlockHeader apply(const CommittedBatch& batch) {
    BlockHeader header;
    header.network = "test";
    header.height = batch.batch.height;
    REQUIRE(header.height == blocks.size() + 1);
    if (!blocks.empty()) header.previous_hash = blocks.back().block.header.hash();
    header.batch_digest = batch.batch.digest();
    header.transaction_root = transaction_root(batch.batch.transactions);
    header.members_digest = epoch_at(header.height).members.digest();
    header.timestamp = batch.batch.timestamp;
    header.view = batch.batch.view;
    std::vector<Receipt> receipts;
    for (const Transaction& transaction : batch.transactions) {
      receipts.push_back({transaction.id, Status::created, "{}"});
      if (!transaction.body.starts_with("\"members ") || epochs.back().from_height > header.height) continue;
      const std::string ids = transaction.body.substr(9, transaction.body.size() - 10);
      epochs.push_back({header.height + kDelay, member_set(ids, epochs.back().members.epoch() + 1)});
      receipts.back().result = Json::object({{"decided", member_epoch_json(epochs.back())}}).dump();
    }
    header.receipt_root = receipt_root(receipts);
    blocks.push_back({{header, {}, batch.batch, batch.transactions}, false, std::move(receipts)});
    if (batch.expected) CHECK(batch.expected->hash() == header.hash());
    return header;
  }
};

class EpochNet {
 public:
  explicit EpochNet(const std::string& hosts = "a b c d e") {
    std::istringstream words(hosts);
    for (std::string id; words >> id;) {
      hosts_.push_back(std::make_unique<Host>());
      hosts_.back()->id = id;
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) start(i);
  }

  void start(std::size_t i) {
    Host& host = *hosts_[i];
    EngineConfig config;
    config.network = "test";
    config.genesis_timestamp = kGenesis_ms - 10;
    Restored restored;
    for (const auto& [key, value] : host.disk.log) restored.log.push_back({key, value});
    restored.applied = host.disk.blocks.size();
    Height certified = 0;
    while (certified < restored.applied && host.disk.blocks[certified].certified) ++certified;
    if (certified > 0) restored.certified = {host.disk.blocks[certified - 1].block.header, host.disk.blocks[certified - 1].block.certificate};
    for (Height height = certified + 1; height <= restored.applied; ++height) restored.uncertified.push_back(host.disk.blocks[height - 1].block.header);
    for (const auto& stored : host.disk.blocks) {
      for (const Hash& id : stored.block.batch.transactions) restored.recent_transactions.push_back(id);
    }
    for (const MemberEpoch& epoch : host.disk.epochs) {
      if (epoch.members.epoch() >= host.disk.epoch_at(certified).members.epoch()) config.epochs.push_back(epoch);
    }
    if (proofs) {
      config.proven = host.disk.prove();
      for (const MemberEpoch& epoch : host.disk.learned()) {
        if (epoch.members.epoch() > config.epochs.back().members.epoch()) config.epochs.push_back(epoch);
      }
    }
    config.snapshots.behind_min = behind_min;
    const auto identify = [id = host.id](const MemberSet& members) {
      const int index = members.index_of(id);
      const auto self = index < 0 ? std::nullopt : std::optional(static_cast<MemberIndex>(index));
      return EpochIdentity{self, std::make_shared<const tools::CheapAuthenticator>(self.value_or(99))};
    };
    host.engine = std::make_unique<Engine>(std::move(config), identify, std::move(restored), now());
    if (!host.snapshots.empty()) host.engine->snapshots_here(host.snapshots, host.disk.first, now());
    take(i);
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
      if (other == i || !up(other)) continue;
      announce(i, other);
      announce(other, i);
    }
  }
  void kill(std::size_t i) {
    hosts_[i]->engine.reset();
    for (std::size_t other = 0; other < hosts_.size(); ++other) {
      if (!up(other)) continue;
      hosts_[other]->engine->peer_disconnected(index_at(other, i), now());
      take(other);
    }
  }
  bool up(std::size_t i) const { return hosts_[i]->engine != nullptr; }

  // A snapshot of the present height at these hosts, which have no blocks below it any more.
  SnapshotManifest manifest(std::size_t i, Height height) const {
    return {1, hosts_[i]->disk.blocks[height - 1].block.header, 7, {blake2b("a chunk")}};
  }
  void snapshot_and_prune(const std::vector<std::size_t>& at, Height height) {
    for (const std::size_t i : at) {
      hosts_[i]->snapshots = {{height, manifest(i, height).id()}};
      hosts_[i]->disk.first = height + 1;
      hosts_[i]->engine->snapshots_here(hosts_[i]->snapshots, height + 1, now());
      take(i);
    }
  }
  std::optional<Height> fetched(std::size_t i) const { return hosts_[i]->fetched; }
  // What a driver does with a snapshot that is whole: the state of another host at that height, and a restart.
  void install(std::size_t i, std::size_t from) {
    const Height height = *hosts_[i]->fetched;
    kill(i);
    Disk& disk = hosts_[i]->disk;
    const Disk& other = hosts_[from]->disk;
    disk.blocks.assign(other.blocks.begin(), other.blocks.begin() + static_cast<std::ptrdiff_t>(height));
    disk.first = height + 1;
    for (Disk::Stored& stored : disk.blocks) stored.receipts.clear();   // and none of the blocks
    disk.epochs.clear();
    for (const MemberEpoch& epoch : other.epochs) {
      if (epoch.from_height <= height + kDelay - 1) disk.epochs.push_back(epoch);
    }
    hosts_[i]->fetched.reset();
    start(i);
  }
  Engine& operator[](std::size_t i) { return *hosts_[i]->engine; }
  Disk& disk(std::size_t i) { return hosts_[i]->disk; }
  std::size_t size() const { return hosts_.size(); }
  Now now() const { return {time_ms_, kGenesis_ms + time_ms_}; }

  void submit(std::size_t i, const std::string& text) {
    hosts_[i]->engine->submit(document(text, "t" + std::to_string(++documents_)), now());
    take(i);
  }
  // Time passes with all wake-ups; a transaction every few milliseconds at the first hosts that are up, when there is load.
  void run(std::int64_t ms, bool load = false) {
    for (const std::int64_t end = time_ms_ + ms; time_ms_ < end;) {
      deliver();
      ++time_ms_;
      if (load && time_ms_ % 5 == 0) {
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
          if (!up(i) || !hosts_[i]->engine->is_member()) continue;
          submit(i, "load " + std::to_string(time_ms_));
          break;
        }
      }
      for (std::size_t i = 0; i < hosts_.size(); ++i) {
        if (!up(i) || hosts_[i]->wake_at_ms > time_ms_) continue;
        hosts_[i]->engine->tick(now());
        take(i);
      }
    }
    deliver();
  }
  template <class Probe>
  bool until(Probe probe, std::int64_t limit_ms, bool load = false) {
    for (std::int64_t passed = 0; passed < limit_ms; passed += 20) {
      if (probe()) return true;
      run(20, load);
    }
    return probe();
  }
  bool all_in_epoch(std::uint64_t epoch) const {
    return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& host) { return !host->engine || host->engine->epoch() == epoch; });
  }
  Height lowest() const {
    Height out = UINT64_MAX;
    for (const auto& host : hosts_) {
      if (host->engine) out = std::min<Height>(out, host->disk.blocks.size());
    }
    return out;
  }
  // Every host holds the same chain; what is certified is certified by the members of its height.
  void check_chains() const {
    std::vector<Hash> longest;
    std::size_t different = 0, badly_certified = 0;
    for (const auto& host : hosts_) {
      for (std::size_t i = 0; i < host->disk.blocks.size(); ++i) {
        const Disk::Stored& stored = host->disk.blocks[i];
        const Hash hash = stored.block.header.hash();
        if (i == longest.size()) longest.push_back(hash);
        different += longest[i] == hash ? 0 : 1;
        if (!stored.certified) continue;
        const MemberSet& members = host->disk.epoch_at(i + 1).members;
        const auto& signatures = stored.block.certificate.signatures;
        const bool by_members = std::all_of(signatures.begin(), signatures.end(), [&](const auto& one) { return members.index_of(one.validator) >= 0; });
        badly_certified += by_members && signatures.size() >= members.quorum() ? 0 : 1;
      }
    }
    REQUIRE(different == 0);
    REQUIRE(badly_certified == 0);
    REQUIRE(fatal.empty());
  }

  std::function<bool(std::size_t from, std::size_t to, const PeerFrame&)> lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  std::function<void()> on_step = [] {};
  std::function<void(std::size_t from, EpochProofs&)> forge = [](std::size_t, EpochProofs&) {};
  bool proofs = true;                       // whether hosts keep what decided the epochs
  Height behind_min = 1000;
  std::vector<std::string> fatal, refused;
  std::size_t steps = 0;

 private:
  struct Host {
    std::string id;
    std::unique_ptr<Engine> engine;
    Disk disk;
    std::map<std::uint64_t, MemberSet> sets;
    std::int64_t wake_at_ms = 0;
    std::vector<std::pair<Height, Hash>> snapshots;
    Height fetching = 0;
    std::optional<Height> fetched;          // it would install this snapshot now
  };
  struct Queued {
    std::size_t from, to;
    std::shared_ptr<const Bytes> frame;
  };

  MemberIndex index_at(std::size_t host, std::size_t peer) const {
    const MemberSet& members = hosts_[host]->engine->signing_context().members;
    const int index = members.index_of(hosts_[peer]->id);
    return static_cast<MemberIndex>(index >= 0 ? static_cast<std::size_t>(index) : members.size() + peer);
  }
  void announce(std::size_t host, std::size_t peer) {
    hosts_[host]->engine->peer_connected(index_at(host, peer), now());
    take(host);
  }
  void take(std::size_t i) {
    Host& host = *hosts_[i];
    for (bool more = true; more && host.engine;) {
      more = false;
      Output output = host.engine->take_output();
      host.wake_at_ms = output.wake_at_ms;
      host.sets[host.engine->epoch()] = host.engine->signing_context().members;
      if (output.fatal) fatal.push_back(*output.fatal);
      for (const ProvenEpoch& one : output.proven) host.disk.changes.insert_or_assign(one.epoch.members.epoch(), one.change);
      for (const LogWrite& write : output.persist) write.value ? void(host.disk.log[write.key] = *write.value) : void(host.disk.log.erase(write.key));
      for (const Send& send : output.sends) {
        const MemberSet& members = host.sets.at(send.epoch);
        for (std::size_t to = 0; to < hosts_.size(); ++to) {
          const int index = members.index_of(hosts_[to]->id);
          const bool meant = send.to ? *send.to == (index >= 0 ? static_cast<std::size_t>(index) : members.size() + to) : index >= 0;
          if (to != i && meant) queue_.push_back({i, to, send.frame});
        }
      }
      const auto certified = [&](const CertifiedHeader& one) {
        Disk::Stored& stored = host.disk.blocks.at(one.header.height - 1);
        stored.block.certificate = one.certificate;
        stored.certified = true;
        if (proofs) host.engine->epoch_proven(host.disk.prove());
      };
      if (output.skipped) certified(*output.skipped);
      for (const CertifiedBlock& one : output.certified) certified(one.certified);
      for (const EpochRead& read : output.epoch_reads) {
        std::vector<MemberChange> changes;
        for (auto change = host.disk.changes.upper_bound(read.above); change != host.disk.changes.end(); ++change) changes.push_back(change->second);
        host.engine->epochs_read(read.peer, read.above, std::move(changes), now());
        more = true;
      }
      for (const SnapshotRead& read : output.snapshot_reads) {
        SnapshotPart part{read.request.id, read.request.part, {}, false, {}};
        for (const auto& [height, id] : host.snapshots) {
          if (id != read.request.id) continue;
          part.data = part.part == 0 ? encode_manifest(manifest(i, height)) : Bytes("a chunk");
          part.certificate = host.disk.blocks[height - 1].block.certificate;
        }
        host.engine->snapshot_read(read.peer, std::move(part), now());
        more = true;
      }
      for (const SnapshotStep& step : output.snapshot_steps) {
        if (const auto* begin = std::get_if<SnapshotBegin>(&step)) {
          host.engine->snapshot_begun(begin->manifest.id(), {}, now());
          host.fetching = begin->manifest.height();
        }
        if (std::holds_alternative<SnapshotFinish>(step)) host.fetched = host.fetching;
        more = true;
      }
      for (const CommittedBatch& batch : output.execute) {
        const BlockHeader header = host.disk.apply(batch);
        host.engine->executed(header, now(), host.disk.next());
        more = true;
      }
      for (const ReadRequest& read : output.reads) {
        std::vector<SyncBlock> blocks;
        HeaderChain chain;
        for (Height at = read.from; at >= host.disk.first && at <= read.to && at <= host.disk.blocks.size(); ++at) {
          auto proof = host.disk.proof_of(at);
          if (!proof) break;
          blocks.push_back(host.disk.blocks[at - 1].block);
          chain = *std::move(proof);                      // of the last one
        }
        if (chain.headers.empty()) chain = {};
        host.engine->blocks_read(read.peer, read.from, std::move(blocks), std::move(chain), now());
        more = true;
      }
      if (output.epoch_begun) {
        for (std::size_t peer = 0; peer < hosts_.size(); ++peer) {
          if (peer != i && up(peer)) host.engine->peer_connected(index_at(i, peer), now());
        }
        more = true;
      }
    }
  }
  void deliver() {
    while (!queue_.empty()) {
      const Queued next = queue_.front();
      queue_.pop_front();
      if (!up(next.to)) continue;
      auto frame = decode_frame(*next.frame, limits::kMembersMax);
      REQUIRE(frame);
      if (lost(next.from, next.to, *frame)) continue;
      if (auto* answer = std::get_if<EpochProofs>(&frame->content)) forge(next.from, *answer);
      ++steps;
      on_step();
      if (!up(next.to)) continue;
      const auto ok = hosts_[next.to]->engine->receive(index_at(next.to, next.from), std::move(*frame), now());
      if (!ok) refused.push_back(ok.error().detail);
      take(next.to);
    }
  }

  std::vector<std::unique_ptr<Host>> hosts_;
  std::deque<Queued> queue_;
  std::int64_t time_ms_ = 1000;
  int documents_ = 0;
};

}  // namespace agiddi::consensus::epoch_test
