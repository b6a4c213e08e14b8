#include "deploy/broker_plugin/flow_commands.h"

#include "protocol/encoding.h"

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

std::vector<std::uint64_t> read_marks(FieldReader& reader) {
  std::vector<std::uint64_t> marks;
  const auto text = reader.optional_string("marks", 16 * kFlowMarksMax);
  if (!text) return marks;
  const auto raw = from_hex(*text);
  if (!raw || raw->size() % 8 != 0) {
    reader.error("marks", "must be 16 lower-case hexadecimal digits for each mark");
    return marks;
  }
  for (std::size_t at = 0; at < raw->size(); at += 8) {
    marks.push_back(read_u64_be(BytesView(*raw).substr(at)));
    if (marks.back() == 0) reader.error("marks", "no mark is 0");
  }
  return marks;
}

subservices::ServiceClock read_clock(const Json& json, std::vector<FieldError>& errors) {
  FieldReader reader(json, "/clock", errors);
  const TimeMs accounted_to = reader.required_integer("accountedTo", 0, kLastTime_ms).value_or(0), heard = reader.required_integer("heard", 0, kLastTime_ms).value_or(0);
  const std::int64_t earned = reader.required_integer("earnedMs", 0, kLastTime_ms).value_or(0), silent = reader.required_integer("silentMs", 0, kLastTime_ms).value_or(0);
  const std::int64_t patience = reader.optional_integer("patienceMs", 1, kLastTime_ms).value_or(subservices::ServiceClock::kEver);
  const std::int64_t absence = reader.optional_integer("absenceMs", 1, kLastTime_ms).value_or(subservices::ServiceClock::kEver);
  const auto lost = reader.optional_integer("lost", 0, kLastTime_ms);
  reader.finish();
  subservices::ServiceClock clock(accounted_to, patience);
  clock.set_absence(absence);
  clock.take_up(accounted_to, heard, lost, earned, silent);
  return clock;
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
  terms.bytes_used = count(reader, "bytesUsed");
  terms.readings = count(reader, "readings");
  terms.sequence = count(reader, "sequence");
  terms.sequence_limit = count(reader, "sequenceLimit");
  terms.bytes = optional_count(reader, "bytes");
  terms.expires = reader.optional_integer("expires", 0, kLastTime_ms);
  terms.marks = read_marks(reader);
  if (const Json* clock = reader.required_object("clock")) {
    std::vector<FieldError> errors;
    terms.clock = read_clock(*clock, errors);
    if (!errors.empty()) reader.error("clock", errors.front().pointer + " " + errors.front().detail);
  }
  const auto form = reader.optional_string("form", 16);
  if (form && *form != "senml") reader.error("form", "must be \"senml\", or left out");
  if (const Json::Array* sensors = reader.required_array("sensors", 1, kFlowSensorsMax)) {
    std::vector<FieldError> errors;
    for (const Json& sensor : *sensors) {
      terms.sensors.push_back(read_sensor(sensor, errors));
      terms.sensors.back().text.senml = form.has_value();
    }
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
  json.set("accountedTo", usage.clock.accounted_to());
  json.set("heard", usage.clock.last_sign());
  if (usage.clock.lost_at()) json.set("lost", *usage.clock.lost_at());
  json.set("earnedMs", usage.clock.earned_ms());
  json.set("silentMs", usage.clock.silent_ms());
  if (report.stopped) json.set("stopped", true);
  if (report.unfit) json.set("unfit", true);
  if (report.ended) json.set("ended", true);
  return json;
}

std::string marks_text(const std::vector<std::uint64_t>& marks) {
  Bytes raw;
  for (const std::uint64_t mark : marks) append_u64_be(raw, mark);
  return to_hex(raw);
}

}  // namespace agiddi::broker
