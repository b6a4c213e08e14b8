// Exact decimals: what JSON and xsd:decimal hold. Fractions and big integers are in protocol/rational.h (a heavy header).
// No binary floating point anywhere: every validator must compute the same digits.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi {

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

}  // namespace agiddi
