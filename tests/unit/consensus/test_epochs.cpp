// Epochs: member sets that change while the chain goes on. A small world of hosts with an Engine each; a transaction "members a b c …" decides the set
// that is in force one window and a block after its own block.
#include <catch2/catch.hpp>
#include <deque>
#include <sstream>

#include "consensus/engine.h"
#include "consensus/frames.h"
#include "protocol/encoding.h"
#include "tools/sim/cheap_authenticator.h"

using namespace agiddi;
using namespace agiddi::consensus;

namespace {

constexpr TimeMs kGenesis_ms = 1'000'000;
constexpr Height kDelay = limits::kWindowHeights + 1;

Member member(const std::string& id) {
  Member out;
  out.id = id;
  out.key[0] = static_cast<std::uint8_t>(id[0]);
  out.sealing_key[0] = out.key[0];
  out.address = id + ":1";
  return out;
}

MemberSet member_set(const std::string& ids, std::uint64_t epoch) {
  std::vector<Member> members;
  std::istringstream words(ids);
  for (std::string id; words >> id;) members.push_back(member(id));
  return MemberSet(std::move(members), epoch);
}

Transaction document(const std::string& text, const std::string& jti) {
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
  // What decided the epochs whose blocks are here and certified; gives the latest epoch up to which all are.
  MemberEpoch prove() {
    for (const Stored& stored : blocks) {
      for (std::size_t i = 0; i < stored.receipts.size() && stored.certified; ++i) {
        const Json result = parse_json(stored.receipts[i].result).value();
        if (result.find("decided") == nullptr) continue;
        const std::uint64_t epoch = member_epoch_from_json(*result.find("decided"))->members.epoch();
        const Block block{stored.block.header, stored.block.batch, stored.block.transactions, stored.receipts};
        if (!changes.contains(epoch)) changes.emplace(epoch, make_member_change(block, stored.block.certificate, i));
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
      for (const CertifiedBlock& one : output.certified) {
        Disk::Stored& stored = host.disk.blocks.at(one.height - 1);
        stored.block.certificate = one.certified.certificate;
        stored.certified = true;
        if (proofs) host.engine->epoch_proven(host.disk.prove());
      }
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
        for (Height at = read.from; at >= host.disk.first && at <= read.to && at <= host.disk.blocks.size() && host.disk.blocks[at - 1].certified; ++at) {
          blocks.push_back(host.disk.blocks[at - 1].block);
        }
        host.engine->blocks_read(read.peer, read.from, std::move(blocks), {}, now());
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

}  // namespace

TEST_CASE("a node that is no member follows, and takes part from the height on from which it is one", "[epochs]") {
  EpochNet net;
  CHECK(net[0].is_member());
  CHECK_FALSE(net[4].is_member());
  net.run(200, true);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  CHECK(net[4].is_member());
  const Height from = net.disk(0).epochs[1].from_height;
  REQUIRE(net.until([&] { return net.lowest() > from + 20; }, 5'000, true));
  net.check_chains();
  // It votes: with two of the others away there is no quorum of the five without it.
  net.kill(3);
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 5; }, 20'000, true));
  net.check_chains();
  // What crosses the change on its way may come from somebody who is no member here yet; nothing is forged.
  for (const std::string& reason : net.refused) CHECK(reason.find("signature") == std::string::npos);
}

TEST_CASE("without any load empty batches take the chain to the new epoch within seconds", "[epochs]") {
  EpochNet net;
  net.run(100);
  net.submit(0, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 3'000));
  const Height reached = net.lowest();
  net.run(3'000);
  CHECK(net.lowest() == reached);   // and no further
  net.check_chains();
}

TEST_CASE("a removed member votes no more and follows", "[epochs]") {
  EpochNet net("a b c d");
  net.run(100, true);
  net.submit(3, "members a b d");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  CHECK_FALSE(net[2].is_member());
  CHECK(net[3].status().primary < 3);
  const Height from = net.disk(0).epochs[1].from_height;
  REQUIRE(net.until([&] { return net.lowest() > from + 10; }, 10'000, true));
  for (const auto& one : net.disk(0).blocks[from + 2].block.certificate.signatures) CHECK(one.validator != "c");
  net.check_chains();
}

TEST_CASE("with one member down the change is decided and in force; when it is back it follows through both epochs", "[epochs]") {
  for (const std::size_t down : {0u, 3u}) {   // the primary of every first view, and another one
    EpochNet world;
    world.run(100, true);
    world.kill(down);
    world.submit(1, "members a b c d e");
    REQUIRE(world.until([&] { return world.all_in_epoch(1); }, 30'000, true));
    const Height from = world.disk(1).epochs[1].from_height;
    REQUIRE(world.until([&] { return world.lowest() > from + 5; }, 30'000, true));
    world.start(down);
    REQUIRE(world.until([&] { return world[down].epoch() == 1 && world.disk(down).blocks.size() > from + 5; }, 10'000, true));
    world.check_chains();
  }
}

TEST_CASE("a laggard catches up across several epochs, also as somebody who was removed and added again", "[epochs]") {
  EpochNet net;
  net.run(100, true);
  net.kill(3);
  for (const auto& [ids, epoch] : {std::pair{"members a b c d e", 1u}, {"members a b c e", 2u}, {"members e a b c d", 3u}}) {
    net.submit(1, ids);
    REQUIRE(net.until([&, epoch = epoch] { return net.all_in_epoch(epoch); }, 30'000, true));
  }
  net.run(200, true);
  net.start(3);
  CHECK(net[3].epoch() == 0);
  REQUIRE(net.until([&] { return net[3].epoch() == 3 && net.disk(3).blocks.size() + 5 > net.disk(0).blocks.size(); }, 20'000, true));
  CHECK(net[3].is_member());
  net.check_chains();
}

TEST_CASE("a view change during the switch, and messages that are lost, only delay it", "[epochs]") {
  EpochNet net;
  net.run(100, true);
  net.submit(1, "members a b c d e");
  net.run(30, true);
  std::size_t count = 0;
  net.lost = [&](std::size_t, std::size_t, const PeerFrame&) { return ++count % 4 == 0; };
  net.kill(0);
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 60'000, true));
  net.lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 10; }, 30'000, true));
  net.start(0);
  REQUIRE(net.until([&] { return net.all_in_epoch(1) && net.lowest() > before + 10; }, 20'000, true));
  net.check_chains();
}

TEST_CASE("the votes of the last heights reach one member alone: the others learn from it that the epoch is over", "[epochs]") {
  EpochNet net("a b c d");
  net.run(50, true);
  net.kill(3);                                    // every vote of a, b and c counts
  net.submit(0, "members a b d");
  // c gets what it needs to leave and nobody hears its last votes.
  net.lost = [&](std::size_t from, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<HeaderVote>(&frame.content);
    return from == 2 && vote && net.disk(2).epochs.size() > 1 && vote->header.height + 2 >= net.disk(2).epochs[1].from_height;
  };
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 20'000, true));
  CHECK_FALSE(net[2].is_member());
  net.start(3);
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 5; }, 20'000, true));
  net.check_chains();
}

TEST_CASE("a crash at every step of a change loses nothing", "[epochs]") {
  std::size_t total = 0;
  {
    EpochNet net;
    net.run(30, true);
    const std::size_t begin = net.steps;
    net.submit(1, "members a b d e");
    REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 10'000, true));
    total = net.steps - begin;
  }
  CHECK(total > 100);
  for (const std::size_t victim : {0u, 2u, 4u}) {     // stays, leaves, joins
    for (std::size_t at = 1; at < total; at += 1 + total / 25) {
      EpochNet net;
      net.run(30, true);
      const std::size_t begin = net.steps;
      bool crashed = false;
      net.on_step = [&] {
        if (crashed || net.steps - begin != at) return;
        crashed = true;
        net.kill(victim);
        net.start(victim);
      };
      net.submit(1, "members a b d e");
      INFO("victim " << victim << " at step " << at);
      REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 30'000, true));
      const Height before = net.lowest();
      REQUIRE(net.until([&] { return net.lowest() > before + 3; }, 20'000, true));
      net.check_chains();
    }
  }
}

TEST_CASE("votes of another epoch are not counted, and who is no member is heard in nothing but blocks and hints", "[epochs]") {
  EpochNet net;
  net.run(50, true);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  const auto others = net[0].counters().frames_of_other_epochs;
  const Vote vote{Phase::prepare, 0, net[0].replica().stable() + 12, Hash{}, 1, {}};
  CHECK(net[0].receive(1, {vote, 0}, net.now()).has_value());      // dropped without a word
  CHECK(net[0].counters().frames_of_other_epochs == others + 1);
  CHECK_FALSE(net[0].receive(1, {vote, 1}, net.now()).has_value());  // of this epoch, and not signed
  const MemberIndex guest = 5;
  CHECK_FALSE(net[0].receive(guest, {vote, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].receive(guest, {Transactions{}, 1}, net.now()).has_value());
  CHECK(net[0].receive(guest, {Notice{1}, 1}, net.now()).has_value());
  CHECK(net[0].receive(guest, {SyncRequest{1, 2}, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].receive(guest, {SyncResponse{1, {}}, 1}, net.now()).has_value());
  // A hint alone makes nobody believe that it is behind.
  CHECK(net[0].receive(1, {Notice{1'000'000}, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].status().syncing);
}

namespace {

// Four epochs; a to e know them, and have dropped their blocks. Host f is a member of the last epoch, and g of none.
void four_epochs(EpochNet& net) {
  net.behind_min = 40;
  net.run(100, true);
  for (const auto& [ids, epoch] : {std::pair{"members a b c d e", 1u}, {"members b c d e", 2u}, {"members b c d e f", 3u}}) {
    net.submit(1, ids);
    REQUIRE(net.until([&, epoch = epoch] { return net[1].epoch() == epoch && net[4].epoch() == epoch; }, 30'000, true));
  }
  net.run(300, true);
  net.snapshot_and_prune({1, 2, 3, 4}, net.disk(1).blocks.size() - 12);
  net.run(50, true);
}

}  // namespace

TEST_CASE("a node that knows only genesis learns the members of four epochs, and fetches a snapshot that the present ones attest", "[epochs]") {
  for (const std::size_t joiner : {5u, 6u}) {     // a member of the last epoch, and a follower
    EpochNet net("a b c d e f g");
    net.kill(5);
    net.kill(6);
    four_epochs(net);
    const Height present = net.disk(1).epochs[3].from_height;
    net.start(joiner);
    CHECK(net[joiner].epoch() == 0);
    REQUIRE(net.until([&] { return net.fetched(joiner).has_value(); }, 15'000, true));
    CHECK(net[joiner].epoch() == 3);
    CHECK(net[joiner].is_member() == (joiner == 5));
    CHECK(net[joiner].counters().epochs_learned == 3);
    CHECK(net.disk(joiner).blocks.empty());
    CHECK(*net.fetched(joiner) >= present);
    CHECK(net.disk(joiner).changes.size() == 3);          // it can prove them to others
    net.install(joiner, 1);
    CHECK(net[joiner].epoch() == 3);
    REQUIRE(net.until([&] { return net.disk(joiner).blocks.size() + 5 > net.disk(1).blocks.size(); }, 10'000, true));
    if (joiner == 5) {                                    // it votes: without it the five have no quorum
      net.kill(4);
      const Height before = net.disk(1).blocks.size();
      REQUIRE(net.until([&] { return net.disk(1).blocks.size() > before + 5 && net.disk(5).blocks.size() > before + 5; }, 20'000, true));
    }
    net.check_chains();
  }
}

TEST_CASE("a crash while member sets are learned loses nothing", "[epochs]") {
  for (std::size_t at = 1; at < 40; at += 2) {
    EpochNet net("a b c d e f");
    net.kill(5);
    four_epochs(net);
    net.start(5);
    const std::size_t begin = net.steps;
    bool crashed = false;
    net.on_step = [&] {
      if (crashed || net.steps - begin != at) return;
      crashed = true;
      net.kill(5);
      net.start(5);
    };
    INFO("crash at step " << at);
    REQUIRE(net.until([&] { return net.fetched(5).has_value(); }, 15'000, true));
    REQUIRE(net.fatal.empty());
    CHECK(net[5].epoch() == 3);
    net.install(5, 1);
    REQUIRE(net.until([&] { return net.disk(5).blocks.size() + 5 > net.disk(1).blocks.size(); }, 10'000, true));
    net.check_chains();
  }
}

TEST_CASE("whoever sends a member set that is not proven is counted, and the others are believed", "[epochs]") {
  using Forge = std::function<void(EpochProofs&)>;
  const std::vector<std::pair<const char*, Forge>> forgeries{
      {"without a quorum", [](EpochProofs& m) { m.changes[0].certificate.signatures.resize(2); }},
      {"signature", [](EpochProofs& m) { m.changes[0].certificate.signatures[0].signature[0] ^= 1; }},
      {"signature", [](EpochProofs& m) { m.changes[0].header.state_digest.bytes[0] ^= 1; }},
      {"path", [](EpochProofs& m) { m.changes[0].receipt_path = {{MerkleSide::left}, {Hash{}}}; }},
      {"receiptRoot", [](EpochProofs& m) {
         Receipt receipt = decode_receipt(m.changes[0].receipt).value();
         receipt.result = Json::object({{"decided", member_epoch_json({90, member_set("x", 1)})}}).dump();
         m.changes[0].receipt = encode_receipt(receipt);
       }},
      {"members are not those", [](EpochProofs& m) { m.changes.erase(m.changes.begin()); }},
      {"another transaction", [](EpochProofs& m) { m.changes[1].receipt = m.changes[2].receipt; }},
      {"network", [](EpochProofs& m) { m.changes[0].header.network = "elsewhere"; }},
      {"signature", [](EpochProofs& m) { m.head->certificate.signatures[0].signature[0] ^= 1; }},
  };
  for (const auto& [reason, change] : forgeries) {
    EpochNet net("a b c d e f");
    net.kill(5);
    four_epochs(net);
    std::set<std::size_t> liars;
    net.forge = [&, change = change](std::size_t from, EpochProofs& answer) {
      if (answer.changes.size() < 3 || (!liars.empty() && !liars.contains(from))) return;
      liars.insert(from);                                  // whoever is asked first
      change(answer);
    };
    net.refused.clear();
    net.start(5);
    REQUIRE(net.until([&] { return net.fetched(5).has_value(); }, 20'000, true));
    INFO("expected: " << reason);
    CHECK(net[5].status().epoch_proofs_refused == 1);
    CHECK(net[5].epoch() == 3);
    const bool named = std::any_of(net.refused.begin(), net.refused.end(), [&, reason = reason](const std::string& one) {
      return one.starts_with("a member set that is not proven: ") && one.find(reason) != std::string::npos;
    });
    for (const std::string& one : net.refused) UNSCOPED_INFO(one);
    CHECK(named);
  }
}

TEST_CASE("proofs that nobody asked for are not looked at, and claims of epochs that do not exist delay nothing for long", "[epochs]") {
  EpochNet net("a b c d e");
  net.run(50, true);
  CHECK(net[4].receive(0, {EpochProofs{0, {MemberChange{}}, {}}, 0}, net.now()).has_value());
  CHECK(net[4].receive(0, {EpochProofs{0, {}, {}}, 0}, net.now()).has_value());
  // One says that it is in an epoch to come, and answers with nothing.
  net.forge = [](std::size_t, EpochProofs& answer) { answer.changes.clear(); };
  const Height before = net.lowest();
  for (int i = 0; i < 50; ++i) {
    (void)net[4].receive(0, {Notice{before + 1'000'000}, 1'000'000}, net.now());
    net.run(20, true);
  }
  CHECK(net[4].epoch() == 0);
  CHECK(net[4].counters().epoch_proofs_refused == 0);
  REQUIRE(net.until([&] { return net.lowest() > before + 20; }, 5'000, true));
  net.check_chains();
}

TEST_CASE("a node that restored a state without its proofs learns them from the others", "[epochs]") {
  EpochNet net("a b c d e");
  net.run(100, true);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  net.run(200, true);
  net.kill(4);
  for (Disk::Stored& stored : net.disk(4).blocks) stored.receipts.clear();
  net.disk(4).changes.clear();
  net.start(4);
  REQUIRE(net.until([&] { return net.disk(4).changes.contains(1); }, 3'000, true));
  CHECK(net[4].counters().epochs_learned == 0);           // it knew the members
  net.check_chains();
}

TEST_CASE("drivers that keep no proofs go through all blocks as before", "[epochs]") {
  EpochNet net;
  net.proofs = false;
  for (std::size_t i = 0; i < net.size(); ++i) {
    net.kill(i);
    net.start(i);
  }
  net.run(100, true);
  net.kill(3);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 30'000, true));
  net.start(3);
  REQUIRE(net.until([&] { return net[3].epoch() == 1; }, 10'000, true));
  CHECK(net.disk(3).changes.empty());
  net.check_chains();
}
