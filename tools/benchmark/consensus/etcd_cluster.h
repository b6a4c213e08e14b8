// EtcdCluster: members of Debian's etcd-server on loopback and free ports, each with a folder of its own, gone with the object. What is measured beside us: a put of
// 256 bytes through the JSON gateway is answered when a majority has it on disk. No TLS, no signatures, no Byzantine members.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/http_load.h"
#include "tools/cli/cluster/process.h"

namespace agiddi::tools {

class EtcdCluster {
 public:
  static Outcome<std::unique_ptr<EtcdCluster>> start(std::size_t members);   // until a leader is known; 20 s
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  LoadTarget leader() const { return leader_; }   // whom to ask: others would only pass it on, which costs etcd
  std::string next_put();                         // a request: a new key each time
  const std::string& version() const { return version_; }

 private:
  EtcdCluster() = default;
  Outcome<void> find_leader(std::uint16_t base, std::size_t members);

  std::string folder_, version_, value_;
  std::vector<ProcessId> processes_;
  LoadTarget leader_;
  std::uint64_t puts_ = 0;
};

}  // namespace agiddi::tools
