// Which addresses the data plane may dial: resolves a host and refuses what a provider's endpoint or a webhook has no business to name
// (RFC 6890 special addresses), and connections without TLS to anything but loopback. Blocks while it resolves: client threads only.
#pragma once

#include <string>
#include <string_view>

#include "node/mqtt/mqtt_client.h"

namespace agiddi::node {

enum class AddressKind { loopback, special, global };
// Of a numeric IPv4 or IPv6 address; text that is none counts as special.
AddressKind address_kind(const std::string& numeric);

// Whether text may be a host: a name in lower case or an IPv4 address, or, from between brackets, an IPv6 address.
bool is_host(std::string_view text, bool bracketed);

// The first of the host's addresses, numeric, when the policy allows all of them; otherwise the reason.
Result<std::string> resolve_allowed(const std::string& host, bool tls, const DialPolicy& policy);

}  // namespace agiddi::node
