// Documents that an integration's application signs for the node that serves it, and that never reach the ledger: integration.credentials,
// integration.webhook. And the token of a stream, with which it reads.
#pragma once

#include "node/http/writes.h"

namespace agiddi::node {

struct ApplicationDocument {
  Hash integration;
  Json body;
  ProtectedHeader header;
  bool unclaimed = false;     // nobody serves it, for example because the node that took it went down
};

// Authenticated, inside its time window, of the integration that the path names (404 none), signed by its application (403), which has not ended (409), at the
// node that serves it (409). check reads the body, all its members but "integration". Blocks: workers' lane.
using BodyCheck = std::function<Result<void>(const Json& body)>;
Result<ApplicationDocument> application_document(ApiCore& core, std::string_view action, const HttpRequest& request, const BodyCheck& check);
Result<void> only_integration(const Json& body);   // the body has no other member
// 409 for a jti that was used before, here or on the ledger. Last of all checks: what is refused consumes nothing.
Result<void> take_jti(ApiCore& core, const ApplicationDocument& document);

// Authorization: Bearer, or ?token=.
std::optional<std::string> stream_token(const HttpRequest& request);
HttpResponse stream_problem(const Error& error);   // a 401 asks for Bearer
// The token and the path's integration; or the problem has been sent.
struct StreamCall {
  Hash integration;
  std::string token;
};
std::optional<StreamCall> stream_call(const HttpRequest& request, const Responder& responder);

}  // namespace agiddi::node
