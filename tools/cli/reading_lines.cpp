#include "tools/cli/reading_lines.h"

#include <charconv>

#include "ontology/units.h"
#include "protocol/decimal.h"
#include "protocol/json_answer.h"
#include "protocol/time.h"

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

// The first record of a SenML pack of ours, in the members of the unified template; what is no such pack as it is.
Json unified(Json measurement) {
  if (!measurement.is_array() || measurement.items().empty() || !measurement.items().front().is_object()) return measurement;
  const Json& record = measurement.items().front();
  constexpr std::string_view kBetween = "/sensor/";
  const Json *base = record.find("bn"), *name = record.find("n"), *time = record.find("t");
  if (!base || !base->is_string() || !name || !name->is_string() || !base->as_string().ends_with(kBetween)) return measurement;
  Json out = Json::object({{"device", base->as_string().substr(0, base->as_string().size() - kBetween.size())}, {"madeBySensor", base->as_string() + name->as_string()}});
  Json result = Json::object();
  if (const Json* value = record.find("v")) result.set("numericValue", *value);
  if (const Json* unit = record.find("u")) result.set("unit", *unit);
  out.set("hasResult", std::move(result));
  const auto seconds = Decimal::parse(time && time->is_number() ? time->number_text() : std::string());
  if (seconds && seconds->scale() <= 3 && *seconds < Decimal(253'402'300'800, 0)) {   // of the last year that has four digits
    TimeMs ms = static_cast<TimeMs>(seconds->mantissa());
    for (auto scale = seconds->scale(); scale < 3; ++scale) ms *= 10;
    out.set("resultTime", time_text(ms));
  }
  for (const char* count : {"epoch", "sequence"}) {
    if (const Json* value = record.find(std::string("agiddi:") + count)) out.set(count, *value);
  }
  return out;
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
  auto json = parse_json_answer(measurement);
  if (json) *json = unified(std::move(*json));
  if (json && !is_new(*json)) return std::nullopt;
  ++count_;
  const Json* device = json ? json->find("device") : nullptr;
  if (told_ && device && device->is_string()) told_(device->as_string());
  if (!json || form_ == Form::json) return measurement;
  return reading_text(*json, form_ == Form::text_with_device);
}

}  // namespace agiddi::tools
