// The commands that a device gets on its topic (API.md, "What a device sees"). Pure.
#pragma once

#include <string>

#include "protocol/bytes.h"
#include "node/mqtt/mqtt_client.h"

namespace agiddi::tools {

struct DeviceCommand {
  bool start = false;                  // otherwise stop
  std::string integration;
  std::uint64_t epoch = 0;             // grows when another node takes over; 0: not told
  node::MqttUrl broker;                // only of a start, like what follows
  std::string topic, username, expires;
  std::string password;                // or, when the device logs in by tokens that it signs:
  std::string audience;                // what they are for
  bool own_password = false;           // or it logs in with the password that its provider chose
};

// token: the device's own, "" = it has none. Status::unauthorized when the command does not carry it, Status::invalid when it is none.
Result<DeviceCommand> read_command(BytesView payload, const std::string& token);

}  // namespace agiddi::tools
