// Random histories of integrations whose applications count: honestly, with losses, low, late or not at all. The serving node follows the window. Money is conserved in each block (the
// executor aborts otherwise); here: what either side may lose.
#include <random>

#include "subservices/access/count_rules.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

constexpr std::int64_t kLimit = 50'000;
constexpr int kMicroPerByte = 3;
constexpr std::int64_t kMessageMin = 20, kMessageMax = 60;

enum class Kind { honest, lossy, low, stops, late, never, kKinds };   // late: objects to everything when half is used

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), kind_(static_cast<Kind>(seed % static_cast<std::uint64_t>(Kind::kKinds))), world_(kRulesWithCounts) {
    urn_ = world_.registered(R"({"perKilobyte":"0.003"})");
    payment_ = world_.paid(urn_, R"("kilobytes":50)", "0.15");
    integration_ = world_.run(world_.application, "integration.create", world_.access(payment_, {urn_}, "node-1")).text("integration");
  }

  void run() {
    for (int step = 0; step < 1'500 && !over_; ++step) {
      deliver();
      if (below(8) == 0) report(false);
      if (below(10) == 0) count();
      if (below(400) == 0) hand_over();
      if (below(1'500) == 0) over_ = true;
    }
    count();   // the node waits for it
    const auto before = record();
    if (!before.ended()) report(true);   // a hand-over may have ended it: nothing remained
    const auto device = record();
    REQUIRE(device.ended());
    const std::int64_t reported = device.bytes_used() - device.bytes_lost();
    const std::int64_t earned = settlement_of(device).bytes;
    CHECK(world_.escrow(world_.application) == "0");
    CHECK(world_.available(world_.provider) == (earned > 0 ? money_text(earned * kMicroPerByte) : "none"));
    CHECK(earned <= reported);
    lost = reported - earned;
    if (!before.has_application()) {
      CHECK(lost == 0);
      return;
    }
    // The provider: one window, and the message that crossed the line.
    CHECK(lost <= count_window_bytes(kLimit) + kMessageMax);
    // The application: never more than for what it counted and what it let pass before, by the average of what came.
    const std::int64_t extra = std::max<std::int64_t>(0, device.application().measurements() - device.conceded_measurements());
    CHECK(earned <= std::max(device.conceded_bytes() + extra * kMessageMax, device.conceded_reserved()));
    if (kind_ == Kind::honest) CHECK(lost == 0);
  }
  bool stopped() const { return stopped_; }
  Kind kind() const { return kind_; }
  std::int64_t lost = 0;

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  records::IntegrationDevice record() {
    const auto snapshot = world_.snapshot();
    return load_known<records::IntegrationDevice>(StateView(snapshot->state()), keys::integration_device(*Hash::from_hex(integration_), 0));
  }

  // As the node's delivery does it.
  void deliver() {
    const auto device = record();
    const auto size = kMessageMin + static_cast<std::int64_t>(below(kMessageMax - kMessageMin + 1));
    if (used_ + size > device.limit_bytes()) {
      over_ = true;
      return;
    }
    if (used_ + size > device.bytes_reserved()) return report(false);
    if (const auto application = application_count(device)) {
      const Delivered live{used_ - device.bytes_lost(), measurements_, 0};
      const std::int64_t uncounted = live.bytes - settled_by(live, *application).bytes;
      if (uncounted > 0 && uncounted + size > count_window_bytes(kLimit)) {
        if (++waited_ > 50) over_ = stopped_ = true;
        return;
      }
    }
    waited_ = 0;
    used_ += size;
    ++measurements_;
    if (kind_ != Kind::lossy || below(20) > 0) ++received_;
  }

  void report(bool final) {
    Json entry = World::count(urn_, used_, 0, measurements_);
    entry.set("measurements", measurements_).set("reserve", std::max(record().bytes_reserved(), std::min(kLimit, used_ + count_window_bytes(kLimit))));
    const Answer answer = world_.run(world_.members[member_], "usage.report", world_.report(integration_, ++sequence_, final, {entry}).set("epoch", epoch_));
    INFO(answer.detail());
    REQUIRE(answer.status() == 200);
  }

  void count() {
    if (kind_ == Kind::never || record().ended()) return;
    const bool first = !record().has_application();
    if (kind_ == Kind::late && first && used_ < kLimit / 2) return;
    if (kind_ == Kind::low && !first && below(3) > 0) counted_ += static_cast<std::int64_t>(below(static_cast<std::size_t>(received_ - counted_) / 8 + 1));
    if (kind_ == Kind::stops && counted_ < 300) counted_ = received_;
    if (kind_ == Kind::honest || kind_ == Kind::lossy) counted_ = received_;
    const auto device = record();
    const Json entry = Json::object({{"device", urn_}, {"measurements", counted_}});
    const Answer answer = world_.run(world_.application, "usage.count", Json::object({{"integration", integration_}, {"sequence", ++counts_}, {"devices", Json::array({entry})}}));
    INFO(answer.detail());
    REQUIRE(answer.status() == 200);
  }

  void hand_over() {
    world_.pass(limits::kLeaseDefault_ms + 3 * kSecond);
    const std::size_t next = (member_ + 1) % 4;
    const Answer answer = world_.run(world_.application, "integration.create", world_.access(payment_, {urn_}, "node-" + std::to_string(next + 1)));
    INFO(answer.detail());
    REQUIRE(answer.status() == 201);
    const auto device = record();
    member_ = next;
    ++epoch_;
    used_ = device.bytes_used();
    // What the former node forwarded and did not report came all the same: the application counts it, no report does.
    measurements_ = device.measurements();
    if (device.ended()) over_ = true;
  }

  std::mt19937_64 random_;
  Kind kind_;
  World world_;
  std::string urn_, payment_, integration_;
  std::size_t member_ = 0;
  int epoch_ = 1, sequence_ = 0, counts_ = 0, waited_ = 0;
  std::int64_t used_ = 0, measurements_ = 0, received_ = 0, counted_ = 0;
  bool over_ = false, stopped_ = false;
};

}  // namespace

TEST_CASE("whatever an application counts, a provider loses no more than a window, and nobody pays for what was not counted") {
  int stopped = 0, cheated = 0, late = 0, lossy = 0;
  for (std::uint64_t seed = 1; seed <= 180; ++seed) {
    INFO("seed " << seed);
    History history(seed);
    history.run();
    if (history.stopped()) CHECK(history.kind() != Kind::honest);
    stopped += history.stopped();
    cheated += history.kind() == Kind::low && history.lost > 0;
    late += history.kind() == Kind::late && history.lost > 0;
    lossy += history.kind() == Kind::lossy && history.lost > 0;
  }
  CHECK(stopped > 30);
  CHECK(cheated > 15);
  CHECK(late > 15);
  CHECK(lossy > 10);
}
