// TCP ports of a local cluster on 127.0.0.1. The broker has the base port P and P+50 for TLS, node I listens at P+I for HTTP and at P+100+I for its peers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

inline constexpr int kBrokerTlsPortOffset = 50, kPeerPortOffset = 100;

bool port_is_free(std::uint16_t port);
// A base whose ports are all free now, below the range from which the system picks ports for outgoing connections.
Outcome<std::uint16_t> free_base_port(std::size_t nodes);
// Fails and names the first port that is taken.
Outcome<void> check_ports(std::uint16_t base, std::size_t nodes);
bool accepts_connections(std::uint16_t port);

}  // namespace agiddi::tools
