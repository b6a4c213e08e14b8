#include <mosquitto.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "tools/cli/follow.h"
#include "tools/cli/node_client.h"
#include "tools/cli/url.h"

namespace agiddi::tools {
namespace {

using Clock = Contact::Clock;
using std::chrono::milliseconds;

constexpr int kKeepAlive_s = 30;
constexpr milliseconds kAskEvery{500};
constexpr milliseconds kDrain{500};              // what is on its way when the integration ends
constexpr milliseconds kAnswerMax{10'000};       // for the broker's answers to connection and subscription
constexpr milliseconds kRefusedMax{15'000};      // a broker that has just started learns the credentials from the node in that time; then new ones are asked for

struct Account {
  Url broker;
  std::string topic, username, password;

  static Outcome<Account> of(const Json& delivery) {
    const auto broker = text_member(delivery, "broker"), topic = text_member(delivery, "topic");
    const auto username = text_member(delivery, "username"), password = text_member(delivery, "password");
    for (const auto* part : {&broker, &topic, &username, &password}) {
      if (!*part) return tl::unexpected(part->error());
    }
    auto url = parse_url(*broker);
    if (!url) return passed_on(url.error());
    return Account{std::move(*url), *topic, *username, *password};
  }
};

struct Library {
  Library() { mosquitto_lib_init(); }
  ~Library() { mosquitto_lib_cleanup(); }
};

// One connection attempt and what follows, to an account.
class Session {
 public:
  Session(const Account& account, const Follower& follower)
      : account_(account), follower_(follower), client_(mosquitto_new(nullptr, true, this), mosquitto_destroy), give_up_(Clock::now() + kAnswerMax) {
    if (!client_) return;
    mosquitto_username_pw_set(client_.get(), account.username.c_str(), account.password.c_str());
    if (account.broker.tls()) mosquitto_int_option(client_.get(), MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    mosquitto_connect_callback_set(client_.get(), [](mosquitto*, void* self, int code) { of(self).connected(code); });
    mosquitto_subscribe_callback_set(client_.get(), [](mosquitto*, void* self, int, int count, const int* granted) {
      of(self).subscribed_ = count > 0 && granted[0] < 128;
      if (!of(self).subscribed_) of(self).refused_ = "it refuses the subscription";
    });
    mosquitto_message_callback_set(client_.get(), [](mosquitto*, void* self, const mosquitto_message* message) {
      if (!of(self).follower_.measurement(std::string(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)))) {
        of(self).nobody_reads_ = true;
      }
    });
    state_ = mosquitto_connect(client_.get(), account.broker.host.c_str(), account.broker.port, kKeepAlive_s);
  }
  ~Session() {
    if (client_) mosquitto_disconnect(client_.get());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Reads and writes for a moment. False when the connection is of no use any more: reason() says why.
  bool serve(int moment_ms) {
    if (state_ == MOSQ_ERR_SUCCESS) state_ = mosquitto_loop(client_.get(), moment_ms, 1);
    if (!subscribed_ && refused_.empty() && state_ == MOSQ_ERR_SUCCESS && Clock::now() > give_up_) refused_ = "it does not answer";
    return state_ == MOSQ_ERR_SUCCESS && refused_.empty();
  }
  bool subscribed() const { return subscribed_; }
  bool nobody_reads() const { return nobody_reads_; }
  bool refused() const { return !refused_.empty(); }
  std::string reason() const { return refused() ? refused_ : state_ == MOSQ_ERR_ERRNO ? "nobody listens there" : mosquitto_strerror(state_); }

 private:
  static Session& of(void* self) { return *static_cast<Session*>(self); }
  void connected(int code) {
    if (code != 0) {
      refused_ = mosquitto_connack_string(code);
    } else {
      mosquitto_subscribe(client_.get(), nullptr, account_.topic.c_str(), 1);
    }
  }

  const Account& account_;
  const Follower& follower_;
  std::unique_ptr<mosquitto, void (*)(mosquitto*)> client_;
  Clock::time_point give_up_;
  std::string refused_;
  int state_ = MOSQ_ERR_NOMEM;
  bool subscribed_ = false, nobody_reads_ = false;
};

}  // namespace

Outcome<FollowEnd> follow_mqtt(const Json& delivery, const Follower& follower) {
  auto account = Account::of(delivery);
  if (!account) return tl::unexpected(account.error());
  const Library library;
  Contact broker("the broker at " + account->broker.authority(), follower.patience, follower.say);
  Contact node("the node " + follower.node, follower.patience, follower.say);
  node.up(Clock::now());
  Renewal renewal(follower);
  bool refused_before = false;
  Clock::time_point refused_since{};
  auto next_ask = Clock::now() + kAskEvery;
  auto session = std::make_unique<Session>(*account, follower);
  while (true) {
    const bool good = session->serve(100);
    if (session->nobody_reads()) return failed("standard output is closed");
    if (follower.interrupted()) return FollowEnd::interrupted;
    if (good && session->subscribed()) {
      broker.up(Clock::now());
      refused_before = false;
    }
    if (!good || Clock::now() >= next_ask) {   // revoked credentials look like a broken connection: the node tells which it is
      const auto ended = follower.ended();
      if (ended && *ended) break;
      if (ended) {
        node.up(Clock::now());
        next_ask = Clock::now() + kAskEvery;
      } else {
        if (follower.move && follower.move()) return FollowEnd::moved;
        if (!node.lost(detail_of(ended.error()), Clock::now())) return failed(node.verdict());
        next_ask = Clock::now() + std::max(kAskEvery, node.pause());
      }
    }
    if (good) continue;

    std::string reason = session->reason();
    if (session->refused()) {
      if (!refused_before) refused_since = Clock::now();
      refused_before = true;
      if (Clock::now() - refused_since >= std::min(kRefusedMax, follower.patience / 2)) {
        auto fresh = renewal.ask(Clock::now());
        if (!fresh) return tl::unexpected(fresh.error());
        if (*fresh) {
          auto renewed = Account::of(**fresh);
          if (!renewed) return tl::unexpected(renewed.error());
          session.reset();   // it looks at the account
          account = std::move(renewed);
          refused_before = false;
        } else {
          reason = renewal.reason();
        }
      }
    }
    if (!broker.lost(reason, Clock::now())) return failed(broker.verdict());
    pause_for(broker.pause(), follower);
    if (follower.interrupted()) return FollowEnd::interrupted;
    session = std::make_unique<Session>(*account, follower);
  }
  for (const auto until = Clock::now() + kDrain; Clock::now() < until && session->serve(50);) {
  }
  return FollowEnd::ended;
}

}  // namespace agiddi::tools
