// Result<T>: the value, or the reason why foreign input was refused.
//
// An Error carries an HTTP-like status because that is the taxonomy that the contract (RFC 9457 problems, ledger receipts)
// speaks: the same number is shown to a client and, for an outcome decided in a block, written into the receipt.
// Broken invariants of our own are not errors: they abort (see protocol/check.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace agiddi {

enum class Status : std::uint16_t {
  ok = 200,
  created = 201,
  bad_request = 400,          // not JSON, not SPARQL, a SPARQL update
  unauthorized = 401,         // signature, network, action, time window
  payment_required = 402,     // unpaid, or insufficient funds
  forbidden = 403,            // not yours, or paid for something else
  not_found = 404,
  method_not_allowed = 405,
  not_acceptable = 406,
  conflict = 409,             // grant in use, stale version, jti used for another document
  too_large = 413,
  unsupported_media = 415,
  invalid = 422,              // well-formed but invalid
  overloaded = 429,
  internal = 500,
  unavailable = 503,          // no quorum, a query past its limit
  timed_out = 504,            // commit not seen within the wait
};

struct FieldError {
  std::string pointer;  // RFC 6901 JSON pointer into the request body, "" for the whole body
  std::string detail;   // what is wrong and what to do
  friend bool operator==(const FieldError&, const FieldError&) = default;
};

struct Error {
  Status status = Status::internal;
  std::string detail;               // one sentence for a person; never holds a secret
  std::vector<FieldError> fields;   // only for bad input
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Status status, std::string detail) {
  return tl::unexpected<Error>(Error{status, std::move(detail), {}});
}
inline tl::unexpected<Error> fail_field(std::string pointer, std::string detail) {
  return tl::unexpected<Error>(
      Error{Status::invalid, detail, {FieldError{std::move(pointer), std::move(detail)}}});
}

}  // namespace agiddi
