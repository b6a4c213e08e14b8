// What may be forwarded at all: only while this node's lease holds, and only what it has reserved on the ledger. A reading that comes too early waits, in a
// bounded queue; so a node that was cut off or stopped for a while delivers nothing that another one may be delivering, and no limit is passed.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"
#include "protocol/limits.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kHeldMax = 1'000;                 // readings of a device
constexpr std::size_t kHeldMax_bytes = 1024 * 1024;
constexpr int kRenewalsInTerm = 2;                      // of the part that holds here
constexpr auto kBrokerAway = std::chrono::seconds(10);
constexpr TimeMs kAfterRefusal_ms = 2'000;
constexpr auto kRenewAgain = std::chrono::milliseconds(500);
constexpr std::uint64_t kAheadMin_bytes = 64, kAheadFirstMax_bytes = 64 * 1024;
constexpr std::uint64_t kFlowAhead_s = 3;                // of what a flow counts: it hears of more only when it was reported and reserved
constexpr std::uint64_t kAheadPart = 16;                // of what was bought, while it is used slowly
constexpr std::uint64_t kAheadMax_bytes = limits::kReservedAheadMax_bytes / 2;   // leaves room for what waits

}  // namespace

// One renewal for all that this node serves.
void DeliveryCore::keep_lease() {
  if (lease_on_way_ || !caught_up_ || DeliveryLane::Clock::now() < lease_at_) return;
  const auto leased = std::find_if(served_.begin(), served_.end(), [](const auto& entry) { return entry.second.view.leased && !entry.second.ended; });
  if (leased == served_.end()) return;
  if (!broker_up_ && DeliveryLane::Clock::now() - broker_seen_ > kBrokerAway) return;   // it can deliver nothing: another node may
  lease_on_way_ = true;
  const auto asked = DeliveryLane::Clock::now();
  chain_.submit_own("lease.renew", Json::object({{"node", member_}}), [weak = weak_from_this(), asked, term = leased->second.view.lease_term](Result<Outcome> outcome) {
    const auto self = weak.lock();
    if (self) self->lane_.post_always([core = self.get(), asked, term, outcome = std::move(outcome)] { core->renewed(asked, term, outcome); });
  });
}

// It holds on the ledger from the block's time on, which is not before the moment of asking but for the tolerance of clocks.
void DeliveryCore::renewed(DeliveryLane::Clock::time_point asked, TimeMs term, const Result<Outcome>& outcome) {
  lease_on_way_ = false;
  if (stopping_) return;
  const auto time = DeliveryLane::Clock::now();
  if (!outcome || outcome->receipt.status > Status::created) {
    lease_at_ = time + kRenewAgain;
    log_warn("the lease was not renewed and is asked for again", {{"reason", outcome ? outcome->receipt.result : outcome.error().detail}});
    return;
  }
  // What lies behind is counted by the lease as it was.
  for (auto& [id, served] : served_) {
    if (!served.view.leased || served.ended) continue;
    for (ServedDevice& device : served.devices) account(served, device, now());
  }
  lease_until_ = asked + std::chrono::milliseconds(term - limits::kBatchClockTolerance_ms);
  lease_at_ = asked + std::chrono::milliseconds((term - limits::kBatchClockTolerance_ms) / kRenewalsInTerm);
  for (auto& [id, served] : served_) {
    if (served.view.leased && !served.ended) release_held(served);
  }
  tell_lease();
  for (auto& [id, served] : served_) watch_flows(served);   // devices wait for it with their start
}

// On the ledger: a claim holds for a term, and a renewal, less the tolerance of clocks.
TimeMs DeliveryCore::lease_end(const Served& served) const {
  if (!served.view.leased) return subservices::ServiceClock::kEver;
  const TimeMs claimed = served.view.claimed + served.view.lease_term - limits::kBatchClockTolerance_ms;
  if (lease_until_ == DeliveryLane::Clock::time_point{}) return claimed;
  return std::max(claimed, now() + std::chrono::duration_cast<std::chrono::milliseconds>(lease_until_ - DeliveryLane::Clock::now()).count());
}

bool DeliveryCore::lease_holds(const Served& served) const { return !served.view.leased || DeliveryLane::Clock::now() < lease_until_; }

bool DeliveryCore::must_wait(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const {
  return !device.held.empty() || !lease_holds(served) || past_reservation(served, device, payload_bytes) || past_window(served, device, payload_bytes);
}

bool DeliveryCore::past_reservation(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const {
  if (!served.view.leased || !device.granted.bytes_limit) return false;
  // What passes the limit need not wait: it ends the device.
  const std::uint64_t used = device.meter.bytes_used() + device.flow.lost + payload_bytes;
  return used > device.granted.bytes_reserved && used <= *device.granted.bytes_limit;
}

void DeliveryCore::hold(Served& served, std::size_t index, const Bytes& payload, TimeMs arrival) {
  ServedDevice& device = served.devices[index];
  if (!device.held.empty() && (device.held.size() >= kHeldMax || device.held_bytes + payload.size() > kHeldMax_bytes)) return count(overflow);
  device.held.push_back({payload, arrival});
  device.held_bytes += payload.size();
  reserve_ahead(served, index);
}

// Those whose turn has come.
void DeliveryCore::release_held(Served& served) {
  for (std::size_t index = 0; index < served.devices.size(); ++index) {
    ServedDevice& device = served.devices[index];
    while (!device.held.empty() && device.flow.is_off()) {
      const ServedDevice::Held next = std::move(device.held.front());
      device.held.pop_front();
      if (!lease_holds(served) || past_reservation(served, device, next.payload.size()) || past_window(served, device, next.payload.size())) {
        device.held.push_front(next);
        break;
      }
      device.held_bytes -= next.payload.size();
      take(served, index, next.payload, next.arrival);   // may end the device, which forgets the rest
    }
    if (!device.held.empty()) reserve_ahead(served, index);
  }
}

// So much that what was used since the last report fits in twice more, with what waits; at first a small part of what was bought.
std::uint64_t DeliveryCore::wanted_reservation(const ServedDevice& device) const {
  const std::uint64_t limit = *device.granted.bytes_limit, used = device.meter.bytes_used() + device.flow.lost;
  const std::uint64_t least = std::clamp(limit / kAheadPart, kAheadMin_bytes, kAheadFirstMax_bytes);
  const std::uint64_t lately = used - std::min(used, std::max(device.reported_bytes, device.granted.bytes_reported));
  const std::uint64_t flowing = device.flow.is_off() ? 0 : kFlowAhead_s * device.flow.bytes_per_s;
  const std::uint64_t ahead = std::min(std::max({least, 2 * lately, flowing}), kAheadMax_bytes);
  const std::uint64_t most = device.meter.bytes_used() + limits::kReservedAheadMax_bytes;   // more would be refused, with all that the report says
  return std::max(device.granted.bytes_reserved, std::min({limit, used + ahead + device.held_bytes, most}));
}

// Asks before it is needed; after a refusal the upkeep asks again.
void DeliveryCore::reserve_ahead(Served& served, std::size_t index) {
  const ServedDevice& device = served.devices[index];
  if (!served.view.leased || !device.granted.bytes_limit || device.over || served.report_on_way || served.refused_at + kAfterRefusal_ms > now()) return;
  const std::uint64_t reserved = device.granted.bytes_reserved, wanted = wanted_reservation(device);
  if (wanted <= reserved) return;
  const std::uint64_t used = device.meter.bytes_used() + device.flow.lost;
  const std::uint64_t left = reserved - std::min(reserved, used + device.held_bytes);
  if (left < (wanted - std::min(wanted, used)) / 2) report(served);
}

}  // namespace agiddi::node
