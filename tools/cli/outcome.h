// What a command of the tool ends with: an answer for standard output, or a failure with its exit status.
//
// With --json exactly one JSON document goes to standard output, the answer or the problem (RFC 9457 as the node sent it);
// messages for people go to standard error.
#pragma once

#include "protocol/json.h"

namespace agiddi::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct Answer {
  Json document;      // for --json
  std::string text;   // for people, ends with a line feed
};

struct Failure {
  int exit_status = kExitFailed;
  Json problem;       // {"title","detail","status"?,"errors"?}; status only when a node answered

  Failure(Json problem_document, int status) : exit_status(status), problem(std::move(problem_document)) {}
  Failure(const Error& error);  // of our own: a file, a key, a connection
};

template <class T>
using Outcome = tl::expected<T, Failure>;

tl::unexpected<Failure> failed(std::string detail);
tl::unexpected<Failure> wrong_usage(std::string detail);
// Passes an Error on as a Failure.
inline tl::unexpected<Failure> passed_on(const Error& error) { return tl::unexpected(Failure(error)); }

// A member for people: a text as it is, another value as JSON; `otherwise` when it is absent or null.
std::string shown(const Json& object, std::string_view name, const char* otherwise = "-");

// "refused (402 Payment required): …" and a line for each pointer that the detail does not tell already.
std::string problem_text(const Json& problem);

}  // namespace agiddi::tools
