// SimulatedRail: a card company in shape alone. No money moves: whoever asks the authority to play the card holder has paid. For demonstrations and tests.
#pragma once

#include "tools/authority/rail.h"

namespace agiddi::tools {

class SimulatedRail : public Rail {
 public:
  explicit SimulatedRail(std::string base_url) : base_url_(std::move(base_url)) {}   // of the authority, without a slash at its end
  const char* name() const override { return "simulated"; }
  int decimals() const override { return 6; }
  Result<WayToPay> open(const std::string& order, MicroUnits total) override;
  // Nothing has come by itself: payments are told to the order book by the call that makes them.
  Result<RailView> poll(std::span<const WatchedOrder> watched) override;

 private:
  std::string base_url_;
};

}  // namespace agiddi::tools
