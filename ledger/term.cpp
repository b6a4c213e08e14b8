#include "ledger/term.h"

#include <cstdio>

namespace agiddi::ledger {
namespace {

void append_escape(std::string& out, unsigned code) {
  char text[16];
  std::snprintf(text, sizeof text, "\\u%04X", code);
  out += text;
}

// Canonical N-Triples (RDF 1.2 N-Triples, section 3): the two-character escapes where they exist, \u for other controls, all else as it is.
void append_literal(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\b': out += "\\b"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\f': out += "\\f"; break;
      case '\r': out += "\\r"; break;
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          append_escape(out, static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
}

void append_iri(std::string& out, std::string_view iri) {
  out += '<';
  for (const char c : iri) {
    if (static_cast<unsigned char>(c) <= 0x20 || std::string_view("<>\"{}|^`\\").find(c) != std::string_view::npos) {
      append_escape(out, static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '>';
}

void append_term(std::string& out, const Term& term) {
  switch (term.kind) {
    case TermKind::iri:
      append_iri(out, term.value);
      return;
    case TermKind::blank:
      out += "_:";
      out += term.value;
      return;
    case TermKind::literal:
      out += '"';
      append_literal(out, term.value);
      out += '"';
      if (!term.language.empty()) {
        out += '@';
        out += term.language;
      } else if (!term.datatype.empty()) {
        out += "^^";
        append_iri(out, term.datatype);
      }
      return;
  }
}

}  // namespace

Term Term::typed(std::string value, std::string datatype) {
  if (datatype == xsd::string) datatype.clear();
  return {TermKind::literal, std::move(value), std::move(datatype), {}};
}

Term Term::tagged(std::string value, std::string language) {
  for (char& c : language) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return {TermKind::literal, std::move(value), {}, std::move(language)};
}

std::string ntriples(const Term& term) {
  std::string out;
  append_term(out, term);
  return out;
}

std::string ntriples(const Triple& triple) {
  std::string out;
  append_term(out, triple.subject);
  out += ' ';
  append_term(out, triple.predicate);
  out += ' ';
  append_term(out, triple.object);
  out += " .";
  return out;
}

}  // namespace agiddi::ledger
