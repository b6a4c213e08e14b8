// The numeric types of SPARQL: integers and decimals exactly (big integers), float and double as IEEE 754 only where values are declared so.
//
// Pure. Sizes are bounded: a number whose digits pass kDigitsMax is not made (nothing is returned), so that no chain of
// multiplications can eat memory.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

inline constexpr int kDigitsMax = 2000;
inline constexpr int kQuotientDigits = 24;  // after the point, when a division does not end

// A big integer whose implementation stays in number.cpp: its header would cost every compile unit two seconds.
class BigInteger {
 public:
  BigInteger(std::int64_t value = 0);  // NOLINT: meant to convert
  BigInteger(const BigInteger& other);
  BigInteger(BigInteger&& other) noexcept;
  BigInteger& operator=(const BigInteger& other);
  BigInteger& operator=(BigInteger&& other) noexcept;
  ~BigInteger();

 private:
  friend struct BigAccess;
  alignas(16) std::byte storage_[48];
};

struct Number {
  enum class Type : std::uint8_t { integer, decimal, float_, double_ };  // in the order of promotion
  Type type = Type::integer;
  BigInteger mantissa;  // integer and decimal: mantissa x 10^-scale, no trailing zeros
  int scale = 0;
  double real = 0;      // float (already rounded to single) and double

  static Number integer(std::int64_t value);
  static Number floating(double value);
  static Number single(float value);

  bool exact() const { return type <= Type::decimal; }
  bool is_zero_or_nan() const;
  double as_double() const;
  Number promoted(Type to) const;
  std::string text() const;         // canonical lexical form: "12", "0.5", "1.5E2", "INF"
  std::string plain_text() const;   // as XPath casts to a string: doubles of ordinary size without an exponent
};

// Lexical forms of XML Schema, white space already trimmed.
std::optional<Number> parse_integer(std::string_view text);
std::optional<Number> parse_decimal(std::string_view text);
std::optional<Number> parse_double(std::string_view text);
std::optional<Number> parse_float(std::string_view text);

// Nothing: a division by zero of exact numbers, or too many digits.
std::optional<Number> add(const Number& a, const Number& b);
std::optional<Number> subtract(const Number& a, const Number& b);
std::optional<Number> multiply(const Number& a, const Number& b);
std::optional<Number> divide(const Number& a, const Number& b);
Number negate(const Number& a);
Number absolute(const Number& a);
Number floor(const Number& a);
Number ceil(const Number& a);
Number round(const Number& a);     // halves towards plus infinity
std::optional<Number> to_integer(const Number& a);  // towards zero; nothing for NaN and infinities
std::optional<Number> to_decimal(const Number& a);

// unordered when one of them is NaN.
std::partial_ordering compare(const Number& a, const Number& b);

}  // namespace agiddi::ontology::sparql
