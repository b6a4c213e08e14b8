// BrokerLink: this node's connection to the broker that devices and applications use: pushes grants to the plugin, listens to device
// topics, publishes measurements. Keeps the whole set of grants and topics, and establishes them anew whenever the connection comes back.
//
// The plugin is trusted, its messages are not: a member that is missing or no number is as if nothing had been said.
// Threads: everything here, callbacks included, runs on the delivery lane; the MQTT client's thread only posts to it.
// Source: deploy/broker_plugin/README.md for the messages.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/delivery/delivery_lane.h"
#include "node/mqtt/mqtt_client.h"
#include "protocol/json.h"
#include "protocol/time.h"

namespace agiddi::node {

struct BrokerGrant {
  std::string username, password;
  std::vector<std::string> publish, subscribe;
  TimeMs expires = 0;
  std::string key, audience;         // a device's did:key and what its tokens are for; then there is no password
  std::string proof, salt;           // of a password that the device's provider chose (hex; protocol/device_password.h); likewise
};

struct BrokerEvents {
  std::function<void(const std::string& topic, const Bytes& payload, TimeMs arrival)> on_message;
  std::function<void(const std::string& username, bool attached)> on_attached;   // changes, and what a (re)connection finds
  std::function<void(bool up)> on_state;                                          // up: every grant is in force
  std::function<void(const std::string& username, const Json& answer)> on_granted;   // a grant is in force; what the plugin says of its device
  std::function<void(const std::string& username, bool lost, std::uint64_t at)> on_connection;   // a device's: it broke, or is there again; of the broker's steady clock
  std::function<void(const Json& usage)> on_usage;                                // what flows counted
};

class BrokerLink {
 public:
  BrokerLink(DeliveryLane& lane, MqttOptions options, BrokerEvents events, std::function<TimeMs()> now);
  ~BrokerLink();

  void start();
  void stop();                       // joins the client; call from outside the lane
  bool ready() const { return ready_; }
  // All grants of a former run that go on have been named: the plugin may end the others.
  void all_named();

  // done(true) once it is in force, done(false) when the plugin refuses it. Waits through a lost connection.
  void grant(BrokerGrant grant, std::function<void(bool)> done = {});
  // True when the grant had not been answered yet; then its `done` is never called.
  // done, if given, gets the plugin's answer as ask() does, also of a grant that only a former run has made.
  bool revoke(const std::string& username, std::function<void(const Json*)> done = {});
  // One command to the plugin. done gets the answer, or nullptr when there will be none. Only while the connection is ready.
  void ask(Json command, std::function<void(const Json*)> done);
  // What must be added to this node's steady clock, in milliseconds, for the broker's: at most what it is, less by the time of a message. Nothing: unknown.
  std::optional<std::int64_t> broker_clock() const;
  void listen(const std::string& topic);
  void unlisten(const std::string& topic);
  // False: no connection, or the queue is full. done comes on the lane.
  bool publish(const std::string& topic, Bytes payload, std::function<void(MqttAck)> done);
  std::uint64_t dropped() const { return dropped_; }   // device messages that found the lane's queue full

 private:
  struct Granted {
    BrokerGrant grant;
    std::function<void(bool)> waiting;
  };
  void came_up();
  void went_down();
  void received(const MqttMessage& message, TimeMs arrival);
  void answered(const Json& answers);
  std::string command(Json commands, std::vector<std::string> usernames);   // its id
  void saw_clock(const Json& message);
  void drop_calls();
  static Json grant_command(const BrokerGrant& grant);

  DeliveryLane& lane_;
  BrokerEvents events_;
  std::function<TimeMs()> now_;
  std::map<std::string, Granted> grants_;            // by username
  std::set<std::string> topics_;
  // For each control message on its way, by its id, the user whose grant each of its commands makes ("" for other commands), in order.
  std::map<std::string, std::vector<std::string>> asked_;
  std::map<std::string, std::function<void(const Json*)>> calls_;   // those of ask()
  std::deque<std::int64_t> clocks_;                    // differences that were seen on this connection
  std::uint64_t asked_count_ = 0;
  std::uint64_t connection_ = 0;                      // counts connections: what comes late from a former one is dropped
  bool connected_ = false, ready_ = false, all_named_ = false;
  std::set<std::string> syncing_;                     // messages of the synchronisation not yet answered
  std::atomic<std::uint64_t> incoming_bytes_{0}, dropped_{0};
  std::unique_ptr<MqttClient> client_;                // last: its thread ends before the rest goes
};

}  // namespace agiddi::node
