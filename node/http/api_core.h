// ApiCore: what all groups of endpoints share: the running parts of the node, lanes, timers, and reading from the ledger at a pinned height.
// Internal to the API. Threads: any. Lives as long as a handler or a call that is under way.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "node/http/api.h"
#include "node/http/fresh_jtis.h"
#include "node/http/problem.h"
#include "node/lane.h"
#include "ontology/sparql/evaluator.h"
#include "subservices/executor.h"
#include "subservices/query/device_texts.h"

namespace agiddi::node {

using SteadyClock = std::chrono::steady_clock;

class ApiCore : public std::enable_shared_from_this<ApiCore> {
 public:
  ApiCore(ApiContext context, boost::asio::io_context& io);
  void stop();   // cancels queries and waits for their threads; called by the router's stop, not from a lane

  Chain& chain() { return context_.chain; }
  DeliveryService& delivery() { return context_.delivery; }
  Metrics& metrics() { return context_.metrics; }
  const std::string& public_url() const { return context_.public_url; }
  Lane& workers() { return context_.workers; }   // door checks and reads
  // Apart, so that a long query delays no write, no search and no standing query.
  Lane& queries() { return queries_; }           // SPARQL of anybody's making: seconds
  Lane& searches() { return searches_; }         // by conditions, and lists: milliseconds as a rule
  Lane& standing() { return standing_; }         // standing queries and the directory's events
  std::string base_url() const { return context_.public_url.ends_with('/') ? context_.public_url : context_.public_url + "/"; }
  std::size_t watchers_max() const { return context_.watchers_max; }
  std::chrono::milliseconds catch_up() const { return context_.catch_up; }
  const subservices::Executor& executor() const { return executor_; }
  ontology::sparql::CancelToken& stopping() { return stopping_; }
  FreshJtis& fresh_jtis() { return fresh_jtis_; }
  subservices::DeviceTexts& device_texts() { return device_texts_; }   // of all answers of this node

  // Runs the work on a lane; a full lane is 429.
  void run(Lane& lane, const Responder& responder, std::function<void()> work);
  // The same for what may be given up: the token is cancelled when the client goes away, and when the node stops.
  void run(Lane& lane, const Responder& responder, std::function<void(ontology::sparql::CancelToken&)> work);
  // Calls back on an io thread; the returned function stops the timer (any thread, any time).
  std::function<void()> after(std::chrono::milliseconds time, std::function<void()> call);

  // Answers from the latest snapshot, on the workers' lane. A 404 is looked at again until catch_up() has passed: the thing may have been committed at
  // another node a moment ago.
  using Read = std::function<Result<HttpResponse>(const ledger::LedgerSnapshot&)>;
  void read(Responder responder, Read read);
  // Of a device by its id: one that no device can have is not waited for.
  void read_device(Responder responder, const std::string& urn, Read read);
  // The same with the deadline and the status to wait on chosen by the caller (proofs wait for the certificate).
  void read_until(Responder responder, Read read, SteadyClock::time_point deadline, Status retry);

  // A place for a write that is under way, given back with the pointer; nothing when all are taken. It is asked for before anything is computed, so that
  // a flood costs little and what was admitted is answered soon.
  std::shared_ptr<void> write_place();

  // One of several copies of a document that are under way at once finishes it (delivery credentials are given out once): true for the first, until it
  // calls finished(). Later copies are answered from the ledger.
  bool finishes(const Hash& transaction);
  void finished(const Hash& transaction);

 private:
  ApiContext context_;
  boost::asio::io_context& io_;
  subservices::Executor executor_;
  ontology::sparql::CancelToken stopping_;
  subservices::DeviceTexts device_texts_;
  FreshJtis fresh_jtis_;
  Lane queries_, searches_, standing_;
  std::shared_ptr<std::atomic<std::size_t>> writes_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::mutex finishing_mutex_;
  std::set<Hash> finishing_;     // bounded by the writes that are under way
};

using Core = std::shared_ptr<ApiCore>;

// Decimal digits without a leading zero; nothing for anything else.
std::optional<std::uint64_t> parse_count(std::string_view digits);

void bind_devices(Router& router, const Core& core);
void bind_discovery(Router& router, const Core& core);
void bind_sparql(Router& router, const Core& core);
void bind_payments(Router& router, const Core& core);
void bind_integrations(Router& router, const Core& core);
void bind_receive(Router& router, const Core& core);
void bind_chain(Router& router, const Core& core);
void bind_governance(Router& router, const Core& core);
void bind_events(Router& router, const Core& core);
void bind_operations(Router& router, const Core& core);
void bind_things(Router& router, const Core& core);   // after /sparql, which it answers too
void bind_thing_events(Router& router, const Core& core);

}  // namespace agiddi::node
