#include "tools/authority/simulated_rail.h"

namespace agiddi::tools {

Result<WayToPay> SimulatedRail::open(const std::string& order, MicroUnits) {
  return WayToPay{"", Json::object({{"url", base_url_ + "/v1/orders/" + order + "/pay"}})};
}

Result<RailView> SimulatedRail::poll(std::span<const WatchedOrder> watched) {
  RailView view{true, {}};
  for (const WatchedOrder& order : watched) view.sightings.push_back({order.id, {}});
  return view;
}

}  // namespace agiddi::tools
