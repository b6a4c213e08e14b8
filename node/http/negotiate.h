// Content negotiation (RFC 9110 section 12.5.1) and the Prefer header (RFC 7240). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agiddi::node {

struct MediaType {
  std::string type;                                   // "text/turtle", lower case, without parameters
  std::vector<std::pair<std::string, std::string>> parameters;
};
std::optional<MediaType> parse_media_type(std::string_view text);

// Index of the offered type that the client wants most (the first of equals), or nothing (406). The most specific range that matches a type
// gives its weight; q=0 excludes it. An empty Accept takes the first offer. Media type parameters other than q are not compared.
std::optional<std::size_t> negotiate(std::string_view accept, const std::vector<std::string>& offered);

struct Preference {
  bool respond_async = false;
  std::optional<int> wait_s;                          // 0 to 60
};
// Unknown and malformed preferences are ignored, as RFC 7240 asks.
Preference parse_prefer(std::string_view prefer);

}  // namespace agiddi::node
