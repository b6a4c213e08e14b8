#include "protocol/encoding.h"

#include <algorithm>
#include <array>

namespace agiddi {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase58Digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kBase58TextMax = 128;

constexpr std::array<std::int8_t, 256> digit_values(std::string_view digits) {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < digits.size(); ++i) values[static_cast<std::uint8_t>(digits[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kHexValues = digit_values(kHexDigits);
constexpr auto kBase64urlValues = digit_values(kBase64urlDigits);
constexpr auto kBase58Values = digit_values(kBase58Digits);

int value_of(const std::array<std::int8_t, 256>& values, char digit) { return values[static_cast<std::uint8_t>(digit)]; }

}  // namespace

std::string to_hex(BytesView raw) {
  std::string text(raw.size() * 2, '0');
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(raw[i]);
    text[2 * i] = kHexDigits[byte >> 4];
    text[2 * i + 1] = kHexDigits[byte & 15];
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Status::invalid, "hexadecimal text has an even number of digits");
  Bytes raw;
  raw.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value_of(kHexValues, text[i]), low = value_of(kHexValues, text[i + 1]);
    if (high < 0 || low < 0) return fail(Status::invalid, "not lower-case hexadecimal text");
    raw.push_back(static_cast<char>(high << 4 | low));
  }
  return raw;
}

std::string to_base64url(BytesView raw) {
  std::string text;
  text.reserve((raw.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : raw) {
    bits = bits << 8 | static_cast<std::uint8_t>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text.push_back(kBase64urlDigits[bits >> count & 63]);
    }
  }
  if (count > 0) text.push_back(kBase64urlDigits[bits << (6 - count) & 63]);
  return text;
}

Result<Bytes> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return fail(Status::invalid, "base64url text has a wrong length");
  Bytes raw;
  raw.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = value_of(kBase64urlValues, c);
    if (value < 0) return fail(Status::invalid, c == '=' ? "base64url text here has no padding" : "not base64url text");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      raw.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  if ((bits & ((1u << count) - 1)) != 0) return fail(Status::invalid, "base64url text ends in bits that are not zero");
  return raw;
}

std::string to_base58(BytesView raw) {
  const auto zeros = static_cast<std::size_t>(std::find_if(raw.begin(), raw.end(), [](char c) { return c != 0; }) - raw.begin());
  std::vector<std::uint8_t> digits;  // least significant first
  for (const char c : raw.substr(zeros)) {
    std::uint32_t carry = static_cast<std::uint8_t>(c);
    for (auto& digit : digits) {
      carry += std::uint32_t{digit} << 8;
      digit = static_cast<std::uint8_t>(carry % 58);
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) digits.push_back(static_cast<std::uint8_t>(carry % 58));
  }
  std::string text(zeros, kBase58Digits[0]);
  for (auto it = digits.rbegin(); it != digits.rend(); ++it) text.push_back(kBase58Digits[*it]);
  return text;
}

Result<Bytes> from_base58(std::string_view text) {
  if (text.size() > kBase58TextMax) return fail(Status::invalid, "base58 text is too long");
  const auto zeros = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), [](char c) { return c != '1'; }) - text.begin());
  std::vector<std::uint32_t> limbs;  // least significant first
  limbs.reserve(kBase58TextMax / 5 + 1);
  // Five digits at a time: 58^5 is below 2^32.
  for (std::string_view rest = text.substr(zeros); !rest.empty();) {
    const std::string_view digits = rest.substr(0, 5);
    rest.remove_prefix(digits.size());
    std::uint64_t carry = 0, factor = 1;
    for (const char c : digits) {
      const int value = value_of(kBase58Values, c);
      if (value < 0) return fail(Status::invalid, "not base58 text");
      carry = carry * 58 + static_cast<std::uint64_t>(value);
      factor *= 58;
    }
    for (auto& limb : limbs) {
      carry += limb * factor;
      limb = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry > 0) limbs.push_back(static_cast<std::uint32_t>(carry));
  }
  Bytes raw(zeros, '\0');
  bool leading = true;
  for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      const auto byte = static_cast<std::uint8_t>(*limb >> shift);
      leading = leading && byte == 0;
      if (!leading) raw.push_back(static_cast<char>(byte));
    }
  }
  return raw;
}

bool is_utf8(std::string_view text) {
  const std::size_t size = text.size();
  for (std::size_t i = 0; i < size;) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629 section 4).
    std::size_t more;
    std::uint8_t low = 0x80, high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    if (size - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + k]);
      if (next < low || next > high) return false;
      low = 0x80, high = 0xbf;
    }
    i += more + 1;
  }
  return true;
}

}  // namespace agiddi
