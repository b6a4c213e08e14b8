// `--follow --count`: tells the ledger, signed, what the application has received, from a thread of its own so that reading never waits for a block.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "protocol/identity.h"
#include "tools/cli/outcome.h"
#include "tools/cli/own_count.h"

namespace agiddi::tools {

class CountSender {
 public:
  // nodes: addresses that a count may be sent to, tried in turn.
  CountSender(const KeyPair& key, std::string integration, std::vector<std::string> nodes, std::chrono::seconds every);
  ~CountSender();
  CountSender(const CountSender&) = delete;
  CountSender& operator=(const CountSender&) = delete;

  Outcome<void> begin();                     // the first count, before anything is read: what was delivered until then is conceded
  void add(const std::string& device);       // a measurement came
  void finish();                             // the last count, tried for some seconds
  std::uint64_t counted();                   // measurements that the ledger has

 private:
  void run();
  Outcome<void> send();
  Outcome<Json> record();

  const KeyPair& key_;
  const std::string integration_;
  const std::vector<std::string> nodes_;
  std::mutex mutex_;
  OwnCount count_;                           // under the mutex
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace agiddi::tools
