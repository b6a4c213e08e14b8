// Tokens of a SPARQL text, one at a time. Internal to the parser.
//
// "<" begins an IRI when a ">" follows without a character between that no IRI may hold (a space, a quote, …), and is an operator
// otherwise: "?a<5 && ?b>3" holds no IRI. Escapes are resolved here. The text must be valid UTF-8 without NUL (checked by parse_query).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

enum class TokenKind {
  end, error, word, iri, prefixed_name, prefix_only, blank_label, variable, integer, decimal, double_, string, language, symbol,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;           // resolved: IRI without brackets, local name, string content, variable name, symbol, or the error
  std::string prefix;         // of a prefixed name
  std::size_t begin = 0, end = 0;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();
  void seek(std::size_t position) { position_ = position; }

 private:
  Token make(TokenKind kind, std::size_t begin, std::string text);
  Token error(std::size_t at, std::string reason);
  void skip_space();
  Token number();
  Token string();
  Token name_or_word();
  Token blank_label();
  bool local_name(std::string& out, std::string& reason);
  char at(std::size_t offset = 0) const { return position_ + offset < text_.size() ? text_[position_ + offset] : '\0'; }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace agiddi::ontology::sparql
