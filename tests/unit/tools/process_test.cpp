// Real processes: started detached, found again, stopped; a stranger with the same number is left alone.
#include <catch2/catch.hpp>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "protocol/crypto/crypto.h"
#include "tools/cli/cluster/process.h"
#include "tools/cli/files.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

struct ProcessFolder {
  std::string path = (std::filesystem::temp_directory_path() / ("agiddi-process-" + random_token())).string();
  ProcessFolder() { std::filesystem::create_directory(path); }
  ~ProcessFolder() { std::filesystem::remove_all(path); }
  std::string log() const { return path + "/log"; }
};

template <class Probe>
bool soon(Probe probe) {
  for (int i = 0; i < 500; ++i) {
    if (probe()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string content(const std::string& path) { return read_file(path).value_or(""); }

}  // namespace

TEST_CASE("a detached process has its own session, folder, environment and log, and stops on SIGTERM") {
  const ProcessFolder folder;
  const auto process = launch({{"/bin/sh", "-c", "echo $WORD in $(pwd); exec sleep 60"}, folder.path, folder.log(), {{"WORD", "hello"}}});
  REQUIRE(process);
  CHECK(is_running(*process));
  CHECK(::getsid(process->pid) == process->pid);
  CHECK(soon([&] { return content(folder.log()) == "hello in " + folder.path + "\n"; }));
  REQUIRE(write_pid_file(folder.path + "/pid", *process));
  CHECK(content(folder.path + "/pid") == std::to_string(process->pid) + "\n");   // as `kill $(cat pid)` wants it
  const ProcessId found = read_pid_file(folder.path + "/pid");
  CHECK(found.pid == process->pid);
  CHECK(found.start_time == process->start_time);
  CHECK(is_running(found));
  REQUIRE(stop_processes({found}, false));
  CHECK_FALSE(is_running(*process));
  CHECK(stop_processes({found}, false));   // again: nothing to do
}

TEST_CASE("what ignores SIGTERM is killed after the grace") {
  const ProcessFolder folder;
  const auto process = launch({{"/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"}, folder.path, folder.log(), {}});
  REQUIRE(process);
  REQUIRE(soon([&] { return content(folder.log()) == "deaf\n"; }));
  REQUIRE(stop_processes({*process}, false, 300));
  CHECK_FALSE(is_running(*process));
}

TEST_CASE("a process of another start time or another boot is a stranger and is left alone") {
  const ProcessFolder folder;
  const auto process = launch({{"/bin/sleep", "60"}, folder.path, folder.log(), {}});
  REQUIRE(process);
  ProcessId reused = *process, rebooted = *process, self{static_cast<int>(::getpid()), "1", process->boot};
  reused.start_time += "0";
  rebooted.boot = "another";
  CHECK_FALSE(is_running(reused));
  CHECK_FALSE(is_running(rebooted));
  CHECK_FALSE(is_running(self));
  CHECK_FALSE(is_running(ProcessId{}));
  REQUIRE(stop_processes({reused, rebooted, self, ProcessId{}}, true));
  CHECK(is_running(*process));
  REQUIRE(stop_processes({*process}, true));
  CHECK_FALSE(is_running(*process));
}

TEST_CASE("a program that ends, or is not there") {
  const ProcessFolder folder;
  const auto ended = launch({{"/bin/false"}, folder.path, folder.log(), {}});
  REQUIRE(ended);
  CHECK(soon([&] { return !is_running(*ended); }));
  CHECK_FALSE(launch({{"/no/such/program"}, folder.path, folder.log(), {}}));
  CHECK(read_pid_file(folder.path + "/absent").pid == 0);
  std::ofstream(folder.path + "/pid") << "junk";
  CHECK(read_pid_file(folder.path + "/pid").pid == 0);
}

TEST_CASE("the last lines of a log") {
  const ProcessFolder folder;
  std::ofstream(folder.log()) << "one\ntwo\nthree\n";
  CHECK(last_lines(folder.log(), 2) == "two\nthree\n");
  CHECK(last_lines(folder.log(), 9) == "one\ntwo\nthree\n");
  std::ofstream(folder.log()) << "one\ntwo";
  CHECK(last_lines(folder.log(), 1) == "two");
  CHECK(last_lines(folder.path + "/absent", 2).empty());
}
