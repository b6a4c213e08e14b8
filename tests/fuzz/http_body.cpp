// Hostile request bodies through the whole endpoint layer, over a real ledger in memory and a chain of one. The first byte chooses the call
// ('0' to '9'), the rest is the body; writes are signed here, so that the body reaches the door and the rules.
//
// Held for every input: exactly one answer, never a 5xx but 503 (no broker, a passed limit), every error a well-formed problem document.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>

#include "node/http/api.h"
#include "protocol/check.h"
#include "subservices/executor.h"
#include "subservices/genesis_state.h"

using namespace agiddi;
using namespace agiddi::node;

namespace {

constexpr TimeMs kStart = 1'800'000'000'000;

struct Call {
  const char* path;
  const char* action;   // "": not signed
  const char* type;
};
constexpr Call kCalls[] = {{"/v1/devices", "device.register", "application/json"},
                           {"/v1/devices/urn:agiddi:device:00", "device.update", "application/json"},
                           {"/v1/devices/urn:agiddi:device:00/retire", "device.retire", "application/json"},
                           {"/v1/query", "", "application/json"},
                           {"/v1/quotes", "", "application/json"},
                           {"/v1/payments", "payment.create", "application/json"},
                           {"/v1/integrations", "integration.create", "application/json"},
                           {"/v1/integrations/00/credentials", "integration.credentials", "application/json"},
                           {"/sparql", "", "application/sparql-query"},
                           {"/sparql", "", "application/x-www-form-urlencoded"}};

KeyPair key_of(int seed) { return *KeyPair::from_seed(Bytes(32, static_cast<char>(seed))); }

Genesis make_genesis() {
  Genesis genesis;
  genesis.name = "fuzz";
  genesis.created = kStart;
  Member member;
  member.id = "node-1";
  member.key = key_of(1).public_key();
  member.sealing_key.fill(7);
  member.address = "127.0.0.1:7001";
  genesis.members.push_back(member);
  genesis.accounts = {{did_from_key(key_of(2).public_key()), "EUR", 1000 * kMicro}};
  auto parsed = parse_genesis(write_genesis(genesis));
  AGIDDI_CHECK(parsed.has_value(), "the genesis is valid");
  return *parsed;
}

class OneNode final : public Chain {
 public:
  OneNode() : genesis_(make_genesis()), members_(genesis_.member_set()), store_(ledger::make_memory_store()), executor_(genesis_) {
    ledger_ = std::move(*ledger::Ledger::open(*store_, genesis_, *subservices::genesis_state(genesis_)));
  }
  ledger::Ledger& ledger() { return *ledger_; }

  const Genesis& genesis() const override { return genesis_; }
  MemberSet members() const override { return members_; }
  const Member& self() const override { return genesis_.members[0]; }
  TimeMs now() const override { return kStart; }
  ChainStatus status() const override { return {}; }
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const override { return ledger_->snapshot(); }
  void submit(Transaction transaction, Done done) override {
    Batch batch;
    Receipt receipt;
    {
      const std::lock_guard lock(mutex_);
      batch.height = ledger_->height() + 1;
      batch.timestamp = kStart + static_cast<TimeMs>(batch.height);
      batch.transactions.push_back(transaction.id);
      std::vector<Transaction> transactions;
      transactions.push_back(std::move(transaction));
      const auto executed = executor_.execute(batch, std::move(transactions), *ledger_->snapshot());
      ledger_->apply(executed.apply);
      receipt = executed.apply.block.receipts[0];
    }
    done(Outcome{batch.height, batch.timestamp, receipt});
  }
  void submit_own(std::string, Json, Done done) override { done(fail(Status::unavailable, "no")); }
  void is_pending(const Hash&, std::function<void(std::optional<bool>)> done) override { done(false); }
  std::uint64_t subscribe(Listener) override { return 1; }
  void unsubscribe(std::uint64_t) override {}
  Result<Bytes> open_sealed_key(BytesView) const override { return fail(Status::forbidden, "no"); }
  std::shared_ptr<const KeyPair> signing_key() const override { return std::make_shared<const KeyPair>(key_of(1)); }

 private:
  Genesis genesis_;
  MemberSet members_;
  std::unique_ptr<ledger::KvStore> store_;
  subservices::Executor executor_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::mutex mutex_;
};

class Sink final : public ResponseSink {
 public:
  void respond(HttpResponse response) override { answer.set_value(std::move(response)); }   // a second one throws, and so is found
  std::shared_ptr<EventStream> open_stream(std::vector<NameValue>) override { std::abort(); }
  std::promise<HttpResponse> answer;
};

struct Node {
  OneNode chain;
  Metrics metrics;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  std::unique_ptr<DeliveryLedger> delivery_ledger = make_delivery_ledger(chain, chain.ledger());
  DeliveryService delivery{chain, *delivery_ledger, DeliveryOptions{}};
  Lane workers{"workers", 64};
  Router router = make_api_router(ApiContext{chain, delivery, workers, metrics, "", std::chrono::milliseconds(0)}, io);
  std::thread thread{[this] { io.run(); }};
  int documents = 0;

  ~Node() {
    router.stop();
    workers.stop();
    guard.reset();
    io.stop();
    thread.join();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool kReady = (crypto_init(), true);
  static Node node;
  if (!kReady || size == 0 || data[0] < '0' || data[0] > '9') return 0;
  const Call& call = kCalls[data[0] - '0'];
  HttpRequest request;
  request.method = std::string_view(call.action) == "device.update" ? "PUT" : "POST";
  request.path = request.target = call.path;
  request.body.assign(reinterpret_cast<const char*>(data + 1), size - 1);
  request.headers = {{"content-type", call.type}};
  if (*call.action) {
    const ProtectedHeader header{{}, node.chain.genesis().network, call.action, kStart / 1000, "fuzz-" + std::to_string(++node.documents)};
    ProtectedHeader full = header;
    const KeyPair key = key_of(2);
    full.kid = did_from_key(key.public_key());
    request.headers.emplace_back("agiddi-signature", sign_document(key, full, request.body));
  }
  auto sink = std::make_shared<Sink>();
  auto future = sink->answer.get_future();
  node.router.dispatch(std::move(request), Responder(sink));
  AGIDDI_CHECK(future.wait_for(std::chrono::seconds(60)) == std::future_status::ready, "every request is answered");
  const HttpResponse answer = future.get();
  AGIDDI_CHECK(answer.status < 500 || answer.status == 503, "no input makes an internal error");
  if (answer.status >= 400) {
    const auto document = parse_json(answer.body);
    AGIDDI_CHECK(answer.content_type == "application/problem+json" && document && document->find("detail"), "every error is a problem document");
  }
  return 0;
}
