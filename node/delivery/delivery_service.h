// DeliveryService: the data plane of a node. For every integration that this member serves it commands the devices, meters what they send,
// wraps it into the unified template and forwards it to the application, until the grants are used up, the application closes or time is over.
//
// Threads: every method may be called from any thread and returns at once. All work is done on one thread of its own; callbacks (`done`,
// StreamSink) are called from there and must not block: post to your own executor. A callback is called exactly once, also at stop().
// Ownership: chain and ledger must outlive it. stop() (and the destructor) ends the streams, leaves grants and meters as they are on disk, and joins.
// Exactness: a reading is counted durably (Column::local) before it is forwarded, so a crash can charge what was not delivered, at most what
// was in hand, and never delivers what was not charged. With MQTT delivery what was in hand is kept on disk too and sent again after a restart
// (same sequence numbers); with a webhook until its receiver has acknowledged it. A reading for which there is no receiver, or no room in its queue, is dropped: neither charged nor numbered.
// Source: the aGIDDI paper, sections 5.4, 5.5 and 6 steps 4 and 5.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/chain.h"
#include "node/delivery/delivery_ledger.h"
#include "node/delivery/webhook.h"
#include "protocol/json.h"

namespace agiddi::node {

struct DeliveryOptions {
  std::string broker_url;                    // mqtt(s)://host:port; "" = no broker: nothing is served, 503
  std::string broker_public_url;             // as devices and applications are told; "" = broker_url
  std::string broker_username, broker_password;  // this node's own account at the broker plugin
  std::string public_url;                    // what stream urls begin with
  bool allow_private_endpoints = false;      // loopback, link-local and private device brokers
  std::int64_t report_interval_ms = 5'000;   // usage reports while usage changes
  bool broker_flows = true;                  // readings go through the broker's plugin alone where it can do that
  std::size_t webhooks_max = 1'000;          // each may hold a connection; more are refused with 429
  std::size_t integrations_max = 10'000;     // served at once; more are refused with 429
};

// How the application gets its measurements. Secrets: never logged, never on the ledger.
struct DeliveryAccess {
  std::string broker, topic, username, password;  // delivery over MQTT
  std::string url;                                // sse and websocket; the token stands in it
  Json json() const;                              // {"broker","topic","username","password"} or {"url"}
};

struct DeviceUsage {
  std::string device;                        // URN
  std::uint64_t bytes_used = 0;
  std::uint64_t readings = 0;                // messages forwarded; a SenML pack is one
  std::uint64_t measurements = 0;            // of all epochs
  std::uint64_t sequence = 0;                // of its last measurement
  std::optional<std::uint64_t> bytes_remaining;
  std::optional<TimeMs> expires, last_measurement, silent_since;
};

struct IntegrationUsage {
  bool active = false;
  std::vector<DeviceUsage> devices;
  std::string ended_because;                 // "" while active
  Json json() const;                         // the answer of GET /v1/integrations/{id}
};

struct StreamMeasurement {
  std::string id;                            // "<device number>-<sequence>", for SSE's id line
  std::shared_ptr<const std::string> json;   // the measurement, one line
};

struct LatestReadings {
  WebhookFormat format = WebhookFormat::jsonld;           // of the integration's delivery, for who asks for none
  std::vector<IdentifiedMeasurement> readings;
};

// The far end of GET …/stream, over SSE or WebSocket. Called only from the delivery thread.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual std::size_t room() const = 0;      // measurements it takes right now without cutting the client off; 0 when closed
  virtual void push(StreamMeasurement measurement) = 0;  // only after room() said so; must not block
  virtual void end(std::string reason) = 0;  // nothing follows: the integration ended, credentials were rotated, or a newer stream took over
};

struct DeliveryCounters {
  std::uint64_t received = 0, forwarded = 0, bytes = 0;   // device messages, measurements, paid bytes
  std::uint64_t unreadable = 0, unknown_sensor = 0;       // dropped: not a reading; a sensor the device did not declare
  std::uint64_t duplicates = 0;                           // dropped: sent again with the same time
  std::uint64_t no_receiver = 0, overflow = 0;            // dropped uncharged: nobody attached; a queue was full
  std::uint64_t beyond_limit = 0;                         // arrived after T or S
  std::uint64_t integrations = 0, streams = 0, webhooks = 0;   // now
  std::uint64_t flows = 0;                                // devices whose readings go through the broker's plugin alone
  bool broker_connected = false;
};

class DeliveryService {
 public:
  using AccessDone = std::function<void(Result<DeliveryAccess>)>;

  DeliveryService(Chain& chain, DeliveryLedger& ledger, DeliveryOptions options);
  ~DeliveryService();
  DeliveryService(const DeliveryService&) = delete;
  DeliveryService& operator=(const DeliveryService&) = delete;

  void start();   // connects, subscribes to the chain's events and resumes the active integrations that this member serves
  void stop();

  // At the door of integration.create: may this node serve such a delivery? 422 for a protocol that it does not speak, 503 without a broker.
  Result<void> can_serve(std::string_view protocol) const;

  // To be called when an integration.create that came in here was committed. Claims the integration for this member when nobody has, starts it, and
  // yields the credentials. conflict when another member serves it (the application asks there); unavailable when the broker does not answer.
  void claim_and_start(Hash integration, AccessDone done);

  // Credentials of a running integration. rotate: new ones, the former end at once (integration.credentials). not_found when it is not served here
  // or has ended.
  void delivery_for(Hash integration, bool rotate, AccessDone done);

  // Live figures; nothing when this member does not serve it (then the ledger's record speaks). Kept for an hour after the end.
  void usage(Hash integration, std::function<void(std::optional<IntegrationUsage>)> done);

  // Attaches a stream: 401 when the token is not the integration's, 404, 409 when its delivery is MQTT. A newer stream takes over from an older one.
  void attach_stream(Hash integration, std::string token, std::shared_ptr<StreamSink> sink, std::function<void(Result<void>)> done);
  void detach_stream(Hash integration, const StreamSink* sink);  // the client went away; the sink is released soon after

  // Posts the readings of an integration whose delivery is a stream to the application's address from now on, also after a restart; takes the place of a former
  // webhook and of a stream. Yields its state. not_found, conflict (MQTT, ended), invalid (an address that may not be dialled), overloaded.
  void set_webhook(Hash integration, WebhookTerms terms, std::function<void(Result<Json>)> done);
  void end_webhook(Hash integration, std::function<void(Result<void>)> done);   // what is still queued waits for another receiver
  // {"url","format","unit"?,"state","delivered","failed","queued","dropped","lastDelivery"?,"lastError"?}. 401 without the stream's token.
  void webhook(Hash integration, std::string token, std::function<void(Result<Json>)> done);

  // The last measurement of each sensor. One that nobody received when it came is charged and numbered now; asked for again it is the same. Of this run of the node.
  void latest(Hash integration, std::string token, std::function<void(Result<LatestReadings>)> done);

  DeliveryCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
