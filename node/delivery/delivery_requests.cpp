// What HTTP asks of the delivery: access to an integration, new credentials, figures, streams.
#include "node/delivery/delivery_core.h"

namespace agiddi::node {
namespace {

constexpr auto kAccessWait = std::chrono::milliseconds(5'000);      // for the broker to take the grants
constexpr std::size_t kWaitersMax = 64;

}  // namespace

DeliveryAccess DeliveryCore::access_of(const Served& served) const {
  DeliveryAccess access;
  if (served.over_mqtt()) {
    access.broker = options_.broker_public_url;
    access.topic = served.account.topic;
    access.username = served.account.username;
    access.password = served.account.password;
  } else {
    access.url = options_.public_url + "/v1/integrations/" + served.view.id.hex() + "/stream?token=" + served.token;
  }
  return access;
}

void DeliveryCore::wait_for_access(Served& served, AccessDone done) {
  if (served.ended) return done(fail(Status::not_found, "The integration has ended."));
  if (served.grants_pending == 0) {
    if (served.grant_refused) return done(fail(Status::unavailable, "The broker has no room for this integration's credentials."));
    return done(access_of(served));
  }
  if (served.waiters.size() >= kWaitersMax) return done(fail(Status::overloaded, "Too many wait for these credentials."));
  served.waiters.push_back(std::move(done));
  lane_.after(kAccessWait, [this, id = served.view.id] {
    Served* late = find(id);
    if (late == nullptr) return;
    std::vector<AccessDone> waiters;
    waiters.swap(late->waiters);
    for (AccessDone& waiter : waiters) waiter(fail(Status::unavailable, "The broker does not answer; the integration starts when it does."));
  });
}

void DeliveryCore::claim_and_start(const Hash& id, AccessDone done) {
  if (stopping_) return done(fail(Status::unavailable, "The node is stopping."));
  const auto head = ledger_.head(id);
  if (!head) return done(fail(Status::not_found, "There is no such integration."));
  if (head->state == IntegrationState::ended || head->state == IntegrationState::closing) {
    return done(fail(Status::conflict, "The integration has ended."));
  }
  if (!broker_) return done(fail(Status::unavailable, "This node has no broker."));
  if (!head->node.empty()) {
    if (head->node != member_) return done(fail(Status::conflict, "The integration is served by " + head->node + "; ask there."));
    refresh(id);
    if (find(id) == nullptr) {
      if (auto view = ledger_.integration(id); view && view->node == member_) serve(std::move(*view));
    }
    if (find(id) == nullptr) return done(fail(Status::conflict, "The integration is served by another node now; ask again."));
    return wait_for_access(*find(id), std::move(done));
  }
  if (counts_[integrations].load() >= options_.integrations_max) return done(fail(Status::overloaded, "This node serves as many integrations as it may."));
  if (!head->unit.empty()) {
    const auto view = ledger_.integration(id);
    if (!view) return done(fail(Status::not_found, "There is no such integration."));
    std::vector<subservices::DeviceTemplate> templates;
    for (const GrantedDevice& device : view->devices) templates.push_back(device.measurement);
    if (const auto unit = subservices::resolve_delivery_unit(view->unit, templates); !unit) return done(tl::unexpected(unit.error()));
  }
  auto& waiters = claims_[id];
  waiters.push_back(std::move(done));
  if (waiters.size() > 1) return;
  Json body = Json::object({{"integration", id.hex()}, {"node", member_}, {"epoch", head->epoch + 1}});
  chain_.submit_own("integration.claim", std::move(body), [weak = weak_from_this(), id](Result<Outcome> outcome) {
    const auto self = weak.lock();
    if (self) self->lane_.post_always([core = self.get(), id, outcome = std::move(outcome)] { core->claimed(id, outcome); });
  });
}

void DeliveryCore::claimed(const Hash& id, Result<Outcome> outcome) {
  std::vector<AccessDone> waiters;
  if (auto found = claims_.extract(id)) waiters = std::move(found.mapped());
  if (stopping_) return;
  if (!outcome) {
    for (AccessDone& done : waiters) done(tl::unexpected(outcome.error()));
    return;
  }
  // Whoever claimed first, the ledger says who serves.
  for (AccessDone& done : waiters) {
    const auto head = ledger_.head(id);
    if (head && head->node.empty()) {
      done(fail(Status::unavailable, "The claim was not accepted: " + outcome->receipt.result));
    } else {
      claim_and_start(id, std::move(done));
    }
  }
}

void DeliveryCore::delivery_for(const Hash& id, bool rotate, AccessDone done) {
  if (stopping_) return done(fail(Status::unavailable, "The node is stopping."));
  Served* served = find(id);
  if (served == nullptr || served->ended) return done(fail(Status::not_found, "This node does not serve that integration."));
  if (rotate && served->over_mqtt()) {
    if (broker_->revoke(served->account.username)) --served->grants_pending;
    applications_.erase(served->account.username);
    served->attached = false;
    served->account = random_account("out");
    served->grant_refused = false;
    for (std::size_t i = 0; i < served->devices.size(); ++i) end_flow(*served, i);   // another begins, to the new topic
    grant_application(id, *served);
  } else if (rotate) {
    served->token = random_token();
    if (served->sink) {
      served->sink->end("the credentials were renewed");
      served->sink.reset();
      count(streams, static_cast<std::uint64_t>(-1));
    }
  }
  if (rotate) ledger_.local_put(notes::session(id), session_note(*served));
  wait_for_access(*served, std::move(done));
}

std::optional<IntegrationUsage> DeliveryCore::usage(const Hash& id) const {
  const auto found = served_.find(id);
  if (found == served_.end() || found->second.replaced) return std::nullopt;
  const Served& served = found->second;
  IntegrationUsage out;
  out.active = !served.ended;
  out.ended_because = served.ended_because;
  for (const ServedDevice& device : served.devices) {
    DeviceUsage usage;
    usage.device = device.granted.measurement.device;
    usage.bytes_used = device.meter.bytes_used() - device.granted.bytes_lost;
    usage.readings = device.meter.readings();
    usage.measurements = device.meter.measurements();
    usage.sequence = device.meter.sequence();
    usage.bytes_remaining = device.meter.bytes_remaining();
    usage.expires = device.granted.expires;
    usage.last_measurement = device.meter.last_reading();
    if (!device.over && device.clock.is_silent(now())) usage.silent_since = device.clock.last_sign();
    out.devices.push_back(std::move(usage));
  }
  return out;
}

Result<void> DeliveryCore::attach_stream(const Hash& id, const std::string& token, std::shared_ptr<StreamSink> sink) {
  Served* served = find(id);
  if (served == nullptr) return fail(Status::not_found, "This node does not serve that integration.");
  if (served->over_mqtt()) return fail(Status::conflict, "The integration's delivery is over MQTT.");
  if (!equal_constant_time(token, served->token)) return fail(Status::unauthorized, "The stream's token is not valid.");
  if (served->ended) return fail(Status::not_found, "The integration has ended: " + served->ended_because + ".");
  if (served->posts()) return fail(Status::conflict, "The readings go to a webhook; end it first (DELETE /v1/integrations/{id}/webhook).");
  if (served->sink) {
    served->sink->end("a newer stream took over");
  } else {
    count(streams);
  }
  served->sink = std::move(sink);
  return {};
}

void DeliveryCore::detach_stream(const Hash& id, const StreamSink* sink) {
  Served* served = find(id);
  if (served == nullptr || !served->sink || served->sink.get() != sink) return;
  served->sink.reset();
  count(streams, static_cast<std::uint64_t>(-1));
}

}  // namespace agiddi::node
