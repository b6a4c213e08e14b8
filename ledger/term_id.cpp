#include "ledger/term_id.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

constexpr int kDigitBits = 4;
constexpr std::uint64_t kDigitMask = (1 << kDigitBits) - 1;
constexpr std::int64_t kIntegerBias = std::int64_t{1} << (kPayloadBits - 1);
constexpr std::int64_t kDecimalBias = std::int64_t{1} << (kPayloadBits - kDigitBits - 1);
constexpr std::size_t kInlineStringMax_bytes = 7;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int scale_of(TermTag tag) { return tag == TermTag::decimal6 ? 6 : tag == TermTag::decimal9 ? 9 : 0; }

Wide power_of_ten(int exponent) {
  Wide power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

// The value times 10^scale of an inline number.
std::int64_t mantissa_of(TermId id) {
  const auto payload = static_cast<std::int64_t>(payload_of(id));
  return tag_of(id) == TermTag::integer ? payload - kIntegerBias : (payload >> kDigitBits) - kDecimalBias;
}

TermId string_id(std::string_view value) {
  if (value.size() > kInlineStringMax_bytes) return kNoTerm;
  std::uint64_t payload = 0;
  for (std::size_t i = 0; i < kInlineStringMax_bytes; ++i) {
    payload = payload << 8 | (i < value.size() ? static_cast<unsigned char>(value[i]) : 0);
  }
  return make_id(TermTag::string, payload << 4 | value.size());
}

// Canonical digits: "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)?, no minus before a zero. At most 18 digits in all.
struct CanonicalNumber {
  std::int64_t mantissa = 0;
  int digits = 0;  // after the point
};
std::optional<CanonicalNumber> canonical_number(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  CanonicalNumber number;
  bool point = false;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && !point && i > 0 && i + 1 < text.size()) {
      point = true;
      continue;
    }
    if (!is_digit(text[i]) || ++count > 18) return std::nullopt;
    number.mantissa = number.mantissa * 10 + (text[i] - '0');
    if (point) ++number.digits;
  }
  if (count == 0) return std::nullopt;
  if (text.front() == '0' && text.size() > 1 && text[1] != '.') return std::nullopt;
  if (negative && number.mantissa == 0) return std::nullopt;
  if (negative) number.mantissa = -number.mantissa;
  return number;
}

TermId integer_id(std::string_view text) {
  const auto number = canonical_number(text);
  if (!number || text.find('.') != std::string_view::npos) return kNoTerm;
  if (number->mantissa < -kIntegerBias || number->mantissa >= kIntegerBias) return kNoTerm;
  return make_id(TermTag::integer, static_cast<std::uint64_t>(number->mantissa + kIntegerBias));
}

TermId decimal_id(std::string_view text) {
  const auto number = canonical_number(text);
  if (!number || number->digits > 9) return kNoTerm;
  const TermTag tag = number->digits <= 6 ? TermTag::decimal6 : TermTag::decimal9;
  const Wide scaled = number->mantissa * power_of_ten(scale_of(tag) - number->digits);
  if (scaled < -kDecimalBias || scaled >= kDecimalBias) return kNoTerm;
  return make_id(tag, static_cast<std::uint64_t>(static_cast<std::int64_t>(scaled) + kDecimalBias) << kDigitBits |
                          static_cast<std::uint64_t>(number->digits));
}

// time_text() has milliseconds; with fewer digits wanted, cuts them (and the point with the last).
std::string time_with_digits(TimeMs time, std::uint64_t digits) {
  std::string text = time_text(time);
  const std::size_t kept = digits == 0 ? 19 : 20 + static_cast<std::size_t>(digits);
  return text.substr(0, kept) + 'Z';
}

TermId date_time_id(const std::string& text) {
  if (text.size() < 20 || text.size() > 24 || text.size() == 21 || text.back() != 'Z') return kNoTerm;
  const auto time = time_from_text(text);
  if (!time || *time < 0) return kNoTerm;
  const std::uint64_t digits = text.size() == 20 ? 0 : text.size() - 21;
  if (time_with_digits(*time, digits) != text) return kNoTerm;
  return make_id(TermTag::date_time, static_cast<std::uint64_t>(*time) << kDigitBits | digits);
}

// floor and ceiling of a numeric literal times 10^scale, saturated far beyond any inline value.
struct Bounds {
  std::int64_t floor = 0, ceiling = 0;
};
constexpr std::int64_t kFar = std::int64_t{1} << 61;

std::optional<Bounds> scaled_bounds(std::string_view text, int scale) {
  bool negative = false;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
  std::string digits;
  long exponent = scale;
  bool any = false;
  for (; at < text.size() && is_digit(text[at]); ++at, any = true) digits += text[at];
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at, any = true) {
      digits += text[at];
      --exponent;
    }
  }
  if (!any) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    bool down = false;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) down = text[at++] == '-';
    if (at == text.size()) return std::nullopt;
    long written = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) written = std::min(written * 10 + (text[at] - '0'), 1'000'000L);
    exponent += down ? -written : written;
  }
  if (at != text.size()) return std::nullopt;

  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return Bounds{};
  const long whole = static_cast<long>(digits.size()) + exponent;  // digits before the point, after scaling
  std::int64_t quotient = 0;
  bool rest = false;
  if (whole > 18) {
    quotient = kFar;
  } else {
    for (long i = 0; i < whole; ++i) {
      const auto k = static_cast<std::size_t>(i);
      quotient = quotient * 10 + (k < digits.size() ? digits[k] - '0' : 0);
    }
    const auto tail = static_cast<std::size_t>(std::max(whole, 0L));
    rest = tail < digits.size() && digits.find_first_not_of('0', tail) != std::string::npos;
  }
  if (negative) return Bounds{-quotient - (rest ? 1 : 0), -quotient};
  return Bounds{quotient, quotient + (rest ? 1 : 0)};
}

}  // namespace

TermId inline_id(const Term& term) {
  if (term.kind != TermKind::literal || !term.language.empty()) return kNoTerm;
  if (term.datatype.empty()) return string_id(term.value);
  if (term.datatype == xsd::decimal) return decimal_id(term.value);
  if (term.datatype == xsd::integer) return integer_id(term.value);
  if (term.datatype == xsd::date_time) return date_time_id(term.value);
  if (term.datatype == xsd::boolean && (term.value == "true" || term.value == "false")) {
    return make_id(TermTag::boolean, term.value == "true" ? 1 : 0);
  }
  return kNoTerm;
}

Term inline_term(TermId id) {
  const std::uint64_t payload = payload_of(id);
  switch (tag_of(id)) {
    case TermTag::string: {
      std::string value;
      for (std::size_t i = 0; i < (payload & 0xf); ++i) value += static_cast<char>(payload >> (52 - 8 * i) & 0xff);
      return Term::literal(std::move(value));
    }
    case TermTag::boolean:
      return Term::typed(payload ? "true" : "false", xsd::boolean);
    case TermTag::integer:
      return Term::typed(std::to_string(mantissa_of(id)), xsd::integer);
    case TermTag::decimal6:
    case TermTag::decimal9: {
      const auto digits = static_cast<std::size_t>(payload & 0xf);
      const auto scale = static_cast<std::size_t>(scale_of(tag_of(id)));
      const std::int64_t mantissa = mantissa_of(id);
      std::string text = std::to_string(mantissa < 0 ? -mantissa : mantissa);
      if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
      text.insert(text.size() - scale, ".");
      text.resize(text.size() - scale + digits - (digits == 0 ? 1 : 0));
      if (mantissa < 0) text.insert(0, "-");
      return Term::typed(std::move(text), xsd::decimal);
    }
    case TermTag::date_time:
      return Term::typed(time_with_digits(static_cast<TimeMs>(payload >> kDigitBits), payload & 0xf), xsd::date_time);
    default:
      AGIDDI_CHECK(false, "the id is inline");
  }
}

std::optional<Decimal> inline_number(TermId id) {
  if (!is_inline_number(id)) return std::nullopt;
  return Decimal(mantissa_of(id), scale_of(tag_of(id)));
}

std::optional<TimeMs> inline_time(TermId id) {
  if (tag_of(id) != TermTag::date_time) return std::nullopt;
  return static_cast<TimeMs>(payload_of(id) >> kDigitBits);
}

Wide inline_nanos(TermId id) {
  const Wide mantissa = mantissa_of(id);
  switch (tag_of(id)) {
    case TermTag::integer: return mantissa * 1'000'000'000;
    case TermTag::decimal6: return mantissa * 1'000;
    default: return mantissa;
  }
}

std::strong_ordering compare_inline(TermId a, TermId b) {
  if (tag_of(a) == TermTag::integer && tag_of(b) == TermTag::integer) return a <=> b;
  if (tag_of(a) == tag_of(b)) return (a >> kDigitBits) <=> (b >> kDigitBits);
  const Wide left = inline_nanos(a), right = inline_nanos(b);
  return left < right ? std::strong_ordering::less : left > right ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::optional<std::pair<TermId, TermId>> inline_range(TermTag tag, const Term* low, const Term* high) {
  if (tag == TermTag::date_time) {
    // The digits that were written are no part of the value.
    const TermId from = low ? inline_id(*low) : kNoTerm, to = high ? inline_id(*high) : kNoTerm;
    const std::uint64_t first = tag_of(from) == tag ? payload_of(from) & ~kDigitMask : 0;
    const std::uint64_t last = tag_of(to) == tag ? payload_of(to) | kDigitMask : kPayloadMask;
    if (first > last) return std::nullopt;
    return std::pair(make_id(tag, first), make_id(tag, last));
  }
  const bool integer = tag == TermTag::integer;
  const std::int64_t bias = integer ? kIntegerBias : kDecimalBias;
  std::int64_t from = -bias, to = bias - 1;
  if (low) {
    if (const auto bounds = scaled_bounds(low->value, scale_of(tag))) from = std::max(from, bounds->ceiling);
  }
  if (high) {
    if (const auto bounds = scaled_bounds(high->value, scale_of(tag))) to = std::min(to, bounds->floor);
  }
  if (from > to) return std::nullopt;
  const auto first = static_cast<std::uint64_t>(from + bias), last = static_cast<std::uint64_t>(to + bias);
  if (integer) return std::pair(make_id(tag, first), make_id(tag, last));
  return std::pair(make_id(tag, first << kDigitBits), make_id(tag, last << kDigitBits | 0xf));
}

}  // namespace agiddi::ledger
