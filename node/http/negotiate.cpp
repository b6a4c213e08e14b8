#include "node/http/negotiate.h"

#include <algorithm>
#include <charconv>

#include "node/http/uri.h"

namespace agiddi::node {
namespace {

constexpr int kWaitMax_s = 60;

// Splits at a separator that does not stand inside a quoted string.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == separator) {
      out.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  out.push_back(trim(text.substr(begin)));
  return out;
}

std::string unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out.push_back(text[i]);
  }
  return out;
}

// A weight in thousandths; a malformed one counts as 0, so that it never wins.
int weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.size() == 1) return text[0] == '1' ? 1000 : 0;
  if (text[1] != '.') return 0;
  int value = text[0] == '1' ? 1000 : 0, place = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return 0;
    value += (c - '0') * place;
    place /= 10;
  }
  return std::min(value, 1000);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<MediaType> parse_media_type(std::string_view text) {
  const auto parts = split_unquoted(text, ';');
  const std::size_t slash = parts[0].find('/');
  if (slash == std::string_view::npos || !is_token(parts[0].substr(0, slash)) || !is_token(parts[0].substr(slash + 1))) {
    return std::nullopt;
  }
  MediaType out;
  out.type = lower_case(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    out.parameters.emplace_back(lower_case(trim(parts[i].substr(0, equals))), unquote(trim(parts[i].substr(equals + 1))));
  }
  return out;
}

std::optional<std::size_t> negotiate(std::string_view accept, const std::vector<std::string>& offered) {
  if (offered.empty()) return std::nullopt;
  if (trim(accept).empty()) return 0;
  struct Range { std::string type; int weight; };
  std::vector<Range> ranges;
  for (const std::string_view part : split_unquoted(accept, ',')) {
    const auto media = parse_media_type(part);
    if (!media) continue;
    int q = 1000;
    for (const auto& [name, value] : media->parameters) {
      if (name == "q") q = weight(value);
    }
    ranges.push_back({media->type, q});
  }
  std::optional<std::size_t> best;
  int best_weight = 0;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const std::string& type = offered[i];
    const std::string family = type.substr(0, type.find('/')) + "/*";
    int specificity = -1, q = 0;
    for (const Range& range : ranges) {
      const int level = range.type == type ? 2 : range.type == family ? 1 : range.type == "*/*" ? 0 : -1;
      if (level > specificity || (level == specificity && level >= 0 && range.weight > q)) {
        specificity = level;
        q = range.weight;
      }
    }
    if (specificity >= 0 && q > best_weight) {
      best = i;
      best_weight = q;
    }
  }
  return best;
}

Preference parse_prefer(std::string_view prefer) {
  Preference out;
  for (const std::string_view part : split_unquoted(prefer, ',')) {
    const std::string_view preference = split_unquoted(part, ';')[0];
    const std::size_t equals = preference.find('=');
    const std::string name = lower_case(trim(preference.substr(0, equals)));
    if (name == "respond-async") {
      out.respond_async = true;
    } else if (name == "wait" && equals != std::string_view::npos && !out.wait_s) {
      const std::string value = unquote(trim(preference.substr(equals + 1)));
      int seconds = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (end != value.data() + value.size() || seconds < 0) continue;
      if (error == std::errc::result_out_of_range) seconds = kWaitMax_s;
      else if (error != std::errc()) continue;
      out.wait_s = std::min(seconds, kWaitMax_s);
    }
  }
  return out;
}

}  // namespace agiddi::node
