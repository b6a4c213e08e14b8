#include <catch2/catch.hpp>

#include "ontology/sparql/parser.h"

namespace {

using agiddi::Status;
using agiddi::ontology::sparql::parse_query;
using agiddi::ontology::sparql::QueryForm;

std::string refusal(const std::string& text) {
  const auto query = parse_query(text);
  if (query) return "accepted";
  CHECK(query.error().status == Status::bad_request);
  return query.error().detail;
}

bool accepted(const std::string& text) { return parse_query(text).has_value(); }

std::string repeated(const std::string& part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

}  // namespace

TEST_CASE("an error names the line and the column") {
  CHECK(refusal("SELECT ?x\nWHERE { ?x ?y }") == "SPARQL, line 2, column 15: expected a variable or a term, found '}'");
  CHECK(refusal("SELECT ?é { ?é nope:p 1 }") == "SPARQL, line 1, column 16: the prefix 'nope:' is not declared");
  CHECK(refusal("") == "SPARQL, line 1, column 1: expected SELECT, ASK, CONSTRUCT or DESCRIBE, found the end of the query");
  CHECK(refusal("SELECT * { ?s ?p 'a\nb' }").find("line break inside a string") != std::string::npos);
}

TEST_CASE("the form and the projected variables are known") {
  CHECK(parse_query("SELECT ?b ?a { ?a ?b ?c }")->variables() == std::vector<std::string>{"b", "a"});
  CHECK(parse_query("SELECT (1 AS ?one) ?a { ?a ?b [] }")->variables() == std::vector<std::string>{"one", "a"});
  CHECK(parse_query("SELECT * { ?a ?b [ <p:q> ?c ] }")->variables() == std::vector<std::string>{"a", "b", "c"});
  CHECK(parse_query("ASK { }")->form() == QueryForm::ask);
  CHECK(parse_query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")->form() == QueryForm::construct);
  CHECK(parse_query("DESCRIBE <a:b>")->form() == QueryForm::describe);
}

TEST_CASE("updates, SERVICE and a second query are refused by name") {
  for (const char* update : {"INSERT DATA { <a:b> <a:b> 1 }", "DELETE WHERE { ?s ?p ?o }", "LOAD <http://x/>", "CLEAR ALL", "DROP GRAPH <a:b>",
                             "CREATE GRAPH <a:b>", "COPY <a:b> TO <c:d>", "MOVE <a:b> TO <c:d>", "ADD <a:b> TO <c:d>",
                             "PREFIX a: <a:> WITH <a:b> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }"}) {
    INFO(update);
    CHECK(refusal(update).find("this is a SPARQL update") != std::string::npos);
  }
  CHECK(refusal("SELECT * { SERVICE <http://x/> { ?s ?p ?o } }").find("SERVICE is not answered") != std::string::npos);
  CHECK(refusal("ASK {} ; DROP ALL").find("only one query at a time") != std::string::npos);
}

TEST_CASE("a constant that is no regular expression is refused, not applied to nothing") {
  const std::string filter = "ASK { ?s ?p ?o FILTER(";
  for (const char* bad : {"REGEX(?o, '(')", "REGEX(?o, '(a)\\\\1', 'i')", "REPLACE(?o, '[', 'x')", "REPLACE(?o, 'a(?=b)', 'x', '')"}) {
    INFO(bad);
    CHECK(refusal(filter + bad + ") }").find("no regular expression that is supported") != std::string::npos);
  }
  CHECK(refusal(filter + "REGEX(?o, ?s, 'g') }").find("flags of a regular expression are") != std::string::npos);
  CHECK(accepted(filter + "REGEX(?o, '(', 'q')) }"));
  // Of a few only, and short ones: the others are errors for each solution, as those that are made at run time are.
  std::string many;
  for (int i = 0; i < 16; ++i) many += "REGEX(?o, 'x" + std::to_string(i) + "') || REGEX(?o, 'x" + std::to_string(i) + "') || ";
  CHECK(accepted(filter + many + "REGEX(?o, '(')) }"));
  CHECK_FALSE(accepted(filter + many.substr(many.find("REGEX(?o, 'x1')")) + "REGEX(?o, '(')) }"));   // the sixteenth
  CHECK(accepted(filter + "REGEX(?o, '" + std::string(300, '(') + "')) }"));
  CHECK(accepted(filter + "REGEX(?o, '(', ?s)) }"));      // the flags may make it one
  CHECK(accepted(filter + "REGEX(?o, '('@en)) }"));       // an error of type, for each solution
}

TEST_CASE("foreign bytes are bounded") {
  using namespace std::string_literals;
  CHECK(refusal("SELECT * { ?s ?p 'a\0b' }"s).find("NUL") != std::string::npos);
  CHECK(refusal("SELECT * { ?s ?p '\xC3\x28' }").find("UTF-8") != std::string::npos);
  CHECK(refusal("ASK {} #" + std::string(70'000, 'x')).find("longer than") != std::string::npos);
  CHECK(refusal("ASK {?s ?p '\\u0000'}").find("escape") != std::string::npos);
  CHECK(refusal("ASK {?s ?p '\\uD800'}").find("escape") != std::string::npos);
  CHECK(accepted("ASK {?s ?p '\\u0041\\U0001F600'}"));
}

TEST_CASE("hostile nesting ends in an error, not in the stack") {
  for (const auto& [open, close] : {std::pair<std::string, std::string>{"{", "}"}, {"{ OPTIONAL {", "}}"}, {"{{} UNION {", "}}"}, {"{SELECT * {", "}}"},
                                    {"{ FILTER EXISTS {", "}}"}, {"{ MINUS {", "}}"}, {"{ GRAPH ?g {", "}}"}}) {
    INFO(open);
    CHECK(refusal("ASK {" + repeated(open, 200) + repeated(close, 200) + "}").find("nested deeper") != std::string::npos);
  }
  for (const auto& [open, close] : {std::pair<std::string, std::string>{"(", ")"}, {"!", ""}, {"- ", ""}, {"abs(", ")"}, {"<f:f>(", ")"}, {"(1 IN (", "))"}}) {
    INFO(open);
    CHECK(refusal("ASK { FILTER (" + repeated(open, 5000) + "1" + repeated(close, 5000) + ") }").find("nested deeper") != std::string::npos);
  }
  for (const auto& [open, close] : {std::pair<std::string, std::string>{"(", ")"}, {"[ <p:p> ", "]"}}) {
    CHECK(refusal("ASK { ?s ?p " + repeated(open, 5000) + "1" + repeated(close, 5000) + " }").find("nested deeper") != std::string::npos);
  }
  CHECK(refusal("ASK { ?s " + repeated("(", 5000) + "<p:p>" + repeated(")", 5000) + " ?o }").find("nested deeper") != std::string::npos);
  // Long chains without brackets are as deep in memory.
  CHECK(refusal("ASK { FILTER (1" + repeated("+1", 20'000) + ") }").find("too deep") != std::string::npos);
  CHECK(refusal("ASK {" + repeated("OPTIONAL{}", 5000) + "}").find("too deep") != std::string::npos);
  CHECK(refusal("ASK {" + repeated("?s ?p ?o.", 5000) + "}").find("more than 512 patterns") != std::string::npos);
  CHECK(refusal("ASK {" + repeated("BIND(1 AS ?x)", 400) + "}").find("value already") != std::string::npos);
  CHECK(refusal("ASK { ?s " + repeated("<p:p>/", 2000) + "<p:p> ?o }").find("patterns") != std::string::npos);
  CHECK(accepted("ASK { FILTER (1" + repeated(" || 1", 5000) + ") }"));
}

TEST_CASE("a less-than sign is an operator when no IRI can be meant") {
  CHECK(accepted("SELECT * { ?a ?p ?b FILTER(?a<5 && ?b>3) }"));
  CHECK(accepted("SELECT * { ?a ?p ?b FILTER(?a<?b) }"));
  CHECK(accepted("SELECT * { ?a ?p ?b FILTER(?a <= 5&&?b>=3) }"));
  CHECK(refusal("SELECT * { ?a ?p ?b FILTER(?a<5&&?b>3) }").find("put a space after") != std::string::npos);
}

TEST_CASE("names, escapes and literals of every form") {
  CHECK(accepted("PREFIX a.b: <http://x/> PREFIX : <http://y/> ASK { a.b:c.d :1%20x :a\\,b, :, a.b: ; :p 1, -1.5, +.5, 1e6, 1.e0, true, 'a'@en-GB, "
                 "\"\"\"x\"y\"\"\", '''a'b''', '\\t\\'', \"a\"^^:t . [] :p (), ( 1 [] ) . }"));
  CHECK(accepted("ASK { ?s a ?t ; a ?u ; . _:b.1 ?p $o }"));
  CHECK_FALSE(accepted("ASK { ?s A ?t }"));
  CHECK_FALSE(accepted("ASK { _:a ?p ?q OPTIONAL { _:a ?p ?r } }"));
  CHECK(accepted("ASK { _:a ?p ?q FILTER(?q > 1) _:a ?p ?r }"));
  CHECK(accepted("ASK { ?s (<p:a>|^<p:b>)*/!(<p:c>|^a)? ?o ; ^<p:d>+ ?q }"));
}

TEST_CASE("scopes are checked") {
  CHECK(refusal("SELECT (1 AS ?x) { ?x ?y ?z }").find("value already") != std::string::npos);
  CHECK(refusal("SELECT * { ?x ?y ?z BIND(1 AS ?x) }").find("value already") != std::string::npos);
  CHECK(refusal("SELECT * { ?x ?y ?z } GROUP BY ?x").find("SELECT *") != std::string::npos);
  CHECK(refusal("SELECT ?y { ?x ?y ?z } GROUP BY ?x").find("?y is neither grouped") != std::string::npos);
  CHECK(refusal("SELECT * { FILTER(COUNT(?x) > 1) }").find("an aggregate may stand only") != std::string::npos);
  CHECK(refusal("SELECT (SUM(COUNT(?x)) AS ?n) { ?x ?y ?z }").find("inside an aggregate") != std::string::npos);
  CHECK(refusal("SELECT * { VALUES (?a ?b) { (1) } }").find("1 values for 2 variables") != std::string::npos);
  CHECK(accepted("SELECT (COUNT(*) + 1 AS ?n) (?n * 2 AS ?m) { ?x ?y ?z } HAVING (COUNT(*) > 1) ORDER BY DESC(COUNT(?x))"));
}
