// The benchmarks of agiddi-bench. Each starts what it measures, prints a table and gives the same figures as JSON; timings never fail it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct AllOptions {
  bool short_form = false;                          // a minute or two instead of some ten minutes
  std::string peer;                                 // of consensus
};
// Every benchmark in turn with bounded parameters. {"benchmark":"all","parts":[documents],"failed":[{"benchmark","detail"}]}; each part has its conditions.
Outcome<Answer> bench_all(const AllOptions& options);

// What the member clientSignatures of a benchmark's document says.
inline constexpr const char* kClientSignatures = "verified by every node";
inline constexpr const char* kNoClientSignatures = "neither made nor verified";

struct PayOptions {
  std::int64_t nodes = 4, seconds = 10, rate = 0;   // rate 0: closed loop
  std::int64_t clients = 256;
  bool unverified = false;                          // clients' documents are neither signed nor verified; votes and blocks are
};
Outcome<Answer> bench_pay(const PayOptions& options);

struct ConsensusOptions {
  std::string nodes = "4", clients = "1,16,64,256", rates;   // numbers with commas between them; rates: none for no open loop, else with the most clients
  std::string peer;                                 // "etcd", or empty
  std::int64_t seconds = 5, warmup_ms = 1'000, repetitions = 3;
  bool unverified = false;                          // as in pay
};
// Payments by clients and by rate, what they cost in messages and bytes, and what a block takes; beside etcd.
Outcome<Answer> bench_consensus(const ConsensusOptions& options);

struct NetworkBenchOptions {
  std::string nodes = "4,7,10,16", links = "1,20,100";   // numbers with commas between them; links: one way, ms
  std::int64_t rate = 500, payments = 2'000, seed = 1;
};
// The agreement with modelled links, and nothing else that takes time: latency in delays of a link, messages, bytes. Deterministic.
Outcome<Answer> bench_network(const NetworkBenchOptions& options);

struct RecoveryOptions {
  std::string devices = "10000,100000";             // numbers with commas between them
  std::int64_t nodes = 4, repetitions = 3, kills = 5;   // nodes, kills: of the cluster whose primary is killed; no kills: not measured
  std::string folder;                               // where filled ledgers are kept, and taken from when they stand there; empty: nowhere
};
// Starts of a daemon on a ledger of so many devices, and a cluster without its primary until it commits again.
Outcome<Answer> bench_recovery(const RecoveryOptions& options);

struct IntegrateOptions {
  std::string devices = "1,10,100", applications = "1,10,100";   // numbers with commas between them; devices of one application, applications of one device each
  std::int64_t nodes = 4, repetitions = 5, interval_ms = 50, pool = 20;   // pool: processes of agiddi-device, at least as many as the most devices
};
// From POST /v1/integrations until the first reading, by devices and by applications at once.
Outcome<Answer> bench_integrate(const IntegrateOptions& options);

struct SmokeOptions {
  std::int64_t repetitions = 3;                     // runs under callgrind
  bool run_paths = false;                           // the inner run: each path once, nothing is counted
};
// Instructions of the hot paths, which do not depend on what else the machine does.
Outcome<Answer> bench_smoke(const SmokeOptions& options);

struct RegisterOptions {
  std::int64_t nodes = 4, seconds = 10, rate = 0;   // rate: documents a second; 0: closed loop
  std::int64_t clients = 64;
  std::int64_t devices_under_way = 2'000;           // at most, all clients together; 4 clients at least
  std::vector<std::int64_t> batches{1, 10, 100, 1'000};
};
Outcome<Answer> bench_register(const RegisterOptions& options);

struct LoadOptions {
  std::string folder, without;                      // of a cluster that runs; a node that is left alone
  std::int64_t clients = 8, rate = 0, seconds = 10;
};
// Payments on a cluster that runs already, until the time is over or SIGTERM comes; and how many blocks they made.
Outcome<Answer> bench_load(const LoadOptions& options);

struct OverloadOptions {
  std::int64_t nodes = 4, seconds = 10, clients = 256, factor = 10;
};
Outcome<Answer> bench_overload(const OverloadOptions& options);

struct WatchOptions {
  std::int64_t nodes = 4, queries = 10'000, seconds = 10, pairs = 3, clients = 256, rate = 0;   // rate 0: closed loop
  bool spread = false;                              // watchers at all nodes, not at the first alone
};
// Registrations with and without standing queries, and whether each watcher was told what its query gives.
Outcome<Answer> bench_watch(const WatchOptions& options);

struct DataOptions {
  std::int64_t clients = 30, payload = 50, nodes = 4, seconds = 5, pairs = 5;
  std::int64_t rate = 2'000;                        // messages a second where latency is measured
  std::int64_t grants = 10'000, revocations = 200;
  std::string qos = "both";                         // "0", "1", "both"
  std::string format = "unified", context = "inline";   // of the measurements
  std::string peer = "mosquitto";                   // the same broker as it comes: there is no other
  bool same_size = false;                           // also that broker with payloads as long as a measurement
};
// Paid streams through a broker with the plugin and a network behind it, in pairs with the same broker as it comes; and grants at the plugin. Fails when
// what was delivered is not what was counted.
Outcome<Answer> bench_data(const DataOptions& options);

struct DiscoveryOptions {
  std::int64_t devices = 100'000, seed = 1, repetitions = 200;
  std::vector<std::string> peers;                   // none named: all
  bool no_peers = false, explain = false;
  std::string own = "bulk";                         // how our own form of the devices is loaded: bulk, http, none
  std::string store = "columns";                    // what our queries read: columns in memory, or the indexes on disk ("disk")
  std::string figures;                              // a file for the figures as JSON, beside the table; empty: none
};
// Discovery over generated devices: loading, the query set q1 to q9, our own conditions, and the same queries on other stores.
Outcome<Answer> bench_discovery(const DiscoveryOptions& options);

}  // namespace agiddi::tools
