#include "tools/sim/runner.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "protocol/check.h"

namespace agiddi::tools {
namespace {

constexpr unsigned kSeedMax_s = 600;

struct Header {  // on the pipe, before the two texts
  SimCounts counts;
  std::uint64_t ok, failure_bytes, story_bytes;
};

void write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(fd, data, size);
    if (count <= 0) ::_exit(4);
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

void write_report(int fd, const SimReport& report) {
  const Header header{report.counts, report.ok ? 1u : 0u, report.failure.size(), report.story.size()};
  write_all(fd, reinterpret_cast<const char*>(&header), sizeof header);
  write_all(fd, report.failure.data(), report.failure.size());
  write_all(fd, report.story.data(), report.story.size());
}

// Of the child: where its abort goes.
const Cluster* running = nullptr;
int report_fd = -1;

// The heap is whole when AGIDDI_CHECK aborts, so the story can be told from here.
void on_abort(int) {
  std::string text(4096, '\0');
  const ssize_t size = ::pread(STDERR_FILENO, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  SimReport report;
  report.failure = text.empty() ? "the process aborted" : text;
  if (running != nullptr) report.story = running->story(report.failure);
  write_report(report_fd, report);
  ::_exit(3);
}

[[noreturn]] void run_child(const SimOptions& options, int fd) {
  report_fd = fd;
  const int errors = ::memfd_create("sim-stderr", 0);
  AGIDDI_CHECK(errors >= 0, "a memory file can be made");
  ::dup2(errors, STDERR_FILENO);
  std::signal(SIGABRT, on_abort);
  // The process is short: memory need not go back to the system meanwhile.
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 16 << 20);
  ::alarm(kSeedMax_s);
  Cluster cluster(options);
  running = &cluster;
  write_report(fd, cluster.run());
  std::fflush(stdout);
  ::_exit(0);
}

struct Child {
  pid_t pid;
  int fd;
  SimOptions options;
  std::string bytes;
};

SeedResult result_of(const Child& child, int status) {
  SeedResult result{child.options, {}};
  Header header;
  if (child.bytes.size() >= sizeof header) {
    std::memcpy(&header, child.bytes.data(), sizeof header);
    if (child.bytes.size() == sizeof header + header.failure_bytes + header.story_bytes) {
      result.report.ok = header.ok == 1;
      result.report.counts = header.counts;
      result.report.failure = child.bytes.substr(sizeof header, header.failure_bytes);
      result.report.story = child.bytes.substr(sizeof header + header.failure_bytes);
      return result;
    }
  }
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result.report.failure = signal == SIGALRM ? "the run took longer than " + std::to_string(kSeedMax_s) + " s" : "the run died of signal " + std::to_string(signal);
  result.report.story = "FAILED: " + result.report.failure + "\nreplay: " + replay_command(child.options) + "\n";
  return result;
}

}  // namespace

void run_seeds(unsigned jobs, const std::function<std::optional<SimOptions>()>& next, const std::function<bool(const SeedResult&)>& done) {
  std::vector<Child> children;
  bool more = true, stopped = false;
  while ((more && !stopped) || !children.empty()) {
    while (more && !stopped && children.size() < jobs) {
      const auto options = next();
      if (!options) {
        more = false;
        break;
      }
      int ends[2];
      AGIDDI_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "a pipe can be made");
      std::fflush(nullptr);
      const pid_t pid = ::fork();
      AGIDDI_CHECK(pid >= 0, "a process can be made");
      if (pid == 0) {
        ::close(ends[0]);
        run_child(*options, ends[1]);
      }
      ::close(ends[1]);
      children.push_back({pid, ends[0], *options, {}});
    }
    if (children.empty()) break;
    std::vector<pollfd> waiting;
    for (const Child& child : children) waiting.push_back({child.fd, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    for (std::size_t i = waiting.size(); i-- > 0;) {
      if (waiting[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t count = ::read(children[i].fd, buffer, sizeof buffer);
      if (count > 0) {
        children[i].bytes.append(buffer, static_cast<std::size_t>(count));
        continue;
      }
      int status = 0;
      ::close(children[i].fd);
      ::waitpid(children[i].pid, &status, 0);
      const SeedResult result = result_of(children[i], status);
      children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
      if (!stopped) stopped = !done(result);
    }
  }
}

}  // namespace agiddi::tools
