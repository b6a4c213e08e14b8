#include "ontology/sparql/lexer.h"

#include "ontology/sparql/utf8.h"

namespace agiddi::ontology::sparql {

namespace {

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool pn_chars_base(char32_t c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= 0xC0 && c <= 0xD6) || (c >= 0xD8 && c <= 0xF6) ||
         (c >= 0xF8 && c <= 0x2FF) || (c >= 0x370 && c <= 0x37D) || (c >= 0x37F && c <= 0x1FFF) || (c >= 0x200C && c <= 0x200D) ||
         (c >= 0x2070 && c <= 0x218F) || (c >= 0x2C00 && c <= 0x2FEF) || (c >= 0x3001 && c <= 0xD7FF) || (c >= 0xF900 && c <= 0xFDCF) ||
         (c >= 0xFDF0 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0xEFFFF);
}
bool pn_chars_u(char32_t c) { return pn_chars_base(c) || c == '_'; }
bool var_char(char32_t c) {
  return pn_chars_u(c) || (c >= '0' && c <= '9') || c == 0xB7 || (c >= 0x300 && c <= 0x36F) || (c >= 0x203F && c <= 0x2040);
}
bool pn_chars(char32_t c) { return var_char(c) || c == '-'; }

constexpr std::string_view kLocalEscapes = "_~.-!$&'()*+,;=/?#@%";

}  // namespace

Token Lexer::make(TokenKind kind, std::size_t begin, std::string text) {
  Token token;
  token.kind = kind;
  token.text = std::move(text);
  token.begin = begin;
  token.end = position_;
  return token;
}

Token Lexer::error(std::size_t at, std::string reason) {
  position_ = text_.size();
  return make(TokenKind::error, at, std::move(reason));
}

void Lexer::skip_space() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++position_;
    } else if (c == '#') {
      while (position_ < text_.size() && text_[position_] != '\n' && text_[position_] != '\r') ++position_;
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_space();
  const std::size_t begin = position_;
  if (begin >= text_.size()) return make(TokenKind::end, begin, {});
  const char c = text_[begin];
  switch (c) {
    case '<': {
      std::size_t i = begin + 1;
      while (i < text_.size()) {
        const auto b = static_cast<unsigned char>(text_[i]);
        if (b <= 0x20 || b == '<' || b == '>' || b == '"' || b == '{' || b == '}' || b == '|' || b == '^' || b == '`' || b == '\\') break;
        ++i;
      }
      if (i < text_.size() && text_[i] == '>') {
        position_ = i + 1;
        return make(TokenKind::iri, begin, std::string(text_.substr(begin + 1, i - begin - 1)));
      }
      position_ = begin + (at(1) == '=' ? 2 : 1);
      return make(TokenKind::symbol, begin, std::string(text_.substr(begin, position_ - begin)));
    }
    case '"':
    case '\'': return string();
    case '?':
    case '$': {
      std::size_t i = begin + 1;
      bool first = true;
      while (i < text_.size()) {
        std::size_t after = i;
        const char32_t code = utf8_decode(text_, after);
        if (!(var_char(code) && (!first || pn_chars_u(code) || (code >= '0' && code <= '9')))) break;
        first = false;
        i = after;
      }
      if (i > begin + 1) {
        position_ = i;
        return make(TokenKind::variable, begin, std::string(text_.substr(begin + 1, i - begin - 1)));
      }
      if (c == '$') return error(begin, "a variable name must follow '$'");
      ++position_;
      return make(TokenKind::symbol, begin, "?");
    }
    case '@': {
      std::size_t i = begin + 1;
      while (i < text_.size() && letter(text_[i])) ++i;
      if (i == begin + 1) return error(begin, "a language tag must follow '@'");
      while (i + 1 < text_.size() && text_[i] == '-' && (letter(text_[i + 1]) || digit(text_[i + 1]))) {
        ++i;
        while (i < text_.size() && (letter(text_[i]) || digit(text_[i]))) ++i;
      }
      position_ = i;
      return make(TokenKind::language, begin, std::string(text_.substr(begin + 1, i - begin - 1)));
    }
    default: break;
  }
  if (digit(c) || (c == '.' && digit(at(1)))) return number();
  if (c == '_' && at(1) == ':') return blank_label();
  if (c == ':' || letter(c) || static_cast<unsigned char>(c) >= 0x80) return name_or_word();

  for (std::string_view symbol : {"&&", "||", "!=", ">=", "^^"}) {
    if (text_.substr(begin, 2) == symbol) {
      position_ += 2;
      return make(TokenKind::symbol, begin, std::string(symbol));
    }
  }
  if (std::string_view("{}()[].,;=>!+-*/|^").find(c) != std::string_view::npos) {
    ++position_;
    return make(TokenKind::symbol, begin, std::string(1, c));
  }
  return error(begin, "unexpected character");
}

Token Lexer::number() {
  const std::size_t begin = position_;
  std::size_t i = begin;
  while (i < text_.size() && digit(text_[i])) ++i;
  const std::size_t whole = i - begin;
  TokenKind kind = TokenKind::integer;
  std::size_t fraction = 0;
  auto exponent_at = [&](std::size_t at) -> std::size_t {  // length of an exponent, or 0
    if (at >= text_.size() || (text_[at] != 'e' && text_[at] != 'E')) return 0;
    std::size_t j = at + 1;
    if (j < text_.size() && (text_[j] == '+' || text_[j] == '-')) ++j;
    const std::size_t digits = j;
    while (j < text_.size() && digit(text_[j])) ++j;
    return j == digits ? 0 : j - at;
  };
  if (i < text_.size() && text_[i] == '.') {
    std::size_t j = i + 1;
    while (j < text_.size() && digit(text_[j])) ++j;
    fraction = j - i - 1;
    // "1." is an integer and the end of a triple, unless an exponent follows.
    if (fraction > 0 || (whole > 0 && exponent_at(j) > 0)) {
      kind = TokenKind::decimal;
      i = j;
    }
  }
  if (const std::size_t length = exponent_at(i); length > 0) {
    kind = TokenKind::double_;
    i += length;
  }
  position_ = i;
  return make(kind, begin, std::string(text_.substr(begin, i - begin)));
}

Token Lexer::string() {
  const std::size_t begin = position_;
  const char quote = text_[begin];
  const bool long_form = at(1) == quote && at(2) == quote;
  position_ += long_form ? 3 : 1;
  std::string out;
  while (true) {
    if (position_ >= text_.size()) return error(begin, "the string is not closed");
    const char c = text_[position_];
    if (c == quote && (!long_form || (at(1) == quote && at(2) == quote))) {
      position_ += long_form ? 3 : 1;
      return make(TokenKind::string, begin, std::move(out));
    }
    if (!long_form && (c == '\n' || c == '\r')) return error(position_, "a line break inside a string needs three quotes or \\n");
    if (c == '\\') {
      switch (at(1)) {
        case 't': out += '\t'; break;
        case 'b': out += '\b'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 'f': out += '\f'; break;
        case '\\': out += '\\'; break;
        case '"': out += '"'; break;
        case '\'': out += '\''; break;
        default: return error(position_, "unknown escape in a string");
      }
      position_ += 2;
      continue;
    }
    out += c;
    ++position_;
  }
}

Token Lexer::blank_label() {
  const std::size_t begin = position_;
  std::size_t i = begin + 2;
  std::size_t last_good = i;
  bool first = true;
  while (i < text_.size()) {
    std::size_t after = i;
    const char32_t c = utf8_decode(text_, after);
    if (first ? !(pn_chars_u(c) || (c >= '0' && c <= '9')) : !(pn_chars(c) || c == '.')) break;
    first = false;
    i = after;
    if (c != '.') last_good = i;
  }
  if (first) return error(begin, "a blank node label must follow '_:'");
  position_ = last_good;
  return make(TokenKind::blank_label, begin, std::string(text_.substr(begin + 2, last_good - begin - 2)));
}

bool Lexer::local_name(std::string& out, std::string& reason) {
  std::size_t i = position_, last_good = position_, good_length = 0;
  bool first = true;
  while (i < text_.size()) {
    const char c = text_[i];
    if (c == '%') {
      if (i + 2 >= text_.size() || !hex(text_[i + 1]) || !hex(text_[i + 2])) {
        reason = "two hexadecimal digits must follow '%' in a name";
        return false;
      }
      out.append(text_.substr(i, 3));
      i += 3;
    } else if (c == '\\') {
      if (i + 1 >= text_.size() || kLocalEscapes.find(text_[i + 1]) == std::string_view::npos) {
        reason = "unknown escape in a name";
        return false;
      }
      out += text_[i + 1];
      i += 2;
    } else {
      std::size_t after = i;
      const char32_t code = utf8_decode(text_, after);
      const bool ok = first ? (pn_chars_u(code) || code == ':' || (code >= '0' && code <= '9')) : (pn_chars(code) || code == ':' || code == '.');
      if (!ok) break;
      out.append(text_.substr(i, after - i));
      i = after;
      if (code == '.') {
        first = false;
        continue;  // a dot belongs to the name only when more of it follows
      }
    }
    first = false;
    last_good = i;
    good_length = out.size();
  }
  out.resize(good_length);
  position_ = last_good;
  return true;
}

Token Lexer::name_or_word() {
  const std::size_t begin = position_;
  std::size_t i = begin, last_good = begin;
  bool first = true;
  while (i < text_.size() && text_[i] != ':') {
    std::size_t after = i;
    const char32_t c = utf8_decode(text_, after);
    if (first ? !pn_chars_base(c) : !(pn_chars(c) || c == '.')) break;
    first = false;
    i = after;
    if (c != '.') last_good = i;
  }
  if (i < text_.size() && text_[i] == ':' && last_good == i) {
    Token token;
    token.prefix = std::string(text_.substr(begin, i - begin));
    position_ = i + 1;
    std::string reason;
    if (!local_name(token.text, reason)) return error(position_, reason);
    token.kind = token.text.empty() && position_ == i + 1 ? TokenKind::prefix_only : TokenKind::prefixed_name;
    token.begin = begin;
    token.end = position_;
    return token;
  }
  i = begin;
  while (i < text_.size() && (letter(text_[i]) || digit(text_[i]) || text_[i] == '_')) ++i;
  if (i == begin) return error(begin, "unexpected character");
  position_ = i;
  return make(TokenKind::word, begin, std::string(text_.substr(begin, i - begin)));
}

}  // namespace agiddi::ontology::sparql
