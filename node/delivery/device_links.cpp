#include "node/delivery/device_links.h"

#include <vector>

#include "node/log.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kEndpointsMax = 256;
constexpr std::size_t kCommandsMax = 2'000;
constexpr auto kIdleMax = std::chrono::seconds(60);

}  // namespace

bool DeviceLinks::send(const DeviceAccess& access, Bytes command, std::function<void(MqttAck)> done) {
  const std::string key = access.endpoint.text() + '\0' + access.username + '\0' + access.password;
  auto found = links_.find(key);
  if (found == links_.end()) {
    if (links_.size() >= kEndpointsMax) return false;
    MqttOptions options;
    options.url = access.endpoint;
    options.username = access.username;
    options.password = access.password;
    options.dial = dial_;
    options.queue_max = kCommandsMax;
    MqttHandlers handlers;
    handlers.on_down = [endpoint = access.endpoint.host](const std::string& reason) {
      log_debug("connection to a device's broker is down", {{"host", endpoint}, {"reason", reason}});
    };
    found = links_.emplace(key, Link{std::make_shared<MqttClient>(std::move(options), std::move(handlers)), {}}).first;
    found->second.client->start();
  }
  found->second.last_used = DeliveryLane::Clock::now();
  return found->second.client->publish(access.topic, std::move(command), [this, done = std::move(done)](MqttAck ack) {
    lane_.post_always([done, ack] { done(ack); });
  });
}

// A connection that cannot be made holds its commands until it is closed here: then they are lost, and told to be.
void DeviceLinks::close_idle() {
  const auto before = DeliveryLane::Clock::now() - kIdleMax;
  for (auto it = links_.begin(); it != links_.end();) {
    if (it->second.last_used < before) {
      reaper_.post_always([client = std::move(it->second.client)]() mutable { client.reset(); });
      it = links_.erase(it);
    } else {
      ++it;
    }
  }
}

void DeviceLinks::stop() {
  links_.clear();
  reaper_.stop();
}

}  // namespace agiddi::node
