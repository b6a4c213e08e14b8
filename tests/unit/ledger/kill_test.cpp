#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "ledger/check_store.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

// Starts the writer, lets it apply `blocks` blocks and a moment more, kills it with -9, and tells the last height it had printed.
std::uint64_t write_and_kill(const std::string& folder, int blocks, std::chrono::microseconds moment) {
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
  std::string program = LEDGER_WRITER, argument = folder;
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t pid = 0;
  const int spawned = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, nullptr);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  FILE* out = ::fdopen(pipe_ends[0], "r");
  char line[64];
  std::uint64_t height = 0;
  if (spawned == 0) {
    for (int i = 0; i < blocks && std::fgets(line, sizeof line, out); ++i) height = std::stoull(line);
    std::this_thread::sleep_for(moment);
    ::kill(pid, SIGKILL);
    while (std::fgets(line, sizeof line, out)) height = std::stoull(line);
    int status = 0;
    ::waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status));
  }
  std::fclose(out);
  REQUIRE(spawned == 0);
  return height;
}

}  // namespace

TEST_CASE("a ledger killed with -9 in the middle of its work has whole blocks only, and no acknowledged one is lost") {
  TempFolder folder;
  auto model = make_memory_store();
  auto expected = Ledger::open(*model, test_genesis(), test_genesis_state());
  REQUIRE(expected);
  std::mt19937_64 random(9);
  std::uint64_t last = 0;
  for (int round = 0; round < 6; ++round) {
    const auto printed = write_and_kill(folder.path(), 1 + static_cast<int>(random() % 4), std::chrono::microseconds(random() % 8000));
    INFO("round " << round << ", printed " << printed);
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    auto ledger = Ledger::open(**store, test_genesis(), test_genesis_state());
    REQUIRE(ledger);
    const auto snapshot = (*ledger)->snapshot();
    REQUIRE(snapshot->height() > last);
    CHECK(snapshot->height() >= printed);
    last = snapshot->height();
    CHECK(check_store(**store).empty());
    CHECK(snapshot->block(last)->transactions.size() == 3);

    while ((*expected)->height() < last) (*expected)->apply(next_block(*(*expected)->snapshot(), {}, 400));
    CHECK(snapshot->header().state_digest == (*expected)->snapshot()->header().state_digest);
    CHECK(triple_count(**store) == triple_count(*model));
  }
}
