// AGIDDI_CHECK: an invariant of our own. Always on, in every build; a failure prints where and aborts, because a node that
// is wrong about its own state must stop rather than sign.
#pragma once

#include <cstdio>
#include <cstdlib>

#define AGIDDI_CHECK(condition, message)                                                              \
  do {                                                                                                \
    if (!(condition)) [[unlikely]] {                                                                  \
      std::fprintf(stderr, "%s:%d: invariant broken: %s (%s)\n", __FILE__, __LINE__, message, #condition); \
      std::abort();                                                                                   \
    }                                                                                                 \
  } while (false)
