// Term ids: 4 bits of tag, 60 bits of payload. What is inline needs no dictionary, and inline ids order like their values within a
// tag, so a numeric range is a range of ids. Only lexical forms that come back exactly are inlined ("01" or "+1" are not); everything
// else gets a dictionary id. Pure functions, thread-safe.
//
//   tag        payload
//   string     up to 7 bytes of UTF-8, left-aligned, zero-padded, then 4 bits of length
//   boolean    0 or 1
//   integer    value + 2^59
//   decimal6   (value x 10^6 + 2^55), then 4 bits: digits after the point (0 to 6)
//   decimal9   (value x 10^9 + 2^55), then 4 bits: digits after the point (7 to 9)
//   date_time  milliseconds since 1970, then 4 bits: digits after the second (0 to 3); UTC written with Z, years 1970 to 9999
#pragma once

#include <optional>

#include "ledger/term.h"
#include "protocol/decimal.h"
#include "protocol/time.h"

namespace agiddi::ledger {

enum class TermTag : std::uint8_t {
  none = 0,
  iri = 1, blank = 2, literal = 3,    // dictionary: the payload is a running number
  string = 4, boolean = 5, integer = 6, decimal6 = 7, decimal9 = 8, date_time = 9,
  query = 15,                         // never in a store: free for terms that a query makes while it runs
};

inline constexpr int kPayloadBits = 60;
inline constexpr std::uint64_t kPayloadMask = (std::uint64_t{1} << kPayloadBits) - 1;

constexpr TermTag tag_of(TermId id) { return static_cast<TermTag>(id >> kPayloadBits); }
constexpr std::uint64_t payload_of(TermId id) { return id & kPayloadMask; }
constexpr TermId make_id(TermTag tag, std::uint64_t payload) {
  return (static_cast<std::uint64_t>(tag) << kPayloadBits) | (payload & kPayloadMask);
}
constexpr bool is_inline(TermId id) { return tag_of(id) >= TermTag::string && tag_of(id) <= TermTag::date_time; }
constexpr bool is_inline_number(TermId id) { return tag_of(id) >= TermTag::integer && tag_of(id) <= TermTag::decimal9; }

TermId inline_id(const Term& term);            // kNoTerm when the term does not inline
Term inline_term(TermId id);                   // id is inline
std::optional<Decimal> inline_number(TermId id);
std::optional<TimeMs> inline_time(TermId id);
// Of an inline number times 10^9: exact, and below 2^90.
__extension__ typedef __int128 Wide;
Wide inline_nanos(TermId id);
// By value; both are inline numbers, or both are inline times.
std::strong_ordering compare_inline(TermId a, TermId b);

// The ids of one numeric tag, or of times, whose values lie within [low, high] as an inclusive range of ids; nothing when there are none. A null
// bound, and one that is no number (for date_time: that is no inline time), is unbounded.
std::optional<std::pair<TermId, TermId>> inline_range(TermTag tag, const Term* low, const Term* high);

}  // namespace agiddi::ledger
