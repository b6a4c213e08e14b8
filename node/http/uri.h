// The parts of a request target (RFC 3986) and HTML form encoding (application/x-www-form-urlencoded). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agiddi::node {

// nullopt for a broken escape ("%4", "%zz").
std::optional<std::string> percent_decode(std::string_view text);
std::optional<std::vector<std::pair<std::string, std::string>>> form_decode(std::string_view text);  // "+" is a space
std::vector<std::string_view> path_segments(std::string_view path);   // of "/a/b": {"a","b"}; of "/a/": {"a",""}

std::string lower_case(std::string_view ascii);
std::string_view trim(std::string_view text);       // spaces and tabs

}  // namespace agiddi::node
