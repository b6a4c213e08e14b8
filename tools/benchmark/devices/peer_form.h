// Generated devices as triples in the vocabulary of the query set q1 to q9: 12 triples a device and 6 or 7 for each sensor.
// Pure functions, any thread.
#pragma once

#include <string>
#include <vector>

#include "ledger/term.h"
#include "tools/benchmark/devices/generator.h"

namespace agiddi::tools {

std::string peer_provider_iri(std::uint64_t rank);
std::string peer_device_iri(std::uint64_t number);
std::vector<ledger::Triple> peer_triples(const GeneratedDevice& device);

struct PeerQuery {
  std::string name;
  std::string text;        // as it is measured
  std::string whole;       // without its LIMIT: which hundred rows come first is free, which rows there are is not
  bool tiny = false;       // takes microseconds: wants many repetitions
};
const std::vector<PeerQuery>& peer_queries();

}  // namespace agiddi::tools
