// BrokerFlow: one device's readings on their way through the broker's plugin alone: measured, counted and sent on there, within limits that this node set. What
// the node has to know of it, also after it died. Plain values of the delivery lane.
//
// The plugin leaves to the node what it cannot do; then the flow ends, its count is taken up, and the node's own path goes on until a new flow begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/bytes.h"
#include "protocol/json.h"
#include "protocol/time.h"

namespace agiddi::node {

// Totals of a flow as the plugin tells them.
struct FlowCounts {
  std::string generation;
  std::uint64_t bytes = 0, readings = 0, sequence = 0;
  std::uint64_t duplicates = 0, unreadable = 0, unknown_sensor = 0, no_receiver = 0;
  std::optional<TimeMs> last, heard_first, heard_last;
  bool stopped = false, unfit = false;
};
std::optional<FlowCounts> read_flow_counts(const Json& json);   // nothing: not what the plugin tells

struct BrokerFlow {
  enum class State : std::uint8_t { off, starting, running, ending };
  State state = State::off;
  std::string generation;
  std::uint64_t bytes_base = 0, readings_base = 0;   // the meter's, when it began
  std::optional<std::uint64_t> bytes_end;            // up to which total of the meter it may count
  std::uint64_t sequence_end = 0;                    // up to which number
  std::uint64_t lost = 0;                            // bytes that a plugin which is gone may have forwarded, of this epoch: neither charged nor left

  std::optional<std::uint64_t> passed;               // messages that came here; nothing: the plugin knows no flows
  bool unfit = false;                                // the device sends what only the node can read
  FlowCounts told;                                   // last
  TimeMs told_at = 0, asked_at = 0;
  std::uint64_t bytes_per_s = 0;                     // lately
  TimeMs again_at = 0;                               // not before
  bool device_waits = false;                         // its start command, for the flow to begin
  TimeMs device_waits_until = 0;
  bool counts_due = false;                           // the device has ended, its last count is on its way
  TimeMs counts_until = 0;

  bool is_off() const { return state == State::off; }
};

// The part that outlives the node's process, as JSON. False when a note is damaged.
Bytes flow_note(const BrokerFlow& flow);
bool read_flow_note(BytesView note, BrokerFlow& flow);

}  // namespace agiddi::node
