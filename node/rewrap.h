// Wraps the content keys of sealed access again for members that came, or got another sealing key, after the access was sealed. Off the path of
// consensus: a slow walk over the devices, a bounded number of keys in a transaction, one transaction at a time. Each device has a member that is to do
// it; with each round of the walk another one is, so that one that is down or cannot open a key is replaced. A key of our own that does not
// open is reported on the ledger, and another member wraps it.
//
// Threads: start() and stop() from the daemon's; works on a lane of its own. Keys in clear live on the stack of one step and are never logged.
#pragma once

#include <atomic>
#include <memory>

#include "node/chain.h"
#include "node/lane.h"

namespace boost::asio {
class io_context;
}

namespace agiddi::node {

class Rewrap {
 public:
  Rewrap(Chain& chain, boost::asio::io_context& io);
  ~Rewrap();
  void start();
  void stop();

 private:
  struct Timer;
  void arm();
  void step();                       // rewrap lane

  Chain& chain_;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<std::atomic<bool>> under_way_ = std::make_shared<std::atomic<bool>>(false);   // a transaction of ours
  std::atomic<bool> stopping_{false};
  Bytes cursor_;                     // the last device that was looked at
  std::uint64_t round_ = 0;
  bool found_some_ = false;          // in this round
  TimeMs rest_until_ = 0;
  std::uint64_t seen_epoch_ = 0;
  Lane lane_;
};

}  // namespace agiddi::node
