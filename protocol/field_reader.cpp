#include "protocol/field_reader.h"

#include <algorithm>

#include "protocol/limits.h"

namespace agiddi {
namespace {

constexpr std::size_t kNameShown_bytes = 128;

void report(std::vector<FieldError>& errors, std::string pointer, std::string detail) {
  // Enough to mend the request; a hostile body must not grow an answer larger than itself.
  if (errors.size() < limits::kFieldErrorsMax) errors.push_back({std::move(pointer), std::move(detail)});
}

// Code points, given well-formed UTF-8.
std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string between(std::int64_t min, std::int64_t max) {
  return "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

FieldReader::FieldReader(const Json& object, std::string pointer, std::vector<FieldError>& errors)
    : object_(object.is_object() ? &object : nullptr), pointer_(std::move(pointer)), errors_(errors) {
  if (!object_) report(errors_, pointer_, std::string("must be an object, not ") + object.type_name());
}

const Json* FieldReader::optional(std::string_view name) {
  if (!object_) return nullptr;
  known_.emplace(name);
  return object_->find(name);
}

const Json* FieldReader::required(std::string_view name) {
  const Json* value = optional(name);
  if (!value && object_) error(name, "is required");
  return value;
}

namespace {

std::optional<std::string> read_string(FieldReader& reader, const Json* value, std::string_view name, std::size_t max, std::size_t min) {
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    reader.error(name, std::string("must be a string, not ") + value->type_name());
    return std::nullopt;
  }
  const std::size_t length = character_count(value->as_string());
  if (length < min) {
    reader.error(name, min == 1 ? "must not be empty" : "must have at least " + std::to_string(min) + " characters");
    return std::nullopt;
  }
  if (length > max) {
    reader.error(name, "must have at most " + std::to_string(max) + " characters");
    return std::nullopt;
  }
  return value->as_string();
}

std::optional<Decimal> read_number(FieldReader& reader, const Json* value, std::string_view name) {
  if (!value) return std::nullopt;
  if (!value->is_number()) {
    reader.error(name, std::string("must be a number, not ") + value->type_name());
    return std::nullopt;
  }
  auto number = Decimal::parse(value->number_text());
  if (!number) {
    reader.error(name, number.error().detail);
    return std::nullopt;
  }
  return *number;
}

std::optional<std::int64_t> read_integer(FieldReader& reader, const Json* value, std::string_view name, std::int64_t min, std::int64_t max) {
  if (!value) return std::nullopt;
  if (!value->is_number()) {
    reader.error(name, std::string("must be a number, not ") + value->type_name());
    return std::nullopt;
  }
  auto number = Decimal::parse(value->number_text());
  if (!number || number->scale() != 0 || number->mantissa() < min || number->mantissa() > max) {
    reader.error(name, between(min, max));
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number->mantissa());
}

const Json::Array* read_array(FieldReader& reader, const Json* value, std::string_view name, std::size_t min, std::size_t max) {
  if (!value) return nullptr;
  if (!value->is_array()) {
    reader.error(name, std::string("must be an array, not ") + value->type_name());
    return nullptr;
  }
  if (value->items().size() < min || value->items().size() > max) {
    reader.error(name, "must have " + std::to_string(min) + " to " + std::to_string(max) + " items, not " + std::to_string(value->items().size()));
    return nullptr;
  }
  return &value->items();
}

}  // namespace

std::optional<std::string> FieldReader::required_string(std::string_view name, std::size_t max_length, std::size_t min_length) {
  return read_string(*this, required(name), name, max_length, min_length);
}
std::optional<std::string> FieldReader::optional_string(std::string_view name, std::size_t max_length, std::size_t min_length) {
  return read_string(*this, optional(name), name, max_length, min_length);
}
std::optional<Decimal> FieldReader::required_number(std::string_view name) { return read_number(*this, required(name), name); }
std::optional<Decimal> FieldReader::optional_number(std::string_view name) { return read_number(*this, optional(name), name); }
std::optional<std::int64_t> FieldReader::required_integer(std::string_view name, std::int64_t min, std::int64_t max) {
  return read_integer(*this, required(name), name, min, max);
}
std::optional<std::int64_t> FieldReader::optional_integer(std::string_view name, std::int64_t min, std::int64_t max) {
  return read_integer(*this, optional(name), name, min, max);
}
const Json::Array* FieldReader::required_array(std::string_view name, std::size_t min_size, std::size_t max_size) {
  return read_array(*this, required(name), name, min_size, max_size);
}
const Json::Array* FieldReader::optional_array(std::string_view name, std::size_t min_size, std::size_t max_size) {
  return read_array(*this, optional(name), name, min_size, max_size);
}

const Json* FieldReader::required_object(std::string_view name) {
  const Json* value = required(name);
  if (!value || value->is_object()) return value;
  error(name, std::string("must be an object, not ") + value->type_name());
  return nullptr;
}

void FieldReader::error(std::string_view name, std::string detail) { report(errors_, pointer(name), std::move(detail)); }

std::string FieldReader::pointer(std::string_view name) const { return pointer_member(pointer_, name); }

void FieldReader::finish() {
  if (!object_) return;
  for (const auto& [name, value] : object_->members()) {
    if (known_.contains(name)) continue;
    if (name.size() > kNameShown_bytes) {
      report(errors_, pointer_, "has a member that is not known, with a very long name");
    } else {
      error(name, "is not a known member here");
    }
  }
}

Error invalid_fields(std::vector<FieldError> errors) {
  std::string detail = "the document is not valid";
  if (!errors.empty()) {
    detail = (errors[0].pointer.empty() ? std::string("the document") : errors[0].pointer) + " " + errors[0].detail;
    if (errors.size() > 1) detail += " (and " + std::to_string(errors.size() - 1) + " more)";
  }
  return Error{Status::invalid, std::move(detail), std::move(errors)};
}

}  // namespace agiddi
