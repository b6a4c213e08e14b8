// A small world for the delivery service: a chain with one member that knows a few integrations, a real broker with the plugin, real device
// processes, and clients that receive.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <mutex>
#include <set>

#include "node/delivery/delivery_service.h"
#include "node/mqtt/mqtt_client.h"

namespace agiddi::node::testing {

// Polls until check holds; false after the time is over.
bool eventually(const std::function<bool()>& check, int seconds = 10);

class Process {
 public:
  Process(std::vector<std::string> command, std::string log, bool is_broker = false);
  ~Process();
  Process(const Process&) = delete;
  void kill();
  void signal(int number);
  bool running();

 private:
  pid_t pid_ = -1;
};

class Broker {
 public:
  Broker();
  ~Broker();
  void start();
  void kill() { process_.reset(); }
  void pause(bool yes) { process_->signal(yes ? SIGSTOP : SIGCONT); }
  std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }
  const std::string& folder() const { return folder_; }
  std::string log() const;

 private:
  std::string folder_;
  int port_;
  std::unique_ptr<Process> process_;
};

struct NodeAccount {
  static constexpr const char* kName = "node-1";
  static constexpr const char* kPassword = "a-password-of-node-1";
};

class WorldChain : public Chain {
 public:
  WorldChain();
  const Genesis& genesis() const override { return genesis_; }
  MemberSet members() const override { return genesis_.member_set(); }
  const Member& self() const override { return genesis_.members.front(); }
  TimeMs now() const override;
  ChainStatus status() const override { return {}; }
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const override { return nullptr; }
  void submit(Transaction transaction, Done done) override;
  void submit_own(std::string action, Json body, Done done) override;
  void is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) override;
  std::uint64_t subscribe(Listener listener) override;
  void unsubscribe(std::uint64_t handle) override;
  Result<Bytes> open_sealed_key(BytesView sealed) const override { return open_sealed(sealing_, sealed); }
  std::shared_ptr<const KeyPair> signing_key() const override { return key_; }

  // The world's side.
  Json seal(const Json& clear) const;                        // {"protocol","sealed"}
  void put(IntegrationView view);                            // and tells the listeners
  IntegrationView view(const Hash& id) const;
  std::vector<Json> reports(const Hash& id) const;
  void refuse_next_report() { refusals_ = 1; }
  void set_sequence(const Hash& id, std::uint64_t sequence);
  void lease(const Hash& id, TimeMs term, std::uint64_t reserved);   // of each of its devices
  void count(const Hash& id, std::int64_t measurements, std::optional<std::int64_t> active_ms = {});   // by the application, of its first device
  void hand_over(const Hash& id, const std::string& node, std::uint64_t used);
  void tell(const Hash& id, std::size_t times = 1, const char* state = "");   // as one block with so many events
  std::atomic<bool> renews{true}, reserves{true};             // whether leases are renewed, and bytes reserved
  std::atomic<int> renewals{0}, beyond_reserved{0}, falling{0};   // and reports of more than was reserved, or of less time than before

  mutable std::mutex mutex;
  std::map<Hash, IntegrationView> integrations;

 private:
  Genesis genesis_;
  SealingKey sealing_;
  std::shared_ptr<const KeyPair> key_;
  std::map<Hash, std::vector<Json>> reports_;
  std::map<std::uint64_t, Listener> listeners_;
  std::atomic<int> refusals_{0};
};

// The notes outlive a service, as a data folder outlives a process.
class WorldLedger : public DeliveryLedger {
 public:
  explicit WorldLedger(const WorldChain& chain) : chain_(chain) {}
  std::optional<IntegrationHead> head(const Hash& id) const override;
  std::optional<IntegrationView> integration(const Hash& id) const override;
  std::vector<std::optional<subservices::ApplicationCount>> counts(const Hash& id) const override;
  std::vector<Hash> served_by(const std::string& member) const override;
  std::optional<Bytes> local_get(BytesView key) const override;
  std::vector<std::pair<Bytes, Bytes>> local_scan(BytesView prefix) const override;
  void local_put(BytesView key, BytesView value) override;
  void local_erase(BytesView key) override;
  std::size_t notes() const;
  std::map<Bytes, Bytes> copy() const;                        // and back: a machine that failed before its last notes reached the disk
  void restore(std::map<Bytes, Bytes> notes);
  mutable std::atomic<std::size_t> heads{0}, views{0};        // that were asked for

 private:
  const WorldChain& chain_;
  mutable std::mutex mutex_;
  std::map<Bytes, Bytes> notes_;
};

class Sink : public StreamSink {
 public:
  std::size_t room() const override { return open_room; }
  void push(StreamMeasurement measurement) override;
  void end(std::string reason) override;
  std::vector<Json> received() const;
  std::string ended() const;
  std::atomic<std::size_t> open_room{1'000'000};

 private:
  mutable std::mutex mutex_;
  std::vector<Json> received_;
  std::string ended_;
};

// An application that subscribes with what it was given.
class Application {
 public:
  explicit Application(const DeliveryAccess& access);
  std::vector<Json> received() const;
  std::atomic<int> refused{0};
  std::atomic<bool> subscribed{false}, down{false};

 private:
  mutable std::mutex mutex_;
  std::vector<Json> received_;
  std::unique_ptr<MqttClient> client_;
};

struct World {
  World();
  void start_service(bool allow_private = true, bool broker_flows = true);
  void stop_service() { service.reset(); }
  // A device process on a topic of its own, and an integration with it.
  std::string start_device(int interval_ms, std::string token = {}, std::string sensor = "air", std::string form = "reading");
  GrantedDevice device(const Json& access, std::optional<std::uint64_t> bytes, std::optional<std::int64_t> ms_from_now);
  Json access(const std::string& topic, const std::string& token = {}) const;
  Hash integration(std::vector<GrantedDevice> devices, const std::string& protocol, const std::string& node = "");
  Result<DeliveryAccess> claim(const Hash& id);
  Result<DeliveryAccess> rotate(const Hash& id);
  std::optional<IntegrationUsage> usage(const Hash& id);
  Result<void> attach(const Hash& id, const std::string& token, std::shared_ptr<StreamSink> sink);
  std::string token_of(const DeliveryAccess& access) const { return access.url.substr(access.url.find("token=") + 6); }
  std::string device_log() const;
  bool device_says(const std::string& text) const { return eventually([&] { return device_log().find(text) != std::string::npos; }); }

  Broker broker;
  WorldChain chain;
  WorldLedger ledger{chain};
  std::unique_ptr<DeliveryService> service;
  std::vector<std::unique_ptr<Process>> devices;
  std::uint8_t next_id = 1;
};

}  // namespace agiddi::node::testing
