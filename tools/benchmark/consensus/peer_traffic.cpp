#include "tools/benchmark/consensus/peer_traffic.h"

#include <charconv>
#include <chrono>
#include <thread>

#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr auto kSettledWithin = std::chrono::seconds(30);
constexpr auto kSettledPoll = std::chrono::milliseconds(20);

}  // namespace

Outcome<std::uint64_t> metric(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  std::uint64_t value = 0;
  if (at == text.npos) return failed("a node does not show " + name);
  const char* from = text.data() + at + name.size() + 2;
  if (std::from_chars(from, text.data() + text.size(), value).ec != std::errc()) return failed("a node shows no number as " + name);
  return value;
}

Outcome<PeerTraffic> settled_traffic(const BenchCluster& cluster) {
  const auto begin = std::chrono::steady_clock::now(), deadline = begin + kSettledWithin;
  for (;; std::this_thread::sleep_for(kSettledPoll)) {
    PeerTraffic sum;
    std::uint64_t height = 0;
    bool settled = true;
    std::string heights;   // for the error
    for (std::size_t i = 0; i < cluster.urls().size(); ++i) {
      const auto page = NodeClient(cluster.urls()[i]).get("/metrics", "text/plain");
      if (!page) return tl::unexpected(page.error());
      const auto block = metric(page->body, "agiddi_block_height"), certified = metric(page->body, "agiddi_certified_height");
      const auto frames = metric(page->body, "agiddi_peer_frames_out_total"), bytes = metric(page->body, "agiddi_peer_bytes_out_total");
      for (const auto* value : {&block, &certified, &frames, &bytes}) {
        if (!*value) return tl::unexpected(value->error());
      }
      if (i == 0) height = *block;
      settled = settled && *block == height && *certified == height;
      heights += " " + std::to_string(*block) + "/" + std::to_string(*certified);
      sum.frames += *frames;
      sum.bytes += *bytes;
    }
    sum.settled_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    if (settled) return sum;
    if (std::chrono::steady_clock::now() > deadline) return failed("the nodes do not become level after the load; their heights and certified heights:" + heights);
  }
}

}  // namespace agiddi::tools
