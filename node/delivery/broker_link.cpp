#include "node/delivery/broker_link.h"

#include <algorithm>
#include <charconv>

#include "node/log.h"

namespace agiddi::node {
namespace {

constexpr const char* kControl = "$CONTROL/agiddi/v1";
constexpr const char* kResponse = "$CONTROL/agiddi/v1/response";
constexpr const char* kEvents = "$CONTROL/agiddi/v1/events";
constexpr std::size_t kCommandsPerMessage = 200;
constexpr std::size_t kControlMax_bytes = 256 * 1024, kDeviceMessageMax_bytes = 64 * 1024;   // what the plugin says of 200 grants or flows is longer than a reading may be
constexpr std::uint64_t kIncomingMax_bytes = 64 * 1024 * 1024;   // device messages waiting for the lane
constexpr std::size_t kOutgoingMax = 20'000;
constexpr std::size_t kClocksMax = 64;

}  // namespace

BrokerLink::BrokerLink(DeliveryLane& lane, MqttOptions options, BrokerEvents events, std::function<TimeMs()> now)
    : lane_(lane), events_(std::move(events)), now_(std::move(now)) {
  options.queue_max = kOutgoingMax;
  options.queue_max_bytes = kIncomingMax_bytes;
  options.incoming_max_bytes = kControlMax_bytes;
  MqttHandlers handlers;
  handlers.on_up = [this] { lane_.post_always([this] { came_up(); }); };
  handlers.on_down = [this](std::string reason) {
    lane_.post_always([this, reason = std::move(reason)] {
      log_warn("broker connection is down", {{"reason", reason}});
      went_down();
    });
  };
  handlers.on_message = [this](MqttMessage message) {
    const TimeMs arrival = now_();
    const std::uint64_t size = message.topic.size() + message.payload.size();
    const bool control = message.topic.starts_with("$CONTROL/");
    if (!control && message.payload.size() > kDeviceMessageMax_bytes) return;
    if (!control && incoming_bytes_ + size > kIncomingMax_bytes) {
      ++dropped_;
      return;
    }
    incoming_bytes_ += size;
    auto work = [this, size, arrival, message = std::move(message)] {
      incoming_bytes_ -= size;
      received(message, arrival);
    };
    if (control) {
      lane_.post_always(std::move(work));
    } else if (!lane_.post(std::move(work))) {
      incoming_bytes_ -= size;
      ++dropped_;
    }
  };
  client_ = std::make_unique<MqttClient>(std::move(options), std::move(handlers));
}

BrokerLink::~BrokerLink() { stop(); }
void BrokerLink::start() { client_->start(); }
void BrokerLink::stop() { client_->stop(); }

Json BrokerLink::grant_command(const BrokerGrant& grant) {
  Json publish(Json::Array{}), subscribe(Json::Array{});
  for (const std::string& topic : grant.publish) publish.push(topic);
  for (const std::string& topic : grant.subscribe) subscribe.push(topic);
  Json command = Json::object({{"command", "grant"},
                               {"username", grant.username},
                               {"publish", std::move(publish)},
                               {"subscribe", std::move(subscribe)},
                               {"expires", grant.expires}});
  if (!grant.proof.empty()) return command.set("proof", grant.proof).set("salt", grant.salt);
  if (grant.key.empty()) return command.set("password", grant.password);
  return command.set("key", grant.key).set("audience", grant.audience);
}

std::string BrokerLink::command(Json commands, std::vector<std::string> usernames) {
  const std::uint64_t connection = connection_;
  const std::string id = std::to_string(++asked_count_);
  commands.items().front().set("id", id);
  asked_[id] = std::move(usernames);
  const bool queued = client_->publish(kControl, commands.dump(), [this, connection](MqttAck ack) {
    if (ack == MqttAck::accepted || ack == MqttAck::lost || ack == MqttAck::no_subscriber) return;
    lane_.post_always([this, connection] {
      if (connection == connection_) log_error("the broker does not take our commands: is the plugin loaded and the account in its file?");
    });
  });
  if (!queued) log_error("the queue to the broker is full: a command was lost");
  return id;
}

void BrokerLink::came_up() {
  ++connection_;
  connected_ = true;
  ready_ = false;
  asked_.clear();
  drop_calls();
  clocks_.clear();
  syncing_.clear();
  for (const std::string& topic : topics_) client_->subscribe(topic);
  Json commands = Json::array({Json::object({{"command", "sync"}})});
  std::vector<std::string> usernames{""};
  for (const auto& [username, granted] : grants_) {
    commands.push(grant_command(granted.grant));
    usernames.push_back(username);
    if (usernames.size() >= kCommandsPerMessage) {
      syncing_.insert(command(std::move(commands), std::move(usernames)));
      commands = Json(Json::Array{});
      usernames.clear();
    }
  }
  commands.push(Json::object({{"command", all_named_ ? "synced" : "status"}}));
  usernames.emplace_back();
  syncing_.insert(command(std::move(commands), std::move(usernames)));
}

void BrokerLink::all_named() {
  all_named_ = true;
  if (connected_) ask(Json::object({{"command", "synced"}}), {});
}

void BrokerLink::went_down() {
  const bool was_ready = ready_;
  connected_ = ready_ = false;
  asked_.clear();
  if (was_ready && events_.on_state) events_.on_state(false);
  drop_calls();
}

void BrokerLink::received(const MqttMessage& message, TimeMs arrival) {
  if (message.topic == kResponse || message.topic == kEvents) {
    const auto json = parse_json(message.payload);
    if (!json) return;
    if (message.topic == kResponse) {
      answered(*json);
      return;
    }
    const Json* event = json->find("event");
    if (event && event->is_string() && event->as_string() == "usage") {
      saw_clock(*json);
      if (ready_ && events_.on_usage) events_.on_usage(*json);
      return;
    }
    const Json* username = json->find("username");
    if (!event || !event->is_string() || !username || !username->is_string() || !grants_.contains(username->as_string())) return;
    const std::string& what = event->as_string();
    if (what == "attached" || what == "detached") events_.on_attached(username->as_string(), what == "attached");
    const Json* at = json->find("at");
    std::uint64_t steady = 0;
    if ((what != "lost" && what != "back") || !at || !at->is_number() || !events_.on_connection) return;
    const std::string& digits = at->number_text();
    if (std::from_chars(digits.data(), digits.data() + digits.size(), steady).ec != std::errc{}) return;
    events_.on_connection(username->as_string(), what == "lost", steady);
    return;
  }
  if (topics_.contains(message.topic)) events_.on_message(message.topic, message.payload, arrival);
}

void BrokerLink::answered(const Json& answers) {
  // What was asked over a former connection is answered too, and no longer of interest.
  const Json* id = answers.is_array() && !answers.items().empty() ? answers.items().front().find("id") : nullptr;
  const auto asked = id && id->is_string() ? asked_.find(id->as_string()) : asked_.end();
  if (asked == asked_.end()) return;
  const std::string number = asked->first;
  const std::vector<std::string> usernames = std::move(asked->second);
  asked_.erase(asked);
  for (const Json& answer : answers.items()) saw_clock(answer);
  if (auto call = calls_.extract(number)) {
    if (call.mapped()) call.mapped()(&answers.items().front());
    return;
  }
  for (std::size_t i = 0; i < usernames.size(); ++i) {
    if (usernames[i].empty()) continue;
    const auto found = grants_.find(usernames[i]);
    if (found == grants_.end()) continue;
    const Json* answer = i < answers.items().size() ? &answers.items()[i] : nullptr;
    const Json* ok = answer ? answer->find("ok") : nullptr;
    const bool good = ok && ok->is_bool() && ok->as_bool();
    if (!good) log_error("the broker refused a grant", {{"detail", answer ? answer->dump() : answers.dump()}});
    const Json* attached = answer ? answer->find("attached") : nullptr;
    if (good && events_.on_granted) events_.on_granted(usernames[i], *answer);
    const auto waiting = std::exchange(found->second.waiting, nullptr);
    if (good && !found->second.grant.subscribe.empty() && attached && attached->is_bool()) {
      events_.on_attached(usernames[i], attached->as_bool());
    }
    if (waiting) waiting(good);
  }
  if (syncing_.erase(number) > 0 && syncing_.empty()) {
    ready_ = true;
    log_info("broker connection is up", {{"grants", grants_.size()}});
    if (events_.on_state) events_.on_state(true);
  }
}

void BrokerLink::grant(BrokerGrant grant, std::function<void(bool)> done) {
  const std::string username = grant.username;
  Json commands = Json::array({grant_command(grant)});
  grants_[username] = Granted{std::move(grant), std::move(done)};
  if (connected_) command(std::move(commands), {username});
}

bool BrokerLink::revoke(const std::string& username, std::function<void(const Json*)> done) {
  const auto found = grants_.find(username);
  if (found == grants_.end() && !done) return false;
  const bool unanswered = found != grants_.end() && found->second.waiting;
  if (found != grants_.end()) grants_.erase(found);
  ask(Json::object({{"command", "revoke"}, {"username", username}}), std::move(done));
  return unanswered;
}

void BrokerLink::ask(Json one, std::function<void(const Json*)> done) {
  if (!connected_) {
    if (done) done(nullptr);
    return;
  }
  const std::string id = command(Json::array({std::move(one)}), {""});
  calls_[id] = std::move(done);
}

void BrokerLink::drop_calls() {
  const auto calls = std::exchange(calls_, {});
  for (const auto& [id, done] : calls) {
    if (done) done(nullptr);
  }
}

// The plugin read its clock before the message came here, so the difference is never more than what it is.
void BrokerLink::saw_clock(const Json& message) {
  const Json* clock = message.find("clock");
  std::int64_t value = 0;
  if (!clock || !clock->is_number()) return;
  const std::string& digits = clock->number_text();
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) return;
  clocks_.push_back(value - DeliveryLane::steady_ms());
  if (clocks_.size() > kClocksMax) clocks_.pop_front();
}

std::optional<std::int64_t> BrokerLink::broker_clock() const {
  if (clocks_.empty()) return std::nullopt;
  return *std::max_element(clocks_.begin(), clocks_.end());
}

void BrokerLink::listen(const std::string& topic) {
  if (topics_.insert(topic).second && connected_) client_->subscribe(topic);
}

void BrokerLink::unlisten(const std::string& topic) {
  if (topics_.erase(topic) > 0 && connected_) client_->unsubscribe(topic);
}

bool BrokerLink::publish(const std::string& topic, Bytes payload, std::function<void(MqttAck)> done) {
  if (!connected_) return false;
  return client_->publish(topic, std::move(payload), [this, done = std::move(done)](MqttAck ack) {
    lane_.post_always([done, ack] { done(ack); });
  });
}

}  // namespace agiddi::node
