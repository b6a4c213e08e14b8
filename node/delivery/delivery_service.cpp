#include "node/delivery/delivery_service.h"

#include "node/delivery/delivery_core.h"

namespace agiddi::node {

Json DeliveryAccess::json() const {
  if (!url.empty()) return Json::object({{"url", url}});
  return Json::object({{"broker", broker}, {"topic", topic}, {"username", username}, {"password", password}});
}

Json IntegrationUsage::json() const {
  Json list(Json::Array{});
  for (const DeviceUsage& device : devices) {
    Json entry = Json::object({{"device", device.device}, {"bytesUsed", device.bytes_used}});
    if (device.bytes_remaining) entry.set("bytesRemaining", *device.bytes_remaining);
    if (device.expires) entry.set("expires", time_text(*device.expires));
    entry.set("lastMeasurement", device.last_measurement ? Json(time_text(*device.last_measurement)) : Json());
    if (device.silent_since) entry.set("silentSince", time_text(*device.silent_since));
    entry.set("readings", device.readings);
    entry.set("measurements", device.measurements);
    entry.set("sequence", device.sequence);
    list.push(std::move(entry));
  }
  Json json = Json::object({{"state", active ? "active" : "ended"}, {"devices", std::move(list)}});
  if (!ended_because.empty()) json.set("endedBecause", ended_because);
  return json;
}

struct DeliveryService::Impl {
  std::shared_ptr<DeliveryCore> core;
};

DeliveryService::DeliveryService(Chain& chain, DeliveryLedger& ledger, DeliveryOptions options)
    : impl_(std::make_unique<Impl>(Impl{std::make_shared<DeliveryCore>(chain, ledger, std::move(options))})) {}
DeliveryService::~DeliveryService() { stop(); }

void DeliveryService::start() { impl_->core->start(); }
void DeliveryService::stop() { impl_->core->stop(); }

Result<void> DeliveryService::can_serve(std::string_view protocol) const {
  if (protocol != "mqtt" && protocol != "sse" && protocol != "websocket") {
    return fail_field("/delivery/protocol", "must be \"mqtt\", \"sse\" or \"websocket\"");
  }
  if (impl_->core->options().broker_url.empty()) return fail(Status::unavailable, "This node has no broker, through which devices send their readings; ask another node.");
  return {};
}

void DeliveryService::claim_and_start(Hash integration, AccessDone done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, done] { core->claim_and_start(integration, done); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::delivery_for(Hash integration, bool rotate, AccessDone done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, rotate, done] { core->delivery_for(integration, rotate, done); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::usage(Hash integration, std::function<void(std::optional<IntegrationUsage>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, done] { done(core->usage(integration)); });
  if (!posted) done(std::nullopt);
}

void DeliveryService::attach_stream(Hash integration, std::string token, std::shared_ptr<StreamSink> sink, std::function<void(Result<void>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, token = std::move(token), sink, done] {
    done(core->attach_stream(integration, token, sink));
  });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::detach_stream(Hash integration, const StreamSink* sink) {
  impl_->core->lane().post_always([core = impl_->core.get(), integration, sink] { core->detach_stream(integration, sink); });
}

void DeliveryService::set_webhook(Hash integration, WebhookTerms terms, std::function<void(Result<Json>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, terms = std::move(terms), done] { done(core->set_webhook(integration, terms)); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::end_webhook(Hash integration, std::function<void(Result<void>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, done] { done(core->end_webhook(integration)); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::webhook(Hash integration, std::string token, std::function<void(Result<Json>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, token = std::move(token), done] { done(core->webhook(integration, token)); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

void DeliveryService::latest(Hash integration, std::string token, std::function<void(Result<LatestReadings>)> done) {
  const bool posted = impl_->core->lane().post_always([core = impl_->core.get(), integration, token = std::move(token), done] { done(core->latest(integration, token)); });
  if (!posted) done(fail(Status::unavailable, "The node is stopping."));
}

DeliveryCounters DeliveryService::counters() const { return impl_->core->counters(); }

}  // namespace agiddi::node
