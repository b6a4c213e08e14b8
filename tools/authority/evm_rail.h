// EvmRail: payments in the own coin of an Ethereum-like chain, to one address of the operator, each with its order's id as input. Blocks are read one by one;
// a payment counts by the block in which it stands, as long as that block is in the chain.
//
// A transaction pays an order when its `to` is the address, its input the order's id as ASCII, filled up to 32 bytes with zeros, and its receipt has status 1.
// Nothing is kept on disk: after a restart the blocks are read again from that of the oldest watched order on.
// Source: Ethereum's JSON-RPC (eth_chainId, eth_blockNumber, eth_getBlockByNumber, eth_getTransactionReceipt).
#pragma once

#include <deque>
#include <map>
#include <set>

#include "tools/authority/rail.h"
#include "tools/authority/rpc.h"

namespace agiddi::tools {

inline constexpr std::size_t kEvmCallsOfPoll = 100;        // the rest is read by the next: new orders wait for it
inline constexpr std::size_t kEvmBlocksKept = 4096;        // hashes of blocks, to find where a reorganisation began
inline constexpr std::int64_t kEvmFork_blocks = 128;       // read again before the oldest order when it began before those
inline constexpr std::size_t kEvmPartsMax = 1000;          // of one order; further ones do not count

class EvmRail : public Rail {
 public:
  // address: "0x" and 40 hexadecimal digits. chain_id: another one is refused at every call.
  EvmRail(Rpc& rpc, std::string address, std::int64_t chain_id);
  const char* name() const override { return "evm"; }
  int decimals() const override { return 18; }
  Result<WayToPay> open(const std::string& order, MicroUnits total) override;
  Result<RailView> poll(std::span<const WatchedOrder> watched) override;

 private:
  struct Block { std::int64_t number = 0; std::string hash; };
  struct Payment { std::int64_t block = 0; CoinUnits amount = 0; };

  Result<std::int64_t> latest();
  Result<Json> block(std::int64_t number, bool full, std::size_t& calls);   // null: the node has none of that number
  Result<bool> succeeded(const std::string& transaction, const std::string& block_hash, std::size_t& calls);
  // Reads the next block into the chain. False: there is none yet, or it showed that the last block read is in the chain no more.
  Result<bool> read_next(std::size_t& calls);
  void rewind(std::int64_t next);                           // forgets the blocks from that number on
  // The last block read is in the chain no more. When it is the only one that is known, the fork may begin before it, and all is read again.
  void drop_last();

  Rpc& rpc_;
  std::string address_;
  std::int64_t chain_id_;
  std::int64_t next_ = 0;                                   // block to be read
  std::int64_t oldest_start_ = 0;
  std::deque<Block> chain_;                                 // the last that were read
  std::set<std::string, std::less<>> known_;                // orders of which every block since their opening was read, or is to be read from next_ on
  std::map<std::string, std::vector<Payment>, std::less<>> payments_;   // by order
};

std::string evm_input(const std::string& order);            // "0x" and 64 hexadecimal digits

}  // namespace agiddi::tools
