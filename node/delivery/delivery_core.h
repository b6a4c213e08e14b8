// DeliveryCore: what DeliveryService does, on its lane. In ten files: delivery_core.cpp (integrations come and go),
// delivery_requests.cpp (credentials, figures, streams),
// delivery_flow.cpp (the path of a reading), delivery_leases.cpp (what may be forwarded at all), delivery_counts.cpp (what the application counts itself),
// delivery_webhook.cpp and delivery_pull.cpp (readings that are posted to the application, or fetched by it),
// delivery_broker_flows.cpp and delivery_flow_counts.cpp (readings that go through the broker's plugin alone), delivery_upkeep.cpp (commands to devices, usage reports, time).
//
// Threads: all members run on the delivery lane, except the constructor, start(), stop() and counters. Completions of the chain hold a weak
// pointer and post to the lane.
#pragma once

#include <array>
#include <atomic>
#include <unordered_map>

#include "node/delivery/broker_link.h"
#include "node/delivery/delivery_service.h"
#include "node/delivery/ledger_clock.h"
#include "node/delivery/served.h"

namespace agiddi::node {

class DeliveryCore : public std::enable_shared_from_this<DeliveryCore> {
 public:
  using AccessDone = DeliveryService::AccessDone;

  DeliveryCore(Chain& chain, DeliveryLedger& ledger, DeliveryOptions options);
  ~DeliveryCore();

  void start();
  void stop();
  DeliveryLane& lane() { return lane_; }
  const DeliveryOptions& options() const { return options_; }
  DeliveryCounters counters() const;

  // delivery_requests.cpp
  void claim_and_start(const Hash& id, AccessDone done);
  void delivery_for(const Hash& id, bool rotate, AccessDone done);
  std::optional<IntegrationUsage> usage(const Hash& id) const;
  Result<void> attach_stream(const Hash& id, const std::string& token, std::shared_ptr<StreamSink> sink);
  void detach_stream(const Hash& id, const StreamSink* sink);
  // delivery_webhook.cpp
  Result<Json> set_webhook(const Hash& id, const WebhookTerms& terms);
  Result<void> end_webhook(const Hash& id);
  Result<Json> webhook(const Hash& id, const std::string& token);
  // delivery_pull.cpp
  Result<LatestReadings> latest(const Hash& id, const std::string& token);

 private:
  enum Count { received, forwarded, bytes, unreadable, unknown_sensor, duplicates, no_receiver, overflow, beyond_limit, integrations, streams, webhooks, flows, kCounts };
  struct Route {
    Hash integration;
    std::size_t device;
  };

  TimeMs now() const;                        // of the ledger
  void saw_block(const ChainEvent& block);   // any thread
  void count(Count what, std::uint64_t more = 1) { counts_[what].fetch_add(more, std::memory_order_relaxed); }
  Served* find(const Hash& id);

  // delivery_core.cpp
  void catch_up();
  void resume();
  void forget_strangers(const std::vector<Hash>& served);
  bool serve_remainder(const Hash& id);
  void refresh(const Hash& id);
  void serve(IntegrationView view);
  void restore(Served& served);
  void push_grants(const Hash& id, Served& served);
  BrokerGrant application_grant(const Served& served) const;
  void grant_application(const Hash& id, Served& served);
  void grant_done(const Hash& id, std::optional<std::size_t> device, bool good);
  void grants_settled(Served& served);
  void end_credentials(Served& served);      // the application's
  void forget(const Hash& id, Served& served);

  // delivery_requests.cpp
  DeliveryAccess access_of(const Served& served) const;
  void wait_for_access(Served& served, AccessDone done);
  void claimed(const Hash& id, Result<Outcome> outcome);

  // delivery_flow.cpp
  void on_message(const std::string& topic, const Bytes& payload, TimeMs arrival);
  enum class Way { push, pull };             // to whoever receives; or to the caller of `latest`
  enum class Room { yes, full, nobody };
  Room room_for(Served& served, std::size_t measurements);
  void forward(Served& served, std::size_t index, const std::vector<subservices::ResolvedReading>& readings, Way way);
  void erase_outbox(Served& served, std::size_t index, std::uint64_t sequence);
  void publish_outbox(const Hash& id, Served& served, std::size_t index);
  void take(Served& served, std::size_t index, const Bytes& payload, TimeMs arrival, Way way = Way::push);
  void acknowledged(const Hash& id, std::uint64_t epoch, std::size_t index, std::uint64_t sequence, MqttAck ack);
  void on_attached(const std::string& username, bool attached);
  void keep_meter(const Served& served, const ServedDevice& device);

  // delivery_webhook.cpp
  Result<Served*> served_stream(const Hash& id, const std::string* token);   // token: nothing when the caller was authenticated otherwise
  void start_webhook(Served& served, const WebhookTerms& terms);
  void set_frame_unit(Served& served) const;
  void drop_webhook(Served& served);
  void webhook_gone(Served& served, TimeMs since);
  Json webhook_json(const Served& served) const;
  void post_webhook(Served& served);
  void webhook_answered(const Hash& id, std::uint64_t number, const WebhookAnswer& answer);
  IdentifiedMeasurement identified(const Served& served, std::size_t device, std::uint64_t sequence, std::shared_ptr<const std::string> json) const;

  // delivery_pull.cpp
  bool drain_to_sink(Served& served);
  static void push_to_sink(const Served& served, std::size_t index, std::uint64_t sequence, std::shared_ptr<const std::string> json);

  // delivery_leases.cpp
  void keep_lease();
  void renewed(DeliveryLane::Clock::time_point asked, TimeMs term, const Result<Outcome>& outcome);
  bool lease_holds(const Served& served) const;
  TimeMs lease_end(const Served& served) const;
  bool must_wait(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const;
  bool past_reservation(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const;
  void hold(Served& served, std::size_t index, const Bytes& payload, TimeMs arrival);
  void release_held(Served& served);
  std::uint64_t wanted_reservation(const ServedDevice& device) const;
  void reserve_ahead(Served& served, std::size_t index);

  // delivery_broker_flows.cpp
  bool flow_possible(const Served& served, const ServedDevice& device) const;
  std::optional<std::uint64_t> allowed_bytes(const Served& served, const ServedDevice& device) const;
  void keep_flow(const Served& served, const ServedDevice& device);
  void set_flow(ServedDevice& device, BrokerFlow::State state);
  void tell_lease();
  bool device_waits(Served& served, std::size_t index);
  void start_waiting_device(Served& served, std::size_t index);
  void begin_flow(Served& served, std::size_t index);
  void flow_began(Served& served, std::size_t index, std::uint64_t seen, const Json* answer);   // seen: messages that came here
  void end_flow(Served& served, std::size_t index);
  void ask_flow(Served& served, std::size_t index, const char* command);
  void flow_answered(Served& served, std::size_t index, const Json& answer, bool end);
  void on_granted(const std::string& username, const Json& answer);
  void take_over_flow(Served& served, std::size_t index, const Json& answer);
  void ask_again(Served& served, std::size_t index);
  void ask_flows();
  void watch_flows(Served& served);

  // delivery_flow_counts.cpp
  static FlowCounts counts_so_far(const ServedDevice& device);
  void skip_absence(ServedDevice& device) const;
  void lose_flow(Served& served, std::size_t index);
  void on_usage(const Json& event);
  std::optional<TimeMs> ledger_time(std::uint64_t broker_ms) const;
  void on_connection(const std::string& username, bool lost, std::uint64_t broker_ms);
  void take_counts(Served& served, std::size_t index, const FlowCounts& counts);
  void raise_flow(Served& served, std::size_t index);
  void raise_flows(Served& served);
  void forget_flow(const ServedDevice& device);
  void await_counts(Served& served, std::size_t index);
  void ask_last_counts(Served& served, std::size_t index);
  void last_counts(Served& served, std::size_t index, const std::optional<FlowCounts>& counts);   // nothing: nobody can tell
  static bool counts_awaited(const Served& served);

  // delivery_counts.cpp
  static bool is_counted(const Served& served, const ServedDevice& device);
  static subservices::Delivered uncounted(const ServedDevice& device);   // of a counted device: what it would not be paid for now; no measurements
  bool past_window(const Served& served, const ServedDevice& device, std::size_t payload_bytes) const;
  std::optional<std::uint64_t> window_left(const Served& served, const ServedDevice& device) const;
  bool window_fits_flow(const Served& served, const ServedDevice& device) const;
  void take_application_counts(const Hash& id);
  void await_application(const Served& served, ServedDevice& device);
  static bool application_awaited(const Served& served);
  void watch_counts(Served& served);

  static constexpr TimeMs kRemember_ms = 3'600'000;            // live figures after the end, and for how long what waits for a webhook is posted

  // delivery_upkeep.cpp
  void upkeep();
  void watch_expiry(const Hash& id, std::size_t index);
  void end_device(Served& served, std::size_t index, subservices::MeterEnd reason, TimeMs at);
  void end_all(Served& served, const std::string& because, std::optional<TimeMs> at);   // nothing: when each device was last heard
  void end_if_all_over(Served& served);
  void send_start(Served& served, std::size_t index);
  void send_stop(Served& served, std::size_t index);
  Json command_json(const Served& served, const ServedDevice& device, const char* command) const;
  void report(Served& served);
  void reported(const Hash& id, std::uint64_t epoch, bool final, Result<Outcome> outcome);
  void account(const Served& served, ServedDevice& device, TimeMs at) const;
  static std::int64_t active_ms(const ServedDevice& device);

  Chain& chain_;
  DeliveryLedger& ledger_;
  DeliveryOptions options_;
  std::string member_, network_;
  mutable LedgerClock clock_;
  DeliveryLane lane_;
  std::array<std::atomic<std::uint64_t>, kCounts> counts_{};
  std::atomic<bool> broker_up_{false};
  std::uint64_t subscription_ = 0;
  bool caught_up_ = false;
  int current_checks_ = 0;
  bool started_ = false, stopping_ = false;
  DeliveryLane::Clock::time_point lease_until_{}, lease_at_{};   // for itself it holds until; renewed not before
  bool lease_on_way_ = false, lease_told_ = false;               // told: to the plugin, on this connection
  TimeMs flows_known_until_ = 0;                                 // all that flows did before was told
  DeliveryLane::Clock::time_point broker_seen_{};                // when it was last up

  std::unique_ptr<WebhookClient> webhook_client_;
  std::uint64_t webhook_number_ = 0;
  std::unordered_map<Hash, Served, HashHasher> served_;
  std::unordered_map<std::string, Route> routes_;             // device topic -> whose
  std::unordered_map<std::string, Route> device_users_;       // device's broker user -> whose
  std::unordered_map<std::string, Hash> applications_;        // application's broker user -> integration
  std::unordered_map<Hash, std::vector<AccessDone>, HashHasher> claims_;
  DeviceLinks devices_;
  std::unique_ptr<BrokerLink> broker_;                        // nothing without a broker
};

}  // namespace agiddi::node
