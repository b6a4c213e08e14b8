// Problem documents (RFC 9457): every error answer of the node. The detail is a sentence of our own; foreign bytes stand in it only as JSON text.
#pragma once

#include "node/http/request.h"
#include "protocol/json.h"

namespace agiddi::node {

// application/problem+json with type "about:blank", title, status, detail and errors; 401 has WWW-Authenticate, 429 and 503 have Retry-After.
HttpResponse problem(const Error& error);
HttpResponse problem(Status status, std::string detail);
// The same with further members, such as {"transaction": id}.
HttpResponse problem_with(const Error& error, std::vector<std::pair<std::string, Json>> members);

HttpResponse json_response(unsigned status, const Json& body);
HttpResponse json_text_response(unsigned status, std::string json);   // of what was written as JSON at once
std::string_view reason_phrase(unsigned status);

}  // namespace agiddi::node
