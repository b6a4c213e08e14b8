// The log: one line an event, logfmt (time level message key=value …) on standard error. A thin facade, so that spdlog's headers
// stay in one file. Thread-safe; never blocks on anything but the write. Values are escaped; secrets never come here.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace agiddi::node {

struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};
using LogFields = std::initializer_list<LogField>;

bool set_log_level(std::string_view level);  // trace debug info warn error; false when unknown
void log_debug(std::string_view message, LogFields fields = {});
void log_info(std::string_view message, LogFields fields = {});
void log_warn(std::string_view message, LogFields fields = {});
void log_error(std::string_view message, LogFields fields = {});

}  // namespace agiddi::node
