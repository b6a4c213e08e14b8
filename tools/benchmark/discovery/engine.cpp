#include "tools/benchmark/discovery/engine.h"

#include <algorithm>
#include <thread>

#include "ontology/sparql/explain.h"
#include "ontology/sparql/parser.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

namespace sparql = ontology::sparql;

constexpr std::size_t kLimit = 100;   // of the queries that have one
constexpr std::int64_t kQueryMax_ms = 120'000;

bool is_limited(const PeerQuery& query) { return query.text != query.whole; }
bool is_ordered(const PeerQuery& query) { return query.text.find("ORDER BY") != std::string::npos; }

RowDigest digest_of_last_column(const sparql::QueryResult& result) {
  sparql::QueryResult column;
  for (const auto& row : result.rows) column.rows.push_back({row.back()});
  return digest_of(column);
}

}  // namespace

Result<sparql::QueryResult> run_query(const std::string& text, const ledger::TripleSource& triples) {
  const auto query = sparql::parse_query(text);
  if (!query) return tl::unexpected(query.error());
  sparql::Limits limits;
  limits.time_ms = kQueryMax_ms;
  limits.memory_bytes = std::size_t{2} << 30;
  limits.rows = 10'000'000;
  return sparql::evaluate(*query, sparql::Dataset(triples), limits);
}

std::string plan_of(const std::string& text, const ledger::TripleSource& triples) {
  const auto query = sparql::parse_query(text);
  if (!query) return query.error().detail;
  const auto plan = sparql::explain(*query, sparql::Dataset(triples));
  return plan ? *plan : plan.error().detail;
}

QueryFigures measure_query(const PeerQuery& query, const ledger::TripleSource& triples, const Effort& effort) {
  QueryFigures figures;
  figures.name = query.name;
  const auto first = run_query(query.text, triples);
  const auto whole = run_query(query.whole, triples);
  if (!first || !whole) {
    figures.problem = !first ? first.error().detail : whole.error().detail;
    return figures;
  }
  figures.limited_rows = first->rows.size();
  figures.triples_read = first->triples_read;
  figures.memory_peak_bytes = first->memory_peak_bytes;
  figures.whole = digest_of(*whole);
  if (is_ordered(query)) figures.order = digest_of_last_column(*first);
  figures.plan = plan_of(query.text, triples);
  const double cpu_before = thread_cpu_ms();
  std::size_t runs = 0;
  figures.ms = measure_ms(query.tiny ? effort.tiny_repetitions : effort.repetitions, effort.budget_ms, [&] {
    (void)run_query(query.text, triples);
    ++runs;
  });
  figures.cpu_ms = (thread_cpu_ms() - cpu_before) / static_cast<double>(std::max<std::size_t>(runs, 1));
  return figures;
}

std::string fault_of(const PeerQuery& query, const QueryFigures& figures, const ledger::TripleSource& other) {
  if (!figures.problem.empty()) return query.name + ": " + figures.problem;
  const std::size_t wanted = is_limited(query) ? std::min(kLimit, figures.whole.rows) : figures.whole.rows;
  if (figures.limited_rows != wanted) return query.name + " gives " + std::to_string(figures.limited_rows) + " rows where there are " + std::to_string(wanted);
  const auto first = run_query(query.text, other);
  const auto whole = run_query(query.whole, other);
  if (!first || !whole) return query.name + ": " + (!first ? first.error().detail : whole.error().detail);
  const RowDigest reference = digest_of(*whole);
  if (reference != figures.whole) {
    return query.name + " gives other rows on the store (" + std::to_string(figures.whole.rows) + ", " + figures.whole.hash + ") than in memory (" +
           std::to_string(reference.rows) + ", " + reference.hash + ")";
  }
  if (is_ordered(query) && digest_of_last_column(*first) != figures.order) return query.name + " does not give the first rows of its order";
  return "";
}

MixFigures measure_mix(const std::vector<PeerQuery>& queries, const ledger::TripleSource& triples, int threads, std::int64_t duration_ms) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(threads));
  const auto begin = BenchClock::now();
  std::vector<std::thread> workers;
  for (std::size_t worker = 0; worker < times.size(); ++worker) {
    workers.emplace_back([&, worker] {
      for (std::size_t i = worker; 1000 * seconds_since(begin) < static_cast<double>(duration_ms) && !interrupted(); ++i) {
        const auto start = BenchClock::now();
        (void)run_query(queries[i % queries.size()].text, triples);
        times[worker].push_back(1000 * seconds_since(start));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const double seconds = seconds_since(begin);
  std::vector<double> all;
  for (const auto& some : times) all.insert(all.end(), some.begin(), some.end());
  return {threads, static_cast<double>(all.size()) / seconds, percentile(all, 0.5), percentile(all, 0.99)};
}

}  // namespace agiddi::tools
