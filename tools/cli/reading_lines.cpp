#include "tools/cli/reading_lines.h"

#include <charconv>

#include "ontology/units.h"
#include "protocol/json_answer.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kDevicesMax = 10'000, kMissingMax = 10'000;
constexpr std::string_view kDevicePrefix = "urn:agiddi:device:";
constexpr std::size_t kShortId = 8;

std::string shown_value(const Json* value) {
  if (!value) return "-";
  return value->is_string() ? value->as_string() : value->dump();
}

std::optional<std::uint64_t> count_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  if (!value || !value->is_number()) return std::nullopt;
  const std::string& text = value->number_text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string reading_text(const Json& measurement, bool with_device) {
  const std::string sensor = shown_value(measurement.find("madeBySensor"));
  const Json* result = measurement.find("hasResult");
  const std::string unit = result ? shown_value(result->find("unit")) : "-";
  const ontology::Unit* known = ontology::units().find(unit);
  std::string out = shown_value(measurement.find("resultTime")) + "  ";
  if (with_device) {
    const std::string device = shown_value(measurement.find("device"));
    out += device.starts_with(kDevicePrefix) ? device.substr(kDevicePrefix.size(), kShortId) + "…  " : device + "  ";
  }
  return out + sensor.substr(sensor.rfind('/') + 1) + "  " + (result ? shown_value(result->find("numericValue")) : "-") + " " + (known && !known->ucum.empty() ? known->ucum : unit);
}

bool ReadingLines::is_new(const Json& measurement) {
  const Json* device = measurement.find("device");
  const auto epoch = count_of(measurement, "epoch"), sequence = count_of(measurement, "sequence");
  if (!device || !device->is_string() || !epoch || !sequence) return true;
  const auto found = devices_.find(device->as_string());
  if (found == devices_.end()) {
    if (devices_.size() < kDevicesMax) devices_.emplace(device->as_string(), Seen{*epoch, *sequence, {}});
    return true;
  }
  Seen& seen = found->second;
  if (*epoch != seen.epoch) {
    if (*epoch < seen.epoch) return false;   // a node that has been relieved
    seen = Seen{*epoch, *sequence, {}};
    return true;
  }
  if (*sequence <= seen.last) return seen.missing.erase(*sequence) > 0;
  for (std::uint64_t gap = seen.last + 1; gap < *sequence && seen.missing.size() < kMissingMax; ++gap) seen.missing.insert(gap);
  seen.last = *sequence;
  return true;
}

std::optional<std::string> ReadingLines::line(const std::string& measurement) {
  const auto json = parse_json_answer(measurement);
  if (json && !is_new(*json)) return std::nullopt;
  ++count_;
  const Json* device = json ? json->find("device") : nullptr;
  if (told_ && device && device->is_string()) told_(device->as_string());
  if (!json || form_ == Form::json) return measurement;
  return reading_text(*json, form_ == Form::text_with_device);
}

}  // namespace agiddi::tools
