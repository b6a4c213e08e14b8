#include "protocol/rational.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi {
namespace {

constexpr int kSignificantDigitsMax = 15;
constexpr int kExponentMax = 15;
constexpr int kScaleMax = 30;       // 15 digits with exponent -15; so is the largest magnitude below 10^30
constexpr std::size_t kTextMax = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The numbers' common scale may need more than 128 bits, so the comparison of unlike scales is done in big integers.
BigInt scaled(Decimal::Wide mantissa, int by) {
  BigInt value = mantissa;
  return value * boost::multiprecision::pow(BigInt(10), static_cast<unsigned>(by));
}

}  // namespace

Decimal::Decimal(std::int64_t mantissa, int scale) : mantissa_(mantissa), scale_(scale) {
  AGIDDI_CHECK(scale >= -18 && scale <= 1000, "scale of a decimal out of bounds");
  for (; scale_ < 0; ++scale_) mantissa_ *= 10;
  while (scale_ > 0 && mantissa_ % 10 == 0) mantissa_ /= 10, --scale_;
}

Result<Decimal> Decimal::parse(std::string_view text) {
  const auto syntax = [] { return fail(Status::invalid, "not a number"); };
  const auto bounds = [] { return fail(Status::invalid, "a number has at most 15 significant digits and an exponent within 15"); };
  if (text.size() > kTextMax) {
    const bool number = std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'; });
    return number ? bounds() : syntax();
  }
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  const bool negative = peek() == '-';
  if (negative) ++at;

  Decimal value;
  int significant = 0;
  const auto digit = [&](char c) {
    if (significant > 0 || c != '0') ++significant;
    if (significant <= kSignificantDigitsMax) value.mantissa_ = value.mantissa_ * 10 + (c - '0');
  };
  if (!is_digit(peek())) return syntax();
  if (peek() == '0') {
    ++at;
  } else {
    for (; is_digit(peek()); ++at) digit(peek());
  }
  int scale = 0;
  if (peek() == '.') {
    ++at;
    if (!is_digit(peek())) return syntax();
    for (; is_digit(peek()); ++at, ++scale) digit(peek());
  }
  int exponent = 0;
  if (peek() == 'e' || peek() == 'E') {
    ++at;
    const bool down = peek() == '-';
    if (peek() == '-' || peek() == '+') ++at;
    if (!is_digit(peek())) return syntax();
    for (; is_digit(peek()); ++at) exponent = std::min(exponent * 10 + (peek() - '0'), 1000);
    if (down) exponent = -exponent;
  }
  if (at != text.size()) return syntax();
  if (significant > kSignificantDigitsMax || exponent > kExponentMax || exponent < -kExponentMax) return bounds();

  value.scale_ = scale - exponent;
  if (value.mantissa_ == 0) return Decimal();
  for (; value.scale_ < 0; ++value.scale_) value.mantissa_ *= 10;
  while (value.scale_ > 0 && value.mantissa_ % 10 == 0) value.mantissa_ /= 10, --value.scale_;
  if (value.scale_ > kScaleMax) return bounds();
  if (negative) value.mantissa_ = -value.mantissa_;
  return value;
}

std::string Decimal::text() const {
  Wide rest = mantissa_ < 0 ? -mantissa_ : mantissa_;
  std::string digits;  // least significant first
  for (int place = 0; rest > 0 || place <= scale_; ++place) {
    if (place == scale_ && scale_ > 0) digits.push_back('.');
    digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  }
  if (mantissa_ < 0) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  if (a.scale_ == b.scale_) return a.mantissa_ <=> b.mantissa_;
  const int common = std::max(a.scale_, b.scale_);
  const int order = scaled(a.mantissa_, common - a.scale_).compare(scaled(b.mantissa_, common - b.scale_));
  return order <=> 0;
}

}  // namespace agiddi
