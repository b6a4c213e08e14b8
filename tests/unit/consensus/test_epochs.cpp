// Epochs: member sets that change while the chain goes on. A small world of hosts with an Engine each; a transaction "members a b c …" decides the set
// that is in force one window and a block after its own block.
#include <catch2/catch.hpp>
#include <deque>
#include <sstream>

#include "consensus/engine.h"
#include "consensus/frames.h"
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
  const ProtectedHeader header{did_from_key(key.public_key()), "test", "sim.add", 1'780'000'000, jti};
  const Bytes body = '"' + text + '"';
  return *parse_transaction(sign_document(key, header, body), body);
}

// One host's disk: the chain with the epochs that it decided, and the log.
struct Disk {
  struct Stored {
    SyncBlock block;
    bool certified = false;
  };
  std::vector<Stored> blocks;
  std::vector<MemberEpoch> epochs{{0, member_set("a b c d", 0)}};
  std::map<Bytes, Bytes> log;

  const MemberEpoch& epoch_at(Height height) const {
    const MemberEpoch* found = nullptr;
    for (const MemberEpoch& epoch : epochs) {
      if (epoch.from_height <= height) found = &epoch;
    }
    return *found;
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
    for (const Transaction& transaction : batch.transactions) {
      if (!transaction.body.starts_with("\"members ") || epochs.back().from_height > header.height) continue;
      const std::string ids = transaction.body.substr(9, transaction.body.size() - 10);
      epochs.push_back({header.height + kDelay, member_set(ids, epochs.back().members.epoch() + 1)});
    }
    blocks.push_back({{header, {}, batch.batch, batch.transactions}, false});
    if (batch.expected) CHECK(batch.expected->header.hash() == header.hash());
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
    const auto identify = [id = host.id](const MemberSet& members) {
      const int index = members.index_of(id);
      const auto self = index < 0 ? std::nullopt : std::optional(static_cast<MemberIndex>(index));
      return EpochIdentity{self, std::make_shared<const tools::CheapAuthenticator>(self.value_or(99))};
    };
    host.engine = std::make_unique<Engine>(std::move(config), identify, std::move(restored), now());
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
  std::vector<std::string> fatal, refused;
  std::size_t steps = 0;

 private:
  struct Host {
    std::string id;
    std::unique_ptr<Engine> engine;
    Disk disk;
    std::map<std::uint64_t, MemberSet> sets;
    std::int64_t wake_at_ms = 0;
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
      }
      for (const CommittedBatch& batch : output.execute) {
        const BlockHeader header = host.disk.apply(batch);
        host.engine->executed(header, now(), host.disk.next());
        more = true;
      }
      for (const ReadRequest& read : output.reads) {
        std::vector<SyncBlock> blocks;
        for (Height at = read.from; at <= read.to && at <= host.disk.blocks.size() && host.disk.blocks[at - 1].certified; ++at) {
          blocks.push_back(host.disk.blocks[at - 1].block);
        }
        host.engine->blocks_read(read.peer, read.from, std::move(blocks), now());
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
  const Vote vote{Phase::prepare, 0, net.lowest() + 12, Hash{}, 1, {}};
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
