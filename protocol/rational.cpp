#include <algorithm>

#include "protocol/check.h"
#include "protocol/rational.h"

namespace agiddi {
namespace {

constexpr std::size_t kTextMax = 160;
constexpr int kExponentMax = 64;

BigInt power_of_ten(int exponent) { return boost::multiprecision::pow(BigInt(10), static_cast<unsigned>(exponent)); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Division rounded towards minus infinity; b > 0.
BigInt floor_divide(const BigInt& a, const BigInt& b) {
  BigInt quotient, remainder;
  boost::multiprecision::divide_qr(a, b, quotient, remainder);
  if (remainder < 0) --quotient;
  return quotient;
}

// value * 10^-digits as plain text, trailing zeros cut.
std::string fixed_text(const BigInt& value, int digits) {
  std::string text = BigInt(abs(value)).str();
  const auto places = static_cast<std::size_t>(digits);
  if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
  if (places > 0) {
    text.insert(text.size() - places, 1, '.');
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  if (value < 0 && text != "0") text.insert(0, 1, '-');
  return text;
}

// A plain or scientific decimal: constants of units have more digits and wider exponents than what clients may send.
Result<Rational> parse_decimal(std::string_view text) {
  const auto refuse = [] { return fail(Status::invalid, "not an exact number such as 5/9, 0.3048 or 1.6e-19"); };
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  const bool negative = peek() == '-';
  if (negative) ++at;
  BigInt mantissa = 0;
  int scale = 0;
  if (!is_digit(peek())) return refuse();
  for (; is_digit(peek()); ++at) mantissa = mantissa * 10 + (peek() - '0');
  if (peek() == '.') {
    ++at;
    if (!is_digit(peek())) return refuse();
    for (; is_digit(peek()); ++at, ++scale) mantissa = mantissa * 10 + (peek() - '0');
  }
  int exponent = 0;
  if (peek() == 'e' || peek() == 'E') {
    ++at;
    const bool down = peek() == '-';
    if (peek() == '-' || peek() == '+') ++at;
    if (!is_digit(peek())) return refuse();
    for (; is_digit(peek()); ++at) exponent = std::min(exponent * 10 + (peek() - '0'), 1000);
    if (exponent > kExponentMax) return refuse();
    if (down) exponent = -exponent;
  }
  if (at != text.size()) return refuse();
  if (negative) mantissa = -mantissa;
  scale -= exponent;
  return scale <= 0 ? Rational(mantissa * power_of_ten(-scale), BigInt(1)) : Rational(mantissa, power_of_ten(scale));
}

}  // namespace

Rational::Rational(BigInt numerator, BigInt denominator) : numerator_(std::move(numerator)), denominator_(std::move(denominator)) {
  AGIDDI_CHECK(denominator_ != 0, "a fraction over zero");
  if (denominator_ < 0) {
    numerator_ = -numerator_;
    denominator_ = -denominator_;
  }
  const BigInt divisor = gcd(numerator_, denominator_);
  if (divisor != 1) {
    numerator_ /= divisor;
    denominator_ /= divisor;
  }
}

Rational::Rational(const Decimal& value) : Rational(BigInt(value.mantissa()), power_of_ten(value.scale())) {}

Result<Rational> Rational::parse(std::string_view text) {
  if (text.size() > kTextMax) return fail(Status::invalid, "a number is too long");
  const std::size_t slash = text.find('/');
  auto above = parse_decimal(text.substr(0, slash));
  if (!above || slash == text.npos) return above;
  auto below = parse_decimal(text.substr(slash + 1));
  if (!below) return below;
  if (below->is_zero() || below->is_negative()) return fail(Status::invalid, "a fraction's denominator is above zero");
  return *above / *below;
}

Rational Rational::operator+(const Rational& other) const {
  return {BigInt(numerator_ * other.denominator_ + other.numerator_ * denominator_), BigInt(denominator_ * other.denominator_)};
}

Rational Rational::operator-(const Rational& other) const {
  return {BigInt(numerator_ * other.denominator_ - other.numerator_ * denominator_), BigInt(denominator_ * other.denominator_)};
}

Rational Rational::operator*(const Rational& other) const {
  return {BigInt(numerator_ * other.numerator_), BigInt(denominator_ * other.denominator_)};
}

Rational Rational::operator/(const Rational& other) const {
  AGIDDI_CHECK(!other.is_zero(), "division by zero");
  return {BigInt(numerator_ * other.denominator_), BigInt(denominator_ * other.numerator_)};
}

std::strong_ordering operator<=>(const Rational& a, const Rational& b) {
  return BigInt(a.numerator_ * b.denominator_).compare(BigInt(b.numerator_ * a.denominator_)) <=> 0;
}

BigInt Rational::floor() const { return floor_divide(numerator_, denominator_); }

BigInt Rational::ceil() const { return -floor_divide(-numerator_, denominator_); }

std::string Rational::decimal_text(int digits) const {
  AGIDDI_CHECK(digits >= 0 && digits <= 100, "number of decimals out of bounds");
  const BigInt whole = numerator_ * power_of_ten(digits);
  BigInt rounded = floor_divide(whole, denominator_);
  const BigInt twice = (whole - rounded * denominator_) * 2;
  if (twice > denominator_ || (twice == denominator_ && rounded % 2 != 0)) ++rounded;
  return fixed_text(rounded, digits);
}

std::string Rational::floor_text(int digits) const {
  AGIDDI_CHECK(digits >= 0 && digits <= 100, "number of decimals out of bounds");
  return fixed_text(floor_divide(BigInt(numerator_ * power_of_ten(digits)), denominator_), digits);
}

bool Rational::is_finite_decimal() const {
  BigInt rest = denominator_;
  while (rest % 2 == 0) rest /= 2;
  while (rest % 5 == 0) rest /= 5;
  return rest == 1;
}

}  // namespace agiddi
