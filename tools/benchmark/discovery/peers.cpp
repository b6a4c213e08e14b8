#include "tools/benchmark/discovery/peers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tools/benchmark/discovery/timing.h"
#include "tools/cli/cluster/process.h"

namespace agiddi::tools {
namespace {

constexpr auto kPatience = std::chrono::minutes(60);
constexpr auto kGrace = std::chrono::seconds(40);   // longer than a runner gives its engine

struct Runner {
  std::string name;
  std::vector<std::string> command;
};

const std::vector<Runner>& runners() {
  static const std::string kFolder = AGIDDI_PEERS_FOLDER;
  static const std::vector<Runner> kRunners = {
      {"virtuoso", {"/usr/bin/python3", kFolder + "/virtuoso.py"}},
      {"jena", {"/usr/bin/python3", kFolder + "/jena.py"}},
      {"oxigraph", {"/usr/bin/env", "node", "--max-old-space-size=8192", kFolder + "/oxigraph.js"}},
  };
  return kRunners;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Its exit status; the runner has a group of its own, which ends with it.
int run_and_wait(const std::vector<std::string>& command, const std::string& log) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return -1;
  if (pid == 0) {
    ::setpgid(0, 0);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    const int file = ::open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const auto deadline = BenchClock::now() + kPatience;
  std::optional<BenchClock::time_point> asked;   // to end
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    const auto now = BenchClock::now();
    if (!asked && (interrupted() || now > deadline)) {
      ::kill(pid, SIGTERM);   // the runner stops its engine
      asked = now;
    }
    if (asked && now > *asked + kGrace) ::kill(-pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

double number_of(const Json& json, const char* name) {
  const Json* value = json.find(name);
  return value && value->is_number() ? std::stod(value->number_text()) : 0;
}

std::string text_of(const Json& json, const char* name) {
  const Json* value = json.find(name);
  return value && value->is_string() ? value->as_string() : "";
}

std::vector<double> times_of(const Json& json, const char* name) {
  std::vector<double> times;
  if (const Json* list = json.find(name)) {
    for (const Json& item : list->items()) times.push_back(std::stod(item.number_text()));
  }
  return times;
}

Json job_of(const std::string& folder, const std::vector<std::string>& parts, const std::vector<PeerQuery>& queries, std::uint64_t triples,
            const Effort& effort) {
  Json files = Json::array(), list = Json::array();
  for (const std::string& part : parts) files.push(part);
  for (const PeerQuery& query : queries) {
    list.push(Json::object({{"name", query.name}, {"text", query.text}, {"whole", query.whole},
                            {"repetitions", query.tiny ? effort.tiny_repetitions : effort.repetitions}}));
  }
  return Json::object({{"folder", folder}, {"parts", std::move(files)}, {"triples", triples}, {"budgetMs", effort.budget_ms}, {"queries", std::move(list)}});
}

}  // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Runner& runner : runners()) names.push_back(runner.name);
    return names;
  }();
  return kNames;
}

PeerFigures run_peer(const std::string& name, const std::string& folder, const std::vector<std::string>& parts, const std::vector<PeerQuery>& queries,
                     std::uint64_t triples, const Effort& effort) {
  PeerFigures figures;
  figures.name = name;
  std::filesystem::create_directories(folder);
  const std::string job = folder + "/job.json", result = folder + "/result.json", log = folder + "/log";
  std::ofstream(job) << job_of(folder, parts, queries, triples, effort).dump();
  std::vector<std::string> command;
  for (const Runner& runner : runners()) {
    if (runner.name == name) command = runner.command;
  }
  command.insert(command.end(), {job, result});
  const int status = run_and_wait(command, log);
  const auto answer = parse_json(read_all(result));
  if (!answer) {
    figures.problem = "its runner ended with status " + std::to_string(status) + ", " + answer.error().detail + ": " + last_lines(log, 8);
    return figures;
  }
  figures.problem = text_of(*answer, "problem");
  figures.version = text_of(*answer, "version");
  figures.load_s = number_of(*answer, "loadSeconds");
  figures.memory_mib = number_of(*answer, "memoryMib");
  figures.disk_mib = number_of(*answer, "diskMib");
  if (const Json* measured = answer->find("queries")) {
    for (const Json& query : measured->items()) {
      PeerQueryFigures& out = figures.queries[text_of(query, "name")];
      out.problem = text_of(query, "problem");
      out.ms = times_of(query, "ms");
      out.execution_ms = times_of(query, "executionMs");
      out.limited_rows = static_cast<std::size_t>(number_of(query, "rows"));
      if (out.problem.empty()) out.whole = digest_of_rows_file(text_of(query, "wholeRows"));
    }
  }
  return figures;
}

}  // namespace agiddi::tools
