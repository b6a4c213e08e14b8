// What goes wrong in a simulated cluster, and how it ends: all members up, the network whole, no message lost any more.
#include <algorithm>

#include "tools/sim/cluster.h"

namespace agiddi::tools {

void Cluster::plan_faults() {
  const FaultKinds& kinds = options_.faults;
  faults_end_us_ = random_.between(2'000'000, 8'000'000);
  if (kinds.loss) loss_ = random_.between(0, 150);
  if (kinds.delay) slow_ = random_.between(0, 150);
  if (kinds.reorder) reorder_ = random_.between(0, 400);
  if (kinds.duplicate) duplicate_ = random_.between(0, 100);
  if (kinds.crash) after(random_.between(100'000, 1'500'000), [this] { crash_some(); });
  if (kinds.partition && options_.nodes > 1) after(random_.between(100'000, 1'500'000), [this] { split_network(); });
  after(faults_end_us_, [this] { end_faults(); });
}

void Cluster::crash_some() {
  if (!faulty()) return;
  const bool everyone = random_.chance(100);  // a power cut
  const auto victim = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(options_.nodes) - 1));
  for (std::size_t node = 0; node < options_.nodes; ++node) {
    if ((node != victim && !everyone) || !nodes_[node]->up()) continue;
    nodes_[node]->crash();
    ++report_.crashes;
    const std::int64_t pause_us = random_.chance(700) ? random_.between(10'000, 500'000) : random_.between(500'000, 4'000'000);
    after(pause_us, [this, node] { restart(node); });
  }
  refresh_links();
  after(random_.between(100'000, 1'500'000), [this] { crash_some(); });
}

void Cluster::restart(std::size_t node) {
  if (nodes_[node]->up()) return;
  nodes_[node]->start();
  refresh_links();
}

// Two sides that do not hear each other; their members may or may not be told.
void Cluster::split_network() {
  if (!faulty()) return;
  ++report_.partitions;
  std::vector<bool> side;
  for (std::size_t node = 0; node < options_.nodes; ++node) side.push_back(random_.chance(500));
  std::string text = "partition:";
  for (std::size_t a = 0; a < options_.nodes; ++a) {
    text += side[a] ? " A" : " B";
    for (std::size_t b = 0; b < options_.nodes; ++b) cut_[a][b] = side[a] != side[b];
  }
  told_of_cuts_ = random_.chance(500);
  timeline_.event(now_us_, 0, text + (told_of_cuts_ ? "" : " (silent)"));
  refresh_links();
  after(random_.between(100'000, 2'500'000), [this] {
    if (!faulty()) return;
    for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
    timeline_.event(now_us_, 0, "partition ends");
    refresh_links();
    after(random_.between(100'000, 1'500'000), [this] { split_network(); });
  });
}

void Cluster::end_faults() {
  timeline_.event(now_us_, 0, "all faults end");
  loss_ = slow_ = reorder_ = duplicate_ = 0;
  for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
  for (std::size_t node = 0; node < options_.nodes; ++node) restart(node);
  for (auto& node : nodes_) node->heartbeat_wanted(false);
  refresh_links();
}

// Tells the members what became of their connections.
void Cluster::refresh_links() {
  for (std::size_t a = 0; a < options_.nodes; ++a) {
    for (std::size_t b = 0; b < options_.nodes; ++b) {
      if (a == b) continue;
      if (!nodes_[a]->up()) {
        told_[a][b] = false;
        continue;
      }
      const bool linked = nodes_[b]->up() && !(cut_[a][b] && told_of_cuts_);
      if (linked == told_[a][b]) continue;
      told_[a][b] = linked;
      nodes_[a]->link(b, linked);
    }
  }
}

}  // namespace agiddi::tools
