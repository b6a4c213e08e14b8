// Code points of UTF-8 text that is known to be valid (from the parser or the store); anything else decodes as U+FFFD, byte by byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }      // ASCII

char32_t utf8_decode(std::string_view text, std::size_t& position);  // position is below size; moves past the code point
void utf8_append(std::string& out, char32_t code);
std::size_t utf8_length(std::string_view text);                      // in code points
// Byte position of the code point with this index, or size() when there are fewer.
std::size_t utf8_offset(std::string_view text, std::size_t index);
// Simple one-to-one case mapping of the Latin, Greek, Cyrillic and Armenian letters (and the sharp s to SS).
std::string utf8_upper(std::string_view text);
std::string utf8_lower(std::string_view text);

}  // namespace agiddi::ontology::sparql
