#include "node/http/problem.h"

namespace agiddi::node {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

HttpResponse json_response(unsigned status, const Json& body) { return json_text_response(status, body.dump()); }

HttpResponse json_text_response(unsigned status, std::string json) {
  HttpResponse out;
  out.status = status;
  out.body = std::move(json);
  return out;
}

HttpResponse problem_with(const Error& error, std::vector<std::pair<std::string, Json>> members) {
  const unsigned status = static_cast<unsigned>(error.status);
  Json document = Json::object({{"type", "about:blank"},
                                {"title", std::string(reason_phrase(status))},
                                {"status", status},
                                {"detail", error.detail}});
  if (!error.fields.empty()) {
    Json errors = Json::array();
    for (const FieldError& field : error.fields) {
      errors.push(Json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
    }
    document.set("errors", std::move(errors));
  }
  for (auto& [name, value] : members) document.set(std::move(name), std::move(value));
  HttpResponse out = json_response(status, document);
  out.content_type = "application/problem+json";
  if (status == 401) out.with("WWW-Authenticate", "Agiddi-Signature");
  if (status == 429) out.with("Retry-After", "1");
  if (status == 503) out.with("Retry-After", "2");
  return out;
}

HttpResponse problem(const Error& error) { return problem_with(error, {}); }

HttpResponse problem(Status status, std::string detail) { return problem(Error{status, std::move(detail), {}}); }

}  // namespace agiddi::node
