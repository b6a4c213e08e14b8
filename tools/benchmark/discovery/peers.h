// Other triple stores, in the same run: each is driven by a runner of its own (tools/benchmark/discovery/peers) as a process that loads the same
// N-Triples, measures the same queries inside the engine's own process and writes its rows.
//
// A runner and what it starts end with the benchmark, however it ends: they get a signal when their parent dies. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/json.h"
#include "tools/benchmark/devices/peer_form.h"
#include "tools/benchmark/discovery/rows.h"

namespace agiddi::tools {

// For a runner and for our own engine alike: repetitions until one of both is reached, after a warm-up.
struct Effort {
  std::int64_t repetitions = 200, tiny_repetitions = 1000, budget_ms = 4'000;
};

struct PeerQueryFigures {
  std::vector<double> ms;
  std::vector<double> execution_ms;   // of the query compiled once, where the engine can
  std::size_t limited_rows = 0;      // of the measured text
  RowDigest whole;
  std::string problem;               // why there are no figures
};

struct PeerFigures {
  std::string name, version, problem;   // problem: why there are no figures at all
  double load_s = 0, memory_mib = 0, disk_mib = 0;
  std::map<std::string, PeerQueryFigures> queries;
};

const std::vector<std::string>& peer_names();
// parts: files of N-Triples. folder: the peer's own, made here.
PeerFigures run_peer(const std::string& name, const std::string& folder, const std::vector<std::string>& parts, const std::vector<PeerQuery>& queries,
                     std::uint64_t triples, const Effort& effort);

}  // namespace agiddi::tools
