// xsd:dateTime, xsd:date and xsd:time values. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

struct Moment {
  std::int64_t year = 1972;
  int month = 12, day = 31;  // those of xsd:time are fixed
  int hour = 0, minute = 0, second = 0;
  std::string fraction;                // digits of the second's fraction, no trailing zeros
  std::optional<int> zone_minutes;     // offset from UTC
};

std::optional<Moment> parse_date_time(std::string_view text);
std::optional<Moment> parse_date(std::string_view text);
std::optional<Moment> parse_time(std::string_view text);
std::string date_time_text(const Moment& moment);
std::string date_text(const Moment& moment);

// unordered when one has a zone, the other not, and 14 hours could turn the answer (XML Schema part 2, 3.2.7.4).
std::partial_ordering compare(const Moment& a, const Moment& b);
// A total order for sorting: no zone counts as UTC.
std::strong_ordering total_order(const Moment& a, const Moment& b);

std::string zone_text(const Moment& moment);       // "Z", "-08:00", ""
std::string zone_duration(const Moment& moment);   // "PT0S", "-PT8H"; only with a zone

}  // namespace agiddi::ontology::sparql
