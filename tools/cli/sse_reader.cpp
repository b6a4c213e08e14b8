#include "tools/cli/sse_reader.h"

namespace agiddi::tools {

bool SseReader::feed(std::string_view bytes, const std::function<bool(const SseEvent&)>& handle) {
  for (const char c : bytes) {
    const bool end_of_pair = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (end_of_pair) continue;
    if (c == '\n' || c == '\r') {
      const std::string text = std::move(rest_);
      rest_.clear();
      if (!line(text, handle)) return false;
    } else {
      if (rest_.size() + event_.data.size() >= kEventMax_bytes) return false;
      rest_.push_back(c);
    }
  }
  return true;
}

bool SseReader::line(std::string_view text, const std::function<bool(const SseEvent&)>& handle) {
  if (text.empty()) {
    const bool whole = has_data_;
    const SseEvent event = std::move(event_);
    event_ = SseEvent{event.id, "", ""};
    has_data_ = false;
    return !whole || handle(event);
  }
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  std::string_view value = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (colon == 0) {
    comment_ = value;
  } else if (name == "data") {
    if (has_data_) event_.data.push_back('\n');
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id") {
    event_.id = value;
  }
  return true;
}

}  // namespace agiddi::tools
