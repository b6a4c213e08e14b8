// Random histories of integrations that change hands: whatever nodes and applications do, and whenever nodes fall silent, no more is delivered than was paid for,
// and nobody pays for what was not reported.
#include <random>

#include "subservices/access/lease_rules.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

constexpr std::int64_t kLimit = 50'000;
constexpr int kMicroPerByte = 3;   // 0.003 a kilobyte

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), world_(kRulesWithLeases) {
    urn_ = world_.registered(R"({"perKilobyte":"0.003"})");
    payment_ = world_.paid(urn_, R"("kilobytes":50)", "0.15");
    integration_ = create().text("integration");
  }

  void run() {
    for (int step = 0; step < 120 && !ended(); ++step) {
      act();
      check();
    }
    if (!ended()) {
      world_.sweep_after(40 * kDay);
      world_.sweep_after(40 * kDay);
    }
    REQUIRE(ended());
    const auto device = record();
    CHECK(device.bytes_used() - device.bytes_lost() == reported_);
    CHECK(reported_ <= delivered_total());
    CHECK(world_.available(world_.provider) == (reported_ > 0 ? money_text(reported_ * kMicroPerByte) : "none"));
    CHECK(world_.escrow(world_.application) == "0");
  }
  std::size_t epochs() const { return epochs_.size(); }

 private:
  // What a node has of its epoch: it delivers what it may, at any time, also when it has been replaced and does not know.
  struct Epoch {
    std::size_t member = 0;
    std::int64_t base = 0, reserved = 0, delivered = 0;
    int sequence = 0;
  };

  std::size_t below(std::size_t n) { return random_() % n; }
  Answer create() { return world_.run(world_.application, "integration.create", world_.access(payment_, {urn_}, below(3) == 0 ? "node-" + std::to_string(1 + below(4)) : "")); }
  bool ended() { return task().state == ServiceState::ended; }   // and settled
  records::IntegrationDevice record() {
    const auto snapshot = world_.snapshot();
    return load_known<records::IntegrationDevice>(StateView(snapshot->state()), keys::integration_device(*Hash::from_hex(integration_), 0));
  }
  ServiceTask task() { return *AccessService(*world_.snapshot()).task(*Hash::from_hex(integration_)); }

  // What the ledger says now of who serves, as a node reads it when it begins.
  void learn() {
    const auto now = task();
    if (now.state != ServiceState::active || now.epoch <= epochs_.size()) return;
    REQUIRE(now.epoch == epochs_.size() + 1);
    Epoch epoch;
    epoch.member = static_cast<std::size_t>(now.node.back() - '1');
    epoch.base = now.devices[0].bytes_used;
    epoch.reserved = now.devices[0].bytes_reserved;
    epoch.sequence = static_cast<int>(now.sequence);
    epochs_.push_back(epoch);
  }

  void act() {
    switch (below(9)) {
      case 0: create(); break;
      case 1: {
        const std::size_t member = below(4);
        world_.run(world_.members[member], "integration.claim", Json::object({{"integration", integration_}, {"node", "node-" + std::to_string(member + 1)}, {"epoch", task().epoch + 1}}));
        break;
      }
      case 2: world_.run(world_.members[below(4)], "lease.renew", Json::object({{"node", "node-" + std::to_string(1 + below(4))}})); break;
      case 3: world_.pass(static_cast<TimeMs>(below(15)) * kSecond); break;
      case 4: world_.sweep_after(static_cast<TimeMs>(below(3)) * kSecond); break;
      case 5:
        if (below(40) == 0) world_.run(world_.application, "integration.close", Json::object({{"integration", integration_}}));
        break;
      default: serve(); break;
    }
    learn();
  }

  // A node, perhaps one that was replaced, delivers and reports.
  void serve() {
    if (epochs_.empty()) return;
    const std::size_t which = below(4) == 0 ? below(epochs_.size()) : epochs_.size() - 1;
    Epoch& epoch = epochs_[which];
    const std::int64_t room = epoch.reserved - epoch.base - epoch.delivered;
    if (room > 0) epoch.delivered += static_cast<std::int64_t>(below(static_cast<std::size_t>(room) + 1));
    if (below(2) == 0) return;
    const std::int64_t bytes = epoch.base + epoch.delivered;
    Json count = World::count(urn_, bytes + (below(20) == 0 ? static_cast<std::int64_t>(below(5'000)) : 0), 0);
    if (below(20) == 0) count.set("bytes", std::max<std::int64_t>(0, bytes - static_cast<std::int64_t>(below(5'000))));
    const std::int64_t reserve = epoch.reserved + static_cast<std::int64_t>(below(12'000)) - 2'000;
    if (below(3) > 0) count.set("reserve", std::max<std::int64_t>(0, reserve));
    Json report = world_.report(integration_, epoch.sequence + 1, below(30) == 0, {count});
    const std::int64_t before = record().bytes_used() - record().bytes_lost();
    const Answer answer = world_.run(world_.members[epoch.member], "usage.report", report.set("epoch", which + 1));
    if (answer.status() != 200) return;
    CHECK(which + 1 == epochs_.size());   // a node that was replaced is not listened to
    ++epoch.sequence;
    const auto device = record();
    // A node that reports more than it delivered lies, up to what it reserved: that is what settlement with the application's own count is for.
    const std::int64_t told = device.bytes_used() - epoch.base;
    epoch.delivered = std::max(epoch.delivered, told);
    epoch.reserved = device.bytes_reserved();
    reported_ += device.bytes_used() - device.bytes_lost() - before;
  }

  std::int64_t delivered_total() const {
    std::int64_t sum = 0;
    for (const Epoch& epoch : epochs_) sum += epoch.delivered;
    return sum;
  }

  void check() {
    const auto device = record();
    REQUIRE(device.bytes_lost() >= 0);
    REQUIRE(device.bytes_lost() <= device.bytes_used());
    if (!epochs_.empty()) REQUIRE(device.bytes_used() <= device.bytes_reserved());
    REQUIRE(device.bytes_reserved() <= kLimit);
    // Whatever nodes may still deliver of what they have reserved, the limit holds.
    std::int64_t most = 0;
    for (const Epoch& epoch : epochs_) most += epoch.reserved - epoch.base;
    REQUIRE(most <= kLimit);
    REQUIRE(delivered_total() <= kLimit);
  }

  std::mt19937_64 random_;
  World world_;
  std::string urn_, payment_, integration_;
  std::vector<Epoch> epochs_;
  std::int64_t reported_ = 0;
};

}  // namespace

TEST_CASE("whatever happens to nodes, no limit is passed and nobody pays for what was not reported") {
  std::size_t handed_over = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    History history(seed);
    history.run();
    handed_over += history.epochs() > 2;
  }
  CHECK(handed_over > 30);
}
