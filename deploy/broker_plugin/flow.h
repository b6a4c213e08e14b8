// Flow: the readings of one device, measured and counted where they cross the broker, within limits that its node has set. What cannot be done here is left to
// the node: from the first such message on the flow has stopped and everything passes to the node unchanged, in order, until the node begins another flow.
//
// All figures are totals that go on from what the node had when the flow began (bytes, readings, numbers, time served), so that they may be told twice, late, or
// to a node that has forgotten; only the counts of what was dropped begin at nothing.
// Pure: time is a parameter (milliseconds of the ledger's clock). Threads: one, the broker's. Nothing grows.
// Readings are understood and measurements written by the code that the node uses (subservices/forwarding).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "subservices/forwarding/measurement_text.h"
#include "subservices/forwarding/recent_readings.h"
#include "subservices/forwarding/service_clock.h"

namespace agiddi::broker {

inline constexpr std::size_t kFlowSensorsMax = 64;
inline constexpr std::size_t kFlowTextMax_bytes = 64 * 1024;
inline constexpr std::size_t kFlowMarksMax = 256;       // that are handed over, between node and plugin

struct FlowSensor {
  std::string name;
  subservices::MeasurementText text;
};

struct FlowTerms {
  std::string generation;               // the node's name for this flow; a later one has another
  std::string device_topic, application, application_topic;   // application: the user who must be subscribed
  std::vector<FlowSensor> sensors;
  std::uint64_t bytes_used = 0, readings = 0;   // before
  std::uint64_t sequence = 0;           // the last number given before
  std::uint64_t sequence_limit = 0;     // the last that may be given
  std::optional<std::uint64_t> bytes;   // of payload, that may have been counted in all
  std::optional<TimeMs> expires;        // the last instant
  subservices::ServiceClock clock;      // the time served before, and what silence is
  std::vector<std::uint64_t> marks;     // of messages that the node took last
};

struct FlowUsage {
  std::uint64_t bytes = 0, readings = 0, sequence = 0;
  std::uint64_t duplicates = 0, unreadable = 0, unknown_sensor = 0, no_receiver = 0;
  std::optional<TimeMs> last;           // counted
  subservices::ServiceClock clock;
};

// A message of a device, and what the broker knows at that moment.
struct FlowArrival {
  BytesView payload;
  TimeMs now = 0;
  TimeMs lease_until = 0;               // the node's lease holds before
  bool receiver = false;                // the application is subscribed
  bool plain = true;                    // QoS 0 or 1, without properties
  bool marks_may_grow = true;
};

enum class FlowVerdict {
  deliver,   // the measurement is written, counted, and goes to the application's topic
  drop,      // neither forwarded nor charged, and nothing for the node
  pass,      // for the node
};

class Flow {
 public:
  explicit Flow(FlowTerms terms);

  // recent: the device's last messages, of former flows too.
  FlowVerdict take(const FlowArrival& arrival, subservices::RecentReadings& recent, std::string& measurement);
  // Limits are only ever raised.
  void raise(std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit);
  // Time served until then: before the lease changes, and before usage is told.
  void account(TimeMs now, TimeMs lease_until);
  void lost(TimeMs at) { usage_.clock.lost(at); }         // the device's connection broke, and
  void back(TimeMs at) { usage_.clock.back(at); }

  const FlowTerms& terms() const { return terms_; }
  const FlowUsage& usage() const { return usage_; }
  bool stopped() const { return stopped_; }
  bool unfit() const { return unfit_; }                  // stopped by what the node alone can do, so another flow would end as soon
  bool low() const;                                      // half of what was left at the last report is gone
  void told() { low_from_bytes_ = usage_.bytes, low_from_sequence_ = usage_.sequence; }

 private:
  FlowVerdict stop(bool unfit);
  FlowTerms terms_;
  FlowUsage usage_;
  bool stopped_ = false, unfit_ = false;
  std::uint64_t low_from_bytes_ = 0, low_from_sequence_ = 0;   // what was used when it was last told
};

}  // namespace agiddi::broker
