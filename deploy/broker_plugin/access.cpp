#include "deploy/broker_plugin/access.h"

#include <sys/stat.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include "deploy/broker_plugin/flow_commands.h"
#include "deploy/broker_plugin/grant_table.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"
#include "protocol/json.h"

namespace agiddi::broker {
namespace {

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t steady_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

constexpr std::int64_t kReportEvery_ms = 100, kReportAtLeastEvery_ms = 500;
constexpr std::int64_t kReportManyEvery_ms = 40;   // when one event does not hold all that changed: 5,000 flows a second
constexpr std::size_t kReportedFlows = 200;        // in one event

bool is_loopback_address(const char* address) {
  if (address == nullptr) return false;
  const std::string_view text = address;
  return text == "::1" || text.starts_with("127.") || text.starts_with("::ffff:127.");
}

Result<void> read_admins(GrantTable& table, const char* path) {
  if (path == nullptr || *path == 0) return fail(Status::invalid, "plugin_opt_admins must name the file of node accounts");
  struct stat info {};
  if (::stat(path, &info) != 0) return fail(Status::not_found, "cannot read the file of node accounts " + std::string(path));
  if ((info.st_mode & 077) != 0) return fail(Status::invalid, std::string(path) + " must not be readable by others (chmod 600)");
  if (info.st_size > 64 * 1024) return fail(Status::too_large, std::string(path) + " is larger than 64 KiB");
  std::ifstream file(path);
  if (!file) return fail(Status::not_found, "cannot open the file of node accounts " + std::string(path));
  std::string line;
  while (std::getline(file, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return fail(Status::invalid, std::string(path) + ": a line is not username:password");
    const std::string_view text = line;
    if (auto added = table.add_admin(text.substr(0, colon), text.substr(colon + 1)); !added) return added;
  }
  if (table.admins() == 0) return fail(Status::invalid, std::string(path) + " names no node account");
  return {};
}

std::vector<std::string> read_topics(FieldReader& reader, std::string_view name) {
  std::vector<std::string> topics;
  if (const Json::Array* items = reader.optional_array(name, 0, kGrantTopicsMax)) {
    for (const Json& item : *items) {
      if (item.is_string()) {
        topics.push_back(item.as_string());
      } else {
        reader.error(name, "must be a list of topics");
      }
    }
  }
  return topics;
}

Json refusal(std::string detail) { return Json::object({{"ok", false}, {"detail", std::move(detail)}}); }

}  // namespace

class BrokerAccess {
 public:
  BrokerAccess(std::size_t grants_max, bool anonymous, BrokerActions actions)
      : table_(grants_max, steady_ms), anonymous_(anonymous), actions_(actions) {}

  GrantTable& table() { return table_; }

  bool authenticate(const void* client, const char* username, const char* password, const char* address, const char* client_id) {
    if (client_id == nullptr) client_id = "";
    if (username == nullptr) {
      const bool yes = anonymous_ && is_loopback_address(address);
      if (yes) table_.took_over(client_id);
      return yes;
    }
    if (*username == 0 || password == nullptr) return false;
    Effects effects;
    const bool yes = table_.authenticate({client, username, password, address == nullptr ? "" : address, client_id}, wall_ms(), effects);
    carry_out(effects);
    return yes;
  }

  bool allowed(const void* client, const char* username, AccessKind kind, const char* topic, std::size_t payload_size, bool retain) {
    if (topic == nullptr || (username == nullptr && !anonymous_)) return false;
    static constexpr Access kKinds[] = {Access::read, Access::write, Access::subscribe, Access::unsubscribe};
    Effects effects;
    const bool yes = table_.allowed(client, username == nullptr ? "" : username, kKinds[static_cast<int>(kind)], topic, payload_size,
                                    retain, wall_ms(), effects);
    carry_out(effects);
    return yes;
  }

  void disconnected(const void* client, const char* client_id, const char* username) {
    if (username == nullptr) return;
    Effects effects;
    table_.disconnected(client, client_id == nullptr ? "" : client_id, username, effects);
    carry_out(effects);
  }

  void tick() {
    Effects effects;
    table_.expire(wall_ms(), effects);
    carry_out(effects);
    const std::int64_t now = steady_ms();
    reports_.resize(table_.admins());
    for (Owner owner = 0; owner < table_.admins(); ++owner) {
      const std::int64_t since = now - reports_[owner];
      const std::size_t changed = table_.changed(owner);
      const bool due = table_.urgent(owner) || since >= kReportAtLeastEvery_ms || (changed > 0 && since >= kReportEvery_ms) ||
                       (changed > kReportedFlows && since >= kReportManyEvery_ms);
      if (!due || (table_.flows(owner) == 0 && changed == 0)) continue;
      reports_[owner] = now;
      tell_usage(owner, now);
    }
  }

  Routed route(const char* username, const char* topic, BytesView payload, bool plain) {
    if (username == nullptr) return {};
    std::string_view new_topic;
    const FlowVerdict verdict = table_.route({username, topic, payload, plain}, measurement_, new_topic);
    if (verdict == FlowVerdict::pass) return {};
    if (verdict == FlowVerdict::drop) return {RouteKind::nowhere, kNowhere.data(), kNowhere.size(), nullptr, 0};
    return {RouteKind::measurement, new_topic.data(), new_topic.size(), measurement_.data(), measurement_.size()};
  }

  void control(const char* client_id, const char* username, std::string_view payload) {
    const auto owner = username == nullptr ? std::nullopt : table_.admin(username);
    if (!owner || client_id == nullptr) return;
    if (client_ids_.size() < table_.admins()) client_ids_.resize(table_.admins());
    client_ids_[*owner] = client_id;
    Effects effects;
    const std::string answer = run(*owner, payload, effects).dump();
    carry_out(effects);
    actions_.send(actions_.context, client_id, kResponseTopic.data(), answer.data(), answer.size());
  }

 private:
  Json run(Owner owner, std::string_view payload, Effects& effects) {
    if (payload.size() > kControlMax_bytes) return refusal("the message is larger than 256 KiB");
    const auto document = parse_json(payload);
    if (!document) return refusal(document.error().detail);
    if (!document->is_array() || document->items().empty()) return refusal("the message must be a list of commands");
    if (document->items().size() > kControlCommandsMax) return refusal("more than 1000 commands in one message");
    Json answers(Json::Array{});
    for (const Json& command : document->items()) answers.push(run_one(owner, command, effects));
    return answers;
  }

  Json run_one(Owner owner, const Json& command, Effects& effects) {
    std::vector<FieldError> errors;
    FieldReader reader(command, "", errors);
    const auto id = reader.optional_string("id", 64);
    const auto name = reader.required_string("command", 16);
    Json answer;
    if (!name) {
      answer = refusal("command is required");
    } else if (*name == "grant") {
      answer = grant(owner, reader, errors, effects);
    } else if (*name == "revoke") {
      const auto username = reader.required_string("username", kNameMax);
      reader.finish();
      answer = errors.empty() ? revoke(owner, *username, effects) : refusal(errors.front().pointer + " " + errors.front().detail);
    } else if (*name == "flow") {
      FlowCommand asked = read_flow(reader);
      answer = errors.empty() ? begin_flow(owner, std::move(asked)) : refusal(errors.front().pointer + " " + errors.front().detail);
    } else if (*name == "raise") {
      const FlowCommand asked = read_raise(reader);
      const FlowTerms& to = asked.terms;
      answer = errors.empty() ? result(table_.raise_flow(owner, asked.username, to.generation, to.bytes, to.sequence_limit))
                              : refusal(errors.front().pointer + " " + errors.front().detail);
    } else if (*name == "lease") {
      const GrantTable::Lease lease = read_lease(reader);
      answer = errors.empty() ? Json::object({{"ok", true}}) : refusal(errors.front().pointer + " " + errors.front().detail);
      if (errors.empty()) table_.lease(owner, lease);
    } else if (*name == "flow-state" || *name == "flow-end") {
      const auto username = reader.required_string("username", kNameMax);
      reader.finish();
      answer = errors.empty() ? flow_state(owner, *username, *name == "flow-end") : refusal(errors.front().pointer + " " + errors.front().detail);
    } else if (*name == "flow-forget") {
      const auto username = reader.required_string("username", kNameMax), generation = reader.required_string("generation", kNameMax);
      reader.finish();
      answer = errors.empty() ? Json::object({{"ok", true}}) : refusal(errors.front().pointer + " " + errors.front().detail);
      if (errors.empty()) table_.forget_flow(owner, *username, *generation);
    } else {
      reader.finish();
      answer = errors.empty() ? simple(owner, *name, effects) : refusal(errors.front().pointer + " " + errors.front().detail);
    }
    if (id) answer.set("id", *id);
    return answer;
  }

  Json grant(Owner owner, FieldReader& reader, std::vector<FieldError>& errors, Effects& effects) {
    GrantRequest request;
    request.username = reader.required_string("username", kNameMax).value_or("");
    if (const auto did = reader.optional_string("key", kNameMax)) {
      const auto key = key_from_did(*did);
      if (key) request.key = *key;
      else reader.error("key", key.error().detail);
      request.audience = reader.required_string("audience", kAudienceMax).value_or("");
    } else if (const auto proof = reader.optional_string("proof", 64)) {
      const auto hash = Hash::from_hex(*proof);
      if (!hash) reader.error("proof", "must be 64 lower-case hexadecimal digits");
      request.chosen = GrantRequest::ChosenPassword{reader.required_string("salt", kPasswordMax).value_or(""), hash.value_or(Hash{})};
    } else {
      request.password = reader.required_string("password", kPasswordMax).value_or("");
    }
    request.publish = read_topics(reader, "publish");
    request.subscribe = read_topics(reader, "subscribe");
    request.expires_ms = reader.required_integer("expires", 0, 253'402'300'799'999).value_or(0);
    reader.finish();
    if (!errors.empty()) return refusal(errors.front().pointer + " " + errors.front().detail);
    Json answer = result(table_.grant(owner, request, wall_ms(), effects));
    answer.set("attached", table_.attached(request.username));
    answer.set("passed", table_.passed(request.username));
    answer.set("sequence", table_.sequence(request.username));
    set_flow(answer, table_.flow(owner, request.username));   // of which the node may not know
    return answer;
  }

  // What its flow counted until then is told, so that nothing is forwarded that the node does not count.
  Json revoke(Owner owner, const std::string& username, Effects& effects) {
    Json answer = result(table_.revoke(owner, username, effects));
    set_flow(answer, table_.flow(owner, username));
    return answer;
  }

  static void set_flow(Json& answer, const std::optional<FlowReport>& report) {
    if (report) answer.set("flow", flow_json(*report));
  }

  Json begin_flow(Owner owner, FlowCommand command) {
    Json answer = result(table_.begin_flow(owner, command.username, command.passed, std::move(command.terms)));
    answer.set("passed", table_.passed(command.username));
    if (const Json* ok = answer.find("ok"); !ok->as_bool()) set_flow(answer, table_.flow(owner, command.username));
    return answer;
  }

  Json flow_state(Owner owner, const std::string& username, bool end) {
    Json answer = Json::object({{"ok", true}, {"passed", table_.passed(username)}, {"clock", steady_ms()}});
    set_flow(answer, end ? table_.end_flow(owner, username) : table_.flow(owner, username));
    if (end) answer.set("marks", marks_text(table_.marks(username)));
    return answer;
  }

  void tell_usage(Owner owner, std::int64_t now) {
    if (owner >= client_ids_.size() || client_ids_[owner].empty()) return;
    Json flows(Json::Array{});
    for (const FlowReport& report : table_.take_changed(owner, kReportedFlows)) flows.push(flow_json(report));
    const std::string text =
        Json::object({{"event", "usage"}, {"clock", now}, {"reportedUntil", table_.reported_until(owner, now)}, {"flows", std::move(flows)}}).dump();
    actions_.send(actions_.context, client_ids_[owner].c_str(), kEventsTopic.data(), text.data(), text.size());
  }

  Json simple(Owner owner, const std::string& name, Effects& effects) {
    Json answer = Json::object({{"ok", true}});
    if (name == "sync") {
      table_.begin_sync(owner);
    } else if (name == "synced") {
      answer.set("ended", std::uint64_t{table_.end_sync(owner, effects)});
      answer.set("clock", steady_ms());
    } else if (name == "reset") {
      answer.set("ended", std::uint64_t{table_.reset(owner, effects)});
    } else if (name == "status") {
      answer.set("grants", std::uint64_t{table_.size()});
      answer.set("own", std::uint64_t{table_.size(owner)});
      answer.set("connections", std::uint64_t{table_.connections()});
      answer.set("flows", std::uint64_t{table_.flows(owner)});
      answer.set("clock", steady_ms());
    } else {
      return refusal("unknown command");
    }
    return answer;
  }

  static Json result(const Result<void>& outcome) { return outcome ? Json::object({{"ok", true}}) : refusal(outcome.error().detail); }

  void carry_out(const Effects& effects) {
    for (const std::string& username : effects.kick) actions_.kick(actions_.context, username.c_str());
    for (const Effects::Notice& notice : effects.notices) {
      if (notice.owner >= client_ids_.size() || client_ids_[notice.owner].empty()) continue;
      static constexpr const char* kEvents[] = {"attached", "detached", "lost", "back"};
      Json event = Json::object({{"event", kEvents[static_cast<int>(notice.what)]}, {"username", notice.username}});
      if (notice.at_ms > 0) event.set("at", notice.at_ms);
      const std::string text = event.dump();
      actions_.send(actions_.context, client_ids_[notice.owner].c_str(), kEventsTopic.data(), text.data(), text.size());
    }
  }

  GrantTable table_;
  bool anonymous_;
  BrokerActions actions_;
  std::vector<std::string> client_ids_;   // of each account's last control connection
  std::vector<std::int64_t> reports_;     // when each account was last told what its flows used
  std::string measurement_;
};

BrokerAccess* access_create(const AccessOptions& options, BrokerActions actions, char* message, std::size_t message_size) noexcept {
  const auto refuse = [&](const char* text) -> BrokerAccess* {
    std::snprintf(message, message_size, "%s", text);
    return nullptr;
  };
  try {
    crypto_init();
    std::size_t grants_max = 100'000;
    if (options.grants_max != nullptr) {
      const char* end = options.grants_max + std::strlen(options.grants_max);
      const auto parsed = std::from_chars(options.grants_max, end, grants_max);
      if (parsed.ec != std::errc{} || parsed.ptr != end || grants_max == 0 || grants_max > 10'000'000) {
        return refuse("plugin_opt_grants_max must be a number from 1 to 10000000");
      }
    }
    bool anonymous = true;
    if (options.anonymous != nullptr) {
      anonymous = std::strcmp(options.anonymous, "loopback") == 0;
      if (!anonymous && std::strcmp(options.anonymous, "none") != 0) return refuse("plugin_opt_anonymous must be loopback or none");
    }
    auto access = std::make_unique<BrokerAccess>(grants_max, anonymous, actions);
    if (auto read = read_admins(access->table(), options.admins_file); !read) return refuse(read.error().detail.c_str());
    return access.release();
  } catch (...) {
    return refuse("out of memory");
  }
}

void access_destroy(BrokerAccess* access) noexcept { delete access; }

bool access_authenticate(BrokerAccess* access, const void* client, const char* username, const char* password, const char* address, const char* client_id) noexcept {
  try {
    return access->authenticate(client, username, password, address, client_id);
  } catch (...) {
    return false;
  }
}

bool access_allowed(BrokerAccess* access, const void* client, const char* username, AccessKind kind, const char* topic,
                    std::size_t payload_size, bool retain) noexcept {
  try {
    return access->allowed(client, username, kind, topic, payload_size, retain);
  } catch (...) {
    return false;
  }
}

void access_disconnected(BrokerAccess* access, const void* client, const char* client_id, const char* username) noexcept {
  try {
    access->disconnected(client, client_id, username);
  } catch (...) {
  }
}

void access_control(BrokerAccess* access, const char* client_id, const char* username, const void* payload, std::size_t size) noexcept {
  try {
    access->control(client_id, username, {static_cast<const char*>(payload), payload == nullptr ? 0 : size});
  } catch (...) {
  }
}

Routed access_route(BrokerAccess* access, const char* username, const char* topic, const void* payload, std::size_t size, bool plain) noexcept {
  try {
    return access->route(username, topic, {static_cast<const char*>(payload), payload == nullptr ? 0 : size}, plain);
  } catch (...) {
    return {RouteKind::nowhere, kNowhere.data(), kNowhere.size(), nullptr, 0};
  }
}

void access_tick(BrokerAccess* access) noexcept {
  try {
    access->tick();
  } catch (...) {
  }
}

}  // namespace agiddi::broker
