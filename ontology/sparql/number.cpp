#include "ontology/sparql/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <new>

#include "protocol/rational.h"

namespace agiddi::ontology::sparql {

struct BigAccess {
  static BigInt& of(BigInteger& value) { return *std::launder(reinterpret_cast<BigInt*>(value.storage_)); }
  static const BigInt& of(const BigInteger& value) { return *std::launder(reinterpret_cast<const BigInt*>(value.storage_)); }
  static void* place(BigInteger& value) { return value.storage_; }
};
static_assert(sizeof(BigInt) <= sizeof(BigInteger) && alignof(BigInt) <= alignof(BigInteger));

BigInteger::BigInteger(std::int64_t value) { new (BigAccess::place(*this)) BigInt(value); }
BigInteger::BigInteger(const BigInteger& other) { new (BigAccess::place(*this)) BigInt(BigAccess::of(other)); }
BigInteger::BigInteger(BigInteger&& other) noexcept { new (BigAccess::place(*this)) BigInt(std::move(BigAccess::of(other))); }
BigInteger& BigInteger::operator=(const BigInteger& other) {
  BigAccess::of(*this) = BigAccess::of(other);
  return *this;
}
BigInteger& BigInteger::operator=(BigInteger&& other) noexcept {
  BigAccess::of(*this) = std::move(BigAccess::of(other));
  return *this;
}
BigInteger::~BigInteger() { std::destroy_at(&BigAccess::of(*this)); }

namespace {

BigInt& big(Number& number) { return BigAccess::of(number.mantissa); }
const BigInt& big(const Number& number) { return BigAccess::of(number.mantissa); }

Number make_integer(BigInt value) {
  Number out;
  big(out) = std::move(value);
  return out;
}

BigInt power_of_ten(int exponent) {
  BigInt out = 1, base = 10;
  for (auto e = static_cast<unsigned>(exponent); e != 0; e >>= 1) {
    if (e & 1) out *= base;
    if (e > 1) base *= base;
  }
  return out;
}

Number make_decimal(BigInt mantissa, int scale) {
  Number out;
  out.type = Number::Type::decimal;
  if (scale < 0) {
    mantissa *= power_of_ten(-scale);
    scale = 0;
  }
  if (mantissa == 0) scale = 0;
  while (scale > 0) {
    BigInt quotient, remainder;
    boost::multiprecision::divide_qr(mantissa, BigInt(10), quotient, remainder);
    if (remainder != 0) break;
    mantissa = std::move(quotient);
    --scale;
  }
  big(out) = std::move(mantissa);
  out.scale = scale;
  return out;
}

bool fits(const BigInt& value) {
  if (value == 0) return true;
  return boost::multiprecision::msb(value < 0 ? BigInt(-value) : value) < static_cast<unsigned>(kDigitsMax) * 10 / 3;
}

std::optional<Number> bounded(Number number) {
  if (number.exact() && (!fits(big(number)) || number.scale > kDigitsMax)) return std::nullopt;
  return number;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

BigInt digits_value(std::string_view digits) {
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  BigInt out = 0;
  while (!digits.empty()) {
    const std::size_t portion = std::min<std::size_t>(digits.size(), 18);
    std::uint64_t chunk = 0;
    for (char c : digits.substr(0, portion)) chunk = chunk * 10 + static_cast<std::uint64_t>(c - '0');
    out = out * power_of_ten(static_cast<int>(portion)) + chunk;
    digits.remove_prefix(portion);
  }
  return out;
}

bool take_sign(std::string_view& text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

template <class Real>
std::optional<Real> parse_real(std::string_view text) {
  if (text == "INF" || text == "+INF") return std::numeric_limits<Real>::infinity();
  if (text == "-INF") return -std::numeric_limits<Real>::infinity();
  if (text == "NaN") return std::numeric_limits<Real>::quiet_NaN();
  std::string_view body = text;
  if (!body.empty() && body[0] == '+') body.remove_prefix(1);
  std::string_view digits = body;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty() || (digits[0] != '.' && !(digits[0] >= '0' && digits[0] <= '9'))) return std::nullopt;
  Real value{};
  const auto [end, failure] = std::from_chars(body.data(), body.data() + body.size(), value, std::chars_format::general);
  if (end != body.data() + body.size()) return std::nullopt;
  if (failure == std::errc::result_out_of_range) {
    // from_chars does not say which way it went; XML Schema gives infinity or zero.
    const auto e = body.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && body.substr(e + 1).starts_with('-');
    value = tiny ? Real{0} : std::numeric_limits<Real>::infinity();
    return body[0] == '-' ? -value : value;
  }
  if (failure != std::errc{}) return std::nullopt;
  return value;
}

template <class Real>
std::string real_text(Real value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-INF" : "INF";
  std::array<char, 64> buffer{};
  const auto [end, failure] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  if (failure != std::errc{}) return "NaN";
  const std::string_view raw(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const auto e = raw.find('e');
  std::string out(raw.substr(0, e));
  if (out.find('.') == std::string::npos) out += ".0";
  std::string_view exponent = raw.substr(e + 1);
  const bool negative = exponent[0] == '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent[0] == '0') exponent.remove_prefix(1);
  out += 'E';
  if (negative) out += '-';
  out.append(exponent);
  return out;
}

template <class Real>
std::string real_plain_text(Real value) {
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  if (!std::isfinite(value) || std::fabs(value) < Real(1e-6) || std::fabs(value) >= Real(1e6)) return real_text(value);
  std::array<char, 64> buffer{};
  const auto [end, failure] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  return failure == std::errc{} ? std::string(buffer.data(), end) : real_text(value);
}

// Both with the larger of the two scales.
std::pair<BigInt, BigInt> aligned(const Number& a, const Number& b) {
  if (a.scale == b.scale) return {big(a), big(b)};
  if (a.scale < b.scale) return {big(a) * power_of_ten(b.scale - a.scale), big(b)};
  return {big(a), big(b) * power_of_ten(a.scale - b.scale)};
}

Number::Type common(const Number& a, const Number& b) { return std::max(a.type, b.type); }

template <class Exact, class Real>
std::optional<Number> apply(const Number& a, const Number& b, Exact exact, Real real) {
  switch (common(a, b)) {
    case Number::Type::integer:
    case Number::Type::decimal: return exact();
    case Number::Type::float_: return Number::single(static_cast<float>(real(a.promoted(Number::Type::float_).real, b.promoted(Number::Type::float_).real)));
    case Number::Type::double_: return Number::floating(real(a.as_double(), b.as_double()));
  }
  return std::nullopt;
}

constexpr int kExactPower = 22;   // the largest power of ten that is a double

Number exact_of(Number::Type type, BigInt mantissa, int scale) {
  return type == Number::Type::integer ? make_integer(std::move(mantissa)) : make_decimal(std::move(mantissa), scale);
}

}  // namespace

Number Number::integer(std::int64_t value) { return make_integer(value); }

Number Number::floating(double value) {
  Number out;
  out.type = Type::double_;
  out.real = value;
  return out;
}

Number Number::single(float value) {
  Number out;
  out.type = Type::float_;
  out.real = static_cast<double>(value);
  return out;
}

bool Number::is_zero_or_nan() const { return exact() ? big(*this) == 0 : real == 0 || std::isnan(real); }

double Number::as_double() const {
  if (!exact()) return real;
  // Both are doubles exactly, so their quotient is rounded once.
  if (scale <= kExactPower && big(*this) >= -(std::int64_t{1} << 53) && big(*this) <= (std::int64_t{1} << 53)) {
    static constexpr std::array kPowers = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    static_assert(kPowers.size() == kExactPower + 1);
    return static_cast<double>(big(*this).convert_to<std::int64_t>()) / kPowers[static_cast<std::size_t>(scale)];
  }
  const std::string digits = big(*this).str() + "E-" + std::to_string(scale);
  return parse_real<double>(digits).value_or(0);
}

Number Number::promoted(Type to) const {
  if (to == type) return *this;
  switch (to) {
    case Type::integer: return *this;
    case Type::decimal: {
      Number out = *this;
      out.type = Type::decimal;
      return out;
    }
    case Type::float_: return single(static_cast<float>(as_double()));
    case Type::double_: return floating(as_double());
  }
  return *this;
}

std::string Number::text() const {
  switch (type) {
    case Type::float_: return real_text(static_cast<float>(real));
    case Type::double_: return real_text(real);
    default: break;
  }
  const bool negative = big(*this) < 0;
  std::string digits = (negative ? BigInt(-big(*this)) : big(*this)).str();
  if (scale > 0) {
    const auto places = static_cast<std::size_t>(scale);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, 1, '.');
  }
  return negative ? "-" + digits : digits;
}

std::string Number::plain_text() const {
  if (type == Type::double_) return real_plain_text(real);
  if (type == Type::float_) return real_plain_text(static_cast<float>(real));
  return text();
}

std::optional<Number> parse_integer(std::string_view text) {
  const bool negative = take_sign(text);
  if (!all_digits(text) || text.size() > kDigitsMax) return std::nullopt;
  BigInt value = digits_value(text);
  return make_integer(negative ? BigInt(-value) : value);
}

std::optional<Number> parse_decimal(std::string_view text) {
  const bool negative = take_sign(text);
  if (text.size() > kDigitsMax) return std::nullopt;
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  if ((!whole.empty() && !all_digits(whole)) || (!fraction.empty() && !all_digits(fraction))) return std::nullopt;
  BigInt value = digits_value(std::string(whole) + std::string(fraction));
  return make_decimal(negative ? BigInt(-value) : value, static_cast<int>(fraction.size()));
}

std::optional<Number> parse_double(std::string_view text) {
  const auto value = parse_real<double>(text);
  if (!value) return std::nullopt;
  return Number::floating(*value);
}

std::optional<Number> parse_float(std::string_view text) {
  const auto value = parse_real<float>(text);
  if (!value) return std::nullopt;
  return Number::single(*value);
}

std::optional<Number> add(const Number& a, const Number& b) {
  return apply(a, b, [&] {
    auto [x, y] = aligned(a, b);
    return bounded(exact_of(common(a, b), x + y, std::max(a.scale, b.scale)));
  }, [](double x, double y) { return x + y; });
}

std::optional<Number> subtract(const Number& a, const Number& b) {
  return apply(a, b, [&] {
    auto [x, y] = aligned(a, b);
    return bounded(exact_of(common(a, b), x - y, std::max(a.scale, b.scale)));
  }, [](double x, double y) { return x - y; });
}

std::optional<Number> multiply(const Number& a, const Number& b) {
  return apply(a, b, [&] { return bounded(exact_of(common(a, b), big(a) * big(b), a.scale + b.scale)); },
               [](double x, double y) { return x * y; });
}

std::optional<Number> divide(const Number& a, const Number& b) {
  return apply(a, b, [&]() -> std::optional<Number> {
    if (big(b) == 0) return std::nullopt;
    // One digit more than kept, then halves to even on the last kept digit.
    BigInt numerator = big(a) * power_of_ten(kQuotientDigits + b.scale), denominator = big(b) * power_of_ten(a.scale);
    if (denominator < 0) {
      numerator = -numerator;
      denominator = -denominator;
    }
    const bool negative = numerator < 0;
    if (negative) numerator = -numerator;
    BigInt quotient, remainder;
    boost::multiprecision::divide_qr(numerator, denominator, quotient, remainder);
    const BigInt twice = remainder * 2;
    if (twice > denominator || (twice == denominator && boost::multiprecision::bit_test(quotient, 0))) ++quotient;
    return bounded(make_decimal(negative ? BigInt(-quotient) : quotient, kQuotientDigits));
  }, [](double x, double y) { return x / y; });
}

Number negate(const Number& a) {
  Number out = a;
  if (a.exact()) {
    big(out) = -big(a);
  } else {
    out.real = -a.real;
  }
  return out;
}

Number absolute(const Number& a) {
  if (!a.exact()) {
    Number out = a;
    out.real = std::fabs(a.real);
    return out;
  }
  return big(a) < 0 ? negate(a) : a;
}

namespace {

// The largest integer not above a, as a number of the same type.
Number floor_exact(const Number& a) {
  if (a.scale == 0) return a;
  BigInt quotient, remainder;
  boost::multiprecision::divide_qr(big(a), power_of_ten(a.scale), quotient, remainder);
  if (remainder < 0) --quotient;
  return make_decimal(std::move(quotient), 0);
}

}  // namespace

Number floor(const Number& a) {
  if (a.exact()) return floor_exact(a);
  Number out = a;
  out.real = std::floor(a.real);
  return out;
}

Number ceil(const Number& a) {
  if (a.exact()) return negate(floor_exact(negate(a)));
  Number out = a;
  out.real = std::ceil(a.real);
  return out;
}

Number round(const Number& a) {
  if (!a.exact()) {
    Number out = a;
    out.real = std::isfinite(a.real) ? std::copysign(std::floor(a.real + 0.5), a.real) : a.real;
    if (a.real == std::floor(a.real)) out.real = a.real;  // already whole: adding a half may be inexact
    return out;
  }
  if (a.scale == 0) return a;
  Number half_up = make_decimal(big(a) * 10 + 5 * power_of_ten(a.scale), a.scale + 1);  // a + 1/2
  return floor_exact(half_up);
}

std::optional<Number> to_decimal(const Number& a) {
  if (a.exact()) return a.promoted(Number::Type::decimal);
  if (!std::isfinite(a.real)) return std::nullopt;
  std::array<char, 512> buffer{};
  const auto result = a.type == Number::Type::float_
                          ? std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<float>(a.real), std::chars_format::fixed)
                          : std::to_chars(buffer.data(), buffer.data() + buffer.size(), a.real, std::chars_format::fixed);
  if (result.ec != std::errc{}) return std::nullopt;
  return parse_decimal(std::string_view(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data())));
}

std::optional<Number> to_integer(const Number& a) {
  const auto exact = to_decimal(a);
  if (!exact) return std::nullopt;
  const Number whole = big(*exact) < 0 ? ceil(*exact) : floor(*exact);
  return make_integer(big(whole));
}

std::partial_ordering compare(const Number& a, const Number& b) {
  if (a.exact() && b.exact()) {
    if (a.scale == b.scale) {
      const int c = big(a).compare(big(b));
      return c < 0 ? std::partial_ordering::less : c > 0 ? std::partial_ordering::greater : std::partial_ordering::equivalent;
    }
    auto [x, y] = aligned(a, b);
    const int c = x.compare(y);
    return c < 0 ? std::partial_ordering::less : c > 0 ? std::partial_ordering::greater : std::partial_ordering::equivalent;
  }
  if (common(a, b) == Number::Type::float_) return a.promoted(Number::Type::float_).real <=> b.promoted(Number::Type::float_).real;
  return a.as_double() <=> b.as_double();
}

}  // namespace agiddi::ontology::sparql
