// GrantTable: who may use the broker, in memory. Grants belong to the node account that pushed them and end by revocation or by time.
//
// Threads: one, the broker's. Clients are told apart by opaque pointers that are never followed, so a stale one can do no harm.
// Passwords are kept as salted BLAKE2b-256 only; they are random tokens of at least 16 characters, so no slow hash is needed. A grant with a key takes
// no password but device tokens (protocol/device_token.h) that the key signed. One with a proof takes a password that a person chose, which is never seen here before the device
// says it (protocol/device_password.h); guessing it is slowed (login_guard.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "deploy/broker_plugin/ended_flows.h"
#include "deploy/broker_plugin/login_guard.h"
#include "protocol/crypto/crypto.h"
#include "protocol/device_password.h"
#include "protocol/device_token.h"

namespace agiddi::broker {

inline constexpr std::size_t kAdminsMax = 64;
inline constexpr std::size_t kGrantTopicsMax = 8;
inline constexpr std::size_t kGrantConnectionsMax = 16;
inline constexpr std::size_t kNameMax = 64;
inline constexpr std::size_t kPasswordMin = 16;
inline constexpr std::size_t kPasswordMax = 256;
inline constexpr std::size_t kAudienceMax = 128;
inline constexpr std::size_t kTopicMax = 256;
inline constexpr std::size_t kGrantedPayloadMax_bytes = 64 * 1024;
inline constexpr std::size_t kMarksMax_bytes = 64 * 1024 * 1024;   // of all devices' recent messages, beside the first 768 bytes of each

using ClientKey = const void*;               // identity only
using Owner = std::size_t;                   // index of a node account

bool is_single_topic(std::string_view topic);   // no wildcard, no empty or oversized text, no control characters

struct GrantRequest {
  std::string username, password;          // no password with a key or a proof
  std::vector<std::string> publish, subscribe;
  std::int64_t expires_ms = 0;
  std::optional<PublicKey> key;            // of the device
  std::string audience;                    // of its tokens
  struct ChosenPassword {
    std::string salt;
    Hash proof;                            // device_password_proof(salt, username, password)
  };
  std::optional<ChosenPassword> chosen;
};

enum class Access { read, write, subscribe, unsubscribe };

// A message of a client as the broker is about to route it.
struct FlowMessage {
  std::string_view username, topic;
  BytesView payload;
  bool plain = true;                       // QoS 0 or 1, no properties
};

// What the caller has to do at the broker after a change.
struct Effects {
  std::vector<std::string> kick;                                   // user names whose connections are to be closed
  enum class What { attached, detached, lost, back };              // the last two of a device: its connection broke; it is connected again
  struct Notice { Owner owner; std::string username; What what; std::int64_t at_ms = 0; };   // of the steady clock, for the last two
  std::vector<Notice> notices;
};

class GrantTable {
 public:
  using Steady = std::int64_t (*)();                               // the broker's own steady clock, milliseconds
  GrantTable(std::size_t grants_max, Steady steady_ms);

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

  struct Login {
    ClientKey client = nullptr;
    std::string_view username, password, address;   // "" = not known
    std::string_view client_id;
  };
  bool authenticate(const Login& login, std::int64_t now_ms, Effects& effects);
  bool allowed(ClientKey client, std::string_view username, Access access, std::string_view topic, std::size_t payload_bytes, bool retain,
               std::int64_t now_ms, Effects& effects);
  void disconnected(ClientKey client, std::string_view client_id, std::string_view username, Effects& effects);
  // A client that was let in has this id: the broker ends the connection that had it before, and publishes its will as if it were there. It is gone from now on.
  void took_over(std::string_view client_id);

  // Flows. The node's lease says how the broker's steady clock becomes the ledger's.
  struct Lease {
    std::int64_t until_steady_ms = 0;      // it holds before
    std::int64_t to_ledger_ms = 0;         // to be added to the steady clock
  };
  void lease(Owner owner, const Lease& lease);
  // Begins a flow of a granted device, if the node has seen all that passed to it so far, no other flow runs and no number would be given again: conflict
  // otherwise, and nothing has changed. The last counts of the flow before are forgotten: the node has them.
  Result<void> begin_flow(Owner owner, std::string_view username, std::uint64_t passed, FlowTerms terms);
  Result<void> raise_flow(Owner owner, std::string_view username, std::string_view generation, std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit);
  // As it stands, or the last counts of one that is gone; nothing: there is none.
  std::optional<FlowReport> flow(Owner owner, std::string_view username);
  std::optional<FlowReport> end_flow(Owner owner, std::string_view username);   // and it is gone
  void forget_flow(Owner owner, std::string_view username, std::string_view generation);   // its last counts: the node has them
  std::uint64_t passed(std::string_view username) const;   // messages of a device that were left to the node, since the grant was made
  std::uint64_t sequence(std::string_view username) const;   // the last number that a flow of the device gave
  std::vector<std::uint64_t> marks(std::string_view username) const;   // of the device's last messages, kFlowMarksMax at most
  FlowVerdict route(const FlowMessage& message, std::string& measurement, std::string_view& new_topic);
  // Flows that changed since they were last reported, the oldest change first; urgent ones, of which the node should know at once, before all.
  std::size_t changed(Owner owner) const { return changed_[owner].size(); }
  bool urgent(Owner owner) const { return !urgent_[owner].empty(); }
  std::vector<FlowReport> take_changed(Owner owner, std::size_t max);
  // Before this moment of the steady clock nothing has happened that was not reported.
  std::int64_t reported_until(Owner owner, std::int64_t now_ms) const { return changed_[owner].empty() ? now_ms : changed_[owner].front().since_ms; }
  std::size_t flows(Owner owner) const { return flow_counts_[owner]; }

  bool attached(std::string_view username) const;
  std::size_t size() const { return grants_.size(); }
  std::size_t size(Owner owner) const { return counts_[owner]; }
  std::size_t connections() const;

 private:
  struct Grant {
    Owner owner = 0;
    Hash verifier;
    std::optional<DeviceTokenTerms> token;       // instead of the verifier
    std::optional<GrantRequest::ChosenPassword> chosen;   // likewise
    LoginGuard guard;                            // of the chosen one
    std::vector<std::string> publish, subscribe;
    std::int64_t expires_ms = 0;
    bool confirmed = true;
    std::set<ClientKey> connections;
    std::map<ClientKey, unsigned> subscribers;   // bit i: subscribed to subscribe[i]
    std::unique_ptr<Flow> flow;
    bool flow_changed = false, flow_urgent = false;
    std::uint64_t passed = 0, sequence = 0;
    subservices::RecentReadings recent;
    std::int64_t left_ms = 0;                    // when its last connection ended; 0: it is connected
    bool lost = false;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  using Grants = std::unordered_map<std::string, Grant, NameHash, std::equal_to<>>;

  Hash verifier(std::string_view username, std::string_view password) const;
  Grants::iterator erase(Grants::iterator grant, Effects& effects);
  std::size_t end_grants(Owner owner, bool unconfirmed_only, Effects& effects);
  bool proven(Grant& grant, const Login& login, std::int64_t now_ms) const;
  Grant* own_grant(Owner owner, std::string_view username);
  bool subscribed(const FlowTerms& terms) const;
  void drop_flow(Grants::value_type& entry);
  void account(const Grant& grant);
  void lose_device(Grants::value_type& entry, Effects& effects);
  void find_device(Grants::value_type& entry, Effects& effects);
  void mark_changed(Grants::value_type& entry, std::int64_t now_ms, bool urgent);
  FlowReport report(Grants::value_type& entry);
  bool marks_may_grow(const Grant& grant) const;


  std::size_t grants_max_;
  Steady steady_ms_;
  Bytes salt_;
  std::vector<std::string> admin_names_;
  std::vector<Hash> admin_verifiers_;
  std::vector<std::size_t> counts_, flow_counts_;
  std::vector<Lease> leases_;
  std::vector<EndedFlows> ended_;
  std::size_t marks_bytes_ = 0;
  struct Change {
    std::string username;
    std::int64_t since_ms = 0;
  };
  std::vector<std::deque<Change>> changed_;          // by owner; each user name once
  std::vector<std::vector<std::string>> urgent_;     // each once
  Grants grants_;
  struct Holder {
    ClientKey client = nullptr;
    std::string username;
  };
  std::unordered_map<Hash, Holder, HashHasher> by_client_id_;   // connections of granted users, by the hash of their client id, which may be long
  std::set<std::pair<std::int64_t, std::string>> by_expiry_;
};

}  // namespace agiddi::broker
