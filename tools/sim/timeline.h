// Timeline: the last events of a run, kept cheaply and told only when a check fails.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "consensus/messages.h"

namespace agiddi::tools {

class Timeline {
 public:
  Timeline(bool trace, std::vector<std::string> names) : trace_(trace), names_(std::move(names)) {}
  // A message between members (what: "sends", "gets", "loses" …), or an event at one of them (peer = none).
  void message(std::int64_t at_us, std::size_t from, std::size_t to, const char* what, std::shared_ptr<const consensus::PeerFrame> frame);
  void event(std::int64_t at_us, std::size_t node, std::string text);
  std::string tell(std::size_t last) const;
  const std::string& name(std::size_t place) const { return names_[place]; }
  void add_name(std::string name) { names_.push_back(std::move(name)); }
  void rename(std::size_t place, std::string name) { names_[place] = std::move(name); }

 private:
  struct Entry {
    std::int64_t at_us;
    std::size_t from, to;
    const char* what;
    std::shared_ptr<const consensus::PeerFrame> frame;
    std::string text;
  };
  std::string line(const Entry& entry) const;
  void add(Entry entry);

  std::deque<Entry> entries_;
  bool trace_;
  std::vector<std::string> names_;   // of places
};

}  // namespace agiddi::tools
