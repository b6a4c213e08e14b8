#include "deploy/broker_plugin/flow_commands.h"

namespace agiddi::broker {
namespace {

constexpr std::int64_t kNumberMax = 999'999'999'999'999;
constexpr std::int64_t kLastTime_ms = 253'402'300'799'999;

std::uint64_t count(FieldReader& reader, std::string_view name) {
  return static_cast<std::uint64_t>(reader.required_integer(name, 0, kNumberMax).value_or(0));
}

std::optional<std::uint64_t> optional_count(FieldReader& reader, std::string_view name) {
  const auto value = reader.optional_integer(name, 0, kNumberMax);
  return value ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

FlowSensor read_sensor(const Json& json, std::vector<FieldError>& errors) {
  FieldReader reader(json, "/sensors", errors);
  FlowSensor sensor;
  sensor.name = reader.required_string("name", 256).value_or("");
  sensor.text.head = reader.required_string("head", kFlowTextMax_bytes).value_or("");
  sensor.text.middle = reader.required_string("middle", kFlowTextMax_bytes).value_or("");
  sensor.text.tail = reader.required_string("tail", kFlowTextMax_bytes).value_or("");
  reader.finish();
  return sensor;
}

}  // namespace

FlowCommand read_flow(FieldReader& reader) {
  FlowCommand command;
  FlowTerms& terms = command.terms;
  command.username = reader.required_string("username", kNameMax).value_or("");
  command.passed = count(reader, "passed");
  terms.generation = reader.required_string("generation", kNameMax).value_or("");
  terms.device_topic = reader.required_string("topic", kTopicMax).value_or("");
  terms.application = reader.required_string("application", kNameMax).value_or("");
  terms.application_topic = reader.required_string("applicationTopic", kTopicMax).value_or("");
  terms.sequence = count(reader, "sequence");
  terms.sequence_limit = count(reader, "sequenceLimit");
  terms.bytes = optional_count(reader, "bytes");
  terms.expires = reader.optional_integer("expires", 0, kLastTime_ms);
  if (const Json::Array* sensors = reader.required_array("sensors", 1, kFlowSensorsMax)) {
    std::vector<FieldError> errors;
    for (const Json& sensor : *sensors) terms.sensors.push_back(read_sensor(sensor, errors));
    if (!errors.empty()) reader.error("sensors", errors.front().pointer + " " + errors.front().detail);
  }
  reader.finish();
  return command;
}

GrantTable::Lease read_lease(FieldReader& reader) {
  GrantTable::Lease lease;
  const std::int64_t until = reader.required_integer("until", 0, kLastTime_ms).value_or(0);
  lease.to_ledger_ms = reader.required_integer("toLedger", -kLastTime_ms, kLastTime_ms).value_or(0);
  lease.until_steady_ms = until - lease.to_ledger_ms;
  reader.finish();
  return lease;
}

FlowCommand read_raise(FieldReader& reader) {
  FlowCommand command;
  command.username = reader.required_string("username", kNameMax).value_or("");
  command.terms.generation = reader.required_string("generation", kNameMax).value_or("");
  command.terms.bytes = optional_count(reader, "bytes");
  command.terms.sequence_limit = count(reader, "sequenceLimit");
  reader.finish();
  return command;
}

Json flow_json(const FlowReport& report) {
  const FlowUsage& usage = report.usage;
  Json json = Json::object({{"username", report.username},
                            {"generation", report.generation},
                            {"bytes", usage.bytes},
                            {"readings", usage.readings},
                            {"sequence", usage.sequence},
                            {"duplicates", usage.duplicates},
                            {"unreadable", usage.unreadable},
                            {"unknownSensor", usage.unknown_sensor},
                            {"noReceiver", usage.no_receiver}});
  if (usage.last) json.set("last", *usage.last);
  if (usage.heard_first) json.set("heardFirst", *usage.heard_first);
  if (usage.heard_last) json.set("heardLast", *usage.heard_last);
  if (report.stopped) json.set("stopped", true);
  if (report.unfit) json.set("unfit", true);
  return json;
}

}  // namespace agiddi::broker
