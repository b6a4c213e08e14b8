#include "node/delivery/broker_flow.h"

#include <charconv>

#include "protocol/encoding.h"

namespace agiddi::node {
namespace {

constexpr std::uint64_t kTimeMax_ms = 253'402'300'799'999;

std::optional<TimeMs> time_of(const Json& json, const char* name) {
  const auto value = read_count(json, name);
  return value && *value <= kTimeMax_ms ? std::optional<TimeMs>(static_cast<TimeMs>(*value)) : std::nullopt;
}

bool yes(const Json& json, const char* name) {
  const Json* value = json.find(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

}  // namespace

std::optional<std::uint64_t> read_count(const Json& json, const char* name) {
  const Json* value = json.find(name);
  if (value == nullptr || !(value->is_number() || value->is_string())) return std::nullopt;
  const std::string& digits = value->is_number() ? value->number_text() : value->as_string();
  std::uint64_t out = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

std::optional<FlowCounts> read_flow_counts(const Json& json) {
  const Json* generation = json.find("generation");
  const auto bytes = read_count(json, "bytes"), readings = read_count(json, "readings"), sequence = read_count(json, "sequence");
  const auto accounted_to = time_of(json, "accountedTo"), heard = time_of(json, "heard"), earned = time_of(json, "earnedMs"), silent = time_of(json, "silentMs");
  if (!generation || !generation->is_string() || !bytes || !readings || !sequence || !accounted_to || !heard || !earned || !silent) return std::nullopt;
  FlowCounts counts;
  counts.generation = generation->as_string();
  counts.bytes = *bytes;
  counts.readings = *readings;
  counts.sequence = *sequence;
  counts.duplicates = read_count(json, "duplicates").value_or(0);
  counts.unreadable = read_count(json, "unreadable").value_or(0);
  counts.unknown_sensor = read_count(json, "unknownSensor").value_or(0);
  counts.no_receiver = read_count(json, "noReceiver").value_or(0);
  counts.last = time_of(json, "last");
  counts.accounted_to = *accounted_to;
  counts.heard = *heard;
  counts.lost = time_of(json, "lost");
  counts.earned_ms = *earned;
  counts.silent_ms = *silent;
  counts.stopped = yes(json, "stopped");
  counts.unfit = yes(json, "unfit");
  counts.ended = yes(json, "ended");
  return counts;
}

std::string marks_text(const std::vector<std::uint64_t>& marks) {
  Bytes raw;
  for (const std::uint64_t mark : marks) append_u64_be(raw, mark);
  return to_hex(raw);
}

std::vector<std::uint64_t> read_marks(const Json* text) {
  const auto raw = text && text->is_string() ? from_hex(text->as_string()) : Result<Bytes>(Bytes());
  std::vector<std::uint64_t> marks;
  if (!raw || raw->size() % 8 != 0 || raw->size() > 8 * kMarksHandedMax) return marks;
  for (std::size_t at = 0; at < raw->size(); at += 8) {
    if (const std::uint64_t mark = read_u64_be(BytesView(*raw).substr(at)); mark != 0) marks.push_back(mark);
  }
  return marks;
}

Bytes flow_note(const BrokerFlow& flow) {
  Json json = Json::object({{"lost", std::to_string(flow.lost)}});
  if (!flow.is_off()) {
    json.set("generation", flow.generation);
    json.set("sequenceEnd", std::to_string(flow.sequence_end));
    if (flow.bytes_end) json.set("bytesEnd", std::to_string(*flow.bytes_end));
  }
  return json.dump();
}

bool read_flow_note(BytesView note, BrokerFlow& flow) {
  const auto json = parse_json(note);
  const auto lost = json ? read_count(*json, "lost") : std::nullopt;
  if (!lost) return false;
  flow.lost = *lost;
  const Json* generation = json->find("generation");
  if (generation == nullptr || !generation->is_string()) return true;
  const auto sequence = read_count(*json, "sequenceEnd");
  if (!sequence) return false;
  flow.state = BrokerFlow::State::running;
  flow.unasked = true;
  flow.generation = generation->as_string();
  flow.sequence_end = *sequence;
  flow.bytes_end = read_count(*json, "bytesEnd");
  return true;
}

}  // namespace agiddi::node
