#include "tools/cli/url.h"

#include <algorithm>
#include <charconv>

namespace agiddi::tools {

std::string Url::authority() const {
  return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
  const auto refuse = [&] { return fail(Status::invalid, "'" + std::string(text) + "' is no address such as http://127.0.0.1:8101"); };
  Url url;
  const std::size_t colon = text.find("://");
  if (colon == text.npos) return refuse();
  url.scheme = text.substr(0, colon);
  if (url.scheme == "http") {
    url.port = 80;
  } else if (url.scheme == "https") {
    url.port = 443;
  } else if (url.scheme == "mqtt") {
    url.port = 1883;
  } else if (url.scheme == "mqtts") {
    url.port = 8883;
  } else {
    return refuse();
  }
  std::string_view rest = text.substr(colon + 3);
  const std::size_t path = rest.find_first_of("/?#");
  url.target = path == rest.npos ? "" : rest.substr(path);
  rest = rest.substr(0, path);
  for (const char c : text) {
    if (c <= ' ' || c == '\x7f') return refuse();
  }
  url.target = url.target.substr(0, url.target.find('#'));
  if (url.target.empty() || url.target[0] != '/') url.target.insert(0, "/");
  if (rest.find('@') != rest.npos) return refuse();

  std::string_view port;
  if (!rest.empty() && rest[0] == '[') {
    const std::size_t end = rest.find(']');
    if (end == rest.npos || end < 3) return refuse();
    url.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
    if (!port.empty() && port[0] != ':') return refuse();
  } else {
    const std::size_t at = rest.find(':');
    url.host = rest.substr(0, at);
    if (at != rest.npos) port = rest.substr(at);
  }
  if (url.host.empty()) return refuse();
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) return refuse();
  }
  return url;
}

Result<void> check_node_url(std::string_view text) {
  const auto url = parse_url(text);
  const bool web = url && (url->scheme == "http" || url->scheme == "https");
  const bool plain_host = web && std::all_of(url->host.begin(), url->host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  });
  if (plain_host && url->target.find('?') == std::string::npos && text.find('#') == text.npos) return {};
  const std::string what = text.empty() ? "it is empty" : "'" + std::string(text) + "' is no address of a node";
  return fail(Status::invalid, what + "; give its scheme, host and port, for example --node http://127.0.0.1:8101");
}

}  // namespace agiddi::tools
