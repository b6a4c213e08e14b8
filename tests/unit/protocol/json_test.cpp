#include <catch2/catch.hpp>

#include "protocol/json_answer.h"
#include "protocol/limits.h"

using namespace agiddi;

namespace {

std::string echo(std::string_view text) { return parse_json(text).value().dump(); }

// The pointer of a 422, or the status when it is another one.
std::string refusal(std::string_view text) {
  const auto json = parse_json(text);
  if (json) return "accepted";
  if (json.error().status != Status::invalid) return std::to_string(static_cast<int>(json.error().status));
  REQUIRE(json.error().fields.size() == 1);
  return "422 " + json.error().fields[0].pointer;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("documents come out as they went in, without white space") {
  CHECK(echo(" { \"b\" : [ 1 , true , null , false, \"x\" ] , \"a\" : { } } \n") == R"({"b":[1,true,null,false,"x"],"a":{}})");
  for (const char* same : {"null", "true", "0", "\"\"", "[]", "{}", "[[],{}]", "{\"\":1}"}) CHECK(echo(same) == same);
  CHECK(echo(R"("\u00e9\u20ac\ud83c\udf21\/\b\f\n\r\t\"\\\u001f")") == "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xa1/\\b\\f\\n\\r\\t\\\"\\\\\\u001f\"");
}

TEST_CASE("a number keeps its text") {
  for (const char* text : {"0", "-0", "0.10", "1.50e3", "1E+2", "-12.5e-15", "123456789012345", "0.1", "1e15", "1.0", "100000000000000", "18446744073709e1"}) {
    CHECK(parse_json(text).value().number_text() == text);
    CHECK(parse_json("[" + std::string(text) + "]").value().items()[0].number_text() == text);
    CHECK(parse_json(" " + std::string(text) + " ").value().number_text() == text);
    CHECK(parse_json("{\"a\":" + std::string(text) + ",\"b\":" + text + "}").value().find("b")->number_text() == text);
  }
}

TEST_CASE("numbers out of bounds are 422 with their pointer") {
  CHECK(refusal("1234567890123456") == "422 ");
  CHECK(refusal(R"({"a":[0,{"b":1.2345678901234567}]})") == "422 /a/1/b");
  CHECK(refusal(R"([1e16])") == "422 /0");
  CHECK(refusal(R"([1e-16])") == "422 /0");
  CHECK(refusal(R"([1e400])") == "422 /0");
  CHECK(refusal(R"({"x":1e99999999999999999999})") == "422 /x");
  CHECK(refusal(R"({"x":-1e-99999999999999999999})") == "422 /x");
  CHECK(refusal("[" + std::string(5000, '9') + "]") == "422 /0");
  CHECK(refusal("[0." + std::string(5000, '0') + "1]") == "422 /0");
  CHECK(refusal(R"({"a/b":{"c~d":1e99}})") == "422 /a~1b/c~0d");
}

TEST_CASE("an answer may hold long numbers, and is as strict in everything else") {
  const std::string text = R"({"a":373.1499999999999999999999,"b":12345678901234567890123,"c":1e20})";
  CHECK(refusal(text) == "422 /a");
  CHECK(parse_json_answer(text).value().dump() == text);
  for (const char* bad : {R"({"a":1,"a":1})", "01", "[1", "\"\xff\"", "{} {}"}) CHECK_FALSE(parse_json_answer(bad));
  CHECK_FALSE(parse_json_answer(nested(limits::kJsonDepthMax + 1)));
}

TEST_CASE("what is not JSON is 400") {
  for (const char* bad : {"", " ", "nul", "tru", "truee", "01", "1.", ".5", "+1", "1e", "1e+", "--1", "-", "NaN", "Infinity", "'a'", "{a:1}", "[1,]", "{\"a\":1,}", "[1 2]",
                          "{\"a\"}", "{\"a\" 1}", "[", "{", "\"", "\"\\x\"", "\"\\u12\"", "\"a\nb\"", "// c\n1", "/*c*/1", "1 2", "{} {}", "[]]", "\xef\xbb\xbf{}"}) {
    CAPTURE(bad);
    CHECK(refusal(bad) == "400");
  }
}

TEST_CASE("bad UTF-8 and lone surrogates are 400, U+0000 is 422") {
  for (const char* bad : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "\"\xf4\x90\x80\x80\"", "{\"\xff\":1}", "\"\\ud800\"", "\"\\udc00\"",
                          "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud83c\\ud83c\""}) {
    CAPTURE(bad);
    CHECK(refusal(bad) == "400");
  }
  CHECK(refusal(R"({"a":"x\u0000y"})") == "422 /a");
  CHECK(refusal(R"({"a\u0000":1})").substr(0, 3) == "422");
  CHECK(refusal(std::string("\"a\0b\"", 5)) == "400");
}

TEST_CASE("a name that stands twice is 422, wherever it is") {
  CHECK(refusal(R"({"a":1,"a":1})") == "422 /a");
  CHECK(refusal(R"({"x":[{"b":1},{"b":1,"c":2,"b":3}]})") == "422 /x/1/b");
  CHECK(refusal(R"({"a":1,"\u0061":2})") == "422 /a");
  CHECK(refusal(R"({"":1,"":2})") == "422 /");
  CHECK(echo(R"({"a":{"a":1},"b":{"a":1}})") == R"({"a":{"a":1},"b":{"a":1}})");
}

TEST_CASE("depth, breadth and length are bounded") {
  CHECK(echo(nested(limits::kJsonDepthMax)) == nested(limits::kJsonDepthMax));
  CHECK(refusal(nested(limits::kJsonDepthMax + 1)).substr(0, 3) == "422");
  CHECK(refusal(std::string(1'000'000, '[')).substr(0, 3) == "422");
  std::string objects;
  for (int i = 0; i < 17; ++i) objects += "{\"a\":";
  CHECK(refusal(objects).substr(0, 3) == "422");

  std::string many = "[";
  for (std::size_t i = 1; i < limits::kJsonValuesMax; ++i) many += "0,";
  many.back() = ']';
  CHECK(parse_json(many).value().items().size() == limits::kJsonValuesMax - 1);
  CHECK(refusal("[0," + many.substr(1)).substr(0, 3) == "422");
  const std::string text(3'000'000, 'x');
  CHECK(parse_json("\"" + text + "\"").value().as_string() == text);
}

TEST_CASE("a value is built and changed") {
  Json json;
  json.set("a", 1).set("b", Json::array({"x", nullptr, true})).set("a", -2);
  json.set("big", std::uint64_t{18446744073709551615u}).set("exact", Json::number("0.10"));
  CHECK(json.dump() == R"({"a":-2,"b":["x",null,true],"big":18446744073709551615,"exact":0.10})");
  Json list;
  list.push(1).push("two");
  CHECK(list.dump() == R"([1,"two"])");
  CHECK(json.find("a")->number_text() == "-2");
  CHECK(json.find("z") == nullptr);
  CHECK(list.find("a") == nullptr);
  CHECK(Json::object({{"a", Json::array({1})}, {"e", Json::array()}}).pretty() == "{\n  \"a\": [\n    1\n  ],\n  \"e\": []\n}\n");
  CHECK(std::string(json.type_name()) == "an object");
  CHECK(pointer_member("/x", "a/b~c") == "/x/a~1b~0c");
  CHECK(pointer_index("", 3) == "/3");
}
