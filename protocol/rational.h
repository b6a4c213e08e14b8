// Exact fractions of big integers: prices per unit of time or data, unit conversion.
// No binary floating point anywhere: every validator must compute the same digits.
// A heavy header (it costs a compile unit two seconds): include it where fractions are computed, not in headers that many include.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>

#include "protocol/decimal.h"

namespace agiddi {

using BigInt = boost::multiprecision::cpp_int;

// A reduced fraction of big integers.
class Rational {
 public:
  Rational() : numerator_(0), denominator_(1) {}
  Rational(std::int64_t value) : numerator_(value), denominator_(1) {}
  Rational(BigInt numerator, BigInt denominator);
  Rational(const Decimal& value);
  static Result<Rational> parse(std::string_view text);  // "5/9", "0.3048", "-45967/180"

  const BigInt& numerator() const { return numerator_; }
  const BigInt& denominator() const { return denominator_; }   // always above 0
  bool is_negative() const { return numerator_ < 0; }
  bool is_zero() const { return numerator_ == 0; }
  Rational operator+(const Rational& other) const;
  Rational operator-(const Rational& other) const;
  Rational operator*(const Rational& other) const;
  Rational operator/(const Rational& other) const;         // other is not zero
  friend std::strong_ordering operator<=>(const Rational& a, const Rational& b);
  friend bool operator==(const Rational& a, const Rational& b) { return (a <=> b) == std::strong_ordering::equal; }

  BigInt floor() const;
  BigInt ceil() const;
  // Decimal digits, rounded half to even after `digits` places, trailing zeros cut: for people and for measurements.
  std::string decimal_text(int digits) const;
  // Decimal digits rounded towards minus infinity after `digits` places. Order-preserving: a <= b gives text(a) <= text(b) as numbers.
  std::string floor_text(int digits) const;
  bool is_finite_decimal() const;                          // the denominator has no prime factors but 2 and 5

 private:
  BigInt numerator_, denominator_;
};

}  // namespace agiddi
