#include "node/webhook/webhook_url.h"

#include <algorithm>
#include <charconv>

#include "node/mqtt/dial_policy.h"

namespace agiddi::node {
namespace {

bool is_visible_ascii(char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\'; }

}  // namespace

std::string WebhookUrl::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

std::string WebhookUrl::text() const { return (tls ? "https://" : "http://") + authority() + target; }

Result<WebhookUrl> parse_webhook_url(std::string_view text) {
  const auto refuse = [](const char* why) { return fail(Status::invalid, std::string("must be https://host[:port]/path: ") + why); };
  if (text.size() > kWebhookUrlMax_bytes) return refuse("it is longer than 2048 characters");
  if (!std::all_of(text.begin(), text.end(), is_visible_ascii)) return refuse("it has characters that an address writes as %XX");
  WebhookUrl url;
  if (text.starts_with("https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return refuse("it begins otherwise");
  }
  if (text.find('#') != text.npos) return refuse("it has a fragment");
  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  url.target = text.substr(authority_end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (authority.find('@') != authority.npos) return refuse("it has user info; put a secret into the path or the query");

  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == authority.npos) return refuse("its host is not complete");
  url.host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!is_host(url.host, bracketed)) return refuse("its host is no name or address");

  url.port = url.tls ? 443 : 80;
  std::string_view rest = host_end == authority.npos ? std::string_view() : authority.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return url;
  if (rest.front() != ':' || rest.size() < 2) return refuse("its port is no number");
  rest.remove_prefix(1);
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), url.port);
  if (parsed.ec != std::errc{} || parsed.ptr != rest.data() + rest.size() || url.port == 0) return refuse("its port is no number from 1 to 65535");
  return url;
}

}  // namespace agiddi::node
