// Instructions of the hot paths, counted by callgrind: a figure that does not depend on what else the machine does. This program runs itself under valgrind; the inner run
// calls each path through agiddi_smoke_path, whose entry and end switch counting on and off, and each end writes a file of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/report/tables.h"
#include "tools/benchmark/smoke/hot_paths.h"
#include "tools/benchmark/spread.h"
#include "tools/cli/cluster/process.h"

// By this name callgrind knows it.
extern "C" __attribute__((noinline)) void agiddi_smoke_path(const std::function<void()>* call) { (*call)(); }

namespace agiddi::tools {
namespace {

constexpr const char* kValgrind = "/usr/bin/valgrind";
constexpr double kRunWithin_s = 120;

class CountFolder {
 public:
  CountFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "agiddi-count-XXXXXX").string();
    if (::mkdtemp(path.data())) path_ = path;
  }
  ~CountFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  CountFolder(const CountFolder&) = delete;
  CountFolder& operator=(const CountFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The total of one of callgrind's files.
Outcome<double> total_of(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("totals: ") || line.starts_with("summary: ")) return std::strtod(line.c_str() + line.find(' '), nullptr);
  }
  return failed("callgrind wrote no total into " + path);
}

// One run of all paths; instructions in the order of the paths.
Outcome<std::vector<double>> count_once(std::size_t paths) {
  const CountFolder folder;
  if (folder.path().empty()) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
  const std::string files = folder.path() + "/counted", log = folder.path() + "/log";
  const auto begin = BenchClock::now();
  auto process = launch({{kValgrind, "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=agiddi_smoke_path", "--dump-after=agiddi_smoke_path", "--callgrind-out-file=" + files,
                          own_folder() + "/agiddi-bench", "smoke", "--run-paths"},
                         folder.path(), log, {}});
  if (!process) return tl::unexpected(process.error());
  int status = 0;
  while (::waitpid(process->pid, &status, WNOHANG) == 0) {
    if (seconds_since(begin) > kRunWithin_s || interrupted()) {
      (void)stop_processes({*process}, true);
      return failed(interrupted() ? "interrupted" : "counting takes too long: " + last_lines(log, 5));
    }
    ::usleep(20'000);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed("the run under valgrind failed: " + last_lines(log, 8));
  std::vector<double> out;
  for (std::size_t i = 0; i < paths; ++i) {
    auto total = total_of(files + "." + std::to_string(i + 1));
    if (!total) return tl::unexpected(total.error());
    out.push_back(*total);
  }
  return out;
}

Outcome<Answer> run_paths(const HotPaths& prepared) {
  for (const HotPath& path : prepared.paths()) {
    path.call();   // what is made once is made here
    agiddi_smoke_path(&path.call);
  }
  return Answer{Json::object({{"benchmark", "smoke"}, {"paths", static_cast<std::uint64_t>(prepared.paths().size())}}), "each path was run\n"};
}

}  // namespace

Outcome<Answer> bench_smoke(const SmokeOptions& options) {
  crypto_init();
  auto prepared = HotPaths::prepare();
  if (!prepared) return tl::unexpected(prepared.error());
  if (options.run_paths) return run_paths(**prepared);
  if (::access(kValgrind, X_OK) != 0) return failed("valgrind is not installed: tools/bootstrap --peers installs it");
  const Interruption interruption;
  std::vector<std::vector<double>> counts;
  for (std::int64_t i = 0; i < options.repetitions; ++i) {
    auto counted = count_once((*prepared)->paths().size());
    if (!counted) return tl::unexpected(counted.error());
    counts.push_back(std::move(*counted));
  }
  Json rows = Json::array();
  double widest = 0;
  for (std::size_t i = 0; i < (*prepared)->paths().size(); ++i) {
    const HotPath& path = (*prepared)->paths()[i];
    std::vector<double> values;
    for (const auto& run : counts) values.push_back(run[i] / static_cast<double>(path.units));
    const Spread spread = spread_of(values);
    if (spread.least <= 0) return failed("nothing was counted for \"" + path.name + "\": agiddi_smoke_path was not found in the program");
    const double percent = 100 * (spread.most - spread.least) / spread.median;
    widest = std::max(widest, percent);
    Json row = Json::object({{"path", path.name}, {"units", path.units}});
    set_spread(row, "instructionsEach", spread, 0);
    rows.push(row.set("spread_percent", rounded(percent, 3)));
  }
  Json document = Json::object({{"benchmark", "smoke"}, {"counter", "valgrind --tool=callgrind"}, {"runs", options.repetitions}, {"widestSpread_percent", rounded(widest, 3)}, {"paths", std::move(rows)}});
  std::string text = tables_text(document);
  return Answer{std::move(document), std::move(text)};
}

}  // namespace agiddi::tools
