#include "node/delivery/broker_flow.h"

#include <charconv>

namespace agiddi::node {
namespace {

std::optional<std::uint64_t> whole_of(const Json& json, const char* name) {
  const Json* value = json.find(name);
  if (value == nullptr || !(value->is_number() || value->is_string())) return std::nullopt;
  const std::string& digits = value->is_number() ? value->number_text() : value->as_string();
  std::uint64_t out = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

std::optional<TimeMs> time_of(const Json& json, const char* name) {
  const auto value = whole_of(json, name);
  return value ? std::optional<TimeMs>(static_cast<TimeMs>(*value)) : std::nullopt;
}

bool yes(const Json& json, const char* name) {
  const Json* value = json.find(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

}  // namespace

std::optional<FlowCounts> read_flow_counts(const Json& json) {
  const Json* generation = json.find("generation");
  const auto bytes = whole_of(json, "bytes"), readings = whole_of(json, "readings"), sequence = whole_of(json, "sequence");
  if (!generation || !generation->is_string() || !bytes || !readings || !sequence) return std::nullopt;
  FlowCounts counts;
  counts.generation = generation->as_string();
  counts.bytes = *bytes;
  counts.readings = *readings;
  counts.sequence = *sequence;
  counts.duplicates = whole_of(json, "duplicates").value_or(0);
  counts.unreadable = whole_of(json, "unreadable").value_or(0);
  counts.unknown_sensor = whole_of(json, "unknownSensor").value_or(0);
  counts.no_receiver = whole_of(json, "noReceiver").value_or(0);
  counts.last = time_of(json, "last");
  counts.heard_first = time_of(json, "heardFirst");
  counts.heard_last = time_of(json, "heardLast");
  counts.stopped = yes(json, "stopped");
  counts.unfit = yes(json, "unfit");
  return counts;
}

Bytes flow_note(const BrokerFlow& flow) {
  Json json = Json::object({{"lost", std::to_string(flow.lost)}});
  if (!flow.is_off()) {
    json.set("generation", flow.generation);
    json.set("bytesBase", std::to_string(flow.bytes_base));
    json.set("readingsBase", std::to_string(flow.readings_base));
    json.set("sequenceEnd", std::to_string(flow.sequence_end));
    if (flow.bytes_end) json.set("bytesEnd", std::to_string(*flow.bytes_end));
  }
  return json.dump();
}

bool read_flow_note(BytesView note, BrokerFlow& flow) {
  const auto json = parse_json(note);
  const auto lost = json ? whole_of(*json, "lost") : std::nullopt;
  if (!lost) return false;
  flow.lost = *lost;
  const Json* generation = json->find("generation");
  if (generation == nullptr || !generation->is_string()) return true;
  const auto bytes = whole_of(*json, "bytesBase"), readings = whole_of(*json, "readingsBase"), sequence = whole_of(*json, "sequenceEnd");
  if (!bytes || !readings || !sequence) return false;
  flow.state = BrokerFlow::State::running;   // for all that is known; the plugin is asked
  flow.generation = generation->as_string();
  flow.bytes_base = *bytes;
  flow.readings_base = *readings;
  flow.sequence_end = *sequence;
  flow.bytes_end = whole_of(*json, "bytesEnd");
  return true;
}

}  // namespace agiddi::node
