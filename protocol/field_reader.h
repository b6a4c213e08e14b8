// FieldReader: reads the members of one JSON object against a schema and collects every error with its JSON pointer, so that
// a client sees all its mistakes at once. finish() refuses members that nobody asked for (a typing error is never ignored).
#pragma once

#include <optional>
#include <set>

#include "protocol/decimal.h"
#include "protocol/json.h"

namespace agiddi {

class FieldReader {
 public:
  // object may be any JSON value: when it is not an object that is the error, and every read yields nothing.
  FieldReader(const Json& object, std::string pointer, std::vector<FieldError>& errors);

  const Json* optional(std::string_view name);                       // marks the member as known
  const Json* required(std::string_view name);                       // adds "is required" when missing
  // The typed readers add an error and return nothing when the member is missing (required_…) or of another type or out of bounds.
  std::optional<std::string> required_string(std::string_view name, std::size_t max_length, std::size_t min_length = 1);
  std::optional<std::string> optional_string(std::string_view name, std::size_t max_length, std::size_t min_length = 1);
  std::optional<Decimal> required_number(std::string_view name);
  std::optional<Decimal> optional_number(std::string_view name);
  std::optional<std::int64_t> required_integer(std::string_view name, std::int64_t min, std::int64_t max);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t min, std::int64_t max);
  const Json::Array* required_array(std::string_view name, std::size_t min_size, std::size_t max_size);
  const Json::Array* optional_array(std::string_view name, std::size_t min_size, std::size_t max_size);
  const Json* required_object(std::string_view name);

  void error(std::string_view name, std::string detail);             // at the member's pointer
  std::string pointer(std::string_view name) const;
  void finish();                                                     // adds an error for each unknown member

 private:
  const Json* object_;
  std::string pointer_;
  std::vector<FieldError>& errors_;
  std::set<std::string, std::less<>> known_;
};

// The Error for collected field errors: 422, its detail made of the first one.
Error invalid_fields(std::vector<FieldError> errors);

}  // namespace agiddi
