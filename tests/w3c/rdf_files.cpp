#include "tests/w3c/rdf_files.h"

#include <raptor2.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "ontology/rdf_io.h"

namespace agiddi::tests {

using ledger::Term;
using ledger::Triple;

std::string Suite::path_of(const std::string& iri) const {
  return iri.starts_with(kSuiteBase) ? folder + "/" + iri.substr(kSuiteBase.size()) : iri;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Status::not_found, "cannot read " + path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

namespace {

std::string text_of(const unsigned char* text) { return text == nullptr ? std::string() : reinterpret_cast<const char*>(text); }

Term from_raptor(const raptor_term* term) {
  switch (term->type) {
    case RAPTOR_TERM_TYPE_URI: return Term::iri(text_of(raptor_uri_as_string(term->value.uri)));
    case RAPTOR_TERM_TYPE_BLANK: return Term::blank(text_of(term->value.blank.string));
    default: break;
  }
  Term out = Term::literal(text_of(term->value.literal.string));
  if (term->value.literal.language != nullptr) out.language = text_of(term->value.literal.language);
  if (term->value.literal.datatype != nullptr) out.datatype = text_of(raptor_uri_as_string(term->value.literal.datatype));
  if (out.datatype == ledger::xsd::string) out.datatype.clear();
  return out;
}

std::vector<Triple> parse_rdf_xml(const std::string& text, const std::string& base) {
  std::vector<Triple> out;
  const std::unique_ptr<raptor_world, void (*)(raptor_world*)> world(raptor_new_world(), raptor_free_world);
  const std::unique_ptr<raptor_parser, void (*)(raptor_parser*)> parser(raptor_new_parser(world.get(), "rdfxml"), raptor_free_parser);
  raptor_parser_set_statement_handler(parser.get(), &out, [](void* user, raptor_statement* statement) {
    static_cast<std::vector<Triple>*>(user)->push_back(
        {from_raptor(statement->subject), from_raptor(statement->predicate), from_raptor(statement->object)});
  });
  raptor_uri* uri = raptor_new_uri(world.get(), reinterpret_cast<const unsigned char*>(base.c_str()));
  raptor_parser_parse_start(parser.get(), uri);
  raptor_parser_parse_chunk(parser.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), 1);
  raptor_free_uri(uri);
  return out;
}

}  // namespace

Result<std::vector<Triple>> read_rdf(const Suite& suite, const std::string& iri) {
  const auto text = read_file(suite.path_of(iri));
  if (!text) return tl::unexpected(text.error());
  if (iri.ends_with(".rdf")) return parse_rdf_xml(*text, iri);
  ontology::RdfLimits limits;
  limits.term_bytes = 1 << 20;
  return ontology::parse_turtle(*text, iri, limits);
}

Graph::Graph(std::vector<Triple> triples) : triples_(std::move(triples)) {
  for (std::size_t i = 0; i < triples_.size(); ++i) by_subject_[triples_[i].subject].push_back(i);
}

std::vector<Term> Graph::objects(const Term& subject, std::string_view predicate) const {
  std::vector<Term> out;
  const auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return out;
  for (const std::size_t i : found->second) {
    if (triples_[i].predicate.value == predicate) out.push_back(triples_[i].object);
  }
  return out;
}

const Term* Graph::object(const Term& subject, std::string_view predicate) const {
  const auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return nullptr;
  for (const std::size_t i : found->second) {
    if (triples_[i].predicate.value == predicate) return &triples_[i].object;
  }
  return nullptr;
}

std::vector<Term> Graph::subjects(std::string_view predicate, const Term& object) const {
  std::vector<Term> out;
  for (const Triple& triple : triples_) {
    if (triple.predicate.value == predicate && triple.object == object) out.push_back(triple.subject);
  }
  return out;
}

std::vector<Term> Graph::list(Term head) const {
  static const std::string kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
  std::vector<Term> out;
  while (const Term* first = object(head, kRdf + "first")) {
    out.push_back(*first);
    const Term* rest = object(head, kRdf + "rest");
    if (rest == nullptr) break;
    head = *rest;
  }
  return out;
}

}  // namespace agiddi::tests
