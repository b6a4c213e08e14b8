// BrokerFlow: one device's readings on their way through the broker's plugin alone: measured, counted and sent on there, within limits that this node set. What
// the node has to know of it, also after it died. Plain values of the delivery lane.
//
// The plugin leaves to the node what it cannot do; then the flow ends, its count is taken up, and the node's own path goes on until a new flow begins.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/json.h"
#include "protocol/time.h"

namespace agiddi::node {

// A flow as the plugin tells it: totals that go on from those of the node when it began, so that nothing is counted twice however often it is told. Only what was
// dropped is counted from the flow's own beginning.
struct FlowCounts {
  std::string generation;
  std::uint64_t bytes = 0, readings = 0, sequence = 0;
  std::uint64_t duplicates = 0, unreadable = 0, unknown_sensor = 0, no_receiver = 0;
  std::optional<TimeMs> last;
  TimeMs accounted_to = 0, heard = 0;                // of its service clock
  std::optional<TimeMs> lost;
  std::int64_t earned_ms = 0, silent_ms = 0;
  bool stopped = false, unfit = false, ended = false;
};
std::optional<FlowCounts> read_flow_counts(const Json& json);   // nothing: not what the plugin tells
std::optional<std::uint64_t> read_count(const Json& json, const char* name);   // a whole number, or nothing

struct BrokerFlow {
  enum class State : std::uint8_t { off, starting, running, ending };
  State state = State::off;
  std::string generation;
  bool unasked = false;                              // its state is what a former run noted: the plugin knows better
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
using FlowState = BrokerFlow::State;

inline constexpr std::uint64_t kSequenceAhead = 100'000;   // numbers that a flow may give before it is heard of again
inline std::uint64_t more(std::uint64_t now, std::uint64_t before) { return now - std::min(now, before); }

// Of recent messages, handed over between node and plugin: 16 hexadecimal digits each, the oldest first.
inline constexpr std::size_t kMarksHandedMax = 256;
std::string marks_text(const std::vector<std::uint64_t>& marks);
std::vector<std::uint64_t> read_marks(const Json* text);         // nothing when it is not such a text

// The part that outlives the node's process, as JSON. False when a note is damaged.
Bytes flow_note(const BrokerFlow& flow);
bool read_flow_note(BytesView note, BrokerFlow& flow);

}  // namespace agiddi::node
