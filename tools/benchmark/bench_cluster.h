// A cluster for a benchmark: made in a fresh folder and gone with the object, or somebody's that runs. And what is paid for on it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "tools/benchmark/http_load.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

class BenchCluster {
 public:
  static Outcome<std::unique_ptr<BenchCluster>> start(std::size_t nodes, bool unverified = false);   // unverified: nobody checks clients' signatures
  // One that runs and goes on running; without the named node ("" = with all).
  static Outcome<std::unique_ptr<BenchCluster>> attach(const std::string& folder, const std::string& without);
  ~BenchCluster();
  BenchCluster(const BenchCluster&) = delete;
  BenchCluster& operator=(const BenchCluster&) = delete;

  const std::vector<std::string>& urls() const { return urls_; }
  std::vector<LoadTarget> targets() const;
  // Resident memory of all daemons together, in MiB.
  double memory_mib() const;
  double memory_mib(std::size_t node) const;   // of one
  // Processor time that all daemons together have used.
  double cpu_s() const;
  KeyPair account(const std::string& name) const;
  const std::string& network() const { return network_; }
  const std::string& broker() const { return broker_; }   // its url
  std::int64_t broker_pid() const;
  const std::string& folder() const { return folder_; }   // as `agiddi cluster` knows it

 private:
  BenchCluster() = default;
  std::string own_folder_;   // to be removed
  std::string folder_, network_, broker_;
  std::vector<std::string> urls_;
  std::vector<std::int64_t> pids_;
};

// Payments of application-1 for a minute of one device, each a signed document of its own. Signing costs 20 us: prepare() does it ahead.
class Payments {
 public:
  // Registers the device. unverified: the documents carry 64 zero bytes instead of a signature.
  static Outcome<std::unique_ptr<Payments>> open(const BenchCluster& cluster, bool unverified = false);
  void prepare(std::size_t count);
  std::string next();                          // the request's bytes; signs one when none is prepared

 private:
  Payments(KeyPair key, std::string network, std::string body, std::string run, bool unverified)
      : unverified_(unverified), key_(std::move(key)), network_(std::move(network)), body_(std::move(body)), run_(std::move(run)) {}
  std::string make();
  const bool unverified_;
  KeyPair key_;
  std::string network_, body_;
  std::string run_;   // what the jti of this run begin with
  std::deque<std::string> ready_;
  std::uint64_t made_ = 0;
};

}  // namespace agiddi::tools
