// Strict JSON, read and written. Numbers are kept as the decimal text that was received and never pass through a double.
//
// Reader: UTF-8 only, duplicate member names refused, depth at most 16, numbers of at most 15 significant digits and an
// exponent within ±15, one document and nothing behind it. Writer: members in insertion order, no white space, minimal
// escapes. A Json is a value: copyable, no sharing, safe to read from several threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/result.h"

namespace agiddi {

class Json {
 public:
  struct Number { std::string text; };  // as received or as made; valid JSON number syntax
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;   // in order of appearance, names unique

  Json() noexcept;                      // null
  // Out of line: copied into every caller, the variant's own cost seconds a compile unit and mislead GCC's flow analysis.
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value);
  Json(std::int64_t value);
  Json(std::uint64_t value);
  Json(unsigned value);
  Json(Number value) : value_(std::move(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json object(std::initializer_list<Member> members = {}) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> items = {}) { return Json(Array(items)); }
  static Json number(std::string text) { return Json(Number{std::move(text)}); }

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return value_.index() == 1; }
  bool is_number() const { return value_.index() == 2; }
  bool is_string() const { return value_.index() == 3; }
  bool is_array() const { return value_.index() == 4; }
  bool is_object() const { return value_.index() == 5; }
  const char* type_name() const;        // "an object", "a number" … for messages

  bool as_bool() const { return std::get<1>(value_); }
  const std::string& number_text() const { return std::get<2>(value_).text; }
  const std::string& as_string() const { return std::get<3>(value_); }
  const Array& items() const { return std::get<4>(value_); }
  Array& items() { return std::get<4>(value_); }
  const Object& members() const { return std::get<5>(value_); }
  Object& members() { return std::get<5>(value_); }

  const Json* find(std::string_view name) const;   // nullptr when not an object or no such member
  Json& set(std::string name, Json value);         // adds or replaces; makes null an object; returns *this
  Json& push(Json value);                          // makes null an array; returns *this
  std::string dump() const;                        // compact
  std::string pretty() const;                      // two spaces, for people

 private:
  std::variant<std::monostate, bool, Number, std::string, Array, Object> value_;
};

void append_json_string(std::string& out, std::string_view text);   // with its quotes, escaped: for writers that make no Json of a large answer

// Status::bad_request when it is not JSON (the detail says where), Status::invalid with a pointer for a duplicate name, a number
// out of bounds or too much depth.
Result<Json> parse_json(std::string_view text);

// A pointer's step: "/a~1b" for member "a/b", "/3" for an index.
std::string pointer_member(std::string_view base, std::string_view name);
std::string pointer_index(std::string_view base, std::size_t index);

}  // namespace agiddi
