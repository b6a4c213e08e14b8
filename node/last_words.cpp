#include "node/last_words.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace agiddi::node {
namespace {

constexpr unsigned long kNoRoom_bytes = 64 * 1024;   // a store's next write is larger than what is left then

std::array<char, 4096> folder_path{};

void say(const char* text) {
  // Nothing is left to do when even this cannot be written.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

// System calls only: the heap may be in any state.
void on_abort(int) {
  struct statvfs room {};
  if (::statvfs(folder_path.data(), &room) == 0 && room.f_bavail * room.f_frsize < kNoRoom_bytes) {
    say("agiddi-node: aborted: No space left on the disk of ");
    say(folder_path.data());
    say("; make room there and start the node again\n");
  } else {
    say("agiddi-node: aborted; what went wrong stands above\n");
  }
}

}  // namespace

void set_last_words(const std::string& folder) {
  std::copy_n(folder.begin(), std::min(folder.size(), folder_path.size() - 1), folder_path.begin());
  struct sigaction action {};
  action.sa_handler = on_abort;
  action.sa_flags = static_cast<int>(SA_RESETHAND);   // abort() ends the process when the handler returns
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGABRT, &action, nullptr);
}

}  // namespace agiddi::node
