// The address of a webhook, as an application registers it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi::node {

struct WebhookUrl {
  bool tls = false;
  std::string host;          // lower case; IPv6 without brackets
  std::uint16_t port = 0;
  std::string target;        // path and query, at least "/"
  std::string authority() const;   // host, and the port where it is not the scheme's own
  std::string text() const;        // canonical, and @target-uri of the signature
};

inline constexpr std::size_t kWebhookUrlMax_bytes = 2'048;

// https://host[:port]/path?query, or http:// (which the dial policy allows to loopback only). Refuses user info, fragments, and whatever is not a visible
// ASCII character, so that nothing of it can end a line of the request. Errors: Status::invalid.
Result<WebhookUrl> parse_webhook_url(std::string_view text);

}  // namespace agiddi::node
