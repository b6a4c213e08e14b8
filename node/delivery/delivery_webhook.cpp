// Webhooks: readings of an integration whose delivery is a stream, posted to an address that the application registered. They wait in the outbox, on disk like
// those of MQTT, until the receiver has acknowledged them with a 2xx.
#include "node/delivery/delivery_core.h"
#include "node/log.h"
#include "ontology/units.h"

namespace agiddi::node {
namespace {

std::string measurement_id(const Served& served, std::size_t device, std::uint64_t sequence) {
  return "urn:agiddi:measurement:" + served.view.id.hex() + ":" + std::to_string(served.view.epoch) + ":" + std::to_string(device + 1) + "-" + std::to_string(sequence);
}

}  // namespace

Result<Served*> DeliveryCore::served_stream(const Hash& id, const std::string* token) {
  Served* served = find(id);
  if (served == nullptr || served->replaced) return fail(Status::not_found, "This node does not serve that integration.");
  if (served->over_mqtt()) return fail(Status::conflict, "The integration's delivery is over MQTT; streams, webhooks and latest belong to delivery by sse or websocket.");
  if (token != nullptr && !equal_constant_time(*token, served->token)) return fail(Status::unauthorized, "The stream's token is not valid.");
  return served;
}

IdentifiedMeasurement DeliveryCore::identified(const Served& served, std::size_t device, std::uint64_t sequence, std::shared_ptr<const std::string> json) const {
  return {measurement_id(served, device, sequence), std::move(json)};
}

Result<Json> DeliveryCore::set_webhook(const Hash& id, const WebhookTerms& terms) {
  const auto found = served_stream(id, nullptr);
  if (!found) return tl::unexpected(found.error());
  Served& served = **found;
  if (served.ended) return fail(Status::conflict, "The integration has ended: " + served.ended_because + ".");
  if (auto allowed = check_webhook_address(terms.url, DialPolicy{options_.allow_private_endpoints, false}); !allowed) return tl::unexpected(allowed.error());
  if (!terms.unit.empty()) {
    std::vector<subservices::DeviceTemplate> templates;
    for (const ServedDevice& device : served.devices) templates.push_back(device.frame.device);
    if (const auto unit = subservices::resolve_delivery_unit(terms.unit, templates); !unit) return fail_field("/unit", unit.error().detail);
  }
  if (!served.posts() && counts_[webhooks].load() >= options_.webhooks_max) return fail(Status::overloaded, "This node has as many webhooks as it may; use a stream, or ask another node.");
  if (served.sink) {
    served.sink->end("a webhook took over");
    served.sink.reset();
    count(streams, static_cast<std::uint64_t>(-1));
  }
  start_webhook(served, terms);
  ledger_.local_put(notes::session(id), session_note(served));
  post_webhook(served);
  return webhook_json(served);
}

void DeliveryCore::start_webhook(Served& served, const WebhookTerms& terms) {
  if (!served.posts()) count(webhooks);
  served.webhook = Webhook{};
  served.webhook->terms = terms;
  served.webhook->terms.format = terms.format.value_or(served.default_format());
  served.webhook->receiver = webhook_client_->receiver(terms.url);
  served.webhook->number = ++webhook_number_;
  set_frame_unit(served);
}

// A webhook's own unit goes before the integration's.
void DeliveryCore::set_frame_unit(Served& served) const {
  const std::string& asked = served.posts() && !served.webhook->terms.unit.empty() ? served.webhook->terms.unit : served.view.unit;
  const ontology::Unit* unit = asked.empty() ? nullptr : ontology::units().find(asked);
  for (ServedDevice& device : served.devices) device.frame.delivery_unit = unit != nullptr ? unit->iri : std::string();
}

Result<void> DeliveryCore::end_webhook(const Hash& id) {
  const auto found = served_stream(id, nullptr);
  if (!found) return tl::unexpected(found.error());
  Served& served = **found;
  if (!served.webhook) return fail(Status::not_found, "The integration has no webhook.");
  drop_webhook(served);
  ledger_.local_put(notes::session(id), session_note(served));
  return {};
}

void DeliveryCore::drop_webhook(Served& served) {
  if (served.posts()) count(webhooks, static_cast<std::uint64_t>(-1));
  served.webhook.reset();
  set_frame_unit(served);
}

// It is told of until it is ended or replaced, and its place is another's.
void DeliveryCore::webhook_gone(Served& served, TimeMs since) {
  if (!served.posts()) return;
  Webhook& hook = *served.webhook;
  hook.gone = true;
  hook.receiver.reset();
  hook.last_error_at = since;
  hook.last_error = "the receiver answered 410";
  count(webhooks, static_cast<std::uint64_t>(-1));
  set_frame_unit(served);
}

Result<Json> DeliveryCore::webhook(const Hash& id, const std::string& token) {
  const auto found = served_stream(id, &token);
  if (!found) return tl::unexpected(found.error());
  if (!(*found)->webhook) return fail(Status::not_found, "The integration has no webhook.");
  return webhook_json(**found);
}

Json DeliveryCore::webhook_json(const Served& served) const {
  const Webhook& hook = *served.webhook;
  Json out = hook.terms.json();
  out.set("state", hook.gone ? "gone" : hook.failures_in_row > 0 ? "retrying" : "active");
  out.set("delivered", hook.delivered);
  out.set("failed", hook.failed);
  out.set("queued", static_cast<std::uint64_t>(served.outbox_size()));
  out.set("dropped", hook.dropped);
  if (hook.last_delivery > 0) out.set("lastDelivery", time_text(hook.last_delivery));
  if (hook.last_error_at > 0) out.set("lastError", Json::object({{"at", time_text(hook.last_error_at)}, {"detail", hook.last_error}}));
  return out;
}

// As many of the oldest as one post takes; the devices take turns in being first.
void DeliveryCore::post_webhook(Served& served) {
  if (!served.webhook || stopping_) return;
  Webhook& hook = *served.webhook;
  if (hook.gone || !hook.on_way.empty() || Webhook::Clock::now() < hook.try_at) return;
  WebhookPost post{served.view.id.hex(), *hook.terms.format, {}};
  std::size_t size = 0;
  for (std::size_t turn = 0; turn < served.devices.size(); ++turn) {
    const std::size_t index = (hook.first_device + turn) % served.devices.size();
    for (const auto& [sequence, entry] : served.devices[index].outbox) {
      size += entry.json->size();
      if (post.measurements.size() >= hook.batch_max || (size > Webhook::kBatchMax_bytes && !post.measurements.empty())) break;
      post.measurements.push_back(identified(served, index, sequence, entry.json));
      hook.on_way.push_back({index, sequence});
    }
  }
  if (hook.on_way.empty()) return;
  hook.first_device = (hook.first_device + 1) % served.devices.size();
  webhook_client_->post(hook.receiver, std::move(post), [weak = weak_from_this(), id = served.view.id, number = hook.number](WebhookAnswer answer) {
    const auto self = weak.lock();
    if (self) self->lane_.post_always([core = self.get(), id, number, answer = std::move(answer)] { core->webhook_answered(id, number, answer); });
  });
}

void DeliveryCore::webhook_answered(const Hash& id, std::uint64_t number, const WebhookAnswer& answer) {
  Served* served = find(id);
  if (served == nullptr || !served->webhook || served->webhook->number != number || stopping_) return;
  Webhook& hook = *served->webhook;
  const std::vector<Webhook::Sent> sent = std::exchange(hook.on_way, {});
  if (answer.status / 100 == 2) {
    hook.delivered += sent.size();
    hook.failures_in_row = 0;
    hook.batch_max = std::min(hook.batch_max + 1, Webhook::kBatchMax);   // where a larger body was too large, one by one
    hook.last_delivery = now();
    for (const Webhook::Sent& one : sent) erase_outbox(*served, one.device, one.sequence);
    return post_webhook(*served);
  }
  ++hook.failed;
  ++hook.failures_in_row;
  hook.last_error_at = now();
  hook.last_error = answer.status == 0 ? answer.problem : "the receiver answered " + std::to_string(answer.status);
  if (answer.status == 410) {
    webhook_gone(*served, hook.last_error_at);
    log_info("a webhook is gone", {{"integration", id.hex()}});
    ledger_.local_put(notes::session(id), session_note(*served));
    return;
  }
  if (answer.status == 413) hook.batch_max = std::max<std::size_t>(sent.size() / 2, 1);
  hook.try_at = Webhook::Clock::now() + webhook_pause(hook.failures_in_row, answer.retry_after_s);
}

}  // namespace agiddi::node
