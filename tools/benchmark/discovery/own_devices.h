// Our own form of the devices: registered in a ledger by the rules themselves or over HTTP in a cluster, then searched by conditions.
#pragma once

#include "tools/benchmark/devices/own_form.h"
#include "tools/benchmark/discovery/peers.h"
#include "tools/benchmark/discovery/store.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct ConditionFigures {
  std::string name;
  std::size_t devices = 0;          // or rows
  std::vector<double> query_ms;     // plan of the conditions, parse, plan, evaluate
  std::vector<double> answer_ms;    // the whole answer with each device's metadata, whose texts were kept from the answer before; none for SPARQL
  std::vector<double> made_ms;      // the same with each text made anew; only in process
  std::string plan;
};

struct OwnFigures {
  std::string how;                  // how they were loaded
  double load_s = 0, disk_mib = 0;
  std::uint64_t triples = 0, documents = 0;
  double open_s = 0, columns_mib = 0, memory_mib = 0;   // of the ledger, opened once more: that, its columns, and the process with it (less what it had before)
  std::vector<ConditionFigures> conditions;
  double http_per_second = 0, http_p50_ms = 0, http_p99_ms = 0;   // selective conditions over HTTP; only of a cluster
};

// By the executor, in one process, on a ledger below the folder: no consensus and no signature checks ("bulk").
Outcome<OwnFigures> bench_own_bulk(const DeviceGenerator& generator, const std::string& folder, StoreKind kind, const Effort& effort);
// By signed documents of at most 100 devices at the HTTP interface of four daemons; the conditions by POST /v1/query.
Outcome<OwnFigures> bench_own_http(const DeviceGenerator& generator, const Effort& effort);

}  // namespace agiddi::tools
