// Calls the API's router in the same process, without sockets: a request in, its answer out.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

#include "node/http/api.h"
#include "node/http/event_queue.h"
#include "node/http/uri.h"
#include "tests/unit/node/world_chain.h"

namespace agiddi::node::testing {

// Keeps the answer or the stream.
class AnswerSink final : public ResponseSink {
 public:
  void respond(HttpResponse response) override { promise_.set_value(std::move(response)); }
  std::shared_ptr<EventStream> open_stream(std::vector<NameValue>) override {
    stream = std::make_shared<EventQueue>(100, 1'000'000, [] {});
    promise_.set_value(HttpResponse{200, "text/event-stream", "", {}});
    return stream;
  }
  HttpResponse wait() {
    auto future = promise_.get_future();
    if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return HttpResponse{0, "", "no answer in 30 s", {}};
    return future.get();
  }
  std::vector<StreamEvent> events() {   // that came since the last call
    std::vector<StreamEvent> out;
    std::string rest;
    stream->take(rest, out);
    return out;
  }
  std::shared_ptr<EventQueue> stream;

 private:
  std::promise<HttpResponse> promise_;
};

struct ApiAnswer : HttpResponse {
  Json json() const {
    auto parsed = parse_json(body);
    return parsed ? *parsed : Json();
  }
  std::string text(std::string_view name) const {
    const Json document = json();
    const Json* value = document.find(name);
    return !value ? "" : value->is_string() ? value->as_string() : value->dump();
  }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class Api {
 public:
  explicit Api(std::uint32_t rules_version = 1, std::size_t watchers_max = 10'000) : chain(rules_version), watchers_max_(watchers_max) {
    delivery_.start();
    threads_.emplace_back([this] { io_.run(); });
  }
  ~Api() {
    router_.stop();
    delivery_.stop();
    workers_.stop();
    guard_.reset();
    io_.stop();
    for (auto& thread : threads_) thread.join();
  }

  ApiAnswer call(std::string method, const std::string& target, std::string body = {}, std::vector<NameValue> headers = {},
                 std::shared_ptr<AnswerSink> sink = std::make_shared<AnswerSink>()) {
    HttpRequest request;
    request.method = std::move(method);
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (const std::size_t question = target.find('?'); question != std::string::npos) {
      if (auto query = form_decode(target.substr(question + 1))) request.query = std::move(*query);
    }
    request.headers = std::move(headers);
    request.body = std::move(body);
    router_.dispatch(std::move(request), Responder(sink));
    return {sink->wait()};
  }
  ApiAnswer get(const std::string& target, const std::string& accept = {}) {
    return call("GET", target, {}, accept.empty() ? std::vector<NameValue>{} : std::vector<NameValue>{{"accept", accept}});
  }
  ApiAnswer post(const std::string& target, const std::string& body, const std::string& type = "application/json") {
    return call("POST", target, body, {{"content-type", type}});
  }
  static std::string signature(const Transaction& transaction) {
    return transaction.protected_text + ".." + to_base64url(view(transaction.signature));
  }
  ApiAnswer send(const std::string& target, const Transaction& transaction, std::vector<NameValue> headers = {}, const std::string& method = "POST") {
    headers.emplace_back("agiddi-signature", signature(transaction));
    return call(method, target, transaction.body, std::move(headers));
  }
  ApiAnswer write(const std::string& target, const subservices::test::Person& signer, const std::string& action, const Json& body,
                  std::vector<NameValue> headers = {}, const std::string& method = "POST") {
    return send(target, chain.with_world([&](auto& world) { return world.sign(signer, action, body); }), std::move(headers), method);
  }

  WorldChain chain;
  Metrics metrics;
  Router& router() { return router_; }
  Lane& workers() { return workers_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
  std::unique_ptr<DeliveryLedger> delivery_ledger_ = make_delivery_ledger(chain, *chain.world.ledger);
  DeliveryService delivery_{chain, *delivery_ledger_, DeliveryOptions{}};   // no broker
  Lane workers_{"workers", 64, 2};
  const std::size_t watchers_max_;
  Router router_ = make_api_router(ApiContext{chain, delivery_, workers_, metrics, "http://127.0.0.1:1", std::chrono::milliseconds(500), watchers_max_}, io_);
  std::vector<std::thread> threads_;
};

}  // namespace agiddi::node::testing
