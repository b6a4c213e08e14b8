// BitcoinRail: payments on a chain of the Bitcoin family (Bitcoin, Litecoin), seen through the wallet of a full node of its operator. Each order has an address of
// its own; what the wallet received there in blocks of the best chain counts, so a reorganisation shows by itself.
//
// The node's version is 0.21 or later. Source: Bitcoin Core's JSON-RPC (getblockchaininfo, getnewaddress, getreceivedbyaddress, listsinceblock).
#pragma once

#include "tools/authority/rail.h"
#include "tools/authority/rpc.h"

namespace agiddi::tools {

class BitcoinRail : public Rail {
 public:
  // chain: as getblockchaininfo names it ("main", "test", "regtest"); another one is refused at every call.
  BitcoinRail(Rpc& rpc, std::string chain) : rpc_(rpc), chain_(std::move(chain)) {}
  const char* name() const override { return "bitcoin"; }
  int decimals() const override { return 8; }
  Result<WayToPay> open(const std::string& order, MicroUnits total) override;
  Result<RailView> poll(std::span<const WatchedOrder> watched) override;

 private:
  struct Tip {
    std::string block;      // hash of the best one
    bool synced = false;
  };
  Result<Tip> tip();

  Rpc& rpc_;
  std::string chain_;
};

}  // namespace agiddi::tools
