// Readings that the application fetches: the last of each sensor, and what a stream takes over from an outbox.
#include "node/delivery/delivery_core.h"
#include "subservices/forwarding/senml_pack.h"

namespace agiddi::node {

// The last reading of each sensor. One that came while nobody received is metered now, and once; one that went to a receiver was.
Result<LatestReadings> DeliveryCore::latest(const Hash& id, const std::string& token) {
  const auto found = served_stream(id, &token);
  if (!found) return tl::unexpected(found.error());
  Served& served = **found;
  if (served.ended) return fail(Status::not_found, "The integration has ended: " + served.ended_because + ".");
  for (std::size_t index = 0; index < served.devices.size(); ++index) {
    ServedDevice& device = served.devices[index];
    auto& unclaimed = device.unclaimed;
    if (!unclaimed || device.over || must_wait(served, device, unclaimed->payload.size())) continue;
    const ServedDevice::Held reading = std::move(*unclaimed);
    unclaimed.reset();
    take(served, index, reading.payload, reading.arrival, Way::pull);
  }
  LatestReadings out{served.default_format(), {}};
  for (std::size_t index = 0; index < served.devices.size(); ++index) {
    for (const auto& [sensor, last] : served.devices[index].latest) out.readings.push_back(identified(served, index, last.sequence, last.json));
  }
  return out;
}

void DeliveryCore::push_to_sink(const Served& served, std::size_t index, std::uint64_t sequence, std::shared_ptr<const std::string> json) {
  if (served.view.senml) json = std::make_shared<const std::string>(subservices::senml_pack(*json));
  served.sink->push({std::to_string(index + 1) + "-" + std::to_string(sequence), std::move(json)});
}

// What a webhook that is gone has left behind, in order and before anything newer. True when nothing is left.
bool DeliveryCore::drain_to_sink(Served& served) {
  for (std::size_t index = 0; index < served.devices.size(); ++index) {
    auto& outbox = served.devices[index].outbox;
    while (!outbox.empty()) {
      if (served.sink->room() == 0) return false;
      const auto& [sequence, entry] = *outbox.begin();
      push_to_sink(served, index, sequence, entry.json);
      erase_outbox(served, index, sequence);
    }
  }
  return true;
}

}  // namespace agiddi::node
