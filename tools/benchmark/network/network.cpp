// The network's share of a payment by the number of members: modelled links, everything else for nothing.
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/http_load.h"
#include "tools/benchmark/network/modelled_cluster.h"
#include "tools/benchmark/report/tables.h"
#include "tools/benchmark/spread.h"

namespace agiddi::tools {
namespace {

constexpr std::int64_t kAlone = 200;   // payments one after the other: they hardly differ

std::string at_rate(std::int64_t rate) { return std::to_string(rate) + " a second"; }

Outcome<Json> row_of(const ModelledNetwork& network) {
  auto figures = run_modelled(network);
  if (!figures) return passed_on(figures.error());
  const auto count = static_cast<double>(figures->latencies_ms.size());
  const double link_ms = static_cast<double>(network.link_us) / 1'000, p50 = percentile(figures->latencies_ms, 0.5), p99 = percentile(figures->latencies_ms, 0.99);
  return Json::object({{"nodes", static_cast<std::uint64_t>(network.nodes)},
                       {"link_ms", rounded(link_ms, 1)},
                       {"load", network.rate > 0 ? at_rate(static_cast<std::int64_t>(network.rate)) : std::string("one at a time")},
                       {"p50_ms", rounded(p50, 1)},
                       {"p99_ms", rounded(p99, 1)},
                       {"p50_links", rounded(p50 / link_ms, 2)},
                       {"p99_links", rounded(p99 / link_ms, 2)},
                       {"messages", rounded(static_cast<double>(figures->frames) / count, 2)},
                       {"bytes", rounded(static_cast<double>(figures->bytes) / count, 0)},
                       {"perBlock", rounded(count / std::max<double>(1, static_cast<double>(figures->blocks)), 1)}});
}

}  // namespace

Outcome<Answer> bench_network(const NetworkBenchOptions& options) {
  auto nodes = parse_numbers("--nodes", options.nodes, 4, 16);
  if (!nodes) return tl::unexpected(nodes.error());
  auto links = parse_numbers("--link", options.links, 1, 1'000);
  if (!links) return tl::unexpected(links.error());
  Json rows = Json::array();
  for (const std::int64_t link : *links) {
    for (const std::int64_t count : *nodes) {
      for (const double rate : {0.0, static_cast<double>(options.rate)}) {
        const std::int64_t payments = rate > 0 ? options.payments : std::min(options.payments, kAlone);
        auto row = row_of({static_cast<std::size_t>(count), link * 1'000, rate, static_cast<std::size_t>(payments), static_cast<std::uint64_t>(options.seed)});
        if (!row) return tl::unexpected(row.error());
        rows.push(std::move(*row));
      }
    }
  }
  Json document = Json::object({{"benchmark", "network"}, {"rate", options.rate}, {"payments", options.payments}, {"seed", options.seed}, {"modelled", std::move(rows)}});
  document.set("plots", Json::array({Json::object({{"title", "Latency in delays of a link, p50"}, {"table", "modelled"}, {"x", "nodes"}, {"y", "p50_links"}, {"series", "link_ms"}, {"only", "load=one at a time"}}),
                                     Json::object({{"title", "Messages a payment at the rate"}, {"table", "modelled"}, {"x", "nodes"}, {"y", "messages"}, {"series", "link_ms"}, {"only", "load=" + at_rate(options.rate)}})}));
  std::string text = tables_text(document);
  return Answer{std::move(document), std::move(text)};
}

}  // namespace agiddi::tools
