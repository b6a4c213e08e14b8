// Flow: the readings of one device, measured and counted where they cross the broker, within limits that its node has set. What cannot be done here is left to
// the node: from the first such message on the flow has stopped and everything passes to the node unchanged, in order, until the node begins another flow.
//
// Pure: time is a parameter (milliseconds of the ledger's clock). Threads: one, the broker's. Bounded: nothing grows but the last 1,024 marks of a device.
// Readings are understood and measurements written by the code that the node uses (subservices/forwarding).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "subservices/forwarding/measurement_text.h"
#include "subservices/forwarding/recent_readings.h"

namespace agiddi::broker {

inline constexpr std::size_t kFlowSensorsMax = 64;
inline constexpr std::size_t kFlowTextMax_bytes = 64 * 1024;

struct FlowSensor {
  std::string name;
  subservices::MeasurementText text;
};

struct FlowTerms {
  std::string generation;               // the node's name for this flow; a later one has another
  std::string device_topic, application, application_topic;   // application: the user who must be subscribed
  std::vector<FlowSensor> sensors;
  std::uint64_t sequence = 0;           // the last number given before
  std::uint64_t sequence_limit = 0;     // the last that may be given
  std::optional<std::uint64_t> bytes;   // of payload, that may be counted
  std::optional<TimeMs> expires;        // the last instant
};

// Totals since the flow began; the times of signs of life since they were last taken.
struct FlowUsage {
  std::uint64_t bytes = 0, readings = 0, sequence = 0;
  std::uint64_t duplicates = 0, unreadable = 0, unknown_sensor = 0, no_receiver = 0;
  std::optional<TimeMs> last;           // counted
  std::optional<TimeMs> heard_first, heard_last;
};

enum class FlowVerdict {
  deliver,   // the measurement is written, counted, and goes to the application's topic
  drop,      // neither forwarded nor charged, and nothing for the node
  pass,      // for the node
};

class Flow {
 public:
  explicit Flow(FlowTerms terms) : terms_(std::move(terms)) { usage_.sequence = terms_.sequence; }

  // lease: whether the node's lease holds; receiver: whether the application is subscribed; plain: QoS 0 or 1, without properties.
  FlowVerdict take(BytesView payload, TimeMs now, bool lease, bool receiver, bool plain, std::string& measurement);
  // Limits are only ever raised.
  void raise(std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit);

  const FlowTerms& terms() const { return terms_; }
  bool stopped() const { return stopped_; }
  bool unfit() const { return unfit_; }                  // stopped by what the node alone can do, so another flow would end as soon
  bool low() const;                                      // half of what was left at the last report is gone
  FlowUsage take_usage();                                // for a report: forgets the signs of life

 private:
  FlowVerdict stop(bool unfit);
  FlowTerms terms_;
  FlowUsage usage_;
  subservices::RecentReadings recent_;
  bool stopped_ = false, unfit_ = false;
  std::uint64_t low_from_bytes_ = 0, low_from_sequence_ = 0;   // what was used when usage was last taken
};

}  // namespace agiddi::broker
