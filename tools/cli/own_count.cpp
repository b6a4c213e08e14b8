#include "tools/cli/own_count.h"

#include <algorithm>
#include <charconv>

namespace agiddi::tools {
namespace {

constexpr std::size_t kDevicesMax = 1'000;                  // of an integration
constexpr auto kPause = std::chrono::milliseconds(300);     // between two counts, however fast readings come

std::uint64_t count_in(const Json* object, std::string_view name) {
  const Json* value = object ? object->find(name) : nullptr;
  if (!value || !value->is_number()) return 0;
  const std::string& text = value->number_text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

template <class Each>
void each_device(const Json& document, Each each) {
  const Json* devices = document.find("devices");
  if (!devices || !devices->is_array()) return;
  for (const Json& device : devices->items()) {
    const Json* urn = device.find("device");
    if (urn && urn->is_string()) each(urn->as_string(), device);
  }
}

}  // namespace

void OwnCount::begin(const Json& record) {
  each_device(record, [&](const std::string& urn, const Json& json) {
    if (devices_.size() >= kDevicesMax) return;
    const Json* counts = json.find("counts");
    const Json *node = counts ? counts->find("node") : nullptr, *application = counts ? counts->find("application") : nullptr;
    devices_[urn].count = std::max({count_in(&json, "measurements"), count_in(node, "measurements"), count_in(application, "measurements")});
  });
  refresh(record);
}

void OwnCount::refresh(const Json& record) {
  each_device(record, [&](const std::string& urn, const Json& json) {
    const auto found = devices_.find(urn);
    if (found == devices_.end()) return;
    const Json* state = json.find("state");
    found->second.ended = state && state->is_string() && state->as_string() == "ended";
    const Json* counts = json.find("counts");
    sequence_ = std::max(sequence_, count_in(counts ? counts->find("application") : nullptr, "sequence"));
  });
}

void OwnCount::add(const std::string& device) {
  const auto found = devices_.find(device);
  if (found != devices_.end()) ++found->second.count;
}

bool OwnCount::due(Clock::time_point now) const {
  if (now - last_ < kPause) return false;
  const bool late = now - last_ >= every_;
  return std::any_of(devices_.begin(), devices_.end(), [&](const auto& entry) {
    const Device& device = entry.second;
    return !device.ended && (device.first || (late && device.count > device.told) || device.count >= device.told + device.within);
  });
}

bool OwnCount::complete() const {
  return std::all_of(devices_.begin(), devices_.end(), [](const auto& entry) { return entry.second.ended || (!entry.second.first && entry.second.count == entry.second.told); });
}

Json OwnCount::body(const std::string& integration, Clock::time_point now) {
  last_ = now;
  Json devices = Json::array();
  for (auto& [urn, device] : devices_) {
    device.asked = device.count;
    if (device.ended || (!device.first && device.count == device.told)) continue;
    devices.push(Json::object({{"device", urn}, {"measurements", device.count}}));
  }
  if (devices.items().empty()) return Json();
  return Json::object({{"integration", integration}, {"sequence", ++sequence_}, {"devices", std::move(devices)}});
}

void OwnCount::taken(const Json& answer) {
  each_device(answer, [&](const std::string& urn, const Json& json) {
    const auto found = devices_.find(urn);
    if (found == devices_.end()) return;
    found->second.told = found->second.asked;
    found->second.first = false;
    const bool by_bytes = json.find("countAgainWithin") != nullptr;
    found->second.within = by_bytes ? std::max<std::uint64_t>(count_in(&json, "countAgainWithin"), 1) : UINT64_MAX / 2;
  });
}

std::uint64_t OwnCount::total() const {
  std::uint64_t sum = 0;
  for (const auto& [urn, device] : devices_) sum += device.told;
  return sum;
}

}  // namespace agiddi::tools
