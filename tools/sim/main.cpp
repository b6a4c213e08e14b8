// agiddi-sim: the cluster simulator. See usage() in options.cpp.
#include <chrono>
#include <cstdio>

#include "tools/sim/cluster.h"

int main(int argc, char** argv) {
  using namespace agiddi;
  using namespace agiddi::tools;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage().c_str(), stdout);
      return 0;
    }
  }
  const auto line = parse_command_line(arguments);
  if (!line) {
    std::fprintf(stderr, "agiddi-sim: %s\n%s", line.error().detail.c_str(), usage().c_str());
    return 2;
  }
  crypto_init();
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t runs = 0, steps = 0, crashes = 0, partitions = 0, view_changes = 0, synced = 0;
  std::int64_t slowest_ms = 0;
  for (const std::size_t nodes : line->nodes) {
    for (std::uint64_t i = 0; i < line->seeds; ++i) {
      SimOptions options = line->options;
      options.nodes = nodes;
      options.seed += i;
      const SimReport report = Cluster(options).run();
      if (!report.ok) {
        std::fputs(report.failure.c_str(), stdout);
        return 1;
      }
      ++runs;
      steps += report.steps;
      crashes += report.crashes;
      partitions += report.partitions;
      view_changes += report.view_changes;
      synced += report.synced_blocks;
      slowest_ms = std::max(slowest_ms, report.recovery_ms);
      if (!line->quiet) {
        std::printf("seed %llu, %zu nodes: ok, height %llu, view %llu, %llu crashes, %llu partitions, %llu view changes, %llu blocks synced, recovered in %lld ms\n",
                    static_cast<unsigned long long>(options.seed), nodes, static_cast<unsigned long long>(report.height),
                    static_cast<unsigned long long>(report.view), static_cast<unsigned long long>(report.crashes),
                    static_cast<unsigned long long>(report.partitions), static_cast<unsigned long long>(report.view_changes),
                    static_cast<unsigned long long>(report.synced_blocks), static_cast<long long>(report.recovery_ms));
      }
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu runs ok, %.1f seeds/s, %llu steps, %llu crashes, %llu partitions, %llu view changes, %llu blocks synced, slowest recovery %lld ms\n",
              static_cast<unsigned long long>(runs), static_cast<double>(runs) / seconds, static_cast<unsigned long long>(steps),
              static_cast<unsigned long long>(crashes), static_cast<unsigned long long>(partitions),
              static_cast<unsigned long long>(view_changes), static_cast<unsigned long long>(synced), static_cast<long long>(slowest_ms));
  return 0;
}
