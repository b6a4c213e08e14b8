// The figures of the discovery benchmark, for people and for scripts. Pure functions.
#pragma once

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/discovery/engine.h"
#include "tools/benchmark/discovery/own_devices.h"

namespace agiddi::tools {

struct LoadFigures {
  std::uint64_t devices = 0, triples = 0, blocks = 0;
  double seconds = 0, disk_bytes = 0, open_ms = 0, first_query_ms = 0, memory_mib = 0;
  double memory_before_mib = 0;   // of this process, before the store was opened
};

struct DiscoveryFigures {
  LoadFigures load;
  std::vector<QueryFigures> queries;
  std::vector<MixFigures> mixes;
  std::optional<OwnFigures> own;
  std::vector<PeerFigures> peers;
  bool checked = false;           // against the triples in memory
};

Answer report(const DiscoveryOptions& options, const DiscoveryFigures& figures);

}  // namespace agiddi::tools
