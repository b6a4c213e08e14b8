// DeviceLinks: the connections over which devices are commanded, one for each endpoint and account, shared by all integrations, opened when needed and
// closed after a while without use.
//
// Threads: the delivery lane; completions come on the lane.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "node/delivery/delivery_lane.h"
#include "node/lane.h"
#include "node/mqtt/mqtt_client.h"

namespace agiddi::node {

struct DeviceAccess {                  // the clear text of sealed access: secrets, never logged
  MqttUrl endpoint;
  std::string topic, token, username, password;
  std::string device_key;              // did:key by which the device proves itself at the network's brokers, or
  std::string device_password;         // what it says there, as its provider chose it; both "" = it is given a password
};

class DeviceLinks {
 public:
  DeviceLinks(DeliveryLane& lane, DialPolicy dial) : lane_(lane), dial_(dial), reaper_("device-links", 1'000) {}
  ~DeviceLinks() { stop(); }

  // False: too many endpoints or a full queue; try later.
  bool send(const DeviceAccess& access, Bytes command, std::function<void(MqttAck)> done);
  void close_idle();                   // to be called now and then
  void stop();                         // sends what is queued if it can, joins; outside the lane or when it has stopped

 private:
  struct Link {
    std::shared_ptr<MqttClient> client;
    DeliveryLane::Clock::time_point last_used;
  };
  DeliveryLane& lane_;
  DialPolicy dial_;
  std::map<std::string, Link> links_;
  Lane reaper_;                        // ending a client may wait for a slow name server; the delivery lane must not
};

}  // namespace agiddi::node
