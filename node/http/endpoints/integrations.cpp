// Steps 4 and 5: integrations, their credentials, and the stream of measurements.
#include "node/http/endpoints/application_document.h"
#include "subservices/access/access_service.h"

namespace agiddi::node {
namespace {

constexpr std::chrono::milliseconds kDeliveryWait{8'000};   // for the claim's block and the broker, after the integration's own block

// The first of two callers answers; the other finds it done.
struct Once {
  std::atomic<bool> done{false};
  bool first() { return !done.exchange(true); }
};

// "node" names another member: then this node serves nothing, and the application asks there.
bool served_elsewhere(Chain& chain, const Json& body) {
  const Json* node = body.find("node");
  return node && node->is_string() && node->as_string() != chain.self().id;
}

std::string requested_protocol(const Json& body) {
  const Json* delivery = body.find("delivery");
  const Json* protocol = delivery ? delivery->find("protocol") : nullptr;
  return protocol && protocol->is_string() ? protocol->as_string() : std::string();
}

void create(const Core& core, HttpRequest request, Responder responder) {
  auto elsewhere = std::make_shared<bool>(false);
  signed_write(
      core, {"integration.create", ""}, std::move(request), std::move(responder),
      [core, elsewhere](const Json& body) -> Result<void> {
        *elsewhere = served_elsewhere(core->chain(), body);
        if (*elsewhere) return {};
        return core->delivery().can_serve(requested_protocol(body));
      },
      [core, elsewhere](const Responder& to, unsigned status, Json answer) {
        const Json* id = answer.find("integration");
        const auto integration = id && id->is_string() ? Hash::from_hex(id->as_string()) : Result<Hash>(fail(Status::internal, ""));
        HttpResponse plain = json_response(status, answer);
        if (id && id->is_string()) plain.with("Location", "/v1/integrations/" + id->as_string());
        if (*elsewhere || !integration) return to.send(std::move(plain));
        auto once = std::make_shared<Once>();
        auto shared = std::make_shared<std::pair<HttpResponse, Json>>(std::move(plain), std::move(answer));
        const auto without = [to, once, shared](std::string why) {
          if (!once->first()) return;
          shared->second.set("deliveryProblem", std::move(why));
          shared->first.body = shared->second.dump();
          to.send(std::move(shared->first));
        };
        const auto stop_timer = core->after(kDeliveryWait, [without] {
          without("The delivery is not ready yet; ask POST /v1/integrations/{id}/credentials.");
        });
        core->delivery().claim_and_start(*integration, [to, once, shared, without, stop_timer](Result<DeliveryAccess> access) {
          stop_timer();
          if (!access) return without(access.error().detail);
          if (!once->first()) return;
          shared->second.set("delivery", access->json());
          shared->first.body = shared->second.dump();
          to.send(std::move(shared->first));
        });
      });
}

// The document of integration.credentials: who may ask, and that it is fresh.
Result<ApplicationDocument> credentials_target(ApiCore& core, const HttpRequest& request) {
  auto document = application_document(core, "integration.credentials", request, only_integration);
  if (!document) return document;
  if (auto taken = take_jti(core, *document); !taken) return tl::unexpected(taken.error());
  return document;
}

void credentials(const Core& core, HttpRequest request, Responder responder) {
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  core->run(core->workers(), responder, [core, shared, responder] {
    const auto target = credentials_target(*core, *shared);
    if (!target) return responder.send(problem(target.error()));
    const auto stop_timer = core->after(kDeliveryWait, [responder] {
      responder.send(problem(Status::unavailable, "The broker did not answer in time; try again with a fresh jti."));
    });
    const auto answer_with = [responder, stop_timer, id = target->integration](Result<DeliveryAccess> access) {
      stop_timer();
      if (!access) return responder.send(problem(access.error()));
      Json answer = Json::object({{"integration", id.hex()}, {"delivery", access->json()}});
      const Json given = access->json();
      for (const auto& [name, value] : given.members()) answer.set(name, value);
      responder.send(json_response(200, answer));
    };
    if (target->unclaimed) core->delivery().claim_and_start(target->integration, answer_with);
    else core->delivery().delivery_for(target->integration, true, answer_with);
  });
}

// The serving node's live counters on top of what the ledger has.
Json with_usage(Json answer, const IntegrationUsage& usage) {
  const Json live = usage.json();
  const Json* state = answer.find("state");
  const bool active = state && state->is_string() && state->as_string() == "active";
  for (const auto& [name, value] : live.members()) {
    if (name != "devices" && active) answer.set(name, value);
  }
  const Json* live_devices = live.find("devices");
  Json* devices = nullptr;
  for (auto& [name, value] : answer.members()) {
    if (name == "devices" && value.is_array()) devices = &value;
  }
  if (!devices || !live_devices || !live_devices->is_array()) return answer;
  for (Json& device : devices->items()) {
    const Json* urn = device.find("device");
    for (const Json& current : live_devices->items()) {
      const Json* same = current.find("device");
      if (!urn || !same || urn->as_string() != same->as_string()) continue;
      for (const auto& [name, value] : current.members()) device.set(name, value);
    }
  }
  return answer;
}

void get_integration(const Core& core, HttpRequest request, Responder responder) {
  const std::string id(request.parameter("id"));
  const auto integration = Hash::from_hex(id);
  if (!integration) return responder.send(problem(Status::not_found, "There is no such integration."));
  core->delivery().usage(*integration, [core, id, responder](std::optional<IntegrationUsage> usage) {
    core->read(responder, [id, usage = std::move(usage)](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
      auto answer = subservices::AccessService(snapshot).integration(id);
      if (!answer) return tl::unexpected(answer.error());
      for (auto& [name, value] : answer->members()) {
        if (name != "devices" || !value.is_array()) continue;
        for (Json& device : value.items()) {
          if (!device.find("lastMeasurement")) device.set("lastMeasurement", nullptr);
        }
      }
      return json_response(200, usage ? with_usage(std::move(*answer), *usage) : *answer);
    });
  });
}

// Carries measurements from the delivery thread to one client. The stream is opened when the delivery service has accepted the token.
class MeasurementSink final : public StreamSink {
 public:
  void open(std::shared_ptr<EventStream> stream) { stream_ = std::move(stream); }   // on the delivery thread, like all that follows
  std::size_t room() const override { return stream_ ? stream_->room() : 0; }
  void push(StreamMeasurement measurement) override { stream_->send({"", std::move(measurement.id), *measurement.json, ""}); }
  void end(std::string reason) override {
    if (!stream_) return;
    stream_->send({"", "", "", "end: " + std::move(reason)});
    stream_->close();
  }

 private:
  std::shared_ptr<EventStream> stream_;
};

void stream(const Core& core, HttpRequest request, Responder responder) {
  const auto call = stream_call(request, responder);
  if (!call) return;
  auto sink = std::make_shared<MeasurementSink>();
  core->delivery().attach_stream(call->integration, call->token, sink, [core, id = call->integration, sink, responder](Result<void> attached) {
    if (!attached) return responder.send(stream_problem(attached.error()));
    const auto events = responder.stream();
    if (!events) return core->delivery().detach_stream(id, sink.get());
    sink->open(events);
    // Weak, for the stream holds this call and the sink holds the stream.
    events->on_closed([core, id, weak = std::weak_ptr<MeasurementSink>(sink)] {
      if (const auto alive = weak.lock()) core->delivery().detach_stream(id, alive.get());
    });
  });
}

}  // namespace

void bind_integrations(Router& router, const Core& core) {
  router.add("POST", "/v1/integrations", [core](HttpRequest request, Responder responder) { create(core, std::move(request), std::move(responder)); }, kJsonBody);
  router.add("GET", "/v1/integrations/{id}", [core](HttpRequest request, Responder responder) {
    get_integration(core, std::move(request), std::move(responder));
  }, kJsonOnly);
  router.add("POST", "/v1/integrations/{id}/credentials", [core](HttpRequest request, Responder responder) {
    credentials(core, std::move(request), std::move(responder));
  }, kJsonBody);
  router.add("POST", "/v1/integrations/{id}/counts", write_handler(core, {"usage.count", "integration"}), kJsonBody);
  router.add("POST", "/v1/integrations/{id}/close", write_handler(core, {"integration.close", "integration"}), kJsonBody);
  router.add("GET", "/v1/integrations/{id}/stream", [core](HttpRequest request, Responder responder) {
    stream(core, std::move(request), std::move(responder));
  }, with_query({}, {"token"}));
}

}  // namespace agiddi::node
