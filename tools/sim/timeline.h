// Timeline: the last events of a run, kept cheaply and told only when a check fails.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "consensus/messages.h"

namespace agiddi::tools {

class Timeline {
 public:
  explicit Timeline(bool trace) : trace_(trace) {}
  // A message between members (what: "sends", "gets", "loses" …), or an event at one of them (peer = none).
  void message(std::int64_t at_us, std::size_t from, std::size_t to, const char* what, std::shared_ptr<const consensus::PeerFrame> frame);
  void event(std::int64_t at_us, std::size_t node, std::string text);
  std::string tell(std::size_t last) const;

 private:
  struct Entry {
    std::int64_t at_us;
    std::size_t from, to;
    const char* what;
    std::shared_ptr<const consensus::PeerFrame> frame;
    std::string text;
  };
  static std::string line(const Entry& entry);
  void add(Entry entry);

  std::deque<Entry> entries_;
  bool trace_;
};

}  // namespace agiddi::tools
