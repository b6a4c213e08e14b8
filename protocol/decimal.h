// Exact numbers: Decimal (what JSON and xsd:decimal hold) and Rational (prices per unit, unit conversion).
// No binary floating point anywhere: every validator must compute the same digits.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi {

using BigInt = boost::multiprecision::cpp_int;

// value = mantissa * 10^-scale, scale >= 0, no trailing zeros (canonical). Bounded: from text at most 15 significant digits and an
// exponent within ±15.
class Decimal {
 public:
  Decimal() = default;
  Decimal(std::int64_t mantissa, int scale);            // any scale; made canonical
  static Result<Decimal> parse(std::string_view text);  // JSON number syntax, "1.50e3"
  std::string text() const;                             // canonical plain form: "1500", "-0.25", never an exponent
  bool is_zero() const { return mantissa_ == 0; }
  bool is_negative() const { return mantissa_ < 0; }
  __extension__ typedef __int128 Wide;
  Wide mantissa() const { return mantissa_; }           // 15 digits with exponent +15 reach 10^30, so it is wide
  int scale() const { return scale_; }                  // digits after the point; negative never
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
  friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == std::strong_ordering::equal; }

 private:
  Wide mantissa_ = 0;
  int scale_ = 0;
};

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
