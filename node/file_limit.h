// How many files and sockets a node may hold open, and for what.
//
// Threads: raise_file_limit changes the whole process; before other threads start.
#pragma once

#include <cstddef>

namespace agiddi::node {

// Raises the soft limit of the process to its hard one (RLIMIT_NOFILE) and gives it: the soft one is often kept low for the sake of programs that call
// select(),
// which nothing here does.
std::size_t raise_file_limit();

struct FilePlan {
  std::size_t connections = 0, watchers = 0, webhooks = 0;
  std::size_t wanted = 0;   // the limit that would allow all that was asked for
  bool enough = true;
};
inline constexpr std::size_t kWebhooksMax = 1'000;
// What is left of `allowed` beside the store's files and the links to members. Of too little the clients with standing queries get less first, but at least a
// quarter:
// were it used up, the store could not open its files, and the node would end.
FilePlan plan_files(std::size_t allowed, std::size_t connections_max, std::size_t watchers_max);

}  // namespace agiddi::node
