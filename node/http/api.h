// The API: binds every call of the HTTP contract to what answers it. One file a group of endpoints (node/http/endpoints/).
//
// Ownership: the router's handlers keep the references below, so chain, delivery, workers and metrics must outlive the HttpServer that owns the
// router. Handlers never block an io thread: waits are callbacks, heavy work goes to the workers' lane.
#pragma once

#include <chrono>

#include "node/chain.h"
#include "node/delivery/delivery_service.h"
#include "node/http/router.h"
#include "node/lane.h"
#include "node/metrics.h"

namespace boost::asio { class io_context; }

namespace agiddi::node {

struct ApiContext {
  Chain& chain;
  DeliveryService& delivery;
  Lane& workers;                  // queries, SPARQL, door checks: a full lane is 429
  Metrics& metrics;
  std::string public_url;         // what delivery urls begin with
  std::chrono::milliseconds catch_up{500};  // how long a 404 waits for a block that may bring the thing: it was committed elsewhere a moment ago
  std::size_t watchers_max = 10'000;   // standing queries at a time
  DeliveryLedger* notes = nullptr;     // where it stands which documents were taken that are on no ledger; nullptr: forgotten with the process
};

// Deadlines and the fan-out of events need timers, so the router is given the io_context that also runs the server.
Router make_api_router(ApiContext context, boost::asio::io_context& io);

}  // namespace agiddi::node
