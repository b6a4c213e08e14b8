// Rail: a way in which money moves outside the ledger, as an authority sees it: it opens a way to pay for each order, and is asked again and again what
// has come for the orders that are under watch.
//
// Threads: all calls from one thread, which they may block for seconds. What an order needs to be found again after a restart stands in its `place`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocol/json.h"
#include "tools/authority/coin.h"

namespace agiddi::tools {

struct WayToPay {
  std::string place;      // kept with the order: at most 256 bytes
  Json pay;               // for the payer
};

struct WatchedOrder {
  std::string id, place;
};

// A part of what came for an order. confirmations: 1 = in the newest block, 0 = in none yet.
struct PaymentPart {
  CoinUnits amount = 0;
  std::int64_t confirmations = 0;
};

struct Sighting {
  std::string order;
  std::vector<PaymentPart> parts;   // all that stands on the chain now, not only what is new
};

struct RailView {
  bool complete = false;            // false: the rail has not caught up, so what is missing here may still be there
  std::vector<Sighting> sightings;  // of each watched order that the rail knows something of
};

class Rail {
 public:
  virtual ~Rail() = default;
  virtual const char* name() const = 0;
  virtual int decimals() const = 0;   // of the coin
  // Errors: Status::unavailable when what stands behind the rail does not answer as it should.
  virtual Result<WayToPay> open(const std::string& order, MicroUnits total) = 0;
  virtual Result<RailView> poll(std::span<const WatchedOrder> watched) = 0;   // in the order of their opening
};

}  // namespace agiddi::tools
