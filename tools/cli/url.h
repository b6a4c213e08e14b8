// The addresses that the tool dials: http, https, mqtt and mqtts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi::tools {

struct Url {
  std::string scheme, host;
  std::uint16_t port = 0;    // the scheme's own when none is written
  std::string target;        // path and query, at least "/"
  bool tls() const { return scheme == "https" || scheme == "mqtts"; }
  std::string authority() const;   // host:port, IPv6 in brackets
};

Result<Url> parse_url(std::string_view text);

// Whether the text can be the value of --node: http or https, a host, no query. The error says what is wrong and how it looks.
Result<void> check_node_url(std::string_view text);

}  // namespace agiddi::tools
