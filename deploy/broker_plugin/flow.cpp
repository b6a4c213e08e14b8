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

Flow::Flow(FlowTerms terms) : terms_(std::move(terms)) {
  usage_.bytes = terms_.bytes_used;
  usage_.readings = terms_.readings;
  usage_.sequence = terms_.sequence;
  usage_.clock = terms_.clock;
  told();
}

FlowVerdict Flow::stop(bool unfit) {
  stopped_ = true;
  unfit_ = unfit_ || unfit;
  return FlowVerdict::pass;
}

// From its stop on the time is the node's to account.
void Flow::account(TimeMs now, TimeMs lease_until) {
  if (!stopped_) usage_.clock.account(now, std::min(lease_until, terms_.expires.value_or(subservices::ServiceClock::kEver)));
}

FlowVerdict Flow::take(const FlowArrival& arrival, subservices::RecentReadings& recent, std::string& measurement) {
  const BytesView payload = arrival.payload;
  const TimeMs now = arrival.now;
  if (stopped_) return FlowVerdict::pass;
  account(now, arrival.lease_until);
  if (!arrival.plain || is_pack(payload)) return stop(true);
  if (now >= arrival.lease_until || (terms_.expires && now > *terms_.expires)) return stop(false);
  const auto drop = [](std::uint64_t& why) {
    ++why;
    return FlowVerdict::drop;
  };
  const auto readings = subservices::parse_readings(payload, now);
  if (!readings) return drop(usage_.unreadable);
  const subservices::Reading& reading = readings->front();
  const auto sensor = subservices::find_sensor(terms_.sensors, reading);
  if (!sensor) return drop(usage_.unknown_sensor);
  usage_.clock.heard(now);
  const auto mark = subservices::RecentReadings::mark(payload, *readings);
  if (mark && recent.contains(*mark)) return drop(usage_.duplicates);
  if (!arrival.receiver) return drop(usage_.no_receiver);
  if (terms_.bytes && (usage_.bytes > *terms_.bytes || payload.size() > *terms_.bytes - usage_.bytes)) return stop(false);
  if (usage_.sequence >= terms_.sequence_limit) return stop(false);
  usage_.bytes += payload.size();
  ++usage_.readings;
  ++usage_.sequence;
  usage_.last = now;
  if (mark) recent.add(*mark, arrival.marks_may_grow);
  subservices::write_measurement(measurement, terms_.sensors[*sensor].text, reading.value, reading.time.value_or(now), usage_.sequence);
  return FlowVerdict::deliver;
}

void Flow::raise(std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit) {
  if (terms_.bytes && bytes) terms_.bytes = std::max(*terms_.bytes, *bytes);
  terms_.sequence_limit = std::max(terms_.sequence_limit, sequence_limit);
}

// Where nothing was left there is nothing to tell: the next message stops the flow.
bool Flow::low() const {
  const auto half_gone = [](std::uint64_t from, std::uint64_t used, std::uint64_t limit) { return limit > from && used - from >= (limit - from + 1) / 2; };
  return (terms_.bytes && half_gone(low_from_bytes_, usage_.bytes, *terms_.bytes)) || half_gone(low_from_sequence_, usage_.sequence, terms_.sequence_limit);
}

}  // namespace agiddi::broker
