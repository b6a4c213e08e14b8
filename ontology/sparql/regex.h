// REGEX and REPLACE on RE2: linear time whatever the pattern, bounded memory. XPath's flags i, s, m, x and q; no back-references (an error).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

class Regex {
 public:
  // Nothing when the pattern or a flag is not valid.
  static std::shared_ptr<const Regex> compile(std::string_view pattern, std::string_view flags);
  virtual ~Regex() = default;
  virtual bool matches(std::string_view text) const = 0;
  // $0 to $9 stand for groups. Nothing when the pattern matches the empty string or the replacement is malformed (XPath FORX0003, FORX0004).
  virtual std::optional<std::string> replace(std::string_view text, std::string_view replacement) const = 0;
};

}  // namespace agiddi::ontology::sparql
