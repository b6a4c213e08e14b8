#include "tools/authority/bitcoin_rail.h"

#include <map>

#include "protocol/field_reader.h"

namespace agiddi::tools {
namespace {

constexpr int kAddressTries = 20;

tl::unexpected<Error> unreadable_bitcoin(const std::string& method) {
  return fail(Status::unavailable, method + ": the rail's node answers something else than Bitcoin Core does");
}

const std::string* text_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value && value->is_string() ? &value->as_string() : nullptr;
}

// An order's place: its address, and the best block when it was opened.
std::string_view address_of(const WatchedOrder& order) { return std::string_view(order.place).substr(0, order.place.find(' ')); }
std::string block_of(const WatchedOrder& order) { return order.place.substr(order.place.find(' ') + 1); }

}  // namespace

Result<BitcoinRail::Tip> BitcoinRail::tip() {
  const auto info = rpc_.call("getblockchaininfo", {});
  if (!info) return tl::unexpected(info.error());
  const std::string* chain = text_of(*info, "chain");
  const std::string* block = text_of(*info, "bestblockhash");
  const Json* loading = info->find("initialblockdownload");
  if (!chain || !block || !loading || !loading->is_bool()) return unreadable_bitcoin("getblockchaininfo");
  if (*chain != chain_) return fail(Status::unavailable, "the rail's node is on the chain " + *chain + ", and rail.chain is " + chain_);
  return Tip{*block, !loading->as_bool()};
}

Result<WayToPay> BitcoinRail::open(const std::string& order, MicroUnits total) {
  const auto now = tip();
  if (!now) return tl::unexpected(now.error());
  for (int i = 0; i < kAddressTries; ++i) {
    const auto address = rpc_.call("getnewaddress", {Json(order)});
    if (!address) return tl::unexpected(address.error());
    if (!address->is_string() || address->as_string().empty() || address->as_string().size() > 128) return unreadable_bitcoin("getnewaddress");
    const auto received = rpc_.call("getreceivedbyaddress", {*address, Json(0)});
    if (!received) return tl::unexpected(received.error());
    const auto amount = received->is_number() ? Decimal::parse(received->number_text()) : Result<Decimal>(unreadable_bitcoin("getreceivedbyaddress"));
    if (!amount) return unreadable_bitcoin("getreceivedbyaddress");
    if (!amount->is_zero()) continue;   // a wallet restored from a backup gives out once more what it gave out since
    return WayToPay{address->as_string() + " " + now->block, Json::object({{"address", *address}, {"amount", money_text(total)}})};
  }
  return fail(Status::unavailable, "the rail's wallet gives out addresses that were paid before: let it make new ones until they are fresh");
}

Result<RailView> BitcoinRail::poll(std::span<const WatchedOrder> watched) {
  RailView view{true, {}};
  if (watched.empty()) return view;
  const auto now = tip();
  if (!now) return tl::unexpected(now.error());
  view.complete = now->synced;
  // All since the block of the oldest order, or since the fork when that block is in the best chain no more; what is in no block yet comes too.
  const auto since = rpc_.call("listsinceblock", {Json(block_of(watched.front())), Json(1), Json(true), Json(false)});
  if (!since) return tl::unexpected(since.error());
  const Json* transactions = since->find("transactions");
  if (!transactions || !transactions->is_array()) return unreadable_bitcoin("listsinceblock");

  std::map<std::string_view, std::size_t> places;
  for (const WatchedOrder& order : watched) {
    places.emplace(address_of(order), view.sightings.size());
    view.sightings.push_back({order.id, {}});
  }
  for (const Json& entry : transactions->items()) {
    const std::string* category = text_of(entry, "category");
    const std::string* address = text_of(entry, "address");
    if (!category || *category != "receive" || !address) continue;
    const auto place = places.find(*address);
    if (place == places.end()) continue;
    std::vector<FieldError> errors;
    FieldReader fields(entry, "", errors);
    const auto amount = fields.required_number("amount");
    const auto confirmations = fields.required_integer("confirmations", -1'000'000'000, 1'000'000'000);
    const auto units = amount ? coin_units(*amount, decimals()) : Result<CoinUnits>(unreadable_bitcoin("listsinceblock"));
    if (!units || !confirmations) return unreadable_bitcoin("listsinceblock");
    if (*confirmations < 0) continue;   // another transaction has spent the same coins
    view.sightings[place->second].parts.push_back({*units, *confirmations});
  }
  return view;
}

}  // namespace agiddi::tools
