// The device itself: listens on its command topic, and while an integration runs publishes the table's readings, one an interval, to the topic that the
// integration gave. Several integrations run at once and see the same reading at the same time, as with a real sensor.
//
// Threads: run() uses the caller's; the MQTT clients' threads only queue commands.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "node/mqtt/mqtt_client.h"
#include "protocol/crypto/crypto.h"
#include "protocol/time.h"
#include "tools/device/command_handling.h"

namespace agiddi::tools {

enum class PayloadForm { reading, number, senml };

struct DeviceOptions {
  node::MqttUrl broker;
  std::string username, password;          // of the command connection, usually none
  std::string ca_file;                     // trusted for mqtts; "" = the system's certificates
  std::shared_ptr<const KeyPair> key;      // signs the device's tokens; nullptr: it takes passwords only
  std::string own_password;                // that its provider chose, "" = there is none
  std::string command_topic, token, sensor;
  std::vector<std::string> values;         // JSON number texts
  std::chrono::milliseconds interval{1000};
  PayloadForm form = PayloadForm::reading;
};

// One column of a CSV file with a header line; every value must be a number. Errors name the line.
Result<std::vector<std::string>> read_column(const std::string& path, const std::string& column);
Bytes reading_payload(PayloadForm form, const std::string& sensor, const std::string& value);

class ReplayDevice {
 public:
  explicit ReplayDevice(DeviceOptions options);
  ~ReplayDevice();
  // Until stop is set, or the broker refuses the command topic or the connection for good (Status::forbidden). Prints one line an event on standard output.
  Result<void> run(const std::atomic<bool>& stop);

 private:
  struct Session {
    std::string topic, username, password; // as the command said
    std::uint64_t epoch = 0;
    std::optional<TimeMs> expires;
    std::unique_ptr<node::MqttClient> client;
    std::uint64_t published = 0;
  };
  void listen();
  void refuse(std::string why);
  void take(const DeviceCommand& command);
  void publish_next();
  void drop_expired();
  void end(std::map<std::string, Session>::iterator session, const char* why);

  DeviceOptions options_;
  std::map<std::string, Session> sessions_;   // by integration
  std::size_t row_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<DeviceCommand> commands_;
  std::string refused_;                       // by the broker, why
  std::unique_ptr<node::MqttClient> control_; // last: its thread ends before the queue goes
};

}  // namespace agiddi::tools
