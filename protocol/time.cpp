#include "protocol/time.h"

namespace agiddi {
namespace {

constexpr std::int64_t kDay_ms = 86'400'000;

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

// Leap days in the years 1 … year.
std::int64_t leap_days(int year) { return year / 4 - year / 100 + year / 400; }

std::int64_t days_before_year(int year) { return (year - 1970) * std::int64_t{365} + leap_days(year - 1) - leap_days(1969); }

std::int64_t days_from_date(int year, int month, int day) {
  std::int64_t days = days_before_year(year);
  for (int m = 1; m < month; ++m) days += days_in_month(year, m);
  return days + day - 1;
}

constexpr TimeMs kFirst = 0;
constexpr TimeMs kLast = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

void append_digits(std::string& out, std::int64_t value, int width) {
  std::string digits = std::to_string(value);
  out.append(static_cast<std::size_t>(width) > digits.size() ? static_cast<std::size_t>(width) - digits.size() : 0, '0');
  out += digits;
}

// Takes exactly `width` digits off the front.
bool take_digits(std::string_view& text, int width, int& value) {
  if (text.size() < static_cast<std::size_t>(width)) return false;
  value = 0;
  for (int i = 0; i < width; ++i) {
    const char c = text[static_cast<std::size_t>(i)];
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(width));
  return true;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string time_text(TimeMs time) {
  if (time < kFirst) time = kFirst;
  if (time > kLast) time = kLast;
  std::int64_t days = time / kDay_ms;
  const std::int64_t within = time % kDay_ms;
  int year = 1970 + static_cast<int>(days / 366);  // never too late; at most a few years early
  while (days_before_year(year + 1) <= days) ++year;
  days -= days_before_year(year);
  int month = 1;
  while (days >= days_in_month(year, month)) days -= days_in_month(year, month++);
  std::string out;
  append_digits(out, year, 4);
  out += '-';
  append_digits(out, month, 2);
  out += '-';
  append_digits(out, days + 1, 2);
  out += 'T';
  append_digits(out, within / 3'600'000, 2);
  out += ':';
  append_digits(out, within / 60'000 % 60, 2);
  out += ':';
  append_digits(out, within / 1000 % 60, 2);
  out += '.';
  append_digits(out, within % 1000, 3);
  return out + 'Z';
}

Result<TimeMs> time_from_text(std::string_view text) {
  const auto refuse = [] { return fail(Status::invalid, "not a time in RFC 3339 form, such as 2026-01-31T08:00:00Z, from 1970 to 9999"); };
  int year, month, day, hour, minute, second, offset_hour = 0, offset_minute = 0;
  if (!take_digits(text, 4, year) || !take(text, "-") || !take_digits(text, 2, month) || !take(text, "-") ||
      !take_digits(text, 2, day) || !take(text, "Tt") || !take_digits(text, 2, hour) || !take(text, ":") ||
      !take_digits(text, 2, minute) || !take(text, ":") || !take_digits(text, 2, second)) {
    return refuse();
  }
  if (year < 1969 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
    return refuse();
  }
  std::int64_t milliseconds = 0;
  if (take(text, ".")) {
    int digits = 0;
    for (int digit; digits < 9 && take_digits(text, 1, digit); ++digits) {
      if (digits < 3) milliseconds = milliseconds * 10 + digit;
    }
    if (digits == 0) return refuse();
    for (; digits < 3; ++digits) milliseconds *= 10;
  }
  std::int64_t offset_ms = 0;
  if (!take(text, "Zz")) {
    const bool west = !text.empty() && text[0] == '-';
    if (!take(text, "+-") || !take_digits(text, 2, offset_hour) || !take(text, ":") || !take_digits(text, 2, offset_minute) ||
        offset_hour > 23 || offset_minute > 59) {
      return refuse();
    }
    offset_ms = (offset_hour * 60 + offset_minute) * std::int64_t{60'000} * (west ? -1 : 1);
  }
  if (!text.empty()) return refuse();
  const TimeMs time =
      days_from_date(year, month, day) * kDay_ms + ((hour * 60 + minute) * std::int64_t{60} + second) * 1000 + milliseconds - offset_ms;
  if (time < kFirst || time > kLast) return refuse();
  return time;
}

}  // namespace agiddi
