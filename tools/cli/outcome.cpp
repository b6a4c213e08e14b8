#include "tools/cli/outcome.h"

namespace agiddi::tools {
namespace {

Json problem_document(std::string title, std::string detail) {
  return Json::object({{"type", "about:blank"}, {"title", std::move(title)}, {"detail", std::move(detail)}});
}

std::string text_of(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value && value->is_string() ? value->as_string() : std::string();
}

}  // namespace

Failure::Failure(const Error& error) : problem(problem_document("Failed", error.detail)) {
  if (error.fields.empty()) return;
  Json errors = Json::array();
  for (const FieldError& field : error.fields) errors.push(Json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
  problem.set("errors", std::move(errors));
}

tl::unexpected<Failure> failed(std::string detail) {
  return tl::unexpected(Failure(problem_document("Failed", std::move(detail)), kExitFailed));
}

tl::unexpected<Failure> wrong_usage(std::string detail) {
  return tl::unexpected(Failure(problem_document("Wrong usage", std::move(detail)), kExitUsage));
}

std::string shown(const Json& object, std::string_view name, const char* otherwise) {
  const Json* value = object.find(name);
  if (!value || value->is_null()) return otherwise;
  return value->is_string() ? value->as_string() : value->dump();
}

std::string problem_text(const Json& problem) {
  std::string out;
  const Json* status = problem.find("status");
  if (status && status->is_number()) out = "refused (" + status->number_text() + " " + text_of(problem, "title") + "): ";
  const std::string detail = text_of(problem, "detail");
  out += detail + "\n";
  const Json* errors = problem.find("errors");
  if (errors && errors->is_array()) {
    for (const Json& error : errors->items()) {
      const std::string pointer = text_of(error, "pointer"), told = text_of(error, "detail");
      if (detail.find(told) != detail.npos && detail.find(pointer) != detail.npos) continue;   // as a rule the first
      out += "  " + (pointer.empty() ? "(document)" : pointer) + ": " + told + "\n";
    }
  }
  return out;
}

}  // namespace agiddi::tools
