#include "tools/sim/options.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "protocol/limits.h"
#include "tools/sim/bugs.h"
#include "tools/sim/random.h"

namespace agiddi::tools {
namespace {

auto wrong(std::string what) { return fail(Status::bad_request, std::move(what)); }

Result<std::uint64_t> number(const std::string& option, const std::string& text, std::uint64_t low, std::uint64_t high) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    return wrong(option + " needs a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ", not \"" + text + "\"");
  }
  return value;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

// "benign" and "byzantine" stand for their halves of the table.
}  // namespace

Result<std::set<std::string>> read_faults(const std::string& text) {
  std::set<std::string> chosen;
  for (const std::string& name : split(text)) {
    bool known = name == "none";
    for (const FaultKind& kind : fault_table()) {
      if (name != "all" && name != kind.name && name != (kind.byzantine ? "byzantine" : "benign")) continue;
      chosen.insert(kind.name);
      known = true;
    }
    if (known) continue;
    std::string names;
    for (const FaultKind& kind : fault_table()) names += " " + kind.name;
    return wrong("--faults does not know \"" + name + "\"; it knows all, none, benign, byzantine," + names);
  }
  return chosen;
}

namespace {

std::string names_of(const std::set<std::string>& faults) {
  if (faults == all_faults()) return "all";
  std::string names;
  for (const std::string& name : faults) names += (names.empty() ? "" : ",") + name;
  return names.empty() ? "none" : names;
}

}  // namespace

const std::vector<FaultKind>& fault_table() {
  static const std::vector<FaultKind> table{
      {"loss", "messages are lost", false},
      {"delay", "messages take up to 400 ms", false},
      {"reorder", "messages overtake each other", false},
      {"duplicate", "messages arrive twice", false},
      {"partition", "the network falls into two parts, noticed or silent", false},
      {"one-way", "some links carry nothing in one direction, unnoticed", false},
      {"crash", "processes die and start again; sometimes all of them at once", false},
      {"power", "a crash also takes what was not synced, a torn last write included", false},
      {"corrupt", "a store is found damaged at a start: the member begins with an empty one (at most f such members)", false},
      {"disk-full", "a disk takes no more writes for a while: the process ends, and starts when there is room", false},
      {"clock", "clocks differ and jump; of at most f members by minutes", false},
      {"slow", "a member computes and writes far slower than the others for a while", false},
      {"snapshots", "members make snapshots and drop old blocks, so that who stayed behind must join by a snapshot", false},
      {"members", "members are added, removed, moved, and change their keys, by votes of the others", false},
      {"equivocate", "a primary proposes different batches to different members, and its accomplices vote for both", true},
      {"twins", "two replicas run with one key", true},
      {"censor", "a primary proposes some transactions never", true},
      {"forge", "votes in other names, votes and certificates with false signatures", true},
      {"withhold", "votes and proposals reach only some members", true},
      {"mute", "nothing is said at all", true},
      {"stale", "old messages come again; votes of left views; ViewChanges without reason", true},
      {"invalid-batch", "batches with repeated, unsigned, expired or unknown transactions, or a false time", true},
      {"wrong-digest", "votes for batches and headers that nobody else has", true},
      {"lying-sync", "answers to block sync with altered blocks, false certificates, gaps, or nothing", true},
      {"lying-snapshots", "attestations of states that never were, altered manifests and chunks, nothing at all", true},
      {"bad-view-change", "ViewChanges without what was prepared, NewViews that do not follow from theirs", true},
      {"flood", "messages of far views and heights, unasked answers", true},
      {"overrun", "a primary that proposes beyond the window", true},
  };
  return table;
}

std::set<std::string> all_faults() {
  std::set<std::string> names;
  for (const FaultKind& kind : fault_table()) names.insert(kind.name);
  return names;
}

std::string usage() {
  return "usage: agiddi-sim [--seed S] [--seeds K] [--nodes N[,N…]|any] [--faults all|none|benign|byzantine|NAME[,NAME…]]\n"
         "                  [--transactions T] [--steps E] [--jobs J] [--failures F] [--real-signatures] [--trace] [--quiet] [--bug NAME]\n"
         "                  [--list-faults] [--list-bugs] [--find-bugs]\n"
         "Runs seeds S to S+K-1 for every N (1 to 16, or any: from the seed): a network of N members in virtual time with those faults, then without\n"
         "(what lies goes on lying). Every member is whole: consensus, mempool, rules and ledger on a simulated disk. Checks at every step: one block\n"
         "for a height, equal states, valid certificates, every transaction exactly once and none invalid, money conserved, every promise on disk\n"
         "before it is given and kept over crashes, memory bounded; and that everything commits at every correct member once the faults have ended.\n"
         "Exit status 0: every check held; 1: one failed, with a timeline and the command that repeats it; 2: wrong usage.\n"
         "--jobs runs so many seeds at a time; --failures goes on until so many seeds have failed. --bug plants a fault in the members that the\n"
         "checks must find; --find-bugs plants each in turn and prints after how many seeds which check found it.\n";
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  SimOptions& options = line.options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--quiet") {
      line.quiet = true;
    } else if (option == "--trace") {
      options.trace = true;
    } else if (option == "--real-signatures") {
      options.real_signatures = true;
    } else if (option == "--list-bugs") {
      line.list_bugs = true;
    } else if (option == "--find-bugs") {
      line.find_bugs = true;
    } else if (option == "--list-faults") {
      line.list_faults = true;
    } else {
      if (i + 1 == arguments.size()) return wrong("unknown option, or its value is missing: " + option);
      const std::string& value = arguments[++i];
      Result<void> ok;
      const auto take = [&](std::uint64_t low, std::uint64_t high, auto& out) -> Result<void> {
        auto read = number(option, value, low, high);
        if (!read) return tl::unexpected(read.error());
        out = static_cast<std::remove_reference_t<decltype(out)>>(*read);
        return {};
      };
      if (option == "--seed") {
        ok = take(0, UINT64_MAX, options.seed);
      } else if (option == "--seeds") {
        ok = take(1, 1'000'000'000, line.seeds);
      } else if (option == "--transactions") {
        ok = take(1, 100'000, options.transactions);
      } else if (option == "--steps") {
        ok = take(1, UINT64_MAX, options.steps_max);
      } else if (option == "--jobs") {
        ok = take(1, 64, line.jobs);
      } else if (option == "--failures") {
        ok = take(1, 1'000'000, line.failures_max);
      } else if (option == "--nodes") {
        line.nodes.clear();
        for (const std::string& part : split(value)) {
          if (part == "any") {
            line.nodes.push_back(0);
            continue;
          }
          auto read = number(option, part, 1, limits::kMembersMax);
          if (!read) return tl::unexpected(read.error());
          line.nodes.push_back(*read);
        }
        if (line.nodes.empty()) ok = wrong("--nodes needs a number, or any");
      } else if (option == "--faults") {
        auto chosen = read_faults(value);
        if (!chosen) return tl::unexpected(chosen.error());
        options.faults = *std::move(chosen);
      } else if (option == "--bug") {
        if (!plant(options, value)) ok = wrong("--bug does not know \"" + value + "\": see --list-bugs");
      } else {
        return wrong("unknown option " + option);
      }
      if (!ok) return tl::unexpected(ok.error());
    }
  }
  options.nodes = line.nodes.front();
  return line;
}

SimOptions resolved(SimOptions options) {
  Random random(options.seed ^ 0x5e6d'0f5e'ed5e'ed00ULL);
  // Mostly small clusters: their stories are as good and cost less.
  static constexpr std::size_t kSizes[] = {4, 4, 4, 4, 5, 4, 6, 7, 7, 4, 5, 7, 1, 2, 3, 4, 8};
  const std::size_t size = random.chance(125) ? static_cast<std::size_t>(random.between(9, 16)) : kSizes[random.between(0, std::size(kSizes) - 1)];
  const auto transactions = static_cast<std::size_t>(random.between(5, 40));
  if (options.nodes == 0) options.nodes = size;
  if (options.transactions == 0) options.transactions = transactions;
  return options;
}

std::string replay_command(const SimOptions& given) {
  const SimOptions options = resolved(given);
  std::string command = "agiddi-sim --seed " + std::to_string(options.seed) + " --nodes " + std::to_string(options.nodes) + " --faults " +
                        names_of(options.faults) + " --transactions " + std::to_string(options.transactions);
  if (!options.bug.empty()) command += " --bug " + options.bug;
  if (options.real_signatures) command += " --real-signatures";
  return command;
}

}  // namespace agiddi::tools
