// What a daemon says when something in it aborts, a library's own check included: a disk without room is named as such, since a store may meet
// the failure of another thread's write before that thread can tell.
#pragma once

#include <string>

namespace agiddi::node {

// From now on SIGABRT writes one line to the standard error before the process dies of it. folder: whose file system is looked at. Once a process.
void set_last_words(const std::string& folder);

}  // namespace agiddi::node
