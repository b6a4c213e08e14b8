#include "delivery_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <thread>

#include "protocol/encoding.h"
#include "protocol/limits.h"

namespace agiddi::node::testing {
namespace {

constexpr const char* kProvider = "did:key:provider";
constexpr const char* kNetwork = "world-0";

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool good = ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(fd);
  if (!good) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

bool listens(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool good = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return good;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs an asynchronous call and waits for its completion.
template <class T, class Call>
T wait_for(Call call) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  call([promise](T value) { promise->set_value(std::move(value)); });
  if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) throw std::runtime_error("a call of the delivery service was never completed");
  return future.get();
}

}  // namespace

bool eventually(const std::function<bool()>& check, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!check()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

Process::Process(std::vector<std::string> command, std::string log, bool is_broker) {
  const char* preload = is_broker ? std::getenv("AGIDDI_BROKER_PRELOAD") : nullptr;
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);   // also when the test itself dies
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (preload != nullptr) {
    ::setenv("LD_PRELOAD", preload, 1);
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  }
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

Process::~Process() { kill(); }

void Process::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Process::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Process::running() { return pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0; }

Broker::Broker() : port_(free_port()) {
  char name[] = "/tmp/agiddi-delivery-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  std::ofstream(folder_ + "/admins") << NodeAccount::kName << ":" << NodeAccount::kPassword << "\n";
  ::chmod((folder_ + "/admins").c_str(), 0600);
  std::ofstream(folder_ + "/mosquitto.conf") << "listener " << port_ << " 127.0.0.1\nallow_anonymous false\npersistence false\nlog_dest stderr\n"
                                             << (::geteuid() == 0 ? "user root\n" : "") << "max_queued_messages 10000\nmax_queued_bytes 67108864\nmessage_size_limit 262144\nset_tcp_nodelay true\nplugin "
                                             << AGIDDI_BROKER_PLUGIN << "\nplugin_opt_admins " << folder_ << "/admins\n";
  start();
}

Broker::~Broker() {
  process_.reset();
  std::filesystem::remove_all(folder_);
}

void Broker::start() {
  process_ = std::make_unique<Process>(std::vector<std::string>{"/usr/sbin/mosquitto", "-c", folder_ + "/mosquitto.conf"}, folder_ + "/broker.log", true);
  if (!eventually([this] { return listens(port_); })) throw std::runtime_error("the broker does not start: " + log());
}

std::string Broker::log() const { return read_file(folder_ + "/broker.log"); }

// ---- chain and ledger

WorldChain::WorldChain() : sealing_(SealingKey::generate()), key_(std::make_shared<const KeyPair>(KeyPair::generate())) {
  genesis_.name = "world";
  genesis_.network = kNetwork;
  Member member;
  member.id = "node-1";
  member.sealing_key = sealing_.public_key;
  genesis_.members = {member};
}

TimeMs WorldChain::now() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void WorldChain::submit(Transaction, Done done) { done(fail(Status::internal, "not in this world")); }
void WorldChain::is_pending(const Hash&, std::function<void(std::optional<bool>)> done) { done(false); }

void WorldChain::submit_own(std::string action, Json body, Done done) {
  if (action == "lease.renew") {
    Outcome renewed;
    renewed.receipt.status = renews ? Status::ok : Status::conflict;
    ++renewals;
    return done(renewed);
  }
  const Hash id = Hash::from_hex(body.find("integration")->as_string()).value();
  Outcome outcome;
  outcome.receipt.status = Status::ok;
  {
    const std::lock_guard lock(mutex);
    IntegrationView& view = integrations.at(id);
    if (action == "integration.claim") {
      if (view.node.empty()) {
        view.node = body.find("node")->as_string();
        view.state = IntegrationState::active;
        view.epoch = 1;
        view.claimed = now();
      } else {
        outcome.receipt.status = Status::conflict;
      }
    } else {
      const auto sequence = static_cast<std::uint64_t>(std::stoull(body.find("sequence")->number_text()));
      if (refusals_ > 0) {
        --refusals_;
        outcome.receipt.status = Status::conflict;
      } else if (view.state == IntegrationState::ended || sequence <= view.last_report) {
        outcome.receipt.status = Status::conflict;
      } else {
        view.last_report = sequence;
        const Json& counts = *body.find("devices");
        for (std::size_t i = 0; i < view.devices.size() && view.leased; ++i) {
          GrantedDevice& device = view.devices[i];
          device.bytes_reported = std::stoull(counts.items()[i].find("bytes")->number_text());
          if (device.bytes_reported > device.bytes_reserved) ++beyond_reserved;
          if (const Json* reserve = counts.items()[i].find("reserve"); reserve && std::stoull(reserve->number_text()) > device.bytes_reported + limits::kReservedAheadMax_bytes) {
            ++beyond_reserved;
            outcome.receipt.status = Status::invalid;
          }
          if (const Json* measurements = counts.items()[i].find("measurements")) device.measurements_reported = std::stoull(measurements->number_text());
          const auto active = static_cast<std::int64_t>(std::stoll(counts.items()[i].find("activeMs")->number_text()));
          if (active < device.active_reported_ms) {
            ++falling;
            outcome.receipt.status = Status::conflict;
          }
          device.active_reported_ms = std::max(device.active_reported_ms, active);
          if (const Json* reserve = counts.items()[i].find("reserve"); reserve && reserves) device.bytes_reserved = std::stoull(reserve->number_text());
          if (!reserves && counts.items()[i].find("reserve")) outcome.receipt.status = Status::conflict;
        }
        if (body.find("final")->as_bool()) view.state = IntegrationState::ended;
        reports_[id].push_back(std::move(body));
      }
    }
  }
  done(outcome);
  tell(id);
}

std::uint64_t WorldChain::subscribe(Listener listener) {
  const std::lock_guard lock(mutex);
  const std::uint64_t handle = listeners_.size() + 1;
  listeners_[handle] = std::move(listener);
  return handle;
}

void WorldChain::unsubscribe(std::uint64_t handle) {
  const std::lock_guard lock(mutex);
  listeners_[handle] = nullptr;
}

void WorldChain::tell(const Hash& id, std::size_t times, const char* state) {
  std::vector<Listener> listeners;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [handle, listener] : listeners_) {
      if (listener) listeners.push_back(listener);
    }
  }
  ChainEvent event;
  event.kind = "integration";
  event.subject = id;
  event.data = Json::object({{"state", state}});
  for (const Listener& listener : listeners) listener(std::vector<ChainEvent>(times, event));
}

Json WorldChain::seal(const Json& clear) const {
  const Bytes key = random_bytes(32), nonce = random_bytes(24);
  const BytesView recipient{reinterpret_cast<const char*>(sealing_.public_key.data()), 32};
  return Json::object({{"protocol", "mqtt"},
                       {"sealed", Json::object({{"ciphertext", to_base64url(aead_encrypt(key, nonce, clear.dump()))},
                                                {"nonce", to_base64url(nonce)},
                                                {"recipients", Json::array({Json::object({{"member", "node-1"},
                                                                                          {"key", to_base64url(seal_to(recipient, key))}})})}})}});
}

void WorldChain::put(IntegrationView view) {
  const Hash id = view.id;
  {
    const std::lock_guard lock(mutex);
    integrations[id] = std::move(view);
  }
  tell(id);
}

void WorldChain::count(const Hash& id, std::int64_t measurements, std::optional<std::int64_t> active_ms) {
  {
    const std::lock_guard lock(mutex);
    GrantedDevice& device = integrations.at(id).devices.front();
    subservices::ApplicationCount count = device.application.value_or(subservices::ApplicationCount{});
    count.measurements = measurements;
    count.active_ms = active_ms;
    if (!device.application) {
      const auto whole = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
      count.conceded = {whole(device.bytes_reported), whole(device.measurements_reported), device.active_reported_ms};
    }
    device.application = count;
  }
  tell(id, 1, "counted");
}

IntegrationView WorldChain::view(const Hash& id) const {
  const std::lock_guard lock(mutex);
  return integrations.at(id);
}

std::vector<Json> WorldChain::reports(const Hash& id) const {
  const std::lock_guard lock(mutex);
  const auto found = reports_.find(id);
  return found == reports_.end() ? std::vector<Json>{} : found->second;
}

void WorldChain::lease(const Hash& id, TimeMs term, std::uint64_t reserved) {
  const std::lock_guard lock(mutex);
  IntegrationView& view = integrations.at(id);
  view.leased = true;
  view.lease_term = term;
  for (GrantedDevice& device : view.devices) device.bytes_reserved = reserved;
}

void WorldChain::hand_over(const Hash& id, const std::string& node, std::uint64_t used) {
  {
    const std::lock_guard lock(mutex);
    IntegrationView& view = integrations.at(id);
    GrantedDevice& device = view.devices.front();
    view.node = node;
    ++view.epoch;
    view.claimed = now();
    device.bytes_lost += used - device.bytes_reported;
    device.bytes_reported = used;
    device.bytes_reserved = used + 1'000;
  }
  tell(id);
}

void WorldChain::set_sequence(const Hash& id, std::uint64_t sequence) {
  const std::lock_guard lock(mutex);
  integrations.at(id).last_report = sequence;
}

std::optional<IntegrationHead> WorldLedger::head(const Hash& id) const {
  ++heads;
  const std::lock_guard lock(chain_.mutex);
  const auto found = chain_.integrations.find(id);
  return found == chain_.integrations.end() ? std::nullopt : std::optional<IntegrationHead>(found->second);
}

std::optional<IntegrationView> WorldLedger::integration(const Hash& id) const {
  ++views;
  const std::lock_guard lock(chain_.mutex);
  const auto found = chain_.integrations.find(id);
  return found == chain_.integrations.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::optional<subservices::ApplicationCount>> WorldLedger::counts(const Hash& id) const {
  std::vector<std::optional<subservices::ApplicationCount>> all;
  for (const GrantedDevice& device : chain_.view(id).devices) all.push_back(device.application);
  return all;
}

std::vector<Hash> WorldLedger::served_by(const std::string& member) const {
  const std::lock_guard lock(chain_.mutex);
  std::vector<Hash> ids;
  for (const auto& [id, view] : chain_.integrations) {
    if (view.node == member && (view.state == IntegrationState::active || view.state == IntegrationState::closing)) ids.push_back(id);
  }
  return ids;
}

std::optional<Bytes> WorldLedger::local_get(BytesView key) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(Bytes(key));
  return found == notes_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<Bytes, Bytes>> WorldLedger::local_scan(BytesView prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Bytes, Bytes>> found;
  for (const auto& [key, value] : notes_) {
    if (BytesView(key).starts_with(prefix)) found.emplace_back(key, value);
  }
  return found;
}

void WorldLedger::local_put(BytesView key, BytesView value) {
  const std::lock_guard lock(mutex_);
  notes_[Bytes(key)] = Bytes(value);
}

void WorldLedger::local_erase(BytesView key) {
  const std::lock_guard lock(mutex_);
  notes_.erase(Bytes(key));
}

std::map<Bytes, Bytes> WorldLedger::copy() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

void WorldLedger::restore(std::map<Bytes, Bytes> notes) {
  const std::lock_guard lock(mutex_);
  notes_ = std::move(notes);
}

std::size_t WorldLedger::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_.size();
}

// ---- receivers

void Sink::push(StreamMeasurement measurement) {
  const std::lock_guard lock(mutex_);
  received_.push_back(parse_json(*measurement.json).value());
}

void Sink::end(std::string reason) {
  const std::lock_guard lock(mutex_);
  ended_ = std::move(reason);
}

std::vector<Json> Sink::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::string Sink::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

Application::Application(const DeliveryAccess& access) {
  MqttOptions options;
  options.url = parse_mqtt_url(access.broker).value();
  options.username = access.username;
  options.password = access.password;
  options.dial.allow_private = true;
  MqttHandlers handlers;
  handlers.on_up = [this, topic = access.topic] {
    client_->subscribe(topic, [this](MqttAck ack) {
      if (ack == MqttAck::accepted) subscribed = true;
      if (ack == MqttAck::refused) ++refused;
    });
  };
  handlers.on_down = [this](const std::string&) { subscribed = false, down = true; };
  handlers.on_message = [this](const MqttMessage& message) {
    const std::lock_guard lock(mutex_);
    received_.push_back(parse_json(message.payload).value());
  };
  client_ = std::make_unique<MqttClient>(std::move(options), std::move(handlers));
  client_->start();
}

std::vector<Json> Application::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

// ---- the world

World::World() { crypto_init(); }

void World::start_service(bool allow_private, bool broker_flows) {
  DeliveryOptions options;
  options.broker_url = broker.url();
  options.broker_username = NodeAccount::kName;
  options.broker_password = NodeAccount::kPassword;
  options.public_url = "http://127.0.0.1:1";
  options.allow_private_endpoints = allow_private;
  options.report_interval_ms = 200;
  options.broker_flows = broker_flows;
  service = std::make_unique<DeliveryService>(chain, ledger, options);
  service->start();
}

std::string World::start_device(int interval_ms, std::string token, std::string sensor, std::string form) {
  const std::string topic = "devices/" + random_token();
  std::vector<std::string> command{AGIDDI_DEVICE,  "--broker", broker.url(), "--command-topic", topic,    "--table", AGIDDI_READINGS,
                                   "--column",     "temperature", "--sensor", sensor,          "--interval-ms", std::to_string(interval_ms),
                                   "--form",       form};
  if (!token.empty()) command.insert(command.end(), {"--token", token});
  const std::string log = broker.folder() + "/device.log";
  const std::string before = read_file(log);
  devices.push_back(std::make_unique<Process>(command, log));
  if (!eventually([&] { return read_file(log).find("listening", before.size()) != std::string::npos; })) {
    throw std::runtime_error("a device does not listen: " + read_file(log));
  }
  return topic;
}

Json World::access(const std::string& topic, const std::string& token) const {
  Json clear = Json::object({{"endpoint", broker.url()}, {"topic", topic}, {"provider", kProvider}, {"network", kNetwork}});
  if (!token.empty()) clear.set("token", token);
  return clear;
}

GrantedDevice World::device(const Json& clear, std::optional<std::uint64_t> bytes, std::optional<std::int64_t> ms_from_now) {
  GrantedDevice device;
  device.device = blake2b(random_bytes(32));
  device.provider = kProvider;
  device.access = chain.seal(clear);
  device.measurement.context = Json::object({{"sosa", "http://www.w3.org/ns/sosa/"}});
  device.measurement.device = device_urn(device.device);
  device.measurement.sensors = {{"air", device_urn(device.device) + "/sensor/air", "https://example.org/AirTemperature", "http://qudt.org/vocab/unit/DEG_C"}};
  device.bytes_limit = bytes;
  if (ms_from_now) device.expires = chain.now() + *ms_from_now;
  return device;
}

Hash World::integration(std::vector<GrantedDevice> granted, const std::string& protocol, const std::string& node) {
  IntegrationView view;
  view.id.bytes[0] = next_id++;
  view.protocol = protocol;
  view.devices = std::move(granted);
  if (!node.empty()) {
    view.node = node;
    view.state = IntegrationState::active;
    view.epoch = 1;
    view.claimed = chain.now();
  }
  const Hash id = view.id;
  chain.put(std::move(view));
  return id;
}

Result<DeliveryAccess> World::claim(const Hash& id) {
  return wait_for<Result<DeliveryAccess>>([&](auto done) { service->claim_and_start(id, done); });
}

Result<DeliveryAccess> World::rotate(const Hash& id) {
  return wait_for<Result<DeliveryAccess>>([&](auto done) { service->delivery_for(id, true, done); });
}

std::optional<IntegrationUsage> World::usage(const Hash& id) {
  return wait_for<std::optional<IntegrationUsage>>([&](auto done) { service->usage(id, done); });
}

Result<void> World::attach(const Hash& id, const std::string& token, std::shared_ptr<StreamSink> sink) {
  return wait_for<Result<void>>([&](auto done) { service->attach_stream(id, token, sink, done); });
}

std::string World::device_log() const { return read_file(broker.folder() + "/device.log"); }

}  // namespace agiddi::node::testing
