#include <catch2/catch.hpp>

#include "tests/unit/sparql/world.h"

namespace sparql = agiddi::ontology::sparql;
using agiddi::ledger::Term;
using sparql::Format;

namespace {

sparql::QueryResult sample() {
  sparql::QueryResult result;
  result.variables = {"x", "y"};
  result.rows.push_back({Term::iri("http://x/a?b&c"), Term::tagged("say \"hi\", <you>\n", "en")});
  result.rows.push_back({Term::blank("b0"), std::nullopt});
  result.rows.push_back({Term::typed("5", agiddi::ledger::xsd::integer), Term::typed("1.50", agiddi::ledger::xsd::decimal)});
  result.rows.push_back({Term::literal("a\tb"), Term::typed("t", "http://x/t")});
  return result;
}

}  // namespace

TEST_CASE("JSON") {
  CHECK(write_results(sample(), Format::json) ==
        "{\"head\":{\"vars\":[\"x\",\"y\"]},\"results\":{\"bindings\":[\n"
        "{\"x\":{\"type\":\"uri\",\"value\":\"http://x/a?b&c\"},\"y\":{\"type\":\"literal\",\"value\":\"say \\\"hi\\\", <you>\\n\",\"xml:lang\":\"en\"}},\n"
        "{\"x\":{\"type\":\"bnode\",\"value\":\"b0\"}},\n"
        "{\"x\":{\"type\":\"literal\",\"value\":\"5\",\"datatype\":\"http://www.w3.org/2001/XMLSchema#integer\"},"
        "\"y\":{\"type\":\"literal\",\"value\":\"1.50\",\"datatype\":\"http://www.w3.org/2001/XMLSchema#decimal\"}},\n"
        "{\"x\":{\"type\":\"literal\",\"value\":\"a\\tb\"},\"y\":{\"type\":\"literal\",\"value\":\"t\",\"datatype\":\"http://x/t\"}}\n]}}\n");
}

TEST_CASE("XML") {
  const std::string xml = write_results(sample(), Format::xml);
  CHECK(xml.find("<head><variable name=\"x\"/><variable name=\"y\"/></head>") != std::string::npos);
  CHECK(xml.find("<uri>http://x/a?b&amp;c</uri>") != std::string::npos);
  CHECK(xml.find("<literal xml:lang=\"en\">say &quot;hi&quot;, &lt;you&gt;&#10;</literal>") != std::string::npos);
  CHECK(xml.find("<result><binding name=\"x\"><bnode>b0</bnode></binding></result>") != std::string::npos);
}

TEST_CASE("CSV and TSV") {
  CHECK(write_results(sample(), Format::csv) == "x,y\r\nhttp://x/a?b&c,\"say \"\"hi\"\", <you>\n\"\r\n_:b0,\r\n5,1.50\r\na\tb,t\r\n");
  CHECK(write_results(sample(), Format::tsv) ==
        "?x\t?y\n<http://x/a?b&c>\t\"say \\\"hi\\\", <you>\\n\"@en\n_:b0\t\n5\t1.50\n\"a\\tb\"\t\"t\"^^<http://x/t>\n");
}

TEST_CASE("a boolean in every format") {
  sparql::QueryResult yes;
  yes.form = sparql::QueryForm::ask;
  yes.boolean = true;
  CHECK(write_results(yes, Format::json) == "{\"head\":{},\"boolean\":true}\n");
  CHECK(write_results(yes, Format::xml).find("<boolean>true</boolean>") != std::string::npos);
  CHECK(write_results(yes, Format::csv) == "boolean\r\ntrue\r\n");
  CHECK(write_results(yes, Format::tsv) == "?boolean\ntrue\n");
}
