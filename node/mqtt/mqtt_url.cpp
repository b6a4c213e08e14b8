#include <charconv>

#include "node/mqtt/dial_policy.h"

namespace agiddi::node {
std::string MqttUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(tls ? "mqtts://" : "mqtt://") + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<MqttUrl> parse_mqtt_url(std::string_view text) {
  const auto refuse = [] { return fail(Status::invalid, "must be mqtt://host:port or mqtts://host:port"); };
  MqttUrl url;
  if (text.starts_with("mqtts://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("mqtt://")) {
    text.remove_prefix(7);
  } else {
    return refuse();
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  url.port = url.tls ? 8883 : 1883;

  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) return refuse();
  url.host = bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!is_host(url.host, bracketed)) return refuse();

  std::string_view rest = host_end == std::string_view::npos ? std::string_view() : text.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return url;
  if (rest.front() != ':' || rest.size() < 2) return refuse();
  rest.remove_prefix(1);
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), url.port);
  if (parsed.ec != std::errc{} || parsed.ptr != rest.data() + rest.size() || url.port == 0) return refuse();
  return url;
}

}  // namespace agiddi::node
