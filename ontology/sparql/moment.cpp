#include "ontology/sparql/moment.h"

#include <cstdlib>

#include "ontology/sparql/utf8.h"

namespace agiddi::ontology::sparql {

namespace {


std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool leap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(std::int64_t year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap(year) ? 29 : kDays[month - 1];
}

// Days since 1970-01-01 in the proleptic Gregorian calendar.
std::int64_t day_number(std::int64_t year, int month, int day) {
  if (month <= 2) --year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool parse_date_part(std::string_view& text, Moment& out) {
  const bool negative = take(text, '-');
  std::size_t digits = 0;
  while (digits < text.size() && digit(text[digits])) ++digits;
  if (digits < 4 || digits > 9 || (digits > 4 && text[0] == '0')) return false;
  out.year = take_digits(text, digits).value_or(0);
  if (negative) out.year = -out.year;
  if (!take(text, '-')) return false;
  const auto month = take_digits(text, 2);
  if (!month || *month < 1 || *month > 12 || !take(text, '-')) return false;
  const auto day = take_digits(text, 2);
  if (!day || *day < 1 || *day > days_in_month(out.year, *month)) return false;
  out.month = *month;
  out.day = *day;
  return true;
}

bool parse_time_part(std::string_view& text, Moment& out) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return false;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return false;
  const auto second = take_digits(text, 2);
  if (!second) return false;
  if (take(text, '.')) {
    std::size_t digits = 0;
    while (digits < text.size() && digit(text[digits])) ++digits;
    if (digits == 0 || digits > 64) return false;
    out.fraction = std::string(text.substr(0, digits));
    while (!out.fraction.empty() && out.fraction.back() == '0') out.fraction.pop_back();
    text.remove_prefix(digits);
  }
  const bool midnight = *hour == 24 && *minute == 0 && *second == 0 && out.fraction.empty();
  if ((*hour > 23 && !midnight) || *minute > 59 || *second > 59) return false;
  out.hour = *hour;
  out.minute = *minute;
  out.second = *second;
  return true;
}

bool parse_zone(std::string_view text, Moment& out) {
  if (text.empty()) return true;
  if (text == "Z") {
    out.zone_minutes = 0;
    return true;
  }
  const bool negative = text[0] == '-';
  if (!negative && text[0] != '+') return false;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return false;
  const auto minutes = take_digits(text, 2);
  if (!minutes || !text.empty() || *minutes > 59 || *hours > 14 || (*hours == 14 && *minutes != 0)) return false;
  const int offset = *hours * 60 + *minutes;
  out.zone_minutes = negative ? -offset : offset;
  return true;
}

// Seconds on the time line; without a zone, as if it were UTC.
std::int64_t seconds_of(const Moment& m) {
  return day_number(m.year, m.month, m.day) * 86400 + m.hour * 3600 + m.minute * 60 + m.second - m.zone_minutes.value_or(0) * 60;
}

std::string padded(std::int64_t value, std::size_t width) {
  std::string digits = std::to_string(std::llabs(value));
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return value < 0 ? "-" + digits : digits;
}

}  // namespace

std::optional<Moment> parse_date_time(std::string_view text) {
  Moment out;
  if (!parse_date_part(text, out) || !take(text, 'T') || !parse_time_part(text, out) || !parse_zone(text, out)) return std::nullopt;
  return out;
}

std::optional<Moment> parse_date(std::string_view text) {
  Moment out;
  if (!parse_date_part(text, out) || !parse_zone(text, out)) return std::nullopt;
  return out;
}

std::optional<Moment> parse_time(std::string_view text) {
  Moment out;
  if (!parse_time_part(text, out) || !parse_zone(text, out)) return std::nullopt;
  return out;
}

std::string date_text(const Moment& m) { return padded(m.year, 4) + "-" + padded(m.month, 2) + "-" + padded(m.day, 2) + zone_text(m); }

std::string date_time_text(const Moment& m) {
  return padded(m.year, 4) + "-" + padded(m.month, 2) + "-" + padded(m.day, 2) + "T" + padded(m.hour, 2) + ":" + padded(m.minute, 2) + ":" +
         padded(m.second, 2) + (m.fraction.empty() ? "" : "." + m.fraction) + zone_text(m);
}

std::strong_ordering total_order(const Moment& a, const Moment& b) {
  if (const auto order = seconds_of(a) <=> seconds_of(b); order != 0) return order;
  return a.fraction.compare(b.fraction) <=> 0;  // digits after the point order as text
}

std::partial_ordering compare(const Moment& a, const Moment& b) {
  if (a.zone_minutes.has_value() != b.zone_minutes.has_value()) {
    const std::int64_t difference = seconds_of(a) - seconds_of(b);
    if (std::llabs(difference) <= 14 * 3600) return std::partial_ordering::unordered;
  }
  return total_order(a, b);
}

std::string zone_text(const Moment& m) {
  if (!m.zone_minutes) return {};
  if (*m.zone_minutes == 0) return "Z";
  const int minutes = std::abs(*m.zone_minutes);
  return std::string(*m.zone_minutes < 0 ? "-" : "+") + padded(minutes / 60, 2) + ":" + padded(minutes % 60, 2);
}

std::string zone_duration(const Moment& m) {
  const int offset = m.zone_minutes.value_or(0);
  if (offset == 0) return "PT0S";
  const int minutes = std::abs(offset);
  std::string out = offset < 0 ? "-PT" : "PT";
  if (minutes >= 60) out += std::to_string(minutes / 60) + "H";
  if (minutes % 60 != 0) out += std::to_string(minutes % 60) + "M";
  return out;
}

}  // namespace agiddi::ontology::sparql
