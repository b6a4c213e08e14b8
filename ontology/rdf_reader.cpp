#include <serd/serd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "ontology/rdf_io.h"
#include "protocol/encoding.h"

namespace agiddi::ontology {
namespace {

using ledger::Term;
using ledger::TermKind;
using ledger::Triple;

constexpr std::size_t kNestingMax = 32;    // Serd descends recursively into [ ] and ( )
constexpr std::size_t kPrefixesMax = 1000; // Serd searches its prefixes one by one

// The deepest nesting of brackets outside comments, strings and IRIs. Counts too much rather than too little on text that is not Turtle.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '\\': ++at; break;
      case '#': at = std::min(text.find('\n', at), text.size() - 1); break;
      case '<': {
        const auto end = text.find_first_of("> \n\t\r\"{}", at + 1);
        if (end != std::string_view::npos && text[end] == '>') at = end;
        break;
      }
      case '"':
      case '\'': {
        const char quote = text[at];
        const bool longer = text.substr(at, 3) == std::string(3, quote);
        at += longer ? 3 : 1;
        for (; at < text.size(); ++at) {
          if (text[at] == '\\') {
            ++at;
          } else if (longer ? text.substr(at, 3) == std::string(3, quote) : text[at] == quote || text[at] == '\n') {
            if (longer) at += 2;
            break;
          }
        }
        break;
      }
      case '(':
      case '[': deepest = std::max(deepest, ++depth); break;
      case ')':
      case ']': depth -= depth > 0 ? 1 : 0; break;
      default: break;
    }
  }
  return deepest;
}

std::string text_of(const SerdNode& node) { return {reinterpret_cast<const char*>(node.buf), node.n_bytes}; }

const std::uint8_t* bytes_of(const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.c_str()); }

bool is_absolute_iri(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || text.find_first_of("/?#") < colon) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || std::string_view("<>\"{}|^`\\").find(c) != std::string_view::npos;
  });
}

// The state of one parse: Serd calls back into it.
class Reading {
 public:
  explicit Reading(const RdfLimits& limits) : limits_(limits), env_(serd_env_new(nullptr), &serd_env_free) {}

  Result<std::vector<Triple>> run(SerdSyntax syntax, std::string_view text, std::string_view base) {
    if (text.size() > limits_.bytes) return fail(Status::too_large, "the graph is larger than " + std::to_string(limits_.bytes) + " bytes");
    if (text.find('\0') != std::string_view::npos || !is_utf8(text)) return fail(Status::bad_request, "the graph is not UTF-8 text");
    if (nesting(text) > kNestingMax) return fail(Status::bad_request, "the graph nests deeper than " + std::to_string(kNestingMax));
    if (text.empty()) return std::vector<Triple>();  // the empty graph, which Serd takes for a failed read
    if (!base.empty()) {
      const std::string own(base);
      const SerdNode node = serd_node_from_string(SERD_URI, bytes_of(own));
      serd_env_set_base_uri(env_.get(), &node);
    }
    const std::unique_ptr<SerdReader, void (*)(SerdReader*)> reader(
        serd_reader_new(syntax, this, nullptr, &Reading::on_base, &Reading::on_prefix, &Reading::on_statement, nullptr), &serd_reader_free);
    serd_reader_set_strict(reader.get(), true);
    serd_reader_set_error_sink(reader.get(), &Reading::on_error, this);
    serd_reader_add_blank_prefix(reader.get(), reinterpret_cast<const std::uint8_t*>("b"));
    const std::string own(text);
    const SerdStatus status = serd_reader_read_string(reader.get(), bytes_of(own));
    if (!error_) {
      if (status == SERD_SUCCESS) return std::move(triples_);
      refuse("is not valid");
    }
    return tl::unexpected(std::move(*error_));
  }

 private:
  SerdStatus refuse(const std::string& what, Status status = Status::bad_request) {
    if (!error_) error_ = Error{status, (line_ > 0 ? "line " + std::to_string(line_) + ": the graph " : "the graph ") + what, {}};
    return SERD_ERR_BAD_SYNTAX;
  }

  static SerdStatus on_error(void* handle, const SerdError* error) {
    auto& self = *static_cast<Reading*>(handle);
    self.line_ = error->line;
    self.refuse("is not valid");
    return SERD_SUCCESS;
  }
  static SerdStatus on_base(void* handle, const SerdNode* uri) {
    return serd_env_set_base_uri(static_cast<Reading*>(handle)->env_.get(), uri);
  }
  static SerdStatus on_prefix(void* handle, const SerdNode* name, const SerdNode* uri) {
    auto& self = *static_cast<Reading*>(handle);
    if (++self.prefixes_ > kPrefixesMax) return self.refuse("declares too many prefixes");
    if (serd_env_set_prefix(self.env_.get(), name, uri) != SERD_SUCCESS) return self.refuse("declares a prefix without an absolute IRI");
    return SERD_SUCCESS;
  }
  static SerdStatus on_statement(void* handle, SerdStatementFlags, const SerdNode*, const SerdNode* subject, const SerdNode* predicate,
                                 const SerdNode* object, const SerdNode* datatype, const SerdNode* language) {
    auto& self = *static_cast<Reading*>(handle);
    if (self.triples_.size() >= self.limits_.triples) {
      return self.refuse("has more than " + std::to_string(self.limits_.triples) + " triples", Status::too_large);
    }
    Triple triple;
    if (!self.read(*subject, triple.subject) || !self.read(*predicate, triple.predicate)) return SERD_ERR_BAD_SYNTAX;
    if (object->type == SERD_LITERAL) {
      if (object->n_bytes > self.limits_.term_bytes) return self.refuse("has a literal that is too long", Status::too_large);
      Term type;
      if (datatype && datatype->buf && !self.read(*datatype, type)) return SERD_ERR_BAD_SYNTAX;
      triple.object = language && language->buf ? Term::tagged(text_of(*object), text_of(*language)) : Term::typed(text_of(*object), type.value);
    } else if (!self.read(*object, triple.object)) {
      return SERD_ERR_BAD_SYNTAX;
    }
    self.triples_.push_back(std::move(triple));
    return SERD_SUCCESS;
  }

  bool read(const SerdNode& node, Term& into) {
    if (node.type == SERD_BLANK) {
      into = Term::blank(text_of(node));
      return true;
    }
    SerdNode expanded = serd_env_expand_node(env_.get(), &node);
    std::string iri = expanded.buf ? text_of(expanded) : (node.type == SERD_URI ? text_of(node) : std::string());
    serd_node_free(&expanded);
    if (iri.size() > limits_.term_bytes) return refuse("has an IRI that is too long", Status::too_large), false;
    if (!is_utf8(iri) || !is_absolute_iri(iri)) return refuse("has a name that stands for no absolute IRI"), false;
    into = Term::iri(std::move(iri));
    return true;
  }

  const RdfLimits& limits_;
  std::unique_ptr<SerdEnv, void (*)(SerdEnv*)> env_;
  std::vector<Triple> triples_;
  std::size_t prefixes_ = 0;
  unsigned line_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<Triple>> parse_turtle(std::string_view text, std::string_view base, const RdfLimits& limits) {
  return Reading(limits).run(SERD_TURTLE, text, base);
}

Result<std::vector<Triple>> parse_ntriples(std::string_view text, const RdfLimits& limits) {
  return Reading(limits).run(SERD_NTRIPLES, text, {});
}

}  // namespace agiddi::ontology
