#include "ontology/rdf_io.h"

#include <catch2/catch.hpp>

#include "ontology/vocabulary.h"

using namespace agiddi;
using namespace agiddi::ontology;
using ledger::Term;
using ledger::Triple;

namespace {

std::vector<Triple> sorted(std::vector<Triple> triples) {
  std::sort(triples.begin(), triples.end());
  return triples;
}

Triple triple(Term object) { return {Term::iri("http://example.org/s"), Term::iri("http://example.org/p"), std::move(object)}; }

}  // namespace

TEST_CASE("Turtle is read: prefixes, base, lists, blank nodes, literals") {
  const auto triples = parse_turtle(R"(
    @prefix ex: <http://example.org/> .
    @base <http://example.org/base/> .
    # a comment with ( [ and "
    ex:s a ex:T ; ex:p "a\nb"@EN, 5, -0.5, true, "x"^^ex:d, <rel> ; ex:q [ ex:r ( 1 ) ] .
  )");
  REQUIRE(triples);
  const std::string text = write_ntriples(*triples);
  CHECK(triples->size() == 11);
  CHECK(text.find("\"a\\nb\"@en") != text.npos);
  CHECK(text.find("\"5\"^^<http://www.w3.org/2001/XMLSchema#integer>") != text.npos);
  CHECK(text.find("\"-0.5\"^^<http://www.w3.org/2001/XMLSchema#decimal>") != text.npos);
  CHECK(text.find("\"x\"^^<http://example.org/d>") != text.npos);
  CHECK(text.find("<http://example.org/base/rel>") != text.npos);
}

TEST_CASE("a base may be given from outside; without one a relative IRI is refused") {
  CHECK(parse_turtle("<s> <p> <o> .", "http://example.org/").value().front().subject.value == "http://example.org/s");
  CHECK_FALSE(parse_turtle("<s> <p> <o> ."));
}

TEST_CASE("what is not a graph is refused with the line") {
  for (const char* text : {"<http://a/s> <http://a/p>", "<http://a/s> <http://a/p> \"x", "ex:s ex:p ex:o .", "<http://a/s> <http://a/p> <http://a/o o> .",
                           "<http://a/s> \"p\" <http://a/o> .", "@prefix ex: <http://a/>", "{}", "<http://a/s> <http://a/p> <http://a/\\u0020o> .",
                           "<http://a/s> <http://a/p> \"\xff\" ."}) {
    INFO(text);
    const auto result = parse_turtle(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().status == Status::bad_request);
  }
  CHECK_FALSE(parse_turtle(std::string_view("<http://a/s> <http://a/p> \"a\0b\" .", 35)));
  const auto second = parse_turtle("<http://a/s> <http://a/p> 1 .\n<http://a/s> oops .\n");
  REQUIRE_FALSE(second);
  CHECK(second.error().detail.find("line 2") != std::string::npos);
}

TEST_CASE("a hostile graph meets a bound") {
  const auto deep = [](int count) { return "<http://a/s> <http://a/p> " + std::string(static_cast<std::size_t>(count), '(') + std::string(static_cast<std::size_t>(count), ')') + " ."; };
  CHECK(parse_turtle(deep(20)));
  CHECK(parse_turtle(deep(100'000)).error().status == Status::bad_request);
  // The same behind a string, an IRI, an escaped quote and a comment, which must not hide it.
  const std::string nested = std::string(5000, '[');
  for (const std::string& before : {std::string("<http://a/s> <http://a/p> \"(\" . "), std::string("<http://a/('s> <http://a/p> 1 . "),
                                    std::string("@prefix e: <http://a/> . e:a\\' e:b 1 . "), std::string("# ' \" <\n"),
                                    std::string("<http://a/s> <http://a/p> \"\"\"a\"b\\\"\"\"\" . ")}) {
    CHECK(parse_turtle(before + nested).error().status == Status::bad_request);
  }
  RdfLimits few;
  few.triples = 2;
  CHECK(parse_turtle("<http://a/s> <http://a/p> 1, 2 .", {}, few));
  CHECK(parse_turtle("<http://a/s> <http://a/p> 1, 2, 3 .", {}, few).error().status == Status::too_large);
  RdfLimits small;
  small.bytes = 10;
  CHECK(parse_turtle("<http://a/s> <http://a/p> 1 .", {}, small).error().status == Status::too_large);
  RdfLimits terms;
  terms.term_bytes = 20;
  CHECK(parse_turtle("<http://a/s> <http://a/p> \"" + std::string(30, 'x') + "\" .", {}, terms).error().status == Status::too_large);
  std::string prefixes;
  for (int i = 0; i < 2000; ++i) prefixes += "@prefix p" + std::to_string(i) + ": <http://a/> .\n";
  CHECK_FALSE(parse_turtle(prefixes));
}

TEST_CASE("what is written is read as the same graph, in Turtle and in N-Triples") {
  const std::vector<Triple> triples = {
      triple(Term::literal("quote \" backslash \\ newline \n tab \t bell \a ünïcödé 😀")),
      triple(Term::literal("")),
      triple(Term::tagged("hallo", "de-at")),
      triple(Term::typed("007", ledger::xsd::integer)),
      triple(Term::typed("-5", ledger::xsd::integer)),
      triple(Term::typed("not a number", ledger::xsd::integer)),
      triple(Term::typed("5", ledger::xsd::decimal)),
      triple(Term::typed("5.", ledger::xsd::decimal)),
      triple(Term::typed(".5", ledger::xsd::decimal)),
      triple(Term::typed("0.000001", ledger::xsd::decimal)),
      triple(Term::typed("true", ledger::xsd::boolean)),
      triple(Term::typed("1", ledger::xsd::boolean)),
      triple(Term::typed("1.5E3", ledger::xsd::double_)),
      triple(Term::iri("https://w3id.org/agiddi/ontology#Temperature")),
      triple(Term::iri("http://qudt.org/vocab/unit/")),
      triple(Term::iri("http://example.org/ü#x(y)")),
      {Term::blank("x"), Term::iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), Term::blank("y2")},
  };
  const auto turtle = parse_turtle(write_turtle(triples));
  REQUIRE(turtle);
  std::vector<Triple> named = triples;
  for (Term* term : {&named.back().subject, &named.back().object}) term->value = "b" + term->value;  // the reader's prefix
  CHECK(write_ntriples(sorted(*turtle)) == write_ntriples(sorted(named)));
  CHECK(sorted(*turtle) == sorted(named));
  CHECK(sorted(parse_ntriples(write_ntriples(triples)).value()) == sorted(named));
  CHECK(write_turtle({}).empty());
  for (const char* nothing : {"", "\n", "# nothing\n", "@prefix : <http://a/> ."}) CHECK(parse_turtle(nothing).value().empty());
}

TEST_CASE("JSON-LD of any graph keeps every datatype") {
  const std::string document = write_jsonld({triple(Term::typed("5", ledger::xsd::integer)), triple(Term::typed("0.5", ledger::xsd::decimal)),
                                      triple(Term::tagged("hi", "en")), triple(Term::iri("http://example.org/o")),
                                      {Term::blank("x"), Term::iri("https://schema.org/name"), Term::literal("n")},
                                      {Term::blank("x"), Term::iri("https://w3id.org/agiddi/ontology#rangeMin"), Term::typed("5", ledger::xsd::integer)}});
  CHECK(document ==
        R"({"@context":{"@vocab":"https://w3id.org/agiddi/ontology#","agiddi":"https://w3id.org/agiddi/ontology#","schema":"https://schema.org/",)"
        R"("xsd":"http://www.w3.org/2001/XMLSchema#","name":"schema:name"},"@graph":[{"@id":"http://example.org/s","http://example.org/p":[5,)"
        R"({"@value":"0.5","@type":"xsd:decimal"},{"@value":"hi","@language":"en"},{"@id":"http://example.org/o"}]},)"
        R"({"@id":"_:x","name":"n","agiddi:rangeMin":5}]})");
}

TEST_CASE("the ontology itself survives a round trip") {
  const auto once = parse_turtle(ontology_turtle());
  REQUIRE(once);
  CHECK(once->size() > 500);
  CHECK(sorted(parse_turtle(write_turtle(*once)).value()) == sorted(*once));
}

TEST_CASE("RDF/XML holds every kind of term, and refuses a predicate that is no XML name") {
  const auto text = write_rdfxml({triple(Term::iri("http://example.org/o?a=1&b=<2>")), triple(Term::literal("a < b & \"c\"\n\x01")), triple(Term::tagged("h\xC3\xA9", "fr")),
                                  triple(Term::typed("5", ledger::xsd::integer)), triple(Term::blank("b1")),
                                  {Term::blank("b1"), Term::iri("https://w3id.org/agiddi/ontology#place"), Term::literal("x")}});
  REQUIRE(text);
  CHECK(text->starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF"));
  for (const char* part : {"xmlns:agiddi=\"https://w3id.org/agiddi/ontology#\"", "xmlns:ns1=\"http://example.org/\"", "<rdf:Description rdf:about=\"http://example.org/s\">",
                           "<ns1:p rdf:resource=\"http://example.org/o?a=1&amp;b=&lt;2&gt;\"/>", "<ns1:p>a &lt; b &amp; &quot;c&quot;&#10;\xEF\xBF\xBD</ns1:p>",
                           "<ns1:p xml:lang=\"fr\">h\xC3\xA9</ns1:p>", "<ns1:p rdf:datatype=\"http://www.w3.org/2001/XMLSchema#integer\">5</ns1:p>", "<ns1:p rdf:nodeID=\"b1\"/>",
                           "<rdf:Description rdf:nodeID=\"b1\">", "<agiddi:place>x</agiddi:place>"}) {
    INFO(part << "\n" << *text);
    CHECK(text->find(part) != std::string::npos);
  }
  CHECK(write_rdfxml({})->find("rdf:RDF") != std::string::npos);
  for (const char* predicate : {"http://example.org/1", "http://example.org/", "http://example.org/p%20", "urn:x:\xC3\xA9"}) {
    const auto refused = write_rdfxml({{Term::iri("http://a/s"), Term::iri(predicate), Term::iri("http://a/o")}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == Status::not_acceptable);
  }
}
