#include "deploy/broker_plugin/flow.h"

#include <algorithm>

#include "subservices/forwarding/sensor_match.h"

namespace agiddi::broker {
namespace {

// The first character that is no white space tells a SenML pack.
bool is_pack(BytesView payload) {
  const std::size_t at = payload.find_first_not_of(" \t\r\n");
  return at != BytesView::npos && payload[at] == '[';
}

}  // namespace

FlowVerdict Flow::stop(bool unfit) {
  stopped_ = true;
  unfit_ = unfit_ || unfit;
  return FlowVerdict::pass;
}

FlowVerdict Flow::take(BytesView payload, TimeMs now, bool lease, bool receiver, bool plain, std::string& measurement) {
  if (stopped_) return FlowVerdict::pass;
  if (!plain || is_pack(payload)) return stop(true);
  if (!lease || (terms_.expires && now > *terms_.expires)) return stop(false);
  const auto drop = [](std::uint64_t& why) {
    ++why;
    return FlowVerdict::drop;
  };
  const auto readings = subservices::parse_readings(payload, now);
  if (!readings) return drop(usage_.unreadable);
  const subservices::Reading& reading = readings->front();
  const auto sensor = subservices::find_sensor(terms_.sensors, reading);
  if (!sensor) return drop(usage_.unknown_sensor);
  if (!usage_.heard_first) usage_.heard_first = now;
  usage_.heard_last = now;
  const auto mark = subservices::RecentReadings::mark(payload, *readings);
  if (mark && recent_.contains(*mark)) return drop(usage_.duplicates);
  if (!receiver) return drop(usage_.no_receiver);
  if (terms_.bytes && payload.size() > *terms_.bytes - usage_.bytes) return stop(false);
  if (usage_.sequence >= terms_.sequence_limit) return stop(false);
  usage_.bytes += payload.size();
  ++usage_.readings;
  ++usage_.sequence;
  usage_.last = now;
  if (mark) recent_.add(*mark);
  subservices::write_measurement(measurement, terms_.sensors[*sensor].text, reading.value, reading.time.value_or(now), usage_.sequence);
  return FlowVerdict::deliver;
}

void Flow::raise(std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit) {
  if (terms_.bytes && bytes) terms_.bytes = std::max(*terms_.bytes, *bytes);
  terms_.sequence_limit = std::max(terms_.sequence_limit, sequence_limit);
}

bool Flow::low() const {
  const auto half_gone = [](std::uint64_t from, std::uint64_t used, std::uint64_t limit) { return used - from >= (limit - std::min(limit, from) + 1) / 2; };
  if (terms_.bytes && half_gone(low_from_bytes_, usage_.bytes, *terms_.bytes)) return true;
  return half_gone(std::max(low_from_sequence_, terms_.sequence), usage_.sequence, terms_.sequence_limit);
}

FlowUsage Flow::take_usage() {
  FlowUsage out = usage_;
  usage_.heard_first = usage_.heard_last = std::nullopt;
  low_from_bytes_ = usage_.bytes;
  low_from_sequence_ = usage_.sequence;
  return out;
}

}  // namespace agiddi::broker
