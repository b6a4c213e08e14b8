#include "ontology/sparql/regex.h"

#include <re2/re2.h>

#include <array>
#include <vector>

namespace agiddi::ontology::sparql {

namespace {

// Flag x: white space outside character classes does not count.
std::string without_space(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      out += c;
      out += pattern[++i];
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    if (!in_class && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    out += c;
  }
  return out;
}

class Re2Regex final : public Regex {
 public:
  Re2Regex(const std::string& pattern, const RE2::Options& options, bool literal) : re_(pattern, options), literal_(literal) {}
  bool ok() const { return re_.ok(); }

  bool matches(std::string_view text) const override { return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), re_); }

  std::optional<std::string> replace(std::string_view text, std::string_view replacement) const override {
    if (re_.Match("", 0, 0, RE2::UNANCHORED, nullptr, 0)) return std::nullopt;
    const int groups = std::min(re_.NumberOfCapturingGroups(), 9) + 1;
    std::array<re2::StringPiece, 10> found;
    const re2::StringPiece input(text.data(), text.size());
    std::string out;
    std::size_t position = 0;
    while (position <= text.size() && re_.Match(input, position, text.size(), RE2::UNANCHORED, found.data(), groups)) {
      const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
      out.append(text.substr(position, begin - position));
      for (std::size_t i = 0; i < replacement.size(); ++i) {
        const char c = replacement[i];
        if (literal_ || (c != '\\' && c != '$')) {
          out += c;
          continue;
        }
        if (++i == replacement.size()) return std::nullopt;
        const char next = replacement[i];
        if (c == '\\') {
          if (next != '\\' && next != '$') return std::nullopt;
          out += next;
        } else {
          if (next < '0' || next > '9') return std::nullopt;
          const int group = next - '0';
          if (group < groups) out.append(found[static_cast<std::size_t>(group)].data(), found[static_cast<std::size_t>(group)].size());
        }
      }
      if (found[0].empty()) return std::nullopt;  // an empty match in the middle, as of \b: the same error
      position = begin + found[0].size();
    }
    if (position < text.size()) out.append(text.substr(position));
    return out;
  }

 private:
  RE2 re_;
  bool literal_;
};

}  // namespace

std::shared_ptr<const Regex> Regex::compile(std::string_view pattern, std::string_view flags) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  std::string text(pattern);
  std::string modes;
  bool literal = false, spaced = false;
  for (char flag : flags) {
    switch (flag) {
      case 'i': options.set_case_sensitive(false); break;
      case 's':
      case 'm': modes += flag; break;
      case 'x': spaced = true; break;
      case 'q': literal = true; break;
      default: return nullptr;
    }
  }
  if (literal) {
    options.set_literal(true);
  } else {
    if (spaced) text = without_space(text);
    if (!modes.empty()) text = "(?" + modes + ")" + text;
  }
  auto regex = std::make_shared<Re2Regex>(text, options, literal);
  if (!regex->ok()) return nullptr;
  return regex;
}

}  // namespace agiddi::ontology::sparql
