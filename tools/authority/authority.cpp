#include "tools/authority/authority.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "node/http/problem.h"
#include "node/http/server.h"
#include "node/log.h"
#include "tools/authority/bitcoin_rail.h"
#include "tools/authority/desk.h"
#include "tools/authority/evm_rail.h"
#include "tools/authority/simulated_rail.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kBodyMax_bytes = 64 * 1024;
constexpr auto kReversalPause = std::chrono::milliseconds(500);
constexpr auto kStopWait = std::chrono::milliseconds(1500);

std::unique_ptr<Rail> make_rail(const AuthorityConfig& config, Rpc& rpc) {
  switch (config.rail.kind) {
    case RailKind::bitcoin: return std::make_unique<BitcoinRail>(rpc, config.rail.chain);
    case RailKind::evm: return std::make_unique<EvmRail>(rpc, config.rail.address, config.rail.chain_id);
    case RailKind::simulated: break;
  }
  return std::make_unique<SimulatedRail>(config.http.public_url);
}

}  // namespace

struct Authority::Parts {
  std::atomic<bool> stopping{false};
  node::Metrics metrics;
  boost::asio::io_context io{1};
  boost::asio::steady_timer poll_timer{io}, reversal_timer{io};
  std::unique_ptr<HttpRpc> rpc;
  std::unique_ptr<Desk> desk;
  std::unique_ptr<node::HttpServer> server;
  std::thread thread;
  std::chrono::milliseconds poll_pause{1000};

  void watch_later(std::chrono::milliseconds pause) {
    poll_timer.expires_after(pause);
    poll_timer.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled || stopping) return;
      desk->watch([this] {
        boost::asio::post(io, [this] {
          if (!stopping) watch_later(poll_pause);
        });
      });
    });
  }

  void reverse_later() {
    reversal_timer.expires_after(kReversalPause);
    reversal_timer.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled || stopping) return;
      desk->send_reversals();
      reverse_later();
    });
  }

  node::Router routes(const AuthorityConfig& config, const Json& self);
};

node::Router Authority::Parts::routes(const AuthorityConfig& config, const Json& self) {
  using node::HttpRequest, node::Responder;
  const node::RouteOptions get{{"application/json"}, {}, false, std::vector<std::string>{}};
  const node::RouteOptions post{{"application/json"}, {"application/json"}, true, {}};
  const std::string order_path = "/v1/orders/{order}";
  const auto order_of = [](const HttpRequest& request) { return std::string(request.parameter("order")); };
  node::Router router;
  router.add("GET", "/v1/authority", [self](HttpRequest, Responder responder) { responder.send(node::json_response(200, self)); }, get);
  router.add("POST", "/v1/orders", [this](HttpRequest request, Responder responder) { desk->open(std::move(request.body), std::move(responder)); }, post);
  router.add("GET", order_path, [this, order_of](HttpRequest request, Responder responder) { desk->show(order_of(request), std::move(responder)); }, get);
  if (config.rail.kind == RailKind::simulated) {
    router.add("POST", order_path + "/pay", [this, order_of](HttpRequest request, Responder responder) {
      desk->pay(order_of(request), std::move(request.body), std::move(responder));
    }, post);
    router.add("POST", order_path + "/chargeback", [this, order_of](HttpRequest request, Responder responder) {
      desk->charge_back(order_of(request), std::move(request.body), std::move(responder));
    }, post);
  }
  return router;
}

Result<std::unique_ptr<Authority>> Authority::start(const AuthorityConfig& config) {
  auto signer = load_key_file(config.key_file);
  if (!signer) return tl::unexpected(signer.error());
  auto sender_key = KeyPair::from_seed(signer->seed());
  if (!sender_key) return tl::unexpected(sender_key.error());
  const std::string did = did_from_key(signer->public_key());

  auto parts = std::make_unique<Parts>();
  parts->poll_pause = std::chrono::milliseconds(config.rail.poll_ms);
  parts->rpc = std::make_unique<HttpRpc>(config.rail.url, config.rail.credentials_file, parts->stopping);
  auto rail = make_rail(config, *parts->rpc);
  const std::string rail_name = rail->name();

  // What the orders in the journal mean hangs on these.
  const Json owner = Json::object({{"format", 1}, {"authority", config.id}, {"network", config.network}, {"rail", rail_name}, {"currency", config.rail.currency}});
  OrderJournal::Orders orders;
  auto journal = OrderJournal::open(config.data_folder, owner, orders);
  if (!journal) return tl::unexpected(journal.error());
  const std::size_t count = orders.size();

  BookRules rules;
  rules.network = config.network;
  rules.authority = config.id;
  rules.currency = config.rail.currency;
  rules.decimals = rail->decimals();
  rules.confirmations = config.rail.confirmations;
  rules.further_confirmations = config.rail.further_confirmations;
  rules.order_s = config.rail.order_minutes * 60;
  rules.receipt_s = config.receipt_hours * 3600;
  rules.open_max = config.open_orders_max;
  OrderBook book(rules, std::move(*signer), std::move(*journal), std::move(orders));
  parts->desk = std::make_unique<Desk>(std::move(book), std::move(rail), ReversalSender{config.id, config.network, config.nodes}, std::move(*sender_key),
                                       config.rail.confirmations, config.rail.currency, parts->stopping);

  const Json self = Json::object({{"id", config.id}, {"did", did}, {"rail", rail_name}, {"currencies", Json::array({config.rail.currency})},
                                  {"confirmations", config.rail.confirmations}, {"network", config.network}});
  node::HttpLimits limits;
  limits.body_max_bytes = kBodyMax_bytes;
  auto server = node::HttpServer::create(parts->io, config.http, parts->routes(config, self), parts->metrics, limits);
  if (!server) {
    // The server's errors name the keys of a node's configuration: here they stand at the top.
    std::string why = server.error().detail;
    if (why.starts_with("http.")) why.erase(0, 5);
    return fail(server.error().status, std::move(why));
  }
  parts->server = std::move(*server);

  parts->server->start();
  parts->watch_later(std::chrono::milliseconds(0));
  parts->reverse_later();
  parts->thread = std::thread([&io = parts->io] { io.run(); });
  node::log_info("listening", {{"url", config.http.public_url}, {"authority", config.id}, {"rail", rail_name}, {"orders", count}});
  if (config.rail.kind == RailKind::simulated) node::log_warn("the rail is simulated: no money moves, and whoever asks has paid");
  return std::unique_ptr<Authority>(new Authority(std::move(parts)));
}

Authority::Authority(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Authority::~Authority() {
  parts_->stopping = true;   // so that who waits for the rail's node is answered within the server's grace
  parts_->server->stop();
  const auto deadline = std::chrono::steady_clock::now() + kStopWait;
  while (!parts_->server->stopped() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  parts_->desk->stop();
  parts_->io.stop();
  parts_->thread.join();
  parts_->server.reset();
}

}  // namespace agiddi::tools
