#include <catch2/catch.hpp>

#include "protocol/field_reader.h"
#include "protocol/limits.h"

using namespace agiddi;

TEST_CASE("a valid object is read without errors") {
  const Json json = parse_json(R"({"name":"a","count":3,"price":0.10,"tags":["x"],"place":{}})").value();
  std::vector<FieldError> errors;
  FieldReader reader(json, "/devices/0", errors);
  CHECK(reader.required_string("name", 10) == "a");
  CHECK(reader.optional_string("absent", 10) == std::nullopt);
  CHECK(reader.required_integer("count", 1, 3) == 3);
  CHECK(reader.required_number("price")->text() == "0.1");
  CHECK(reader.optional_number("other") == std::nullopt);
  CHECK(reader.required_array("tags", 1, 1)->size() == 1);
  CHECK(reader.optional_array("none", 1, 1) == nullptr);
  CHECK(reader.required_object("place") != nullptr);
  reader.finish();
  CHECK(errors.empty());
}

TEST_CASE("every mistake is listed with its pointer") {
  const Json json = parse_json(R"({"a":1,"b":"","c":"long","d":"5","e":1.5,"f":4,"g":{},"h":[],"i":[1,2],"j":[],"typing error":1})").value();
  std::vector<FieldError> errors;
  FieldReader reader(json, "/x", errors);
  CHECK_FALSE(reader.required_string("a", 5));
  CHECK_FALSE(reader.required_string("b", 5));
  CHECK_FALSE(reader.required_string("c", 3));
  CHECK_FALSE(reader.required_number("d"));
  CHECK_FALSE(reader.required_integer("e", 0, 3));
  CHECK_FALSE(reader.required_integer("f", 0, 3));
  CHECK_FALSE(reader.required_array("g", 0, 1));
  CHECK_FALSE(reader.required_array("h", 1, 2));
  CHECK_FALSE(reader.required_array("i", 0, 1));
  CHECK_FALSE(reader.required_object("j"));
  CHECK_FALSE(reader.required("k"));
  reader.finish();
  std::vector<std::string> pointers;
  for (const auto& error : errors) pointers.push_back(error.pointer);
  CHECK(pointers == std::vector<std::string>{"/x/a", "/x/b", "/x/c", "/x/d", "/x/e", "/x/f", "/x/g", "/x/h", "/x/i", "/x/j", "/x/k", "/x/typing error"});
  CHECK(errors[10].detail == "is required");
  const Error error = invalid_fields(errors);
  CHECK(error.status == Status::invalid);
  CHECK(error.detail == "/x/a must be a string, not a number (and 11 more)");
}

TEST_CASE("lengths count characters, not bytes") {
  const Json json = parse_json("{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xa1\"}").value();
  std::vector<FieldError> errors;
  FieldReader reader(json, "", errors);
  CHECK(reader.required_string("a", 3));
  CHECK_FALSE(reader.required_string("a", 2));
}

TEST_CASE("integers: 1e2 and 100.0 are whole numbers, values past 64 bits are refused") {
  const Json json = parse_json(R"({"a":1e2,"b":100.0,"c":1e15,"d":999999999999999e15})").value();
  std::vector<FieldError> errors;
  FieldReader reader(json, "", errors);
  CHECK(reader.required_integer("a", 0, 100) == 100);
  CHECK(reader.required_integer("b", 0, 100) == 100);
  CHECK(reader.optional_integer("c", 0, INT64_MAX) == 1'000'000'000'000'000);
  CHECK(errors.empty());
  CHECK_FALSE(reader.optional_integer("d", 0, INT64_MAX));
  CHECK(errors.size() == 1);
}

TEST_CASE("what is no object is one error, and nothing is read") {
  std::vector<FieldError> errors;
  const Json json = Json::array({1});
  FieldReader reader(json, "/x", errors);
  CHECK_FALSE(reader.required_string("a", 5));
  CHECK_FALSE(reader.required("b"));
  reader.finish();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] == FieldError{"/x", "must be an object, not an array"});
}

TEST_CASE("a hostile object cannot make the list of errors long") {
  Json json = Json::object();
  for (std::size_t i = 0; i < limits::kFieldErrorsMax + 50; ++i) json.members().emplace_back("m" + std::to_string(i), 1);
  json.members().emplace_back(std::string(100'000, 'n'), 1);
  std::vector<FieldError> errors;
  FieldReader reader(json, "", errors);
  reader.finish();
  CHECK(errors.size() == limits::kFieldErrorsMax);
  errors.clear();
  const Json only = Json(Json::Object{{std::string(100'000, 'n'), 1}});
  FieldReader second(only, "", errors);
  second.finish();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].pointer.size() + errors[0].detail.size() < 200);
}
