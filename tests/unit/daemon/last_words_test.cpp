// What a process says when it aborts.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "node/last_words.h"

namespace {

// The standard error of a child that aborts; it must die of SIGABRT.
std::string abort_in(const std::string& folder) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);   // not the test framework's
    agiddi::node::set_last_words(folder);
    std::abort();
  }
  ::close(ends[1]);
  std::string said;
  char buffer[256];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  return said;
}

}  // namespace

TEST_CASE("an abort says that the disk is full where it is, and nothing false where it is not") {
  CHECK(abort_in("/tmp") == "agiddi-node: aborted; what went wrong stands above\n");
  CHECK(abort_in("/no/such/folder") == "agiddi-node: aborted; what went wrong stands above\n");
  // A file system without any room that every machine has.
  CHECK(abort_in("/proc") == "agiddi-node: aborted: No space left on the disk of /proc; make room there and start the node again\n");
}
