#include "tools/benchmark/network/modelled_cluster.h"

#include <cmath>

#include "consensus/frames.h"
#include "protocol/encoding.h"
#include "protocol/limits.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

constexpr TimeMs kStart_ms = 1'780'000'000'000;
constexpr std::int64_t kSettle_us = 2'000'000;          // all are connected and have told each other where they stand
constexpr std::int64_t kIdle_us = 10'000;               // between an answer and the next payment, at most
constexpr std::int64_t kPatience_us = 120'000'000;      // without any answer
constexpr std::size_t kPaymentBody_bytes = 305;         // a signed payment's record then takes 597 bytes, as on a real cluster
constexpr const char* kNetwork = "modelled-0000000000000000";

MemberSet members_of(std::size_t count) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < count; ++i) {
    Member member;
    member.id = "node-" + std::to_string(i + 1);
    member.key[0] = member.sealing_key[0] = static_cast<std::uint8_t>(i + 1);
    member.address = member.id + ":1";
    members.push_back(std::move(member));
  }
  return MemberSet(std::move(members));
}

class ModelledCluster {
 public:
  explicit ModelledCluster(const ModelledNetwork& network) : network_(network), random_(network.seed), members_(members_of(network.nodes)) {
    crypto_init();
    payer_ = did_from_key(KeyPair::from_seed(Bytes(32, 'p'))->public_key());
    for (MemberIndex i = 0; i < network.nodes; ++i) {
      EngineConfig config;
      config.network = kNetwork;
      config.members = members_;
      config.self = i;
      config.genesis_timestamp = kStart_ms - 1;
      hosts_.push_back(std::make_unique<Host>());
      hosts_.back()->engine = std::make_unique<Engine>(std::move(config), std::make_shared<const CheapAuthenticator>(i), Restored{}, now());
    }
    for (MemberIndex i = 0; i < network.nodes; ++i) {
      for (MemberIndex peer = 0; peer < network.nodes; ++peer) {
        if (peer != i) hosts_[i]->engine->peer_connected(peer, now());
      }
      take(i);
    }
  }

  Result<ModelledFigures> run() {
    at(kSettle_us, [this] {
      figures_.frames = figures_.bytes = 0;
      begun_us_ = answered_us_ = now_us_;
      height_before_ = highest();
      next_payment();
    });
    while (failure_.empty() && figures_.latencies_ms.size() < network_.payments) {
      if (events_.empty() || now_us_ > std::max(answered_us_, kSettle_us) + kPatience_us) {
        failure_ = "of " + std::to_string(network_.payments) + " payments " + std::to_string(figures_.latencies_ms.size()) + " were answered, and then none for " +
                   std::to_string(kPatience_us / 1'000'000) + " s of virtual time";
        break;
      }
      Event event = events_.top();
      events_.pop();
      now_us_ = event.at_us;
      event.action();
    }
    if (!failure_.empty()) return fail(Status::internal, failure_);
    figures_.blocks = highest() - height_before_;
    figures_.seconds = static_cast<double>(answered_us_ - begun_us_) / 1e6;
    return std::move(figures_);
  }

 private:
  struct Host {
    std::unique_ptr<Engine> engine;
    std::int64_t wake_at_us = -1;
    Height height = 0;
    Hash previous;
  };
  struct Event {
    std::int64_t at_us;
    std::uint64_t order;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return std::tie(a.at_us, a.order) > std::tie(b.at_us, b.order); }
  };
  struct Submitted {
    std::size_t at;
    std::int64_t us;
  };

  Now now() const { return {now_us_ / 1'000, kStart_ms + now_us_ / 1'000}; }
  void at(std::int64_t us, std::function<void()> action) { events_.push({us, order_++, std::move(action)}); }

  Height highest() const {
    Height height = 0;
    for (const auto& host : hosts_) height = std::max(height, host->height);
    return height;
  }

  void next_payment() {
    if (submitted_ == network_.payments) return;
    const auto place = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(hosts_.size()) - 1));
    Transaction payment = make_payment();
    waiting_[payment.id] = {place, now_us_};
    if (hosts_[place]->engine->submit(std::move(payment), now()) != Admission::accepted) failure_ = "a payment was not admitted: the rate is above what this network takes";
    take(place);
    if (network_.rate <= 0) return;
    const double share = (static_cast<double>(random_.between(0, 999'999)) + 0.5) / 1e6;
    at(now_us_ + static_cast<std::int64_t>(-std::log(share) * 1e6 / network_.rate), [this] { next_payment(); });
  }

  Transaction make_payment() {
    const std::string number = std::to_string(++submitted_);
    const ProtectedHeader header{payer_, kNetwork, "payment.create", now().wall_ms / 1'000, "p" + std::string(10 - std::min<std::size_t>(number.size(), 10), '0') + number};
    auto parsed = parse_transaction(unsigned_document(header), '"' + std::string(kPaymentBody_bytes - 2, 'x') + '"');
    AGIDDI_CHECK(parsed.has_value(), "a document of our own parses");
    return *std::move(parsed);
  }

  void executed(std::size_t place, const std::vector<Hash>& transactions) {
    for (const Hash& id : transactions) {
      const auto found = waiting_.find(id);
      if (found == waiting_.end() || found->second.at != place) continue;
      figures_.latencies_ms.push_back(static_cast<double>(now_us_ - found->second.us) / 1'000);
      waiting_.erase(found);
      answered_us_ = now_us_;
      if (network_.rate <= 0) at(now_us_ + random_.between(0, kIdle_us), [this] { next_payment(); });
    }
  }

  BlockHeader apply(Host& host, const Batch& batch) const {
    BlockHeader header;
    header.network = kNetwork;
    header.height = batch.height;
    header.previous_hash = host.previous;
    header.batch_digest = batch.digest();
    header.members_digest = members_.digest();
    header.timestamp = batch.timestamp;
    header.view = batch.view;
    host.previous = header.hash();
    host.height = batch.height;
    return header;
  }

  void take(std::size_t place) {
    Host& host = *hosts_[place];
    for (bool more = true; more;) {
      more = false;
      Output output = host.engine->take_output();
      if (output.fatal) failure_ = *output.fatal;
      for (const Send& one : output.sends) send(place, one);
      for (const CommittedBatch& batch : output.execute) {
        host.engine->executed(apply(host, batch.batch), now());
        executed(place, batch.batch.transactions);
        more = true;
      }
      // Nobody is ever behind by blocks: no message is lost.
      if (!output.reads.empty()) failure_ = "a member asks for blocks, though no message is lost";
      if (!more && output.wake_at_ms * 1'000 != host.wake_at_us) {
        host.wake_at_us = output.wake_at_ms * 1'000;
        at(std::max(host.wake_at_us, now_us_), [this, place, due = host.wake_at_us] {
          Host& then = *hosts_[place];
          if (then.wake_at_us != due) return;
          then.wake_at_us = -1;
          then.engine->tick(now());
          take(place);
        });
      }
    }
  }

  void send(std::size_t from, const Send& one) {
    for (MemberIndex to = 0; to < hosts_.size(); ++to) {
      if (to == from || (one.to && *one.to != to)) continue;
      at(now_us_ + network_.link_us, [this, from, to, frame = one.frame] { deliver(static_cast<MemberIndex>(from), to, *frame); });
      const auto decoded = decode_frame(*one.frame, limits::kMembersMax);
      if (!decoded || std::holds_alternative<MemberStatus>(decoded->content)) continue;
      ++figures_.frames;
      figures_.bytes += one.frame->size();
    }
  }

  void deliver(MemberIndex from, MemberIndex to, const Bytes& bytes) {
    auto frame = decode_frame(bytes, limits::kMembersMax);
    if (!frame) {
      failure_ = "a member's frame does not decode: " + frame.error().detail;
      return;
    }
    (void)hosts_[to]->engine->receive(from, *std::move(frame), now(), true);   // what is late is refused, and that is no failure
    take(to);
  }

  const ModelledNetwork network_;
  Random random_;
  const MemberSet members_;
  std::string payer_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t order_ = 0;
  std::int64_t now_us_ = 0, begun_us_ = 0, answered_us_ = 0;
  std::size_t submitted_ = 0;
  Height height_before_ = 0;
  std::unordered_map<Hash, Submitted, HashHasher> waiting_;
  ModelledFigures figures_;
  std::string failure_;
};

}  // namespace

Result<ModelledFigures> run_modelled(const ModelledNetwork& network) { return ModelledCluster(network).run(); }

}  // namespace agiddi::tools
