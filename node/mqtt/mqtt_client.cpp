#include "node/mqtt/mqtt_client.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "node/mqtt/dial_policy.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::node {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBackOffFirst = std::chrono::milliseconds(100);
constexpr auto kBackOffMax = std::chrono::milliseconds(10'000);
constexpr auto kConnectMax = std::chrono::milliseconds(10'000);
constexpr auto kPollMax = std::chrono::milliseconds(500);
constexpr auto kFarewellMax = std::chrono::milliseconds(300);   // to get a DISCONNECT and the last packets out at stop
constexpr int kReadPackets = 64;
constexpr const char* kSystemCertificates = "/etc/ssl/certs";

// A refusal that waiting does not mend: the account, the client id, a ban. Busy, over a quota or shutting down is not one.
bool is_final(int code) {
  switch (code) {
    case CONNACK_REFUSED_IDENTIFIER_REJECTED:
    case CONNACK_REFUSED_BAD_USERNAME_PASSWORD:
    case CONNACK_REFUSED_NOT_AUTHORIZED:
    case MQTT_RC_CLIENTID_NOT_VALID:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
    case MQTT_RC_BANNED:
    case MQTT_RC_BAD_AUTHENTICATION_METHOD: return true;
    default: return false;
  }
}

void init_library() {
  static std::once_flag once;
  std::call_once(once, [] { AGIDDI_CHECK(mosquitto_lib_init() == MOSQ_ERR_SUCCESS, "the MQTT library starts"); });
}

}  // namespace

struct MqttClient::Impl {
  struct Outgoing {
    enum class Kind { publish, subscribe, unsubscribe } kind = Kind::publish;
    std::string topic;
    Bytes payload;
    Done done;
    std::size_t cost() const { return topic.size() + payload.size(); }
  };
  struct Pending {
    Done done;
    std::size_t cost = 0;
  };
  struct Session {                      // one connection attempt and what follows; only the client's thread touches it
    Impl* client = nullptr;
    mosquitto* mosq = nullptr;
    bool up = false, over = false;
    std::string reason;
    std::unordered_map<int, Pending> publishes;
    std::unordered_map<int, Done> subscribes;
  };

  Impl(MqttOptions o, MqttHandlers h) : options(std::move(o)), handlers(std::move(h)), wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    AGIDDI_CHECK(wake >= 0, "an event descriptor can be made");
    init_library();
    if (options.client_id.empty()) options.client_id = "agiddi-" + random_token();
  }
  ~Impl() { ::close(wake); }

  // ---- any thread

  bool push(Outgoing item) {
    const std::size_t cost = item.cost();
    {
      const std::lock_guard lock(mutex);
      if (stopped || count >= options.queue_max || bytes + cost > options.queue_max_bytes) return false;
      ++count;
      bytes += cost;
      queue.push_back(std::move(item));
    }
    ring();
    return true;
  }

  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);  // a full counter wakes just as well
  }

  // ---- the client's thread

  void release(std::size_t cost) {
    const std::lock_guard lock(mutex);
    --count;
    bytes -= cost;
  }

  bool is_stopped() {
    const std::lock_guard lock(mutex);
    return stopped;
  }

  void run() {
    auto back_off = kBackOffFirst;
    while (!is_stopped()) {
      Session session;
      session.client = this;
      connect(session);
      if (session.mosq != nullptr && !session.over) serve(session);
      const bool was_up = session.up;
      close(session);
      if (is_stopped()) break;
      if (handlers.on_down) handlers.on_down(session.reason);
      if (!options.reconnect) break;
      back_off = was_up ? kBackOffFirst : std::min<std::chrono::milliseconds>(back_off * 2, kBackOffMax);
      wait_for_wake(back_off, true);
    }
    fail_queue();
  }

  // With until_stopped the queue's rings do not end the wait.
  void wait_for_wake(std::chrono::milliseconds time, bool until_stopped) {
    const auto deadline = Clock::now() + time;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0 || is_stopped()) return;
      pollfd entry{wake, POLLIN, 0};
      ::poll(&entry, 1, static_cast<int>(left));
      clear_wake();
      if (!until_stopped) return;
    }
  }

  void clear_wake() const {
    std::uint64_t value;
    [[maybe_unused]] const auto count_read = ::read(wake, &value, sizeof value);
  }

  void connect(Session& session) {
    const auto address = resolve_allowed(options.url.host, options.url.tls, options.dial);
    if (!address) {
      session.reason = address.error().detail;
      return;
    }
    session.mosq = mosquitto_new(options.client_id.c_str(), true, &session);
    AGIDDI_CHECK(session.mosq != nullptr, "an MQTT client can be made");
    mosquitto* mosq = session.mosq;
    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, version_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);   // else each small packet waits for the acknowledgement of the one before, which the other side delays by 40 ms
    const std::string password = options.fresh_password ? options.fresh_password() : options.password;
    if (!options.username.empty()) mosquitto_username_pw_set(mosq, options.username.c_str(), password.c_str());
    int code = MOSQ_ERR_SUCCESS;
    if (!options.will_topic.empty()) code = mosquitto_will_set(mosq, options.will_topic.c_str(), 0, nullptr, 1, false);
    if (options.url.tls && code == MOSQ_ERR_SUCCESS) {
      const bool system = options.ca_file.empty();
      code = mosquitto_tls_set(mosq, system ? nullptr : options.ca_file.c_str(), system ? kSystemCertificates : nullptr, nullptr, nullptr, nullptr);
    }
    mosquitto_connect_v5_callback_set(mosq, [](mosquitto*, void* s, int rc, int, const mosquitto_property*) { of(s).client->on_connected(of(s), rc); });
    mosquitto_disconnect_v5_callback_set(mosq, [](mosquitto*, void* s, int rc, const mosquitto_property*) { of(s).client->on_ended(of(s), rc); });
    mosquitto_publish_v5_callback_set(mosq, [](mosquitto*, void* s, int mid, int rc, const mosquitto_property*) { of(s).client->on_published(of(s), mid, rc); });
    mosquitto_subscribe_v5_callback_set(mosq, [](mosquitto*, void* s, int mid, int n, const int* granted, const mosquitto_property*) {
      of(s).client->on_subscribed(of(s), mid, n > 0 ? granted[0] : 0x80);
    });
    mosquitto_message_v5_callback_set(mosq, [](mosquitto*, void* s, const mosquitto_message* message, const mosquitto_property*) {
      of(s).client->on_message(message);
    });
    // TLS needs the name for the certificate; plain connections go to the address that was checked.
    const std::string& host = options.url.tls ? options.url.host : *address;
    if (code == MOSQ_ERR_SUCCESS) code = mosquitto_connect_async(mosq, host.c_str(), options.url.port, options.keepalive_s);
    if (code != MOSQ_ERR_SUCCESS) {
      session.over = true;
      session.reason = code == MOSQ_ERR_ERRNO ? "cannot connect" : mosquitto_strerror(code);
    }
  }

  void serve(Session& session) {
    const auto connect_deadline = Clock::now() + kConnectMax;
    while (!session.over && !is_stopped()) {
      if (session.up) hand_over(session);
      const int fd = mosquitto_socket(session.mosq);
      if (fd < 0) {
        end(session, "the connection was closed");
        break;
      }
      step(session, fd, kPollMax);
      if (!session.up && Clock::now() > connect_deadline) end(session, "no answer to the connection request");
    }
    if (session.up && !session.over) farewell(session);
  }

  void step(Session& session, int fd, std::chrono::milliseconds time) {
    const short events = static_cast<short>(POLLIN | (mosquitto_want_write(session.mosq) ? POLLOUT : 0));
    pollfd entries[2] = {{fd, events, 0}, {wake, POLLIN, 0}};
    ::poll(entries, 2, static_cast<int>(time.count()));
    if (entries[1].revents != 0) clear_wake();
    int code = MOSQ_ERR_SUCCESS;
    if ((entries[0].revents & POLLOUT) != 0) code = mosquitto_loop_write(session.mosq, 1);
    if (code == MOSQ_ERR_SUCCESS && (entries[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
      code = mosquitto_loop_read(session.mosq, kReadPackets);
    }
    if (code == MOSQ_ERR_SUCCESS) code = mosquitto_loop_misc(session.mosq);
    if (code != MOSQ_ERR_SUCCESS) end(session, code == MOSQ_ERR_ERRNO ? "cannot connect" : mosquitto_strerror(code));
  }

  void farewell(Session& session) {
    hand_over(session);
    const auto deadline = Clock::now() + kFarewellMax;
    while (!session.over && !session.publishes.empty() && Clock::now() < deadline) {
      const int fd = mosquitto_socket(session.mosq);
      if (fd < 0) return;
      step(session, fd, std::chrono::milliseconds(20));
    }
    mosquitto_disconnect(session.mosq);
  }

  // What waits goes to the library, which sends at once. Sends are few and small against the queue's bound.
  void hand_over(Session& session) {
    std::deque<Outgoing> taken;
    {
      const std::lock_guard lock(mutex);
      taken.swap(queue);
    }
    for (Outgoing& item : taken) {
      int mid = 0;
      int code = MOSQ_ERR_SUCCESS;
      const std::size_t cost = item.cost();
      switch (item.kind) {
        case Outgoing::Kind::publish:
          code = mosquitto_publish_v5(session.mosq, &mid, item.topic.c_str(), static_cast<int>(item.payload.size()), item.payload.data(), 1,
                                      false, nullptr);
          if (code == MOSQ_ERR_SUCCESS) {
            session.publishes.emplace(mid, Pending{std::move(item.done), cost});
            continue;
          }
          break;
        case Outgoing::Kind::subscribe:
          code = mosquitto_subscribe_v5(session.mosq, &mid, item.topic.c_str(), 1, 0, nullptr);
          if (code == MOSQ_ERR_SUCCESS) session.subscribes.emplace(mid, std::move(item.done));
          break;
        case Outgoing::Kind::unsubscribe: mosquitto_unsubscribe(session.mosq, nullptr, item.topic.c_str()); break;
      }
      release(cost);
      if (code != MOSQ_ERR_SUCCESS && item.done) item.done(MqttAck::lost);
    }
  }

  void end(Session& session, std::string reason) {
    if (session.over) return;
    session.over = true;
    if (session.reason.empty()) session.reason = std::move(reason);
  }

  void close(Session& session) {
    is_up = false;
    if (session.mosq != nullptr) mosquitto_destroy(session.mosq);
    session.mosq = nullptr;
    for (auto& [mid, pending] : session.publishes) {
      release(pending.cost);
      if (pending.done) pending.done(MqttAck::lost);
    }
    for (auto& [mid, done] : session.subscribes) {
      if (done) done(MqttAck::lost);
    }
    drop_subscriptions();
  }

  // A subscription belongs to a connection: those that never went out are lost, publications wait for the next connection.
  void drop_subscriptions() {
    std::deque<Outgoing> dropped;
    {
      const std::lock_guard lock(mutex);
      std::deque<Outgoing> kept;
      for (Outgoing& item : queue) {
        (item.kind == Outgoing::Kind::publish ? kept : dropped).push_back(std::move(item));
      }
      queue.swap(kept);
    }
    for (Outgoing& item : dropped) {
      release(item.cost());
      if (item.done) item.done(MqttAck::lost);
    }
  }

  void fail_queue() {
    std::deque<Outgoing> dropped;
    {
      const std::lock_guard lock(mutex);
      stopped = true;
      dropped.swap(queue);
    }
    for (Outgoing& item : dropped) {
      if (item.done) item.done(MqttAck::lost);
    }
  }

  void on_connected(Session& session, int code) {
    if (code != 0) {
      const bool older = version_5 && (code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || code == CONNACK_REFUSED_PROTOCOL_VERSION);
      if (older) version_5 = false;
      const std::string reason = std::string("the broker refused the connection: ") + (version_5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code));
      if (!older && is_final(code) && handlers.on_refused) handlers.on_refused(reason);
      end(session, reason);
      return;
    }
    session.up = true;
    is_up = true;
    if (handlers.on_up) handlers.on_up();
  }

  void on_ended(Session& session, int code) { end(session, code == 0 ? "disconnected" : mosquitto_reason_string(code)); }

  void on_published(Session& session, int mid, int code) {
    const auto found = session.publishes.find(mid);
    if (found == session.publishes.end()) return;
    Pending pending = std::move(found->second);
    session.publishes.erase(found);
    release(pending.cost);
    if (!pending.done) return;
    if (code == MQTT_RC_NO_MATCHING_SUBSCRIBERS) {
      pending.done(MqttAck::no_subscriber);
    } else {
      pending.done(code >= 0x80 ? MqttAck::refused : MqttAck::accepted);
    }
  }

  void on_subscribed(Session& session, int mid, int granted) {
    const auto found = session.subscribes.find(mid);
    if (found == session.subscribes.end()) return;
    const Done done = std::move(found->second);
    session.subscribes.erase(found);
    if (done) done(granted >= 0x80 ? MqttAck::refused : MqttAck::accepted);
  }

  void on_message(const mosquitto_message* message) {
    if (!handlers.on_message || message->topic == nullptr || message->payloadlen < 0) return;
    const auto size = static_cast<std::size_t>(message->payloadlen);
    if (size > options.incoming_max_bytes) return;
    MqttMessage out;
    out.topic = message->topic;
    if (size > 0) out.payload.assign(static_cast<const char*>(message->payload), size);
    out.retained = message->retain;
    handlers.on_message(std::move(out));
  }

  static Session& of(void* session) { return *static_cast<Session*>(session); }

  MqttOptions options;
  MqttHandlers handlers;
  int wake;
  std::thread thread;
  bool version_5 = true;
  std::atomic<bool> is_up{false};

  mutable std::mutex mutex;             // guards what follows
  std::deque<Outgoing> queue;
  std::size_t count = 0, bytes = 0;     // queued or not yet acknowledged
  bool stopped = false;
};

MqttClient::MqttClient(MqttOptions options, MqttHandlers handlers) : impl_(std::make_unique<Impl>(std::move(options), std::move(handlers))) {}
MqttClient::~MqttClient() { stop(); }

void MqttClient::start() {
  AGIDDI_CHECK(!impl_->thread.joinable(), "an MQTT client is started once");
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void MqttClient::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->ring();
  if (impl_->thread.joinable()) {
    AGIDDI_CHECK(impl_->thread.get_id() != std::this_thread::get_id(), "a client is not stopped from its own handlers");
    impl_->thread.join();
  }
  impl_->fail_queue();
}

bool MqttClient::connected() const { return impl_->is_up; }

bool MqttClient::publish(std::string topic, Bytes payload, Done done) {
  return impl_->push({Impl::Outgoing::Kind::publish, std::move(topic), std::move(payload), std::move(done)});
}

bool MqttClient::subscribe(std::string topic, Done done) {
  return impl_->push({Impl::Outgoing::Kind::subscribe, std::move(topic), {}, std::move(done)});
}

bool MqttClient::unsubscribe(std::string topic) { return impl_->push({Impl::Outgoing::Kind::unsubscribe, std::move(topic), {}, {}}); }

std::size_t MqttClient::queued() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->count;
}

}  // namespace agiddi::node
