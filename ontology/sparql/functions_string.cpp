// String functions (17.4.3), hashes (17.4.6), UUIDs and literal constructors.
#include <algorithm>
#include <array>
#include <cmath>

#include "ontology/sparql/digests.h"
#include "ontology/sparql/expression.h"
#include "ontology/sparql/utf8.h"

namespace agiddi::ontology::sparql {

namespace {

constexpr std::size_t kStringMax_bytes = 1 << 20;  // of a made string

// 17.4.3.1.2: the second has no language, or the language of the first.
bool compatible(const Value& a, const Value& b) {
  if (!a.is_stringlike() || !b.is_stringlike()) return false;
  return b.kind == Value::Kind::string || (a.kind == Value::Kind::tagged && a.term.language == b.term.language);
}

std::string encode_for_uri(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' ||
        byte == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string lower_ascii(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// Basic filtering of RFC 4647; both lower case.
bool language_matches(const std::string& tag, const std::string& range) {
  if (range == "*") return !tag.empty();
  if (tag.size() < range.size() || tag.compare(0, range.size(), range) != 0) return false;
  return tag.size() == range.size() || tag[range.size()] == '-';
}

// fn:substring with its rounding of positions; characters are code points.
Value substring(const std::vector<Value>& args) {
  if (!args[0].is_stringlike() || !args[1].number || (args.size() > 2 && !args[2].number)) return Value::error();
  const double start = std::floor(args[1].number->as_double() + 0.5);
  const double end = args.size() > 2 ? start + std::floor(args[2].number->as_double() + 0.5) : HUGE_VAL;
  const std::string& text = args[0].text();
  std::string out;
  double position = 1;
  for (std::size_t i = 0; i < text.size(); position += 1) {
    const std::size_t begin = i;
    utf8_decode(text, i);
    if (position >= start && position < end) out.append(text, begin, i - begin);
  }
  return Value::like(args[0], std::move(out));
}

Value concat(const std::vector<Value>& args) {
  std::string out;
  bool same_language = !args.empty();
  for (const Value& arg : args) {
    if (!arg.is_stringlike()) return Value::error();
    same_language = same_language && arg.kind == Value::Kind::tagged && arg.term.language == args[0].term.language;
    out += arg.text();
    if (out.size() > kStringMax_bytes) return Value::error();
  }
  return same_language ? Value::like(args[0], std::move(out)) : Value::string(std::move(out));
}

std::string uuid(Execution& execution) {
  std::array<std::uint64_t, 2> bits = {execution.random()(), execution.random()()};
  bits[0] = (bits[0] & ~std::uint64_t{0xF000}) | 0x4000;                          // version 4
  bits[1] = (bits[1] & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;            // RFC 4122 variant
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
    out += kHex[(bits[static_cast<std::size_t>(i / 16)] >> (60 - 4 * (i % 16))) & 15];
  }
  return out;
}

Value regex_function(Builtin builtin, const std::vector<Value>& args, Execution& execution) {
  const std::size_t flags_at = builtin == Builtin::regex ? 2 : 3;
  if (!args[0].is_stringlike()) return Value::error();
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (args[i].kind != Value::Kind::string) return Value::error();
  }
  const auto regex = execution.regex(args[1].text(), args.size() > flags_at ? args[flags_at].text() : std::string());
  if (!regex) return Value::error();
  if (builtin == Builtin::regex) return Value::of(regex->matches(args[0].text()));
  auto replaced = regex->replace(args[0].text(), args[2].text());
  if (!replaced || replaced->size() > kStringMax_bytes) return Value::error();
  return Value::like(args[0], *std::move(replaced));
}

}  // namespace

Value call_string_function(Builtin builtin, const std::vector<Value>& args, Execution& execution) {
  switch (builtin) {
    case Builtin::uuid: return Value::iri("urn:uuid:" + uuid(execution));
    case Builtin::struuid: return Value::string(uuid(execution));
    case Builtin::concat: return concat(args);
    case Builtin::substr: return substring(args);
    case Builtin::regex:
    case Builtin::replace: return regex_function(builtin, args, execution);
    default: break;
  }
  if (!args[0].is_stringlike()) return Value::error();
  const std::string& text = args[0].text();
  switch (builtin) {
    case Builtin::strlen: return Value::of(Number::integer(static_cast<std::int64_t>(utf8_length(text))));
    case Builtin::ucase: return Value::like(args[0], utf8_upper(text));
    case Builtin::lcase: return Value::like(args[0], utf8_lower(text));
    case Builtin::encode_for_uri: return Value::string(encode_for_uri(text));
    case Builtin::contains:
      if (!compatible(args[0], args[1])) return Value::error();
      return Value::of(text.find(args[1].text()) != std::string::npos);
    case Builtin::strstarts:
      if (!compatible(args[0], args[1])) return Value::error();
      return Value::of(text.starts_with(args[1].text()));
    case Builtin::strends:
      if (!compatible(args[0], args[1])) return Value::error();
      return Value::of(text.ends_with(args[1].text()));
    case Builtin::strbefore: {
      if (!compatible(args[0], args[1])) return Value::error();
      const auto at = text.find(args[1].text());
      return at == std::string::npos ? Value::string({}) : Value::like(args[0], text.substr(0, at));
    }
    case Builtin::strafter: {
      if (!compatible(args[0], args[1])) return Value::error();
      const auto at = text.find(args[1].text());
      return at == std::string::npos ? Value::string({}) : Value::like(args[0], text.substr(at + args[1].text().size()));
    }
    case Builtin::langmatches:
      if (args[1].kind != Value::Kind::string) return Value::error();
      return Value::of(language_matches(lower_ascii(text), lower_ascii(args[1].text())));
    case Builtin::strlang: {
      if (args[0].kind != Value::Kind::string || args[1].kind != Value::Kind::string || args[1].text().empty()) return Value::error();
      return Value::of(ledger::Term{ledger::TermKind::literal, text, {}, lower_ascii(args[1].text())});
    }
    case Builtin::strdt: {
      if (args[0].kind != Value::Kind::string || args[1].kind != Value::Kind::iri) return Value::error();
      const bool plain = args[1].text() == ledger::xsd::string;
      return Value::of(ledger::Term{ledger::TermKind::literal, text, plain ? std::string() : args[1].text(), {}});
    }
    case Builtin::md5:
    case Builtin::sha1:
    case Builtin::sha256:
    case Builtin::sha384:
    case Builtin::sha512: {
      if (args[0].kind != Value::Kind::string) return Value::error();
      return Value::string(builtin == Builtin::md5      ? md5_hex(text)
                           : builtin == Builtin::sha1   ? sha1_hex(text)
                           : builtin == Builtin::sha256 ? sha256_hex(text)
                           : builtin == Builtin::sha384 ? sha384_hex(text)
                                                        : sha512_hex(text));
    }
    default: return Value::error();
  }
}

}  // namespace agiddi::ontology::sparql
