// Ways to receive beside the stream: webhooks, and the latest reading.
#include "node/http/endpoints/application_document.h"

namespace agiddi::node {
namespace {

constexpr std::string_view kWebhookAction = "integration.webhook";

// Goes on with the document when the application may change its webhook here.
using UseDocument = std::function<void(const ApplicationDocument& document)>;
void with_webhook_document(const Core& core, HttpRequest request, Responder responder, BodyCheck check, UseDocument use) {
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  core->run(core->workers(), responder, [core, shared, responder, check = std::move(check), use = std::move(use)] {
    const auto document = application_document(*core, kWebhookAction, *shared, check);
    if (!document) return responder.send(problem(document.error()));
    if (document->unclaimed) return responder.send(problem(Status::conflict, "Nobody serves the integration now; ask for credentials first (POST /v1/integrations/{id}/credentials)."));
    if (auto taken = take_jti(*core, *document); !taken) return responder.send(problem(taken.error()));
    use(*document);
  });
}

Result<void> is_webhook_request(const Json& body) {
  if (auto terms = parse_webhook_request(body); !terms) return tl::unexpected(terms.error());
  return {};
}

void set_webhook(const Core& core, HttpRequest request, Responder responder) {
  with_webhook_document(core, std::move(request), responder, is_webhook_request, [core, responder](const ApplicationDocument& document) {
    core->delivery().set_webhook(document.integration, *parse_webhook_request(document.body), [responder, id = document.integration](Result<Json> state) {
      if (!state) return responder.send(problem(state.error()));
      HttpResponse response = json_response(201, *state);
      response.with("Location", "/v1/integrations/" + id.hex() + "/webhook");
      responder.send(std::move(response));
    });
  });
}

void end_webhook(const Core& core, HttpRequest request, Responder responder) {
  with_webhook_document(core, std::move(request), responder, only_integration, [core, responder](const ApplicationDocument& document) {
    core->delivery().end_webhook(document.integration, [responder](Result<void> ended) {
      if (!ended) return responder.send(problem(ended.error()));
      HttpResponse response;
      response.status = 204;
      response.content_type.clear();
      responder.send(std::move(response));
    });
  });
}

void get_webhook(const Core& core, const HttpRequest& request, const Responder& responder) {
  const auto call = stream_call(request, responder);
  if (!call) return;
  core->delivery().webhook(call->integration, call->token, [responder](Result<Json> state) {
    responder.send(state ? json_response(200, *state) : stream_problem(state.error()));
  });
}

void latest(const Core& core, const HttpRequest& request, const Responder& responder) {
  static const std::vector<std::string> kTypes{"application/ld+json", "application/senml+json"};
  static const std::vector<std::string> kTypesTurned{kTypes.rbegin(), kTypes.rend()};
  const auto type = negotiate(request.header_list("accept"), kTypes), turned = negotiate(request.header_list("accept"), kTypesTurned);
  if (!type) return responder.send(problem(Status::not_acceptable, "Readings are written in application/ld+json and application/senml+json."));
  const auto call = stream_call(request, responder);
  if (!call) return;
  const bool leaves_it_open = kTypes[*type] != kTypesTurned[*turned];
  const WebhookFormat asked = *type == 1 ? WebhookFormat::senml : WebhookFormat::jsonld;
  core->delivery().latest(call->integration, call->token, [responder, leaves_it_open, asked](Result<LatestReadings> latest) {
    if (!latest) return responder.send(stream_problem(latest.error()));
    const WebhookFormat format = leaves_it_open ? latest->format : asked;
    HttpResponse response;
    response.with("Cache-Control", "no-store").with("Vary", "Accept");
    if (latest->readings.empty()) {
      response.status = 204;
      response.content_type.clear();
    } else {
      response.content_type = webhook_media_type(format);
      response.body = measurements_body(format, latest->readings);
    }
    responder.send(std::move(response));
  });
}

}  // namespace

void bind_receive(Router& router, const Core& core) {
  router.add("POST", "/v1/integrations/{id}/webhook", [core](HttpRequest request, Responder responder) {
    set_webhook(core, std::move(request), std::move(responder));
  }, kJsonBody);
  router.add("DELETE", "/v1/integrations/{id}/webhook", [core](HttpRequest request, Responder responder) {
    end_webhook(core, std::move(request), std::move(responder));
  }, {{}, {"application/json"}, false});
  router.add("GET", "/v1/integrations/{id}/webhook", [core](HttpRequest request, Responder responder) { get_webhook(core, request, responder); },
             with_query({"application/json"}, {"token"}));
  router.add("GET", "/v1/integrations/{id}/latest", [core](HttpRequest request, Responder responder) { latest(core, request, responder); },
             with_query({}, {"token"}));
}

}  // namespace agiddi::node
