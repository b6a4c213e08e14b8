#include "tools/device/replay.h"

#include <cstdio>
#include <fstream>

#include "protocol/decimal.h"
#include "protocol/device_token.h"
#include "protocol/json.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kSessionsMax = 256;
constexpr std::size_t kCommandsMax = 1'000;
constexpr std::size_t kQueuedReadingsMax = 200;   // while the broker is away; more are lost, as from a real sensor
constexpr std::size_t kRowsMax = 1'000'000;
constexpr std::int64_t kTokenLifetime_s = 300;     // it serves for one connection attempt
constexpr auto kPatience = std::chrono::milliseconds(200);

void say(const char* what, const std::string& detail = {}) {
  std::printf("%s%s%s\n", what, detail.empty() ? "" : " ", detail.c_str());
  std::fflush(stdout);
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

TimeMs wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<std::vector<std::string>> read_column(const std::string& path, const std::string& column) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return fail(Status::not_found, "cannot read the table " + path);
  const std::vector<std::string> names = split(line);
  std::size_t index = 0;
  while (index < names.size() && names[index] != column) ++index;
  if (index == names.size()) return fail(Status::invalid, path + " has no column " + column);
  std::vector<std::string> values;
  while (std::getline(file, line)) {
    if (line.empty()) continue;
    const std::vector<std::string> cells = split(line);
    if (index >= cells.size() || !Decimal::parse(cells[index])) {
      return fail(Status::invalid, path + ": no number in column " + column + " of data row " + std::to_string(values.size() + 1));
    }
    values.push_back(cells[index]);
    if (values.size() > kRowsMax) return fail(Status::too_large, path + " has more than a million rows");
  }
  if (values.empty()) return fail(Status::invalid, path + " has no rows");
  return values;
}

Bytes reading_payload(PayloadForm form, const std::string& sensor, const std::string& value) {
  switch (form) {
    case PayloadForm::number: return value;
    case PayloadForm::senml: return Json::array({Json::object({{"n", sensor}, {"v", Json::number(value)}})}).dump();
    case PayloadForm::reading: break;
  }
  return Json::object({{"sensor", sensor}, {"value", Json::number(value)}}).dump();
}

ReplayDevice::ReplayDevice(DeviceOptions options) : options_(std::move(options)) {}
ReplayDevice::~ReplayDevice() = default;

void ReplayDevice::listen() {
  node::MqttOptions options;
  options.url = options_.broker;
  options.username = options_.username;
  options.password = options_.password;
  options.dial = {true, true};
  options.ca_file = options_.ca_file;
  node::MqttHandlers handlers;
  handlers.on_up = [this] {
    control_->subscribe(options_.command_topic, [this](node::MqttAck ack) {
      if (ack == node::MqttAck::accepted) say("listening");
      if (ack == node::MqttAck::refused) refuse("the broker refuses the command topic " + options_.command_topic);
    });
  };
  handlers.on_refused = [this](std::string reason) { refuse(std::move(reason)); };
  handlers.on_down = [](const std::string& reason) { say("command connection is down:", reason); };
  handlers.on_message = [this](node::MqttMessage message) {
    auto command = read_command(message.payload, options_.token);
    if (!command) return say("ignored:", command.error().detail);
    const std::lock_guard lock(mutex_);
    if (commands_.size() >= kCommandsMax) return;
    commands_.push_back(std::move(*command));
    wake_.notify_one();
  };
  control_ = std::make_unique<node::MqttClient>(std::move(options), std::move(handlers));
  control_->start();
}

void ReplayDevice::refuse(std::string why) {
  const std::lock_guard lock(mutex_);
  refused_ = std::move(why);
  wake_.notify_one();
}

Result<void> ReplayDevice::run(const std::atomic<bool>& stop) {
  listen();
  auto next = std::chrono::steady_clock::now() + options_.interval;
  std::string refused;
  while (!stop && refused.empty()) {
    std::deque<DeviceCommand> commands;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, std::min(next, std::chrono::steady_clock::now() + kPatience), [this] { return !commands_.empty() || !refused_.empty(); });
      commands.swap(commands_);
      refused = refused_;
    }
    for (const DeviceCommand& command : commands) take(command);
    drop_expired();
    if (std::chrono::steady_clock::now() < next) continue;
    publish_next();
    next += options_.interval;
    if (next < std::chrono::steady_clock::now()) next = std::chrono::steady_clock::now();   // a stall is not made up for
  }
  control_->stop();
  while (!sessions_.empty()) end(sessions_.begin(), "shutting down");
  if (!refused.empty()) return fail(Status::forbidden, refused);
  return {};
}

void ReplayDevice::take(const DeviceCommand& command) {
  const auto found = sessions_.find(command.integration);
  // From a node that does not know yet that another one has taken over.
  if (found != sessions_.end() && command.epoch < found->second.epoch) return say("ignored: a command of an epoch that is over", command.integration);
  if (!command.start) {
    if (found != sessions_.end()) end(found, "told to stop");
    return;
  }
  if (found != sessions_.end()) {
    const Session& running = found->second;
    if (running.topic == command.topic && running.username == command.username && running.password == command.password) return;
    end(found, "started anew");
  }
  if (sessions_.size() >= kSessionsMax) return say("ignored: too many integrations");
  if (!command.audience.empty() && !options_.key) return say("ignored: it asks for tokens, and there is no --key");
  if (command.own_password && options_.own_password.empty()) return say("ignored: it asks for the device's own password, and there is no --password-file");
  node::MqttOptions options;
  options.url = command.broker;
  if (!command.audience.empty()) {
    options.fresh_password = [key = options_.key, audience = command.audience, username = command.username] {
      return make_device_token(*key, audience, username, wall_ms() / 1'000, kTokenLifetime_s);
    };
  }
  options.username = command.username;
  options.password = command.own_password ? options_.own_password : command.password;
  options.queue_max = kQueuedReadingsMax;
  options.will_topic = command.topic;   // never published there: the broker's plugin takes it as the sign that the connection broke
  options.dial = {true, true};
  options.ca_file = options_.ca_file;
  Session session;
  session.topic = command.topic;
  session.username = command.username;
  session.password = command.password;
  session.epoch = command.epoch;
  if (const auto expires = time_from_text(command.expires)) session.expires = *expires;
  node::MqttHandlers handlers;   // said once, not at each attempt
  const auto told = std::make_shared<std::atomic<bool>>(false);
  handlers.on_up = [told] { *told = false; };
  handlers.on_refused = [told, integration = command.integration, own = command.own_password](const std::string& reason) {
    if (!told->exchange(true)) say("refused", integration + ": " + reason + (own ? " (is the password of --password-file the one that was sealed at its registration?)" : ""));
  };
  session.client = std::make_unique<node::MqttClient>(std::move(options), std::move(handlers));
  session.client->start();
  sessions_.emplace(command.integration, std::move(session));
  say("started", command.integration);
}

void ReplayDevice::publish_next() {
  if (sessions_.empty()) return;
  const Bytes payload = reading_payload(options_.form, options_.sensor, options_.values[row_]);
  row_ = (row_ + 1) % options_.values.size();
  for (auto& [integration, session] : sessions_) {
    if (session.client->publish(session.topic, payload)) ++session.published;
  }
}

void ReplayDevice::drop_expired() {
  const TimeMs now = wall_ms();
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const auto session = it++;
    if (session->second.expires && now > *session->second.expires) end(session, "its time is over");
  }
}

void ReplayDevice::end(std::map<std::string, Session>::iterator session, const char* why) {
  session->second.client->stop();
  say("stopped", session->first + ": " + why + ", " + std::to_string(session->second.published) + " readings");
  sessions_.erase(session);
}

}  // namespace agiddi::tools
