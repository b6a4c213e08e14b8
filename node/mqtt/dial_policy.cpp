#include "node/mqtt/dial_policy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace agiddi::node {
namespace {

struct Block4 {
  std::uint32_t network;
  int bits;
};

// RFC 6890: what is not globally reachable, multicast and reserved space included. Loopback is told apart before.
constexpr Block4 kSpecial4[] = {
    {0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
    {0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 4},  {0xF0000000, 4},
};

AddressKind kind4(std::uint32_t address) {
  if ((address >> 24) == 127) return AddressKind::loopback;
  for (const Block4& block : kSpecial4) {
    if ((address >> (32 - block.bits)) == (block.network >> (32 - block.bits))) return AddressKind::special;
  }
  return AddressKind::global;
}

AddressKind kind6(const in6_addr& address) {
  const std::uint8_t* b = address.s6_addr;
  if (IN6_IS_ADDR_LOOPBACK(&address)) return AddressKind::loopback;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    std::uint32_t v4;
    std::memcpy(&v4, b + 12, 4);
    return kind4(ntohl(v4));
  }
  const bool documentation = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8;
  const bool tunnelled = (b[0] == 0x20 && b[1] == 0x02) || (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0);
  const bool unicast = (b[0] & 0xE0) == 0x20;   // 2000::/3, all that is handed out
  return unicast && !documentation && !tunnelled ? AddressKind::global : AddressKind::special;
}

}  // namespace

AddressKind address_kind(const std::string& numeric) {
  in_addr v4{};
  if (::inet_pton(AF_INET, numeric.c_str(), &v4) == 1) return kind4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, numeric.c_str(), &v6) == 1) return kind6(v6);
  return AddressKind::special;
}

bool is_host(std::string_view host, bool bracketed) {
  if (host.empty() || host.size() > 253) return false;
  if (bracketed) {
    in6_addr address{};
    return ::inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

Result<std::string> resolve_allowed(const std::string& host, bool tls, const DialPolicy& policy) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0 || list == nullptr) return fail(Status::unavailable, "cannot resolve the host: " + std::string(::gai_strerror(code)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::string first;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const std::string numeric = std::string(text).substr(0, std::string(text).find('%'));
    const AddressKind kind = address_kind(numeric);
    if (kind != AddressKind::global && !policy.allow_private) return fail(Status::forbidden, "the host has a loopback or private address");
    if (!tls && kind != AddressKind::loopback && !policy.allow_plain) return fail(Status::forbidden, "a connection without TLS is for loopback only, use mqtts:// or https://");
    if (first.empty()) first = numeric;
  }
  if (first.empty()) return fail(Status::unavailable, "the host has no address");
  return first;
}

}  // namespace agiddi::node
