#include "tools/cli/conditions.h"

#include <algorithm>
#include <array>
#include <map>

#include "protocol/decimal.h"

namespace agiddi::tools {
namespace {

// Names whose plain values are numbers; every other value stays text, also "42" as a device's name.
constexpr std::array<std::string_view, 7> kNumeric = {"sensor.range", "sensor.range.min", "sensor.range.max", "sensor.accuracy",
                                                      "sensor.samplingSeconds", "cost.perMinute", "cost.perKilobyte"};

struct Condition { std::string name, operation, value; };

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Outcome<Condition> split(std::string_view text) {
  const std::size_t at = text.find_first_of("=!<>");
  const auto refuse = [&] {
    return wrong_usage("'" + std::string(text) + "' is no condition such as 'sensor.observedProperty=Temperature' or 'sensor.range>100'");
  };
  if (at == text.npos) return refuse();
  std::size_t length = 1;
  if (text[at] != '=' && at + 1 < text.size() && text[at + 1] == '=') length = 2;
  if (text[at] == '!' && length == 1) return refuse();
  const std::string_view name = trimmed(text.substr(0, at)), value = trimmed(text.substr(at + length));
  if (name.empty() || value.empty()) return refuse();
  return Condition{std::string(name), std::string(text.substr(at, length)), std::string(value)};
}

Json plain_value(const Condition& condition) {
  const bool numeric = std::find(kNumeric.begin(), kNumeric.end(), condition.name) != kNumeric.end();
  if (numeric && Decimal::parse(condition.value)) return Json::number(condition.value);
  return condition.value;
}

Outcome<Json> value_of(const std::vector<Condition>& all) {
  const Condition& first = all[0];
  if (all.size() == 1) return first.operation == "=" ? plain_value(first) : Json(first.operation + first.value);
  if (std::all_of(all.begin(), all.end(), [](const Condition& c) { return c.operation == "="; })) {
    Json list = Json::array();
    for (const Condition& condition : all) list.push(plain_value(condition));
    return list;
  }
  if (all.size() == 2 && ((first.operation == ">=" && all[1].operation == "<=") || (first.operation == "<=" && all[1].operation == ">="))) {
    const Condition &low = first.operation == ">=" ? first : all[1], &high = first.operation == ">=" ? all[1] : first;
    return Json::object({{"min", plain_value(low)}, {"max", plain_value(high)}});
  }
  return wrong_usage("conditions on " + first.name + " cannot be combined: give = several times (any of), or >= and <= once each (between)");
}

Outcome<Json> place_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else if (c != ' ') {
      parts.back().push_back(c);
    }
  }
  if (parts.size() != 3 || !std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return Decimal::parse(part).has_value(); })) {
    return wrong_usage("near takes LATITUDE,LONGITUDE,KILOMETRES, such as --near 47.6,-122.3,10, not '" + std::string(text) + "'");
  }
  return Json::object({{"latitude", Json::number(parts[0])}, {"longitude", Json::number(parts[1])}, {"km", Json::number(parts[2])}});
}

}  // namespace

Outcome<Json> query_body(const QueryArguments& arguments) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<Condition>> by_name;
  std::string near = arguments.near;
  for (const std::string& text : arguments.conditions) {
    auto condition = split(text);
    if (!condition) return tl::unexpected(condition.error());
    if (condition->name == "near") {   // the same as --near
      if (condition->operation != "=" || !near.empty()) return wrong_usage("near is given once, as --near LATITUDE,LONGITUDE,KILOMETRES or near=…");
      near = condition->value;
      continue;
    }
    auto& same = by_name[condition->name];
    if (same.empty()) order.push_back(condition->name);
    same.push_back(std::move(*condition));
  }
  Json conditions = Json::object();
  for (const std::string& name : order) {
    auto value = value_of(by_name[name]);
    if (!value) return value;
    conditions.set(name, std::move(*value));
  }
  if (!near.empty()) {
    auto place = place_of(near);
    if (!place) return place;
    conditions.set("near", std::move(*place));
  }
  Json body = Json::object({{"conditions", std::move(conditions)}});
  if (!arguments.order_by.empty()) body.set("orderBy", arguments.order_by);
  if (arguments.limit > 0) body.set("limit", arguments.limit);
  if (!arguments.cursor.empty()) body.set("cursor", arguments.cursor);
  return body;
}

}  // namespace agiddi::tools
