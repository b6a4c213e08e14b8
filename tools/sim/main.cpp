// agiddi-sim: the cluster simulator. See usage() in options.cpp.
#include <chrono>
#include <cstdio>

#include "tools/sim/bugs.h"
#include "tools/sim/runner.h"

namespace {

using namespace agiddi;
using namespace agiddi::tools;

unsigned long long number(std::uint64_t value) { return value; }

int list_faults() {
  for (const FaultKind& kind : fault_table()) std::printf("%-16s %s%s\n", kind.name.c_str(), kind.byzantine ? "byzantine: " : "", kind.what.c_str());
  return 0;
}

int list_bugs() {
  for (const PlantedBug& bug : bug_table()) std::printf("%-24s %s\n", bug.name.c_str(), bug.what.c_str());
  return 0;
}

// The lowest seed that finds a bug, of at most seeds_max from 1.
std::optional<SeedResult> find(const PlantedBug& bug, unsigned jobs) {
  std::uint64_t next = 1;
  std::optional<SeedResult> found;
  run_seeds(
      jobs,
      [&]() -> std::optional<SimOptions> {
        if (next > bug.seeds_max) return std::nullopt;
        SimOptions options;
        options.seed = next++;
        options.nodes = bug.nodes;
        options.faults = *read_faults(bug.faults);
        plant(options, bug.name);
        return resolved(options);
      },
      [&](const SeedResult& result) {
        if (!result.report.ok && (!found || result.options.seed < found->options.seed)) found = result;
        return !found;
      });
  return found;
}

bool says_any(const std::string& failure, std::string_view parts) {
  while (!parts.empty()) {
    const std::size_t end = std::min(parts.find('|'), parts.size());
    if (failure.find(parts.substr(0, end)) != std::string::npos) return true;
    parts.remove_prefix(std::min(end + 1, parts.size()));
  }
  return false;
}

int find_bugs(unsigned jobs) {
  int missed = 0;
  for (const PlantedBug& bug : bug_table()) {
    const auto found = find(bug, jobs);
    const bool right = found && says_any(found->report.failure, bug.found_by);
    missed += right ? 0 : 1;
    std::printf("%-24s %s\n", bug.name.c_str(), found ? ("seed " + std::to_string(found->options.seed) + " of " + std::to_string(bug.seeds_max) + ": " + found->report.failure + (right ? "" : " (expected: " + bug.found_by + ")")).c_str() : "NOT FOUND");
    std::fflush(stdout);
  }
  std::printf("%zu planted bugs, %d missed\n", bug_table().size(), missed);
  return missed == 0 ? 0 : 1;
}

void print(const SeedResult& result) {
  const SimCounts& counts = result.report.counts;
  std::printf("seed %llu, %zu nodes: %s, height %llu, view %llu, %llu transactions, %llu liars (%llu lies), %llu crashes, %llu disks lost, %llu partitions, "
              "%llu view changes, %llu blocks synced, %llu snapshots installed, %llu blocks pruned, %llu member changes, recovered in %lld ms\n",
              number(result.options.seed), result.options.nodes, result.report.ok ? "ok" : "FAILED", number(counts.height), number(counts.view),
              number(counts.transactions), number(counts.byzantine), number(counts.lies), number(counts.crashes), number(counts.lost_disks),
              number(counts.partitions), number(counts.view_changes), number(counts.synced_blocks), number(counts.installs), number(counts.pruned), number(counts.epochs),
              static_cast<long long>(counts.recovery_ms));
}

}  // namespace

int main(int argc, char** argv) {
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
  if (line->list_faults) return list_faults();
  if (line->list_bugs) return list_bugs();
  crypto_init();
  if (line->find_bugs) return find_bugs(line->jobs);

  const auto start = std::chrono::steady_clock::now();
  std::uint64_t next = 0, runs = 0;
  std::vector<std::string> failures;
  SimCounts sum;
  std::int64_t slowest_ms = 0;
  run_seeds(
      line->jobs,
      [&]() -> std::optional<SimOptions> {
        if (next == line->seeds * line->nodes.size()) return std::nullopt;
        SimOptions options = line->options;
        options.nodes = line->nodes[next / line->seeds];
        options.seed += next % line->seeds;
        ++next;
        return resolved(options);
      },
      [&](const SeedResult& result) {
        const SimCounts& counts = result.report.counts;
        ++runs;
        sum.steps += counts.steps;
        sum.transactions += counts.transactions;
        sum.crashes += counts.crashes;
        sum.partitions += counts.partitions;
        sum.lost_disks += counts.lost_disks;
        sum.full_disks += counts.full_disks;
        sum.byzantine += counts.byzantine;
        sum.lies += counts.lies;
        sum.view_changes += counts.view_changes;
        sum.synced_blocks += counts.synced_blocks;
        sum.installs += counts.installs;
        sum.epochs += counts.epochs;
        slowest_ms = std::max(slowest_ms, counts.recovery_ms);
        if (!line->quiet) print(result);
        if (line->quiet && runs % 1000 == 0) std::fprintf(stderr, "%llu seeds, %zu failed\n", number(runs), failures.size());
        if (!result.report.ok) {
          std::fputs(result.report.story.c_str(), stdout);
          failures.push_back(replay_command(result.options));
        }
        return failures.size() < line->failures_max;
      });

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu seeds, %zu failed, %.1f s, %.1f seeds/s; %llu steps, %llu transactions, %llu liars (%llu lies), %llu crashes, %llu disks lost, %llu full, "
              "%llu partitions, %llu view changes, %llu blocks synced, %llu snapshots installed, %llu member changes, slowest recovery %lld ms\n",
              number(runs), failures.size(), seconds, static_cast<double>(runs) / seconds, number(sum.steps), number(sum.transactions), number(sum.byzantine),
              number(sum.lies), number(sum.crashes), number(sum.lost_disks), number(sum.full_disks), number(sum.partitions), number(sum.view_changes),
              number(sum.synced_blocks), number(sum.installs), number(sum.epochs), static_cast<long long>(slowest_ms));
  for (const std::string& failure : failures) std::printf("failed: %s\n", failure.c_str());
  return failures.empty() ? 0 : 1;
}
