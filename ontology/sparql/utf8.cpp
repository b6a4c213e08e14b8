#include "ontology/sparql/utf8.h"

namespace agiddi::ontology::sparql {

char32_t utf8_decode(std::string_view text, std::size_t& position) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(position);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
  if (length == 0 || position + length > text.size()) {
    ++position;
    return 0xFFFD;
  }
  char32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0u) != 0x80u) {
      ++position;
      return 0xFFFD;
    }
    code = (code << 6) | (byte(position + i) & 0x3Fu);
  }
  position += length;
  return code;
}

void utf8_append(std::string& out, char32_t code) {
  auto push = [&](char32_t value) { out.push_back(static_cast<char>(static_cast<unsigned char>(value))); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xC0 | (code >> 6));
    push(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    push(0xE0 | (code >> 12));
    push(0x80 | ((code >> 6) & 0x3F));
    push(0x80 | (code & 0x3F));
  } else {
    push(0xF0 | (code >> 18));
    push(0x80 | ((code >> 12) & 0x3F));
    push(0x80 | ((code >> 6) & 0x3F));
    push(0x80 | (code & 0x3F));
  }
}

std::size_t utf8_length(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) utf8_decode(text, i);
  return count;
}

std::size_t utf8_offset(std::string_view text, std::size_t index) {
  std::size_t position = 0;
  while (index > 0 && position < text.size()) {
    utf8_decode(text, position);
    --index;
  }
  return position;
}

namespace {

bool in(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Letters whose upper case is even and lower case odd (or the other way round) in runs of pairs.
bool pairs_even_upper(char32_t c) {
  return in(c, 0x100, 0x137) || in(c, 0x14A, 0x177) || in(c, 0x1E00, 0x1E95) || in(c, 0x1EA0, 0x1EFF) || in(c, 0x460, 0x481) ||
         in(c, 0x48A, 0x4BF) || in(c, 0x4D0, 0x52F) || in(c, 0x1F8, 0x21F) || in(c, 0x222, 0x233) || in(c, 0x3D8, 0x3EF);
}
bool pairs_odd_upper(char32_t c) { return in(c, 0x139, 0x148) || in(c, 0x179, 0x17E) || in(c, 0x4C1, 0x4CE) || in(c, 0x1CD, 0x1DC); }

char32_t upper(char32_t c) {
  if (c < 0x80) return in(c, 'a', 'z') ? c - 32 : c;
  if (c == 0xB5) return 0x39C;
  if (c == 0xFF) return 0x178;
  if (c == 0x131) return 'I';
  if (c == 0x17F) return 'S';
  if (in(c, 0xE0, 0xFE) && c != 0xF7) return c - 32;
  if (c == 0x3AC) return 0x386;
  if (in(c, 0x3AD, 0x3AF)) return c - 37;
  if (c == 0x3C2) return 0x3A3;
  if (in(c, 0x3B1, 0x3CB)) return c - 32;
  if (c == 0x3CC) return 0x38C;
  if (in(c, 0x3CD, 0x3CE)) return c - 63;
  if (in(c, 0x430, 0x44F)) return c - 32;
  if (in(c, 0x450, 0x45F)) return c - 80;
  if (in(c, 0x561, 0x586)) return c - 48;
  if (c != 0x138 && c != 0x149 && pairs_even_upper(c) && (c & 1) != 0) return c - 1;
  if (pairs_odd_upper(c) && (c & 1) == 0) return c - 1;
  return c;
}

char32_t lower(char32_t c) {
  if (c < 0x80) return in(c, 'A', 'Z') ? c + 32 : c;
  if (c == 0x178) return 0xFF;
  if (c == 0x130) return 'i';
  if (in(c, 0xC0, 0xDE) && c != 0xD7) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (in(c, 0x388, 0x38A)) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (in(c, 0x38E, 0x38F)) return c + 63;
  if (in(c, 0x391, 0x3AB) && c != 0x3A2) return c + 32;
  if (in(c, 0x410, 0x42F)) return c + 32;
  if (in(c, 0x400, 0x40F)) return c + 80;
  if (in(c, 0x531, 0x556)) return c + 48;
  if (c == 0x1E9E) return 0xDF;
  if (pairs_even_upper(c) && (c & 1) == 0) return c + 1;
  if (pairs_odd_upper(c) && (c & 1) != 0) return c + 1;
  return c;
}

}  // namespace

std::string utf8_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = utf8_decode(text, i);
    if (c == 0xDF) {
      out += "SS";
    } else {
      utf8_append(out, upper(c));
    }
  }
  return out;
}

std::string utf8_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) utf8_append(out, lower(utf8_decode(text, i)));
  return out;
}

}  // namespace agiddi::ontology::sparql
