// What the application itself has counted: it takes part in the settlement, so a node goes no further than a window ahead of it, and waits a moment for its last
// count. An integration whose application never counts knows nothing of this.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"
#include "subservices/access/counted.h"

namespace agiddi::node {
namespace {

using subservices::Delivered;

constexpr TimeMs kCountWithin_ms = 15'000;              // three counts of `agiddi integrate --count`
constexpr TimeMs kLastCount_ms = 10'000;                // with as much for a plugin's last count, of the 30 s that the ledger waits for a last report
constexpr TimeMs kLookAgain_ms = 1'000;                 // at the ledger, beside its events
constexpr std::int64_t kFlowWindow_bytes = 64 * 1024;   // with less a flow would end at every count

// As the ledger will see it; what it has heard before never falls, whatever the node's own notes lost.
Delivered delivered(const ServedDevice& device, std::int64_t active_ms) {
  const Delivered& conceded = device.granted.application->conceded;
  const auto whole = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return {std::max(whole(more(device.meter.bytes_used(), device.granted.bytes_lost)), conceded.bytes), std::max(whole(device.meter.measurements()), conceded.measurements),
          std::max(active_ms, conceded.active_ms)};
}

}  // namespace

bool DeliveryCore::is_counted(const Served& served, const ServedDevice& device) { return served.view.counted && device.granted.application.has_value(); }

Delivered DeliveryCore::uncounted(const ServedDevice& device) {
  const Delivered node = delivered(device, active_ms(device)), settled = subservices::settled_by(node, *device.granted.application);
  return {device.granted.bytes_limit ? node.bytes - settled.bytes : 0, 0, device.granted.expires ? node.active_ms - settled.active_ms : 0};
}

// When all is counted one message goes out, however large: else a window smaller than a message would be the end.
bool DeliveryCore::past_window(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const {
  if (!is_counted(served, device) || !device.granted.bytes_limit) return false;
  const std::int64_t ahead = uncounted(device).bytes;
  return ahead > 0 && ahead + static_cast<std::int64_t>(payload_bytes) > subservices::count_window_bytes(static_cast<std::int64_t>(*device.granted.bytes_limit));
}

// What a flow may still count before the application has.
std::optional<std::uint64_t> DeliveryCore::window_left(const Served& served, const ServedDevice& device) const {
  if (!is_counted(served, device) || !device.granted.bytes_limit) return std::nullopt;
  const std::int64_t window = subservices::count_window_bytes(static_cast<std::int64_t>(*device.granted.bytes_limit));
  return static_cast<std::uint64_t>(std::max<std::int64_t>(window - uncounted(device).bytes, 0));
}

bool DeliveryCore::window_fits_flow(const Served& served, const ServedDevice& device) const {
  return !is_counted(served, device) || !device.granted.bytes_limit || subservices::count_window_bytes(static_cast<std::int64_t>(*device.granted.bytes_limit)) >= kFlowWindow_bytes;
}

// The ledger has a new count.
void DeliveryCore::take_application_counts(const Hash& id) {
  Served* served = find(id);
  if (served == nullptr || stopping_ || served->settled || !served->view.counted) return;
  served->counts_read_at = now();
  const auto counts = ledger_.counts(id);
  if (counts.size() != served->devices.size()) return;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    ServedDevice& device = served->devices[i];
    if (!counts[i]) continue;
    const bool first = !device.granted.application;
    const bool further = first || counts[i]->measurements > device.granted.application->measurements || counts[i]->bytes > device.granted.application->bytes;
    device.granted.application = counts[i];
    if (further) device.blocked_since = 0;
    if (first && !device.over) end_flow(*served, i);   // it was allowed more than a window
  }
  release_held(*served);
  raise_flows(*served);
  watch_counts(*served);
}

// A device has ended: its application may count what came last before it is settled.
void DeliveryCore::await_application(const Served& served, ServedDevice& device) {
  device.count_due = is_counted(served, device) && device.meter.ended() != subservices::MeterEnd::disputed;
  device.count_due_until = now() + kLastCount_ms;
}

bool DeliveryCore::application_awaited(const Served& served) {
  return std::any_of(served.devices.begin(), served.devices.end(), [](const ServedDevice& device) { return device.count_due; });
}

// Who has stopped counting is served no more.
void DeliveryCore::watch_counts(Served& served) {
  if (!served.view.counted || served.settled) return;
  bool waits = false;
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    ServedDevice& device = served.devices[i];
    if (!device.granted.application) continue;
    if (device.count_due) {
      const Delivered ahead = uncounted(device);
      const bool done = !device.flow.counts_due && ((ahead.bytes == 0 && ahead.active_ms == 0) || now() >= device.count_due_until);
      waits = waits || !done;
      if (!done) continue;
      device.count_due = false;
      served.report_due = true;
      served.report_at = 0;
    }
    if (device.over) continue;
    const bool blocked = !device.held.empty() && device.flow.is_off() && past_window(served, device, device.held.front().payload.size());
    waits = waits || blocked;
    if (!blocked) device.blocked_since = 0;
    if (blocked && device.blocked_since == 0) device.blocked_since = now();
    if (device.granted.application->active_ms) account(served, device, now());
    const bool late = blocked && now() - device.blocked_since > kCountWithin_ms;
    const bool time_ahead = device.granted.time_limit_ms && uncounted(device).active_ms > subservices::count_window_ms(*device.granted.time_limit_ms);
    if (!late && !time_ahead) continue;
    log_info("a device is served no more: its application's count stays behind",
             {{"integration", served.view.id.hex()}, {"device", device.granted.measurement.device}, {"measurements", device.meter.measurements()}, {"counted", device.granted.application->measurements}});
    end_device(served, i, subservices::MeterEnd::disputed, now());
  }
  if (waits && now() - served.counts_read_at > kLookAgain_ms) take_application_counts(served.view.id);
}

}  // namespace agiddi::node
