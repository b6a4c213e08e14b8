#include "tools/cli/cluster/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "tools/cli/files.h"

extern char** environ;

namespace agiddi::tools {
namespace {

constexpr const char* kStartSuffix = ".start";   // beside a pid file: whose number it is

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string boot_id() { return first_line("/proc/sys/kernel/random/boot_id"); }

struct Stat { char state = 0; std::string start_time; };

// The name in field 2 may hold anything, so the fields are counted from its closing bracket.
Stat stat_of(int pid) {
  const std::string line = first_line("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t bracket = line.rfind(')');
  if (bracket == line.npos) return {};
  std::istringstream fields(line.substr(bracket + 1));
  Stat stat;
  fields >> stat.state;
  std::string field;
  for (int number = 4; number <= 22 && fields >> field; ++number) {
    if (number == 22) stat.start_time = field;
  }
  return stat;
}

bool same(const ProcessId& process) {
  if (process.pid <= 1 || process.boot != boot_id()) return false;
  const Stat stat = stat_of(process.pid);
  return !stat.start_time.empty() && stat.start_time == process.start_time && stat.state != 'Z' && stat.state != 'X';
}

// The descriptor names the process for good; checked after it was opened, it cannot be a stranger's.
void send(const ProcessId& process, int signal) {
  const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
  if (descriptor < 0) return;
  if (same(process)) ::syscall(SYS_pidfd_send_signal, descriptor, signal, nullptr, 0);
  ::close(descriptor);
}

std::vector<ProcessId> still_running(const std::vector<ProcessId>& processes) {
  std::vector<ProcessId> out;
  std::copy_if(processes.begin(), processes.end(), std::back_inserter(out), is_running);
  return out;
}

bool wait_gone(const std::vector<ProcessId>& processes, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!still_running(processes).empty()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

Outcome<ProcessId> launch(const Launch& what) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = std::any_of(what.environment.begin(), what.environment.end(), [&](const auto& pair) { return text.starts_with(pair.first + "="); });
    if (!replaced) environment.emplace_back(text);
  }
  for (const auto& [name, value] : what.environment) environment.push_back(name + "=" + value);
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
  };
  auto arguments = pointers(what.arguments), variables = pointers(environment);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, what.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, what.folder.c_str());
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return failed("cannot start " + what.arguments[0] + ": " + std::generic_category().message(error));
  // It is our child and not yet awaited, so its id cannot have been given to another.
  return ProcessId{pid, stat_of(pid).start_time, boot_id()};
}

bool is_running(const ProcessId& process) {
  if (process.pid > 1) ::waitpid(process.pid, nullptr, WNOHANG);   // our own child: do not leave a zombie
  return same(process);
}

Outcome<void> stop_processes(const std::vector<ProcessId>& processes, bool kill_at_once, int grace_ms) {
  std::vector<ProcessId> left = still_running(processes);
  if (!kill_at_once) {
    for (const ProcessId& process : left) send(process, SIGTERM);
    if (wait_gone(left, grace_ms)) return {};
    left = still_running(left);
  }
  for (const ProcessId& process : left) send(process, SIGKILL);
  if (wait_gone(left, grace_ms)) return {};
  return failed("process " + std::to_string(still_running(left).at(0).pid) + " cannot be stopped");
}

Outcome<void> write_pid_file(const std::string& path, const ProcessId& process) {
  // In this order: a pid never stands beside the start of another process that still runs.
  for (const auto& [file, text] : {std::pair(path + kStartSuffix, process.start_time + " " + process.boot), {path, std::to_string(process.pid)}}) {
    if (auto written = write_file(file, text + "\n"); !written) return passed_on(written.error());
  }
  return {};
}

ProcessId read_pid_file(const std::string& path) {
  std::istringstream fields(first_line(path) + " " + first_line(path + kStartSuffix));
  ProcessId process;
  if (!(fields >> process.pid >> process.start_time >> process.boot)) return {};
  return process;
}

std::string last_lines(const std::string& file, std::size_t count) {
  constexpr std::streamoff kTail_bytes = 16 * 1024;
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  in.seekg(0, std::ios::end);
  in.seekg(std::max<std::streamoff>(0, in.tellg() - kTail_bytes));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::size_t begin = text.size();
  for (std::size_t lines = 0; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && begin != text.size() && ++lines == count) break;
  }
  return text.substr(begin);
}

std::string own_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

}  // namespace agiddi::tools
