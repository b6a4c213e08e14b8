#include "node/delivery/delivery_core.h"

#include <algorithm>
#include <unordered_set>

#include "node/delivery/sealed_access.h"
#include "node/log.h"
#include "ontology/metadata.h"
#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/device_password.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kWorkMax = 20'000;
constexpr TimeMs kGrantMax_ms = 365LL * 86'400'000;                 // of a grant at the broker that has no end in time
constexpr TimeMs kGrantAfter_ms = 10'000;                           // the broker's own end comes after ours, which tells the device first
constexpr TimeMs kFreshClaim_ms = 5'000;                            // older, and this node was not there
constexpr int kCurrentChecks = 6;                                   // in a row, at the pace of the upkeep

MqttOptions broker_options(const DeliveryOptions& options, const std::string& member) {
  MqttOptions out;
  const auto url = parse_mqtt_url(options.broker_url);
  AGIDDI_CHECK(url.has_value(), "the configuration checks the broker's url");
  out.url = *url;
  out.username = options.broker_username;
  out.password = options.broker_password;
  out.client_id = "agiddi-node-" + member + "-" + random_token();
  out.dial.allow_private = true;                                    // the operator named it
  return out;
}

}  // namespace

DeliveryCore::DeliveryCore(Chain& chain, DeliveryLedger& ledger, DeliveryOptions options)
    : chain_(chain), ledger_(ledger), options_(std::move(options)), member_(chain.self().id), network_(chain.genesis().network),
      clock_(chain.now()), lane_(kWorkMax),
      devices_(lane_, DialPolicy{options_.allow_private_endpoints, false}) {
  webhook_client_ = std::make_unique<WebhookClient>(
      WebhookClientOptions{DialPolicy{options_.allow_private_endpoints, false}, [this] { return chain_.signing_key(); }, [this] { return chain_.now(); }});
  if (options_.broker_url.empty()) return;
  if (options_.broker_public_url.empty()) options_.broker_public_url = options_.broker_url;
  BrokerEvents events;
  events.on_message = [this](const std::string& topic, const Bytes& payload, TimeMs arrival) { on_message(topic, payload, arrival); };
  events.on_attached = [this](const std::string& username, bool attached) { on_attached(username, attached); };
  events.on_state = [this](bool up) {
    broker_up_ = up;
    broker_seen_ = DeliveryLane::Clock::now();
    if (up) return ask_flows();
    lease_told_ = false;
    for (auto& [id, served] : served_) served.attached = false;
  };
  events.on_granted = [this](const std::string& username, const Json& answer) { on_granted(username, answer); };
  events.on_connection = [this](const std::string& username, bool lost, std::uint64_t at) { on_connection(username, lost, at); };
  events.on_usage = [this](const Json& usage) { on_usage(usage); };
  broker_ = std::make_unique<BrokerLink>(lane_, broker_options(options_, member_), std::move(events), [this] { return now(); });
}

DeliveryCore::~DeliveryCore() { stop(); }

TimeMs DeliveryCore::now() const { return clock_.now(); }

void DeliveryCore::saw_block(const ChainEvent& block) {
  const Json* text = block.data.find("timestamp");
  const auto time = text && text->is_string() ? time_from_text(text->as_string()) : Result<TimeMs>(fail(Status::internal, ""));
  if (time) clock_.saw_block(*time);
}

void DeliveryCore::start() {
  started_ = true;
  lane_.start();
  if (broker_) broker_->start();
  subscription_ = chain_.subscribe([weak = weak_from_this()](const std::vector<ChainEvent>& events) {
    const auto self = weak.lock();
    if (!self) return;
    std::unordered_set<Hash, HashHasher> changed, counted;   // a block may tell of each device of an integration
    for (const ChainEvent& event : events) {
      if (event.kind == "block") self->saw_block(event);
      if (event.kind != "integration") continue;
      const Json* state = event.data.find("state");
      const bool count = state && state->is_string() && state->as_string() == "counted";
      if (!(count ? counted : changed).insert(event.subject).second) continue;
      self->lane_.post_always([core = self.get(), id = event.subject, count] { count ? core->take_application_counts(id) : core->refresh(id); });
    }
  });
  lane_.post_always([this] { upkeep(); });
}

void DeliveryCore::stop() {
  if (!started_) return;
  started_ = false;
  chain_.unsubscribe(subscription_);
  lane_.post_always([this] {
    stopping_ = true;
    const auto refuse = [](std::vector<AccessDone>& waiters) {
      for (AccessDone& done : waiters) done(fail(Status::unavailable, "The node is stopping."));
      waiters.clear();
    };
    for (auto& [id, served] : served_) {
      refuse(served.waiters);
      if (served.sink) served.sink->end("the node is stopping");
      served.sink.reset();
    }
    for (auto& [id, waiters] : claims_) refuse(waiters);
  });
  lane_.stop();   // first: what the connections still report is then refused
  webhook_client_->stop();
  if (broker_) broker_->stop();
  devices_.stop();
}

DeliveryCounters DeliveryCore::counters() const {
  const auto value = [this](Count what) { return counts_[what].load(std::memory_order_relaxed); };
  DeliveryCounters out;
  out.received = value(received);
  out.forwarded = value(forwarded);
  out.bytes = value(bytes);
  out.unreadable = value(unreadable);
  out.unknown_sensor = value(unknown_sensor);
  out.duplicates = value(duplicates);
  out.no_receiver = value(no_receiver);
  out.overflow = value(overflow) + (broker_ ? broker_->dropped() : 0);
  out.beyond_limit = value(beyond_limit);
  out.integrations = value(integrations);
  out.streams = value(streams);
  out.webhooks = value(webhooks);
  out.flows = value(flows);
  out.broker_connected = broker_up_;
  return out;
}

Served* DeliveryCore::find(const Hash& id) {
  const auto found = served_.find(id);
  return found == served_.end() ? nullptr : &found->second;
}

// ---- integrations come and go

// Blocks of the past, read again after an absence, must not start what has ended since or was used up further: nothing is taken up before
// this node has caught up with the others.
void DeliveryCore::catch_up() {
  const ChainStatus status = chain_.status();
  const bool current = status.peers.empty() || (status.has_quorum && !status.syncing);
  current_checks_ = current ? current_checks_ + 1 : 0;
  if (!status.peers.empty() && current_checks_ < kCurrentChecks) return;  // the others have had time to say how far they are
  // Only blocks tell what time it is; they come while anything is to be taken up.
  if (!status.peers.empty() && !clock_.has_seen_block() && !ledger_.served_by(member_).empty()) return;
  caught_up_ = true;
  resume();
  if (broker_) broker_->all_named();
}

void DeliveryCore::resume() {
  const std::vector<Hash> mine = ledger_.served_by(member_);
  forget_strangers(mine);
  for (const Hash& id : mine) refresh(id);
}

// Notes of integrations that have ended, perhaps while this node was away: what was paid and waits for a webhook is posted.
void DeliveryCore::forget_strangers(const std::vector<Hash>& mine) {
  std::map<Hash, bool> kept;
  for (const auto& [key, value] : ledger_.local_scan(notes::kPrefix)) {
    const auto id = notes::integration_of(key);
    if (id && std::find(mine.begin(), mine.end(), *id) != mine.end()) continue;
    if (id && !kept.contains(*id)) kept[*id] = serve_remainder(*id);
    if (!id || !kept[*id]) ledger_.local_erase(key);
  }
}

// Whether the ended integration has readings that its webhook is still to get.
bool DeliveryCore::serve_remainder(const Hash& id) {
  const auto note = ledger_.local_get(notes::session(id));
  const auto webhook = note ? webhook_of_note(*note) : std::nullopt;
  if (!webhook || webhook->gone) return false;
  auto view = ledger_.integration(id);
  if (!view || view->state != IntegrationState::ended || view->node != member_ || session_epoch(*note) != view->epoch || now() - view->ended > kRemember_ms) return false;
  const bool waits = std::any_of(view->devices.begin(), view->devices.end(), [&](const GrantedDevice& device) { return !ledger_.local_scan(notes::outbox_prefix(id, device.device)).empty(); });
  if (!waits) return false;
  Served& served = served_[id];
  served.view = std::move(*view);
  served.ended = served.settled = served.credentials_gone = true;
  served.ended_at = served.view.ended;
  served.ended_because = served.view.ended_because;
  restore(served);
  for (ServedDevice& device : served.devices) {
    device.over = true;
    device.access.reset();   // it was told to stop, or its command has expired
  }
  log_info("readings of an ended integration wait for its webhook", {{"integration", id.hex()}, {"readings", served.outbox_size()}});
  return true;
}

// What the ledger says about an integration has changed, or is looked at for the first time.
void DeliveryCore::refresh(const Hash& id) {
  if (stopping_) return;
  const auto head = ledger_.head(id);
  if (!head) return;
  Served* served = find(id);
  if (served != nullptr && (head->node != member_ || head->epoch != served->view.epoch)) {
    if (!served->ended) {
      served->settled = served->replaced = true;
      for (ServedDevice& device : served->devices) device.access.reset();   // whoever serves it now commands it
      end_all(*served, "served by another node", now());
    }
    if (head->node != member_) return;
    // It has come back, in a later epoch: with other credentials, and what was counted here is no longer what counts.
    end_credentials(*served);
    forget(id, *served);
    served_.erase(id);
    served = nullptr;
  }
  if (head->node != member_) return;
  if (served == nullptr) {
    if (!caught_up_) return;
    if (head->state != IntegrationState::active && head->state != IntegrationState::closing) return;
    // It may have changed since; then its event is on the way.
    if (auto view = ledger_.integration(id); view && view->node == member_ && view->state != IntegrationState::ended) serve(std::move(*view));
    return;
  }
  served->view.last_report = head->last_report;
  if (head->state == IntegrationState::ended) {
    served->settled = true;
    if (!served->ended) end_all(*served, head->ended_because.empty() ? "ended" : head->ended_because, now());
  } else if (head->state == IntegrationState::closing && !served->ended) {
    end_all(*served, "closed", now());
  }
}

void DeliveryCore::serve(IntegrationView view) {
  if (!broker_) {
    log_error("an integration cannot be served: no broker is configured", {{"integration", view.id.hex()}});
    return;
  }
  const Hash id = view.id;
  const bool closing = view.state == IntegrationState::closing;
  Served& served = served_[id];
  served.view = std::move(view);
  served.report = served.view.last_report;
  served.report_at = now() + options_.report_interval_ms;
  restore(served);
  count(integrations);
  log_info("serving an integration", {{"integration", id.hex()}, {"devices", served.devices.size()}, {"protocol", served.view.protocol}});

  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    ServedDevice& device = served.devices[i];
    const TimeMs last = device.meter.last_reading().value_or(served.view.claimed);
    if (device.granted.ended || device.meter.ended() != subservices::MeterEnd::none) {
      device.over = true;
      device.ended_at = device.meter.ended() == subservices::MeterEnd::time ? *device.granted.expires : last;
      served.report_due = true;
      await_application(served, device);
      if (!device.flow.is_off()) {   // the former run died before it had the last counts
        await_counts(served, i);
        ask_last_counts(served, i);
      }
    } else if (device.meter.expire(now())) {
      end_device(served, i, subservices::MeterEnd::time, *device.granted.expires);
    }
  }
  if (closing) {
    end_all(served, "closed", std::nullopt);
  } else {
    end_if_all_over(served);
  }
  if (!served.ended) return push_grants(id, served);
  if (served.over_mqtt()) grant_application(id, served);   // what is on its way to it, and what is still in hand, arrives
}

// What the notes of a former run say, or fresh secrets; and the clear text of each device's access.
void DeliveryCore::restore(Served& served) {
  const Hash& id = served.view.id;
  const ontology::Unit* unit = served.view.unit.empty() ? nullptr : ontology::units().find(served.view.unit);
  const auto note = ledger_.local_get(notes::session(id));
  const bool same_epoch = note && session_epoch(*note) == served.view.epoch;
  if (!same_epoch) {
    for (const GrantedDevice& granted : served.view.devices) {   // of a former epoch
      ledger_.local_erase(notes::meter(id, granted.device));
      ledger_.local_erase(notes::flow(id, granted.device));
    }
  }
  for (GrantedDevice& granted : served.view.devices) {
    ServedDevice device;
    device.granted = granted;
    // What a stream, a webhook or `latest` gives in SenML is made of the unified template when it goes out.
    device.frame = {granted.measurement, id.hex(), served.view.epoch, unit ? unit->iri : std::string(), served.over_mqtt() && served.view.senml};
    if (served.view.linked_context) device.frame.device.context = options_.public_url + "/v1/context/measurement/" + ontology::measurement_context_id();
    if (const auto flow = ledger_.local_get(notes::flow(id, granted.device)); same_epoch && flow && read_flow_note(*flow, device.flow) && !device.flow.is_off()) {
      count(flows);
    }
    subservices::MeterLimits limits{granted.bytes_limit, granted.expires};
    if (limits.bytes) *limits.bytes -= std::min(*limits.bytes, device.flow.lost);
    device.meter = subservices::Meter(limits, granted.bytes_reported, granted.readings_reported, granted.measurements_reported);
    if (const auto record = ledger_.local_get(notes::meter(id, granted.device)); same_epoch && record) {
      if (auto meter = subservices::Meter::restore(limits, *record); meter && meter->bytes_used() >= granted.bytes_reported) device.meter = *meter;
    }
    device.told = now();
    device.clock = subservices::ServiceClock(now() - served.view.claimed < kFreshClaim_ms ? served.view.claimed : now(), patience_of(served, device),
                                granted.active_reported_ms - granted.active_base_ms, granted.silent_reported_ms);
    served.devices.push_back(std::move(device));
  }
  const bool known = same_epoch && read_session_note(*note, served);
  if (!known) {
    served.account = random_account("out");
    served.token = random_token();
    for (ServedDevice& device : served.devices) device.account = random_account("in/d");   // not shorter than the application's topic, so that the plugin can change it in place
  }
  for (ServedDevice& device : served.devices) {
    device.clock.set_absence(absence_of(served, device));
    device.flow.told = counts_so_far(device);
    if (!known) device.clock.heard(now());
    if (known && device.flow.is_off()) skip_absence(device);   // a flow went on alone: for how long its plugin tells
    device.clock.at_least(device.granted.active_reported_ms - device.granted.active_base_ms);
  }
  if (known) {
    if (const auto noted = webhook_of_note(*note)) {
      start_webhook(served, noted->terms);
      if (noted->gone) webhook_gone(served, *noted->gone);
    }
  }
  ledger_.local_put(notes::session(id), session_note(served));
  for (ServedDevice& device : served.devices) {
    const Bytes prefix = notes::outbox_prefix(id, device.granted.device);
    for (auto& [key, value] : ledger_.local_scan(prefix)) {
      const std::uint64_t sequence = key.size() == prefix.size() + 8 ? read_u64_be(BytesView(key).substr(prefix.size())) : 0;
      // A crash between the two notes leaves one that was never counted.
      if (known && sequence > 0 && sequence <= device.meter.sequence()) {
        device.outbox_bytes += value.size();
        device.outbox[sequence].json = std::make_shared<const std::string>(std::move(value));
      } else {
        ledger_.local_erase(key);
      }
    }
    auto access = open_access(device.granted.access, {member_, device.granted.provider, network_},
                              [this](BytesView sealed) { return chain_.open_sealed_key(sealed); });
    if (access) {
      device.access = std::move(*access);
    } else {
      log_warn("a device cannot be commanded", {{"device", device.granted.measurement.device}, {"reason", access.error().detail}});
    }
  }
}

BrokerGrant DeliveryCore::application_grant(const Served& served) const {
  return {served.account.username, served.account.password, {}, {served.account.topic}, now() + kGrantMax_ms, "", "", "", ""};
}

void DeliveryCore::push_grants(const Hash& id, Served& served) {
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    ServedDevice& device = served.devices[i];
    if (device.over) continue;
    routes_[device.account.topic] = Route{id, i};
    device_users_[device.account.username] = Route{id, i};
    broker_->listen(device.account.topic);
    const TimeMs expires = device.granted.expires ? *device.granted.expires + kGrantAfter_ms : now() + kGrantMax_ms;
    ++served.grants_pending;
    BrokerGrant grant{device.account.username, device.account.password, {device.account.topic}, {}, expires, "", "", "", ""};
    if (device.access && !device.access->device_key.empty()) {
      grant.key = device.access->device_key;
      grant.audience = network_;
    } else if (device.access && !device.access->device_password.empty()) {
      grant.salt = std::exchange(grant.password, "");   // random, and the same after a restart
      grant.proof = device_password_proof(grant.salt, grant.username, device.access->device_password).hex();
    }
    broker_->grant(std::move(grant),
                   [this, id, i](bool good) { grant_done(id, i, good); });
    watch_expiry(id, i);
  }
  if (served.over_mqtt()) grant_application(id, served);
}

void DeliveryCore::grant_application(const Hash& id, Served& served) {
  applications_[served.account.username] = id;
  ++served.grants_pending;
  broker_->grant(application_grant(served), [this, id](bool good) { grant_done(id, std::nullopt, good); });
}

void DeliveryCore::grant_done(const Hash& id, std::optional<std::size_t> device, bool good) {
  Served* served = find(id);
  if (served == nullptr) return;
  if (served->grants_pending > 0) --served->grants_pending;
  if (!good) served->grant_refused = true;
  if (good && device && broker_->ready()) ask_again(*served, *device);
  // A device that was heard before the node restarted goes on by itself; if not, silence brings the command.
  if (good && device && !served->devices[*device].over && !served->devices[*device].meter.last_reading() && !device_waits(*served, *device)) {
    send_start(*served, *device);
  }
  if (served->grants_pending == 0) grants_settled(*served);
}

void DeliveryCore::grants_settled(Served& served) {
  std::vector<AccessDone> waiters;
  waiters.swap(served.waiters);
  for (AccessDone& done : waiters) {
    if (served.grant_refused) {
      done(fail(Status::unavailable, "The broker has no room for this integration's credentials."));
    } else {
      done(access_of(served));
    }
  }
}

void DeliveryCore::end_credentials(Served& served) {
  if (served.credentials_gone) return;
  served.credentials_gone = true;
  if (served.over_mqtt() && broker_->revoke(served.account.username)) --served.grants_pending;
  applications_.erase(served.account.username);
}

void DeliveryCore::forget(const Hash& id, Served& served) {
  drop_webhook(served);
  ledger_.local_erase(notes::session(id));
  for (const ServedDevice& device : served.devices) {
    ledger_.local_erase(notes::meter(id, device.granted.device));
    ledger_.local_erase(notes::flow(id, device.granted.device));
    for (const auto& [sequence, entry] : device.outbox) ledger_.local_erase(notes::outbox(id, device.granted.device, sequence));
  }
}

}  // namespace agiddi::node
