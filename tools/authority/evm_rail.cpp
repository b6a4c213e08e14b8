#include "tools/authority/evm_rail.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/encoding.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kInput_bytes = 32;
constexpr CoinUnits kNumberMax = CoinUnits(1) << 53;   // of a block or a chain

tl::unexpected<Error> unreadable_evm(const std::string& method) {
  return fail(Status::unavailable, method + ": the rail's node answers something else than Ethereum's do");
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string hex_quantity(std::int64_t number) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::optional<std::int64_t> read_number(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto number = coin_units_from_hex(value.as_string());
  if (!number || *number > kNumberMax) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

// A text member, in lower case; "" when it is missing or null.
std::string evm_text(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value && value->is_string() ? lower_case(value->as_string()) : "";
}

// The block that was the newest when the order was opened.
std::int64_t start_of(const WatchedOrder& order) {
  std::int64_t number = 0;
  std::from_chars(order.place.data(), order.place.data() + order.place.size(), number);
  return number;
}

}  // namespace

std::string evm_input(const std::string& order) {
  std::string raw = order.substr(0, kInput_bytes);
  raw.resize(kInput_bytes, '\0');
  return "0x" + to_hex(raw);
}

EvmRail::EvmRail(Rpc& rpc, std::string address, std::int64_t chain_id) : rpc_(rpc), address_(std::move(address)), chain_id_(chain_id) {}

Result<std::int64_t> EvmRail::latest() {
  const auto chain = rpc_.call("eth_chainId", {});
  if (!chain) return tl::unexpected(chain.error());
  const auto id = read_number(*chain);
  if (!id) return unreadable_evm("eth_chainId");
  if (*id != chain_id_) {
    return fail(Status::unavailable, "the rail's node is on the chain " + std::to_string(*id) + ", and rail.chain_id is " + std::to_string(chain_id_));
  }
  const auto newest = rpc_.call("eth_blockNumber", {});
  if (!newest) return tl::unexpected(newest.error());
  const auto number = read_number(*newest);
  if (!number) return unreadable_evm("eth_blockNumber");
  return *number;
}

Result<WayToPay> EvmRail::open(const std::string& order, MicroUnits total) {
  const auto newest = latest();
  if (!newest) return tl::unexpected(newest.error());
  return WayToPay{std::to_string(*newest), Json::object({{"to", address_},
                                                         {"valueWei", coin_digits(coin_units(total, decimals()))},
                                                         {"data", evm_input(order)},
                                                         {"chainId", chain_id_}})};
}

Result<Json> EvmRail::block(std::int64_t number, bool full, std::size_t& calls) {
  ++calls;
  auto found = rpc_.call("eth_getBlockByNumber", {Json(hex_quantity(number)), Json(full)});
  if (found && !found->is_null() && (evm_text(*found, "hash").empty() || evm_text(*found, "parentHash").empty())) return unreadable_evm("eth_getBlockByNumber");
  return found;
}

Result<bool> EvmRail::succeeded(const std::string& transaction, const std::string& block_hash, std::size_t& calls) {
  ++calls;
  const auto receipt = rpc_.call("eth_getTransactionReceipt", {Json(transaction)});
  if (!receipt) return tl::unexpected(receipt.error());
  const std::string status = evm_text(*receipt, "status");
  if (status.empty() || evm_text(*receipt, "blockHash") != block_hash) return unreadable_evm("eth_getTransactionReceipt");
  return status == "0x1";
}

void EvmRail::rewind(std::int64_t next) {
  next_ = next;
  while (!chain_.empty() && chain_.back().number >= next) chain_.pop_back();
  for (auto& [order, list] : payments_) std::erase_if(list, [&](const Payment& payment) { return payment.block >= next; });
}

void EvmRail::drop_last() {
  const std::int64_t number = chain_.back().number;
  if (chain_.size() > 1) return rewind(number);
  chain_.clear();
  rewind(std::max<std::int64_t>(0, std::min(number, oldest_start_ - kEvmFork_blocks)));
}

Result<bool> EvmRail::read_next(std::size_t& calls) {
  const auto found = block(next_, true, calls);
  if (!found) return tl::unexpected(found.error());
  if (found->is_null()) return false;
  const std::string hash = evm_text(*found, "hash");
  if (!chain_.empty() && evm_text(*found, "parentHash") != chain_.back().hash) {
    drop_last();
    return false;
  }
  const Json* transactions = found->find("transactions");
  if (!transactions || !transactions->is_array()) return unreadable_evm("eth_getBlockByNumber");
  std::map<std::string, std::string> inputs;   // order by input
  for (const std::string& order : known_) inputs.emplace(evm_input(order), order);
  std::vector<std::pair<std::string, CoinUnits>> paid;
  const std::string own = lower_case(address_);
  for (const Json& transaction : transactions->items()) {
    const auto order = inputs.find(evm_text(transaction, "input"));
    if (order == inputs.end() || evm_text(transaction, "to") != own) continue;
    const auto value = coin_units_from_hex(evm_text(transaction, "value"));
    if (!value) return unreadable_evm("eth_getBlockByNumber");
    const auto good = succeeded(evm_text(transaction, "hash"), hash, calls);
    if (!good) return tl::unexpected(good.error());
    if (*good) paid.emplace_back(order->second, *value);
  }
  for (const auto& [order, value] : paid) {
    auto& list = payments_[order];
    if (list.size() < kEvmPartsMax) list.push_back({next_, value});
  }
  chain_.push_back({next_, hash});
  if (chain_.size() > kEvmBlocksKept) chain_.pop_front();
  ++next_;
  return true;
}

Result<RailView> EvmRail::poll(std::span<const WatchedOrder> watched) {
  RailView view{true, {}};
  std::set<std::string, std::less<>> wanted;
  for (const WatchedOrder& order : watched) wanted.insert(order.id);
  std::erase_if(known_, [&](const std::string& order) { return !wanted.contains(order); });
  std::erase_if(payments_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  if (watched.empty()) return view;
  const auto newest = latest();
  if (!newest) return tl::unexpected(newest.error());

  oldest_start_ = start_of(watched.front());
  const bool fresh = known_.empty();
  std::optional<std::int64_t> from;
  for (const WatchedOrder& order : watched) {
    oldest_start_ = std::min(oldest_start_, start_of(order));
    if (known_.insert(order.id).second) from = std::min(from.value_or(start_of(order)), start_of(order));
  }
  if (fresh) chain_.clear();   // nothing before the new orders matters
  if (from && (fresh || *from < next_)) rewind(*from);

  // The last block read is gone when it was replaced, or when the chain has become shorter.
  std::size_t calls = 0;
  bool same = chain_.empty();
  while (!same && calls < kEvmCallsOfPoll) {
    const auto last = block(chain_.back().number, false, calls);
    if (!last) return tl::unexpected(last.error());
    same = !last->is_null() && evm_text(*last, "hash") == chain_.back().hash;
    if (same) break;
    drop_last();
    same = chain_.empty();
  }
  while (same && next_ <= *newest && calls < kEvmCallsOfPoll) {
    const auto more = read_next(calls);
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
  }

  // An endpoint of several nodes may tell a number that is behind the blocks that it gives.
  const std::int64_t tip = std::max(*newest, next_ - 1);
  view.complete = next_ > tip;
  for (const WatchedOrder& order : watched) {
    Sighting sighting{order.id, {}};
    if (const auto found = payments_.find(order.id); found != payments_.end()) {
      for (const Payment& payment : found->second) sighting.parts.push_back({payment.amount, tip - payment.block + 1});
    }
    view.sightings.push_back(std::move(sighting));
  }
  return view;
}

}  // namespace agiddi::tools
