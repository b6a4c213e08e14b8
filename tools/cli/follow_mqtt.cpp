#include <mosquitto.h>

#include <chrono>
#include <memory>
#include <thread>

#include "tools/cli/command.h"
#include "tools/cli/follow.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKeepAlive_s = 30;
constexpr auto kAskEvery = std::chrono::milliseconds(500);
constexpr auto kDrain = std::chrono::milliseconds(500);     // what is on its way when the integration ends
constexpr auto kReconnectMax = std::chrono::seconds(20);
constexpr auto kTryAgain = std::chrono::milliseconds(200);

struct Session {
  const Follower* follower;
  std::string topic;
  std::string refused;   // by the broker, for good
  bool subscribed = false;
};

void on_connect(mosquitto* client, void* self, int code) {
  auto* session = static_cast<Session*>(self);
  if (code != 0) {
    session->refused = mosquitto_connack_string(code);
  } else {
    mosquitto_subscribe(client, nullptr, session->topic.c_str(), 1);
  }
}

void on_subscribe(mosquitto*, void* self, int, int count, const int* granted) {
  auto* session = static_cast<Session*>(self);
  session->subscribed = count > 0 && granted[0] < 128;
  if (!session->subscribed) session->refused = "the broker refused the subscription";
}

void on_message(mosquitto*, void* self, const mosquitto_message* message) {
  const auto* session = static_cast<Session*>(self);
  session->follower->measurement(std::string(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)));
}

struct Library {
  Library() { mosquitto_lib_init(); }
  ~Library() { mosquitto_lib_cleanup(); }
};

}  // namespace

Outcome<void> follow_mqtt(const Json& delivery, const Follower& follower) {
  const auto broker = text_member(delivery, "broker"), topic = text_member(delivery, "topic");
  const auto username = text_member(delivery, "username"), password = text_member(delivery, "password");
  for (const auto* part : {&broker, &topic, &username, &password}) {
    if (!*part) return tl::unexpected(part->error());
  }
  const auto url = parse_url(*broker);
  if (!url) return passed_on(url.error());

  const Library library;
  Session session{&follower, *topic, "", false};
  const std::unique_ptr<mosquitto, void (*)(mosquitto*)> client(mosquitto_new(nullptr, true, &session), mosquitto_destroy);
  if (!client) return failed("the MQTT client cannot start");
  mosquitto_username_pw_set(client.get(), username->c_str(), password->c_str());
  if (url->tls()) {
    mosquitto_int_option(client.get(), MOSQ_OPT_TLS_USE_OS_CERTS, 1);
  }
  mosquitto_connect_callback_set(client.get(), on_connect);
  mosquitto_subscribe_callback_set(client.get(), on_subscribe);
  mosquitto_message_callback_set(client.get(), on_message);

  int state = mosquitto_connect(client.get(), url->host.c_str(), url->port, kKeepAlive_s);
  auto broken_since = Clock::now();
  auto next_ask = Clock::now() + kAskEvery;
  while (true) {
    if (state == MOSQ_ERR_SUCCESS) {
      state = mosquitto_loop(client.get(), 100, 1);
      if (state == MOSQ_ERR_SUCCESS && session.subscribed) broken_since = Clock::now();
    } else {
      // Revoked credentials look like a broken connection: the node tells which it is.
      const auto ended = follower.ended();
      if (!ended) return tl::unexpected(ended.error());
      if (*ended) return {};
      if (!session.refused.empty()) return failed("the broker refused: " + session.refused);
      if (Clock::now() - broken_since > kReconnectMax) return failed("the broker at " + url->authority() + " cannot be reached: " + mosquitto_strerror(state));
      std::this_thread::sleep_for(kTryAgain);
      state = mosquitto_reconnect(client.get());
    }
    if (Clock::now() >= next_ask) {
      const auto ended = follower.ended();
      if (!ended) return tl::unexpected(ended.error());
      if (*ended) break;
      next_ask = Clock::now() + kAskEvery;
    }
  }
  for (const auto until = Clock::now() + kDrain; Clock::now() < until && mosquitto_loop(client.get(), 50, 1) == MOSQ_ERR_SUCCESS;) {
  }
  mosquitto_disconnect(client.get());
  return {};
}

}  // namespace agiddi::tools
