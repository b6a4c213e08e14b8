// GrantTable: who may use the broker, in memory. Grants belong to the node account that pushed them and end by revocation or by time.
//
// Threads: one, the broker's. Clients are told apart by opaque pointers that are never followed, so a stale one can do no harm.
// Passwords are kept as salted BLAKE2b-256 only; they are random tokens of at least 16 characters, so no slow hash is needed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/crypto/crypto.h"

namespace agiddi::broker {

inline constexpr std::size_t kAdminsMax = 64;
inline constexpr std::size_t kGrantTopicsMax = 8;
inline constexpr std::size_t kGrantConnectionsMax = 16;
inline constexpr std::size_t kNameMax = 64;
inline constexpr std::size_t kPasswordMin = 16;
inline constexpr std::size_t kPasswordMax = 256;
inline constexpr std::size_t kTopicMax = 256;
inline constexpr std::size_t kGrantedPayloadMax_bytes = 64 * 1024;

using ClientKey = const void*;               // identity only
using Owner = std::size_t;                   // index of a node account

bool is_single_topic(std::string_view topic);   // no wildcard, no empty or oversized text, no control characters

struct GrantRequest {
  std::string username, password;
  std::vector<std::string> publish, subscribe;
  std::int64_t expires_ms = 0;
};

enum class Access { read, write, subscribe, unsubscribe };

// What the caller has to do at the broker after a change.
struct Effects {
  std::vector<std::string> kick;                                   // user names whose connections are to be closed
  struct Notice { Owner owner; std::string username; bool attached; };
  std::vector<Notice> notices;
};

class GrantTable {
 public:
  explicit GrantTable(std::size_t grants_max);

  // Node accounts, at start only. The error says what is wrong with the line, without the password.
  Result<void> add_admin(std::string_view username, std::string_view password);
  std::size_t admins() const { return admin_names_.size(); }
  std::optional<Owner> admin(std::string_view username) const;
  const std::string& admin_name(Owner owner) const { return admin_names_[owner]; }

  Result<void> grant(Owner owner, const GrantRequest& request, std::int64_t now_ms, Effects& effects);
  Result<void> revoke(Owner owner, std::string_view username, Effects& effects);
  void begin_sync(Owner owner);
  std::size_t end_sync(Owner owner, Effects& effects);             // grants ended
  std::size_t reset(Owner owner, Effects& effects);
  void expire(std::int64_t now_ms, Effects& effects);

  bool authenticate(ClientKey client, std::string_view username, std::string_view password, std::int64_t now_ms);
  bool allowed(ClientKey client, std::string_view username, Access access, std::string_view topic, std::size_t payload_bytes, bool retain,
               std::int64_t now_ms, Effects& effects);
  void disconnected(ClientKey client, std::string_view username, Effects& effects);

  bool attached(std::string_view username) const;
  std::size_t size() const { return grants_.size(); }
  std::size_t size(Owner owner) const { return counts_[owner]; }
  std::size_t connections() const;

 private:
  struct Grant {
    Owner owner = 0;
    Hash verifier;
    std::vector<std::string> publish, subscribe;
    std::int64_t expires_ms = 0;
    bool confirmed = true;
    std::set<ClientKey> connections;
    std::map<ClientKey, unsigned> subscribers;   // bit i: subscribed to subscribe[i]
  };
  using Grants = std::unordered_map<std::string, Grant>;

  Hash verifier(std::string_view username, std::string_view password) const;
  Grants::iterator erase(Grants::iterator grant, Effects& effects);
  std::size_t end_grants(Owner owner, bool unconfirmed_only, Effects& effects);

  std::size_t grants_max_;
  Bytes salt_;
  std::vector<std::string> admin_names_;
  std::vector<Hash> admin_verifiers_;
  std::vector<std::size_t> counts_;
  Grants grants_;
  std::set<std::pair<std::int64_t, std::string>> by_expiry_;
};

}  // namespace agiddi::broker
