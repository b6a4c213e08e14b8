// The lines that a follower prints: each measurement once, as it came or as a short line for people.
//
// A node that was restarted sends again what it had in hand, with the same sequence numbers: those are left out. Pure; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/json.h"

namespace agiddi::tools {

class ReadingLines {
 public:
  enum class Form { json, text, text_with_device };
  explicit ReadingLines(Form form) : form_(form) {}
  // The line without its end; nothing for a measurement that was given before.
  std::optional<std::string> line(const std::string& measurement);
  std::uint64_t count() const { return count_; }
  // Told the device of each line that is given.
  void on_reading(std::function<void(const std::string& device)> told) { told_ = std::move(told); }

 private:
  struct Seen { std::uint64_t epoch = 0, last = 0; std::set<std::uint64_t> missing; };
  bool is_new(const Json& measurement);
  Form form_;
  std::uint64_t count_ = 0;
  std::function<void(const std::string&)> told_;
  std::map<std::string, Seen> devices_;
};

// "2026-11-22T00:39:44.970Z  air  12.4 Cel", with the first digits of the device's id if asked for.
std::string reading_text(const Json& measurement, bool with_device);

}  // namespace agiddi::tools
