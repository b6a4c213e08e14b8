// Our own engine under measurement: text in, rows out, parse and plan included; and what two states of it must agree on.
#pragma once

#include <string>
#include <vector>

#include "ledger/triple_source.h"
#include "tools/benchmark/devices/peer_form.h"
#include "tools/benchmark/discovery/peers.h"

namespace agiddi::tools {

Result<ontology::sparql::QueryResult> run_query(const std::string& text, const ledger::TripleSource& triples);
std::string plan_of(const std::string& text, const ledger::TripleSource& triples);

struct QueryFigures {
  std::string name, plan, problem;   // problem: why there are no figures
  std::vector<double> ms;
  double cpu_ms = 0;                 // processor time of a run, on average
  std::size_t limited_rows = 0;
  std::uint64_t triples_read = 0;
  std::size_t memory_peak_bytes = 0;
  RowDigest whole;
  RowDigest order;                   // of the last column of the measured text, the sort key where there is one
};
QueryFigures measure_query(const PeerQuery& query, const ledger::TripleSource& triples, const Effort& effort);

// What is wrong with the figures: more or fewer rows than the LIMIT leaves, or other rows than another source gives. Empty when nothing is.
std::string fault_of(const PeerQuery& query, const QueryFigures& figures, const ledger::TripleSource& other);

struct MixFigures { int threads = 1; double per_second = 0, p50_ms = 0, p99_ms = 0; };
MixFigures measure_mix(const std::vector<PeerQuery>& queries, const ledger::TripleSource& triples, int threads, std::int64_t duration_ms);

}  // namespace agiddi::tools
