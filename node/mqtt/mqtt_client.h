// MqttClient: one MQTT connection (version 5, TCP or TLS) with a thread of its own, over libmosquitto.
//
// Threads: every method may be called from any thread. Handlers and completions run on the client's thread: post the values to your own lane,
// never block there, and never destroy the client from there. stop() (and the destructor) disconnects, fails what is open, and joins.
// Bounds: the outgoing queue holds at most queue_max messages (sent and not yet acknowledged included) and queue_max_bytes; publish() says no
// when it is full. What was not acknowledged when the connection broke is reported as lost, never sent again behind the caller's back.
// Errors: a connection that fails is tried again with exponential back-off (100 ms to 10 s); the reason is given to on_down, without secrets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/bytes.h"

namespace agiddi::node {

struct MqttUrl {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string text() const;                             // canonical: scheme, lower-case host, port
};
// mqtt://host[:1883], mqtts://host[:8883], IPv6 hosts in brackets. Refuses user info, path, query and anything else.
Result<MqttUrl> parse_mqtt_url(std::string_view text);

// Which addresses may be dialled. A refusal is final for the attempt and named in on_down.
struct DialPolicy {
  bool allow_private = false;                           // loopback, link-local, private and other special addresses
  bool allow_plain = false;                             // mqtt:// to an address that is not loopback
};

struct MqttOptions {
  MqttUrl url;
  std::string client_id;                                // "" = a random one
  std::string username, password;                       // "" = none
  std::function<std::string()> fresh_password;          // asked for each connection, on the client's thread, instead of password
  std::string will_topic;                               // where the broker is to publish an empty last will, QoS 1; "" = it has none
  DialPolicy dial;
  std::string ca_file;                                  // "" = the system's certificates
  std::size_t queue_max = 1'000;
  std::size_t queue_max_bytes = 8 * 1024 * 1024;
  std::size_t incoming_max_bytes = 64 * 1024;           // a larger message is dropped
  int keepalive_s = 15;
  bool reconnect = true;                                // false: one attempt, for tools
};

struct MqttMessage {
  std::string topic;
  Bytes payload;
  bool retained = false;
};

enum class MqttAck {
  accepted,          // acknowledged by the broker
  no_subscriber,     // acknowledged, and nobody is subscribed (MQTT 5, reason 0x10)
  refused,           // the broker does not allow it
  lost,              // the connection broke before the acknowledgement, or the client stopped
};

struct MqttHandlers {
  std::function<void()> on_up;                          // connected; subscriptions are to be made anew
  std::function<void(std::string reason)> on_down;      // a connection ended or an attempt failed
  std::function<void(std::string reason)> on_refused;   // before on_down: the broker will not have this client (account, client id, a ban); it is tried again all the same
  std::function<void(MqttMessage)> on_message;
};

class MqttClient {
 public:
  using Done = std::function<void(MqttAck)>;            // called exactly once

  MqttClient(MqttOptions options, MqttHandlers handlers);
  ~MqttClient();
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;

  void start();
  void stop();
  bool connected() const;
  // QoS 1. Waits in the queue while there is no connection. False, and done is not called, when the queue is full or the client has stopped.
  bool publish(std::string topic, Bytes payload, Done done = {});
  // QoS 1. The handler on_message gets what comes. Needs a connection: lost when there is none.
  bool subscribe(std::string topic, Done done = {});
  bool unsubscribe(std::string topic);
  std::size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
