// Served: the state of one integration that this node serves, and the form in which its secrets and figures are kept in the node's own notes.
// Plain values of the delivery lane.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/delivery/broker_flow.h"
#include "node/delivery/delivery_ledger.h"
#include "node/delivery/delivery_service.h"
#include "node/delivery/device_links.h"
#include "node/delivery/webhook.h"
#include "subservices/forwarding/service_clock.h"
#include "subservices/forwarding/meter.h"
#include "subservices/forwarding/recent_readings.h"

namespace agiddi::node {

struct BrokerAccount {
  std::string topic, username, password;
};
BrokerAccount random_account(std::string_view prefix);   // topic "<prefix>/<random>"

struct OutboxEntry {
  std::shared_ptr<const std::string> json;
  bool on_way = false;                       // handed to the broker, not yet acknowledged
};

struct ServedDevice {
  GrantedDevice granted;
  subservices::Meter meter;
  subservices::MeasurementFrame frame;
  subservices::RecentReadings recent;        // of this run of the node
  BrokerAccount account;                     // where and as whom the device publishes
  std::optional<DeviceAccess> access;        // nothing when it could not be opened: then the device is never commanded
  std::map<std::uint64_t, OutboxEntry> outbox;   // by sequence: counted, not yet acknowledged by the broker (MQTT delivery) or the webhook
  std::size_t outbox_bytes = 0;

  struct Held {
    Bytes payload;
    TimeMs arrival = 0;
  };
  std::deque<Held> held;                     // waits for a lease or a reservation
  std::size_t held_bytes = 0;

  // For `latest`, of this run of the node.
  std::optional<Held> unclaimed;             // the last message that came while nobody received: neither charged nor numbered yet
  struct Last {
    std::uint64_t sequence = 0;
    std::shared_ptr<const std::string> json;
  };
  std::map<std::size_t, Last> latest;        // by sensor, of those that it declared

  std::uint64_t reported_bytes = 0;          // as the report before said: how fast it is used
  BrokerFlow flow;
  std::uint64_t reserve_asked = 0;           // in the report on its way, and
  std::int64_t active_asked = 0;
  bool end_asked = false;

  subservices::ServiceClock clock;                        // of this epoch; silence of former ones too
  TimeMs blocked_since = 0;                  // readings wait for the application's count; 0: they do not
  bool count_due = false;                    // the device has ended, the application's last count may still come
  TimeMs count_due_until = 0;

  bool over = false;                         // told to stop; nothing of it is forwarded any more
  TimeMs ended_at = 0;                       // when over: what its time earned ends here
  bool command_on_way = false;
  bool stop_pending = false;                 // the stop command has not been acknowledged yet
  std::size_t stop_tries = 0;
  TimeMs heard = 0, told = 0;                // last reading; last start command
  TimeMs ask_again_at = 0;                   // when the start command is repeated if nothing is heard
  std::int64_t ask_again_ms = 0;             // grows
};

struct Served {
  IntegrationView view;
  std::vector<ServedDevice> devices;

  // The application's side.
  BrokerAccount account;                     // MQTT
  std::string token;                         // streams
  bool attached = false;                     // MQTT: somebody is subscribed
  std::shared_ptr<StreamSink> sink;          // streams: the client, if there is one
  std::optional<Webhook> webhook;            // streams: instead of a client

  std::size_t grants_pending = 0;            // not yet in force at the broker
  bool grant_refused = false;
  std::vector<DeliveryService::AccessDone> waiters;

  bool ended = false;
  std::string ended_because;
  TimeMs ended_at = 0;
  bool settled = false;                      // the ledger has the end
  bool replaced = false;                     // another node serves it: what is known here is over
  bool credentials_gone = false;             // the application's grant has been revoked after the end

  std::uint64_t report = 0;                  // sequence of the last report that was sent
  bool report_on_way = false, report_due = false, changed = false;
  TimeMs report_at = 0;                      // earliest time of the next one
  TimeMs refused_at = 0;                     // when one was not taken
  TimeMs counts_read_at = 0;                 // the application's, on the ledger

  bool over_mqtt() const { return view.protocol == "mqtt"; }
  bool posts() const { return webhook && !webhook->gone; }   // it has a place among the node's webhooks
  WebhookFormat default_format() const { return view.senml ? WebhookFormat::senml : WebhookFormat::jsonld; }
  std::size_t outbox_size() const;
  std::size_t outbox_bytes() const;
};

// How long a device may say nothing: three of the sampling intervals that it declared, a second at least; a minute when it declared none.
std::int64_t patience_of(const Served& served, const ServedDevice& device);
// How long it may stay away when its connection broke: its declared sampling interval, a second at least; for ever when it declared none.
std::int64_t absence_of(const Served& served, const ServedDevice& device);

// Keys of the node's own notes.
namespace notes {
inline constexpr std::string_view kPrefix = "delivery/";
Bytes session(const Hash& integration);
Bytes meter(const Hash& integration, const Hash& device);
Bytes flow(const Hash& integration, const Hash& device);
Bytes outbox(const Hash& integration, const Hash& device, std::uint64_t sequence);
Bytes outbox_prefix(const Hash& integration, const Hash& device);
std::optional<Hash> integration_of(BytesView key);       // of any of these keys
}  // namespace notes

// The session's note: accounts, token and webhook, as JSON. False when a note is of another epoch or damaged: then new secrets are made.
Bytes session_note(const Served& served);
std::optional<std::uint64_t> session_epoch(BytesView note);
bool read_session_note(BytesView note, Served& served);
struct NotedWebhook {
  WebhookTerms terms;
  std::optional<TimeMs> gone;                // since then: its receiver answered 410
};
std::optional<NotedWebhook> webhook_of_note(BytesView note);   // nothing: there was none

}  // namespace agiddi::node
