// What a device of an integration is settled by where its application counts too. Pure, 64-bit integers with 128 between: the rules and the serving node, which
// stops when an application falls behind, use the same arithmetic.
//
// The application counts measurements, of which it misses none unnoticed (each has its number). What it says it did not get of what the node reported is taken off the
// bytes in proportion. docs/adr/0011-counts-of-application-and-provider.md has the reasons.
#pragma once

#include <cstdint>
#include <optional>

namespace agiddi::subservices {

// Totals over all epochs. bytes: without what was lost in hand-overs.
struct Delivered {
  std::int64_t bytes = 0, measurements = 0, active_ms = 0;
};

struct ApplicationCount {
  std::int64_t measurements = 0;
  std::optional<std::int64_t> bytes, active_ms;   // where it counts these as well
  Delivered conceded;                             // reported before its first count
  std::int64_t conceded_bytes = 0;                // reserved then, where any were reported: all of these may have come before it spoke
  std::int64_t limit_bytes = 0, limit_ms = 0;     // what was bought; 0: none of it
};

// The node's figures, or less of them: never below what was conceded, never above the node's. A part of a byte goes to the provider. A purchase of fewer than 16
// measurements, of less than a kilobyte or of less than 160 s is settled by the node's figures: a window would be most of it.
Delivered settled_by(const Delivered& node, const ApplicationCount& application);

// How far an application's count may stay behind what was delivered before its node stops: all that a provider may lose to an application that counts low.
std::int64_t count_window_bytes(std::int64_t limit_bytes);
std::int64_t count_window_ms(std::int64_t limit_ms);
// After so many measurements more it counts again at the latest, to keep within half of the window. At least 1.
std::int64_t count_again_within(const Delivered& node, std::int64_t limit_bytes);

}  // namespace agiddi::subservices
