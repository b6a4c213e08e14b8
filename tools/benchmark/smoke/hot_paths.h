// The hot paths whose instructions are counted, each prepared so that a call does the same work every time: no clock, no disk, keys and devices from a seed.
//
// One thread. The preparation may be long; only what call does counts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct HotPath {
  std::string name;
  std::uint64_t units = 1;             // payments, documents, queries in one call
  std::function<void()> call;          // ends the program when what it does goes wrong
};

class HotPaths {
 public:
  static Outcome<std::unique_ptr<HotPaths>> prepare();
  virtual ~HotPaths() = default;
  const std::vector<HotPath>& paths() const { return paths_; }

 protected:
  std::vector<HotPath> paths_;
};

}  // namespace agiddi::tools
