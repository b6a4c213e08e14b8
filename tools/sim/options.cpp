#include "tools/sim/options.h"

#include <charconv>
#include <map>
#include <sstream>

namespace agiddi::tools {
namespace {

using Switches = std::map<std::string, bool*>;

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

Switches fault_switches(FaultKinds& faults) {
  return {{"loss", &faults.loss},   {"delay", &faults.delay},         {"reorder", &faults.reorder},
          {"crash", &faults.crash}, {"partition", &faults.partition}, {"duplicate", &faults.duplicate}};
}

Switches bug_switches(SimOptions& options) {
  return {{"quorum-too-small", &options.test_faults.quorum_too_small},
          {"forget-prepared", &options.test_faults.forget_prepared},
          {"send-before-persist", &options.send_before_persist}};
}

Result<void> turn_on(const std::string& option, const std::string& text, const Switches& switches) {
  for (const std::string& name : split(text)) {
    const auto found = switches.find(name);
    if (found != switches.end()) {
      *found->second = true;
    } else if (name == "all") {
      for (const auto& [known, value] : switches) *value = true;
    } else if (name != "none") {
      std::string names;
      for (const auto& [known, value] : switches) names += " " + known;
      return wrong(option + " does not know \"" + name + "\"; it knows all, none," + names);
    }
  }
  return {};
}

std::string names_of(const Switches& switches) {
  std::string names;
  for (const auto& [name, value] : switches) {
    if (*value) names += (names.empty() ? "" : ",") + name;
  }
  return names.empty() ? "none" : names;
}

}  // namespace

std::string usage() {
  return "usage: agiddi-sim [--seed S] [--seeds K] [--nodes N[,N…]] [--faults all|none|loss,delay,reorder,crash,partition,duplicate]\n"
         "                  [--transactions T] [--steps E] [--real-signatures] [--trace] [--quiet] [--bug NAME]\n"
         "Runs seeds S to S+K-1 for every N (1 to 16): a cluster of N members in virtual time with those faults, then without. Checks at every\n"
         "step: one block for a height, equal states, valid certificates, every transaction exactly once, no promise broken by a crash, memory\n"
         "bounded; and that everything commits everywhere once the faults have ended. Exit status 0: every check held; 1: one failed, with a\n"
         "timeline and the command that repeats it; 2: wrong usage.\n"
         "--bug plants a fault that the checks must find: quorum-too-small, forget-prepared, send-before-persist.\n";
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--quiet") {
      line.quiet = true;
    } else if (option == "--trace") {
      line.options.trace = true;
    } else if (option == "--real-signatures") {
      line.options.real_signatures = true;
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
        ok = take(0, UINT64_MAX, line.options.seed);
      } else if (option == "--seeds") {
        ok = take(1, 1'000'000'000, line.seeds);
      } else if (option == "--transactions") {
        ok = take(0, 100'000, line.options.transactions);
      } else if (option == "--steps") {
        ok = take(1, UINT64_MAX, line.options.steps_max);
      } else if (option == "--nodes") {
        line.nodes.clear();
        for (const std::string& part : split(value)) {
          auto read = number(option, part, 1, limits::kMembersMax);
          if (!read) return tl::unexpected(read.error());
          line.nodes.push_back(*read);
        }
        if (line.nodes.empty()) ok = wrong("--nodes needs a number");
      } else if (option == "--faults") {
        ok = turn_on(option, value, fault_switches(line.options.faults));
      } else if (option == "--bug") {
        ok = turn_on(option, value, bug_switches(line.options));
      } else {
        return wrong("unknown option " + option);
      }
      if (!ok) return tl::unexpected(ok.error());
    }
  }
  line.options.nodes = line.nodes.front();
  return line;
}

std::string replay_command(const SimOptions& given) {
  SimOptions options = given;
  std::string command = "agiddi-sim --seed " + std::to_string(options.seed) + " --nodes " + std::to_string(options.nodes) + " --faults " +
                        names_of(fault_switches(options.faults)) + " --transactions " + std::to_string(options.transactions);
  if (const std::string bugs = names_of(bug_switches(options)); bugs != "none") command += " --bug " + bugs;
  if (options.real_signatures) command += " --real-signatures";
  return command;
}

}  // namespace agiddi::tools
