#include "tools/benchmark/discovery/report.h"

#include <algorithm>
#include <cmath>

#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string milliseconds(double value) { return fixed(value, value < 0.1 ? 4 : value < 10 ? 3 : 1); }

struct Percentiles {
  double p50 = 0, p95 = 0, p99 = 0;
  explicit Percentiles(const std::vector<double>& ms) : p50(percentile(ms, 0.5)), p95(percentile(ms, 0.95)), p99(percentile(ms, 0.99)) {}
  Json json() const { return Json::object({{"p50_ms", rounded(p50, 4)}, {"p95_ms", rounded(p95, 4)}, {"p99_ms", rounded(p99, 4)}}); }
};

Json to_json(const LoadFigures& load) {
  const double triples = static_cast<double>(load.triples);
  return Json::object({{"devices", load.devices}, {"triples", load.triples}, {"blocks", load.blocks}, {"seconds", rounded(load.seconds, 2)},
                       {"triplesPerSecond", rounded(triples / load.seconds, 0)}, {"bytesPerTriple", rounded(load.disk_bytes / triples, 1)},
                       {"open_ms", rounded(load.open_ms, 1)}, {"firstQuery_ms", rounded(load.first_query_ms, 2)}, {"memory_mib", rounded(load.memory_mib, 1)},
                       {"memoryBefore_mib", rounded(load.memory_before_mib, 1)}});
}

std::string load_table(const LoadFigures& load) {
  const double triples = static_cast<double>(load.triples);
  return table({{"devices", "triples", "a device", "triples/s", "bytes/triple", "open ms", "first query ms", "MiB before", "MiB after"},
                {std::to_string(load.devices), std::to_string(load.triples), fixed(triples / static_cast<double>(load.devices), 2),
                 fixed(triples / load.seconds, 0), fixed(load.disk_bytes / triples, 1), fixed(load.open_ms, 1), fixed(load.first_query_ms, 1),
                 fixed(load.memory_before_mib, 0), fixed(load.memory_mib, 0)}});
}

Json to_json(const QueryFigures& query) {
  if (!query.problem.empty()) return Json::object({{"name", query.name}, {"problem", query.problem}});
  Json json = Percentiles(query.ms).json();
  json.set("name", query.name).set("runs", static_cast<std::uint64_t>(query.ms.size())).set("rows", static_cast<std::uint64_t>(query.limited_rows));
  json.set("rowsWithoutLimit", static_cast<std::uint64_t>(query.whole.rows)).set("hash", query.whole.hash).set("triplesRead", query.triples_read);
  json.set("cpu_ms", rounded(query.cpu_ms, 4));
  json.set("memoryPeak_bytes", static_cast<std::uint64_t>(query.memory_peak_bytes)).set("plan", query.plan);
  return json;
}

std::string query_table(const std::vector<QueryFigures>& queries) {
  Rows rows = {{"query", "p50 ms", "p95 ms", "p99 ms", "cpu ms", "rows", "without LIMIT", "hash", "triples read"}};
  for (const QueryFigures& query : queries) {
    if (!query.problem.empty()) {
      rows.push_back({query.name, query.problem, "", "", "", "", "", "", ""});
      continue;
    }
    const Percentiles time(query.ms);
    rows.push_back({query.name, milliseconds(time.p50), milliseconds(time.p95), milliseconds(time.p99), milliseconds(query.cpu_ms),
                    std::to_string(query.limited_rows), std::to_string(query.whole.rows), query.whole.hash, std::to_string(query.triples_read)});
  }
  return table(rows);
}

// How a peer's figures for one query compare with ours.
struct Comparison {
  std::string problem;
  double p50 = 0, execution_p50 = 0, ratio = 0, execution_ratio = 0;
  bool has_execution = false, equal = false;
};

Comparison compare(const QueryFigures& own, const PeerFigures& peer) {
  Comparison out;
  const auto found = peer.queries.find(own.name);
  if (found == peer.queries.end()) {
    out.problem = "-";
    return out;
  }
  const PeerQueryFigures& theirs = found->second;
  out.problem = theirs.problem;
  if (!out.problem.empty()) return out;
  const double ours = percentile(own.ms, 0.5);
  out.p50 = percentile(theirs.ms, 0.5);
  out.ratio = ours > 0 ? out.p50 / ours : 0;
  out.has_execution = !theirs.execution_ms.empty();
  out.execution_p50 = percentile(theirs.execution_ms, 0.5);
  out.execution_ratio = ours > 0 ? out.execution_p50 / ours : 0;
  out.equal = theirs.whole == own.whole && theirs.limited_rows == own.limited_rows;
  return out;
}

class GeometricMean {
 public:
  void add(double ratio) {
    if (ratio <= 0) return;
    logarithms_ += std::log(ratio);
    ++count_;
  }
  double value() const { return count_ ? std::exp(logarithms_ / count_) : 0; }

 private:
  double logarithms_ = 0;
  int count_ = 0;
};

struct PeerReport { Json json; std::string text; };

PeerReport report_peer(const std::vector<QueryFigures>& own, const PeerFigures& peer) {
  Json json = Json::object({{"name", peer.name}, {"version", peer.version}});
  if (!peer.problem.empty()) {
    json.set("problem", peer.problem);
    return {std::move(json), peer.name + ": " + peer.problem + "\n"};
  }
  json.set("load_s", rounded(peer.load_s, 2)).set("memory_mib", rounded(peer.memory_mib, 1)).set("disk_mib", rounded(peer.disk_mib, 1));
  Rows rows = {{"query", "ours p50", "theirs p50", "ratio", "execution only", "ratio", "rows"}};
  Json queries = Json::array();
  GeometricMean mean, execution_mean;
  for (const QueryFigures& query : own) {
    const Comparison with = compare(query, peer);
    if (!with.problem.empty()) {
      rows.push_back({query.name, "", with.problem.substr(0, 60), "", "", "", ""});
      queries.push(Json::object({{"name", query.name}, {"problem", with.problem}}));
      continue;
    }
    mean.add(with.ratio);
    if (with.has_execution) execution_mean.add(with.execution_ratio);
    const PeerQueryFigures& theirs = peer.queries.at(query.name);
    const std::string equal = with.equal ? "equal" : "DIFFERENT: " + std::to_string(theirs.limited_rows) + ", " + std::to_string(theirs.whole.rows) + " without LIMIT";
    rows.push_back({query.name, milliseconds(percentile(query.ms, 0.5)), milliseconds(with.p50), fixed(with.ratio, 2),
                    with.has_execution ? milliseconds(with.execution_p50) : "", with.has_execution ? fixed(with.execution_ratio, 2) : "", equal});
    Json one = Percentiles(theirs.ms).json();
    one.set("name", query.name).set("runs", static_cast<std::uint64_t>(theirs.ms.size())).set("ratio", rounded(with.ratio, 3));
    if (with.has_execution) one.set("executionOnly", Percentiles(theirs.execution_ms).json()).set("executionRatio", rounded(with.execution_ratio, 3));
    one.set("rows", static_cast<std::uint64_t>(theirs.limited_rows)).set("rowsWithoutLimit", static_cast<std::uint64_t>(theirs.whole.rows));
    queries.push(one.set("hash", theirs.whole.hash).set("sameRows", with.equal));
  }
  const bool has_execution = execution_mean.value() > 0;
  rows.push_back({"geometric mean", "", "", fixed(mean.value(), 2), "", has_execution ? fixed(execution_mean.value(), 2) : "", ""});
  json.set("geometricMean", rounded(mean.value(), 3));
  if (has_execution) json.set("executionGeometricMean", rounded(execution_mean.value(), 3));
  json.set("queries", std::move(queries));
  const std::string disk = peer.disk_mib > 0 ? ", " + fixed(peer.disk_mib, 0) + " MiB on disk" : "";
  return {std::move(json), peer.version + ": loaded in " + fixed(peer.load_s, 1) + " s" + disk + ", " + fixed(peer.memory_mib, 0) +
                               " MiB in memory; a ratio above 1 says that ours is faster\n" + table(rows)};
}

PeerReport report_own(const OwnFigures& own) {
  Json conditions = Json::array();
  Rows rows = {{"conditions", "devices or rows", "query p50 ms", "p99 ms", "with metadata p50 ms", "p99 ms", "made anew p50 ms", "p99 ms"}};
  for (const ConditionFigures& one : own.conditions) {
    const Percentiles query(one.query_ms), answer(one.answer_ms), made(one.made_ms);
    const bool has_query = !one.query_ms.empty(), has_answer = !one.answer_ms.empty(), has_made = !one.made_ms.empty();
    rows.push_back({one.name, std::to_string(one.devices), has_query ? milliseconds(query.p50) : "-", has_query ? milliseconds(query.p99) : "-",
                    has_answer ? milliseconds(answer.p50) : "-", has_answer ? milliseconds(answer.p99) : "-",
                    has_made ? milliseconds(made.p50) : "-", has_made ? milliseconds(made.p99) : "-"});
    Json json = Json::object({{"name", one.name}, {"devices", static_cast<std::uint64_t>(one.devices)}});
    if (has_query) json.set("query", query.json());
    if (has_answer) json.set("answer", answer.json());
    if (has_made) json.set("answerMadeAnew", made.json());
    if (!one.plan.empty()) json.set("plan", one.plan);
    conditions.push(std::move(json));
  }
  Json json = Json::object({{"loaded", own.how}, {"load_s", rounded(own.load_s, 2)}, {"documents", own.documents}, {"conditions", std::move(conditions)}});
  std::string text = "our own form, " + own.how + ": " + fixed(own.load_s, 1) + " s";
  if (own.triples > 0) {
    text += ", " + std::to_string(own.triples) + " triples, " + fixed(own.disk_mib, 0) + " MiB on disk; opened again in " + fixed(own.open_s, 2) + " s, " + fixed(own.memory_mib, 0) +
            " MiB in memory, " + fixed(own.columns_mib, 0) + " of them columns and terms";
    json.set("triples", own.triples).set("disk_mib", rounded(own.disk_mib, 1)).set("open_s", rounded(own.open_s, 3));
    json.set("memory_mib", rounded(own.memory_mib, 1)).set("columns_mib", rounded(own.columns_mib, 1));
  }
  text += "\n" + table(rows);
  if (own.http_per_second > 0) {
    text += "selective conditions over HTTP, 8 clients at one node: " + fixed(own.http_per_second, 0) + "/s, p50 " + milliseconds(own.http_p50_ms) + " ms, p99 " +
            milliseconds(own.http_p99_ms) + " ms\n";
    json.set("httpPerSecond", rounded(own.http_per_second, 1)).set("httpP50_ms", rounded(own.http_p50_ms, 3)).set("httpP99_ms", rounded(own.http_p99_ms, 3));
  }
  return {std::move(json), std::move(text)};
}

std::string plans(const DiscoveryFigures& figures) {
  std::string text;
  for (const QueryFigures& query : figures.queries) text += "\n" + query.name + "\n" + query.plan;
  if (!figures.own) return text;
  for (const ConditionFigures& one : figures.own->conditions) text += "\n" + one.name + "\n" + one.plan;
  return text;
}

}  // namespace

Answer report(const DiscoveryOptions& options, const DiscoveryFigures& figures) {
  Json queries = Json::array(), mixes = Json::array(), peers = Json::array();
  for (const QueryFigures& query : figures.queries) queries.push(to_json(query));
  Rows mix_rows = {{"threads", "mixed queries/s (q1,3,4,5,8)", "p50 ms", "p99 ms"}};
  for (const MixFigures& mix : figures.mixes) {
    mixes.push(Json::object({{"threads", mix.threads}, {"perSecond", rounded(mix.per_second, 1)}, {"p50_ms", rounded(mix.p50_ms, 4)}, {"p99_ms", rounded(mix.p99_ms, 4)}}));
    mix_rows.push_back({std::to_string(mix.threads), fixed(mix.per_second, 0), milliseconds(mix.p50_ms), milliseconds(mix.p99_ms)});
  }
  std::string text = load_table(figures.load) + "\n" + query_table(figures.queries) + (figures.checked ? "rows checked against the triples in memory\n" : "") + "\n" +
                     table(mix_rows);
  Json document = Json::object({{"benchmark", "discovery"}, {"devices", options.devices}, {"seed", options.seed}, {"load", to_json(figures.load)},
                                {"queries", std::move(queries)}, {"checkedAgainstMemory", figures.checked}, {"mix", std::move(mixes)}});
  if (figures.own) {
    PeerReport own = report_own(*figures.own);
    document.set("own", std::move(own.json));
    text += "\n" + own.text;
  }
  for (const PeerFigures& peer : figures.peers) {
    PeerReport one = report_peer(figures.queries, peer);
    peers.push(std::move(one.json));
    text += "\n" + one.text;
  }
  document.set("peers", std::move(peers));
  if (options.explain) text += plans(figures);
  return {std::move(document), std::move(text)};
}

}  // namespace agiddi::tools
