#include "node/http/endpoints/application_document.h"

#include "node/http/uri.h"
#include "protocol/field_reader.h"
#include "subservices/access/access_service.h"
#include "subservices/payment/account_keys.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"

namespace agiddi::node {

Result<ApplicationDocument> application_document(ApiCore& core, std::string_view action, const HttpRequest& request, const BodyCheck& check) {
  auto document = authenticate(core.chain(), action, request);
  if (!document) return tl::unexpected(document.error());
  if (!inside_window(document->header, core.chain().now())) {
    return fail(Status::unauthorized, "The document is outside its time window: iat must lie within 60 s ahead and 600 s behind.");
  }
  auto body = parse_json(document->body);
  if (!body) return tl::unexpected(body.error());
  std::vector<FieldError> errors;
  FieldReader reader(*body, "", errors);
  const auto named = reader.required_string("integration", 64);
  if (named && *named != request.parameter("id")) reader.error("integration", "must be the id that the path names");
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  if (auto fits = check(*body); !fits) return tl::unexpected(fits.error());
  const auto integration = Hash::from_hex(*named);
  if (!integration) return fail(Status::not_found, "There is no such integration.");
  const auto snapshot = core.chain().snapshot();
  const auto task = subservices::AccessService(*snapshot).task(*integration);
  if (!task) return tl::unexpected(task.error());
  const auto account = subservices::account_of_key(subservices::StateView(snapshot->state()), document->header.kid);
  if (!account) return tl::unexpected(account.error());
  if (task->application != *account) return fail(Status::forbidden, "Only the integration's application may ask for this.");
  if (task->state == subservices::ServiceState::ended || task->state == subservices::ServiceState::closing) {
    return fail(Status::conflict, "The integration has ended.");
  }
  if (!task->node.empty() && task->node != core.chain().self().id) {
    return fail(Status::conflict, "The integration is served by " + task->node + "; ask there.");
  }
  return ApplicationDocument{*integration, std::move(*body), document->header, task->node.empty()};
}

Result<void> only_integration(const Json& body) {
  std::vector<FieldError> errors;
  FieldReader reader(body, "", errors);
  reader.required_string("integration", 64);
  reader.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return {};
}

Result<void> take_jti(ApiCore& core, const ApplicationDocument& document) {
  const auto snapshot = core.chain().snapshot();
  if (snapshot->state().get(ledger::Column::state, subservices::keys::seen(document.header.kid, document.header.jti))) {
    return fail(Status::conflict, "This jti was used before; sign the document again with a fresh one.");
  }
  return core.fresh_jtis().take(document.header, core.chain().now());
}

std::optional<std::string> stream_token(const HttpRequest& request) {
  if (const auto authorization = request.header("authorization")) {
    if (lower_case(authorization->substr(0, 7)) == "bearer ") return std::string(trim(authorization->substr(7)));
  }
  if (const auto token = request.query_value("token")) return std::string(*token);
  return std::nullopt;
}

HttpResponse stream_problem(const Error& error) {
  HttpResponse response = problem(error);
  for (auto& [name, value] : response.headers) {
    if (name == "WWW-Authenticate") value = "Bearer";
  }
  return response;
}

std::optional<StreamCall> stream_call(const HttpRequest& request, const Responder& responder) {
  auto token = stream_token(request);
  if (!token || token->empty()) {
    responder.send(stream_problem(Error{Status::unauthorized, "This asks for the token of the stream's url, as ?token=… or Authorization: Bearer.", {}}));
    return std::nullopt;
  }
  const auto integration = Hash::from_hex(request.parameter("id"));
  if (!integration) {
    responder.send(problem(Status::not_found, "There is no such integration."));
    return std::nullopt;
  }
  return StreamCall{*integration, std::move(*token)};
}

}  // namespace agiddi::node
