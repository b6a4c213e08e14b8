#include "tools/sim/timeline.h"

#include <cstdio>

namespace agiddi::tools {
namespace {

constexpr std::size_t kKept = 400;

}  // namespace

void Timeline::message(std::int64_t at_us, std::size_t from, std::size_t to, const char* what,
                       std::shared_ptr<const consensus::PeerFrame> frame) {
  add({at_us, from, to, what, std::move(frame), {}});
}

void Timeline::event(std::int64_t at_us, std::size_t node, std::string text) { add({at_us, node, node, "", nullptr, std::move(text)}); }

void Timeline::add(Entry entry) {
  if (trace_) std::printf("%s\n", line(entry).c_str());
  entries_.push_back(std::move(entry));
  if (entries_.size() > kKept) entries_.pop_front();
}

std::string Timeline::line(const Entry& entry) const {
  char head[64];
  std::snprintf(head, sizeof head, "%10.3f ms  ", static_cast<double>(entry.at_us) / 1000.0);
  std::string text = head;
  if (entry.frame) {
    text += names_[entry.from] + " -> " + names_[entry.to] + "  " + entry.what + "  " + consensus::describe(*entry.frame);
  } else {
    text += names_[entry.from] + "  " + entry.text;
  }
  return text;
}

std::string Timeline::tell(std::size_t last) const {
  std::string text;
  const std::size_t skip = entries_.size() > last ? entries_.size() - last : 0;
  for (std::size_t i = skip; i < entries_.size(); ++i) text += line(entries_[i]) + "\n";
  return text;
}

}  // namespace agiddi::tools
