// What decided the members of an epoch: kept, shown to others, learned and checked.
#include "epoch_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::epoch_test;

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
      {"without a quorum", [](EpochProofs& m) { m.changes[0].proof.certificate.signatures.resize(2); }},
      {"signature", [](EpochProofs& m) { m.changes[0].proof.certificate.signatures[0].signature[0] ^= 1; }},
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

TEST_CASE("the block that decides members never gets a certificate of its own: the headers above it prove it", "[epochs]") {
  EpochNet net("a b c d e");
  net.run(100, true);
  // Of that block every header vote is lost, and no answer about it is ever heard.
  const auto decides = [&](std::size_t host, Height height) {
    const auto& blocks = net.disk(host).blocks;
    if (height == 0 || height > blocks.size()) return false;
    const auto& transactions = blocks[height - 1].block.transactions;
    return std::any_of(transactions.begin(), transactions.end(), [](const Transaction& one) { return one.body.starts_with("\"members "); });
  };
  std::size_t lost = 0;
  net.lost = [&](std::size_t from, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<HeaderVote>(&frame.content);
    const bool now = vote != nullptr && decides(from, vote->header.height);
    lost += now ? 1 : 0;
    return now;
  };
  net.submit(1, "members a b c d e");
  // Nobody can wait for that certificate: after 30 s without it the members go on, and whoever follows gets the blocks from them.
  REQUIRE(net.until([&] { return net.all_in_epoch(1) && net.lowest() > net.disk(0).epochs[1].from_height + 20; }, 60'000, true));
  CHECK(lost > 0);
  for (std::size_t host = 0; host < net.size(); ++host) {
    INFO("host " << host);
    REQUIRE(net.disk(host).changes.contains(1));
    const MemberChange& change = net.disk(host).changes.at(1);
    CHECK(decides(host, change.header.height));
    CHECK_FALSE(change.proof.headers.empty());
    CHECK(decided_by(change, {0, member_set("a b c d", 0)}, "test"));
  }
  net.check_chains();
}
