// Server-sent events (WHATWG HTML, section 9.2): bytes in, events out. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace agiddi::tools {

struct SseEvent { std::string id, event, data; };

class SseReader {
 public:
  static constexpr std::size_t kEventMax_bytes = 8 * 1024 * 1024;   // above what a node sends: 3 MiB of a standing query's result
  // Calls handle for each complete event in these bytes; a comment or an event without data is none. False when handle said stop (false)
  // or an event is longer than the bound.
  bool feed(std::string_view bytes, const std::function<bool(const SseEvent&)>& handle);
  const std::string& last_comment() const { return comment_; }   // without its colon and space

 private:
  bool line(std::string_view text, const std::function<bool(const SseEvent&)>& handle);
  std::string rest_;          // an unfinished line
  bool after_return_ = false; // a line feed next belongs to the line before
  bool has_data_ = false;
  SseEvent event_;
  std::string comment_;
};

}  // namespace agiddi::tools
