// MqttLink: one MQTT 3.1.1 connection of the load generator, over loopback. It packs many packets into one write and takes many out of one read, so that the
// broker is what limits, not the generator; nothing of it is meant for a real client.
//
// Opened with blocking calls, then driven without blocking from one thread. Errors: a refusal or a broken connection is told once, in words; later is_open() is
// false and calls do nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct MqttAccount {
  std::string username, password;   // empty: none
};

struct MqttPublish {
  std::string_view topic, payload;  // valid during the call
  int qos = 0;
};

class MqttLink {
 public:
  MqttLink() = default;
  MqttLink(MqttLink&& other) noexcept { *this = std::move(other); }
  MqttLink& operator=(MqttLink&& other) noexcept;
  ~MqttLink();

  static Outcome<MqttLink> open(std::uint16_t port, const std::string& client_id, const MqttAccount& account);
  Outcome<void> subscribe(const std::string& topic, int qos);           // waits for the answer; before anything is published to it

  void publish(std::string_view topic, std::string_view payload, int qos);   // into the buffer; flush() sends it
  // Sends what it can. False when the connection is gone.
  bool flush();
  // Reads what is there and hands each message on; acknowledges QoS 1 with the next flush(). False when the connection is gone.
  bool receive(const std::function<void(const MqttPublish&)>& message);
  bool is_open() const { return fd_ >= 0; }
  int descriptor() const { return fd_; }
  std::size_t unsent() const { return out_.size() - sent_; }
  std::uint64_t acknowledged() const { return acknowledged_; }          // PUBACKs
  void close();

 private:
  bool read_some();
  Outcome<void> wait_for(unsigned char type);                           // blocking, at most 10 s
  bool next_packet(unsigned char& head, std::string_view& body);        // of what was read; advances

  int fd_ = -1;
  std::string in_, out_;
  std::size_t taken_ = 0, sent_ = 0;
  std::uint16_t packet_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace agiddi::tools
