#include "deploy/broker_plugin/grant_table.h"

#include <algorithm>

namespace agiddi::broker {
namespace {

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

bool begins_with_any(std::string_view topic, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return topic.size() > prefix.size() && topic.substr(0, prefix.size()) == prefix; });
}

}  // namespace

bool is_single_topic(std::string_view topic) {
  if (topic.empty() || topic.size() > kTopicMax) return false;
  return std::none_of(topic.begin(), topic.end(), [](char c) { return c == '+' || c == '#' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

GrantTable::GrantTable(std::size_t grants_max, Steady steady_ms) : grants_max_(grants_max), steady_ms_(steady_ms), salt_(random_bytes(32)) {}

Hash GrantTable::verifier(std::string_view username, std::string_view password) const {
  return tagged_hash("agiddi/broker-password/1", {salt_, username, std::string_view("\0", 1), password});
}

Result<void> GrantTable::add_admin(std::string_view username, std::string_view password) {
  if (!is_name(username)) return fail(Status::invalid, "a node account's name has 1 to 64 letters, digits, '-', '_' or '.'");
  if (password.size() < kPasswordMin || password.size() > kPasswordMax) {
    return fail(Status::invalid, "the password of account " + std::string(username) + " must have 16 to 256 characters");
  }
  if (admin_names_.size() >= kAdminsMax) return fail(Status::invalid, "more than 64 node accounts");
  if (admin(username)) return fail(Status::invalid, "the account " + std::string(username) + " is named twice");
  admin_names_.emplace_back(username);
  admin_verifiers_.push_back(verifier(username, password));
  counts_.push_back(0);
  flow_counts_.push_back(0);
  leases_.emplace_back();
  ended_.emplace_back();
  changed_.emplace_back();
  urgent_.emplace_back();
  return {};
}

std::optional<Owner> GrantTable::admin(std::string_view username) const {
  const auto found = std::find(admin_names_.begin(), admin_names_.end(), username);
  if (found == admin_names_.end()) return std::nullopt;
  return static_cast<Owner>(found - admin_names_.begin());
}

Result<void> GrantTable::grant(Owner owner, const GrantRequest& request, std::int64_t now_ms, Effects& effects) {
  if (!is_name(request.username) || admin(request.username)) return fail(Status::invalid, "username is not one that can be granted");
  if (request.chosen && (request.key || !request.password.empty() || request.chosen->salt.size() < kPasswordMin)) {
    return fail(Status::invalid, "a grant with a proof has a salt of at least 16 characters, and neither key nor password");
  }
  if (!request.key && !request.chosen && (request.password.size() < kPasswordMin || request.password.size() > kPasswordMax)) {
    return fail(Status::invalid, "password must have 16 to 256 characters");
  }
  if (request.key && (!request.password.empty() || request.audience.empty() || request.audience.size() > kAudienceMax)) {
    return fail(Status::invalid, "a grant with a key has an audience of 1 to 128 characters and no password");
  }
  const std::size_t topics = request.publish.size() + request.subscribe.size();
  if (topics == 0 || topics > kGrantTopicsMax) return fail(Status::invalid, "a grant has 1 to 8 topics");
  for (const auto* list : {&request.publish, &request.subscribe}) {
    for (const std::string& topic : *list) {
      if (!is_single_topic(topic) || !begins_with_any(topic, {"in/", "out/"})) {
        return fail(Status::invalid, "a granted topic is a single one under in/ or out/");
      }
    }
  }
  if (request.expires_ms <= now_ms) return fail(Status::invalid, "expires has passed");

  auto found = grants_.find(request.username);
  // A grant with a key or a proof has a verifier too, of what is checked: by it a changed grant is told from the same one.
  const Hash proof = request.key      ? verifier(request.username, Bytes(view(*request.key)) + request.audience)
                     : request.chosen ? verifier(request.username, Bytes(request.chosen->proof.view()) + request.chosen->salt)
                                      : verifier(request.username, request.password);
  if (found == grants_.end()) {
    if (grants_.size() >= grants_max_) return fail(Status::overloaded, "the broker holds as many grants as it may");
    found = grants_.emplace(request.username, Grant{}).first;
    found->second.owner = owner;
    ++counts_[owner];
  } else {
    Grant& old = found->second;
    if (old.owner != owner) return fail(Status::forbidden, "the grant belongs to another account");
    by_expiry_.erase({old.expires_ms, found->first});
    const bool same = old.verifier == proof && old.token.has_value() == request.key.has_value() && old.chosen.has_value() == request.chosen.has_value() && old.publish == request.publish && old.subscribe == request.subscribe;
    if (!same) {
      if (!old.connections.empty()) effects.kick.push_back(found->first);
      old.connections.clear();
      old.subscribers.clear();
      drop_flow(*found);
      old.passed = 0;
    }
  }
  Grant& grant = found->second;
  grant.verifier = proof;
  grant.token.reset();
  if (request.key) grant.token = DeviceTokenTerms{*request.key, request.audience, request.username};
  grant.chosen = request.chosen;
  grant.publish = request.publish;
  grant.subscribe = request.subscribe;
  grant.expires_ms = request.expires_ms;
  grant.confirmed = true;
  by_expiry_.emplace(grant.expires_ms, found->first);
  return {};
}

GrantTable::Grants::iterator GrantTable::erase(Grants::iterator grant, Effects& effects) {
  if (!grant->second.connections.empty()) effects.kick.push_back(grant->first);
  by_expiry_.erase({grant->second.expires_ms, grant->first});
  --counts_[grant->second.owner];
  drop_flow(*grant);
  marks_bytes_ -= grant->second.recent.memory_bytes();
  return grants_.erase(grant);
}

Result<void> GrantTable::revoke(Owner owner, std::string_view username, Effects& effects) {
  const auto found = grants_.find(username);
  if (found == grants_.end()) return fail(Status::not_found, "no such grant");
  if (found->second.owner != owner) return fail(Status::forbidden, "the grant belongs to another account");
  erase(found, effects);
  return {};
}

void GrantTable::begin_sync(Owner owner) {
  for (auto& [name, grant] : grants_) {
    if (grant.owner == owner) grant.confirmed = false;
  }
}

std::size_t GrantTable::end_grants(Owner owner, bool unconfirmed_only, Effects& effects) {
  std::size_t ended = 0;
  for (auto it = grants_.begin(); it != grants_.end();) {
    if (it->second.owner == owner && !(unconfirmed_only && it->second.confirmed)) {
      it = erase(it, effects);
      ++ended;
    } else {
      ++it;
    }
  }
  return ended;
}

std::size_t GrantTable::end_sync(Owner owner, Effects& effects) { return end_grants(owner, true, effects); }
std::size_t GrantTable::reset(Owner owner, Effects& effects) { return end_grants(owner, false, effects); }

void GrantTable::expire(std::int64_t now_ms, Effects& effects) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now_ms) {
    const auto grant = grants_.find(by_expiry_.begin()->second);
    if (grant->second.flow) mark_changed(*grant, steady_ms_(), true);   // nobody asked for this end
    erase(grant, effects);
  }
}

bool GrantTable::proven(Grant& grant, const Login& login, std::int64_t now_ms) const {
  if (grant.token) return check_device_token(login.password, *grant.token, now_ms / 1'000).has_value();
  if (!grant.chosen) return equal_constant_time(verifier(login.username, login.password).view(), grant.verifier.view());
  if (!grant.guard.may_try(login.address, steady_ms_())) return false;
  if (!equal_constant_time(device_password_proof(grant.chosen->salt, login.username, login.password).view(), grant.chosen->proof.view())) return false;
  grant.guard.let_in(login.address);
  return true;
}

bool GrantTable::authenticate(const Login& login, std::int64_t now_ms, Effects& effects) {
  if (login.username.size() > kNameMax || login.password.size() > std::max(kPasswordMax, kDeviceTokenMax_bytes)) return false;
  if (const auto owner = admin(login.username)) {
    if (!equal_constant_time(verifier(login.username, login.password).view(), admin_verifiers_[*owner].view())) return false;
    took_over(login.client_id);
    return true;
  }
  const auto found = grants_.find(login.username);
  if (found == grants_.end()) return false;
  Grant& grant = found->second;
  if (grant.expires_ms <= now_ms) return false;
  if (grant.connections.size() >= kGrantConnectionsMax && !grant.connections.contains(login.client)) return false;
  if (!proven(grant, login, now_ms)) return false;
  took_over(login.client_id);
  if (!login.client_id.empty()) by_client_id_[blake2b(login.client_id)] = {login.client, found->first};
  grant.connections.insert(login.client);
  grant.left_ms = 0;
  if (grant.lost) find_device(*found, effects);
  return true;
}

bool GrantTable::allowed(ClientKey client, std::string_view username, Access access, std::string_view topic, std::size_t payload_bytes,
                         bool retain, std::int64_t now_ms, Effects& effects) {
  if (username.empty()) return is_single_topic(topic) && begins_with_any(topic, {"devices/"});
  if (admin(username)) {
    if (topic == "$CONTROL/agiddi/v1") return access == Access::write;
    return is_single_topic(topic) && begins_with_any(topic, {"in/", "out/", "devices/"});
  }
  const auto found = grants_.find(username);
  if (found == grants_.end()) return false;
  Grant& grant = found->second;
  // A client that has gone writes no more but its will, which says that it did not mean to go.
  if (access == Access::write && grant.connections.empty() && grant.left_ms > 0 && !grant.publish.empty()) lose_device(*found, effects);
  if (grant.expires_ms <= now_ms || !grant.connections.contains(client)) return false;
  if (access == Access::write) {
    return !retain && payload_bytes <= kGrantedPayloadMax_bytes &&
           std::find(grant.publish.begin(), grant.publish.end(), topic) != grant.publish.end();
  }
  const auto at = std::find(grant.subscribe.begin(), grant.subscribe.end(), topic);
  if (at == grant.subscribe.end()) return false;
  const unsigned bit = 1U << (at - grant.subscribe.begin());
  if (access == Access::subscribe) {
    if (grant.subscribers.empty()) effects.notices.push_back({grant.owner, found->first, Effects::What::attached});
    grant.subscribers[client] |= bit;
  } else if (access == Access::unsubscribe) {
    const auto subscriber = grant.subscribers.find(client);
    if (subscriber != grant.subscribers.end() && (subscriber->second &= ~bit) == 0) {
      grant.subscribers.erase(subscriber);
      if (grant.subscribers.empty()) effects.notices.push_back({grant.owner, found->first, Effects::What::detached});
    }
  }
  return true;
}

void GrantTable::took_over(std::string_view client_id) {
  const auto held = by_client_id_.find(blake2b(client_id));
  if (held == by_client_id_.end()) return;
  const auto found = grants_.find(held->second.username);
  if (found != grants_.end() && found->second.connections.erase(held->second.client) > 0 && found->second.connections.empty()) found->second.left_ms = steady_ms_();
  by_client_id_.erase(held);
}

void GrantTable::disconnected(ClientKey client, std::string_view client_id, std::string_view username, Effects& effects) {
  if (const auto held = by_client_id_.find(blake2b(client_id)); held != by_client_id_.end() && held->second.client == client) by_client_id_.erase(held);
  const auto found = grants_.find(username);
  if (found == grants_.end()) return;
  Grant& grant = found->second;
  if (grant.connections.erase(client) > 0 && grant.connections.empty()) grant.left_ms = steady_ms_();
  if (grant.subscribers.erase(client) > 0 && grant.subscribers.empty()) effects.notices.push_back({grant.owner, found->first, Effects::What::detached});
}

bool GrantTable::attached(std::string_view username) const {
  const auto found = grants_.find(username);
  return found != grants_.end() && !found->second.subscribers.empty();
}

std::size_t GrantTable::connections() const {
  std::size_t sum = 0;
  for (const auto& [name, grant] : grants_) sum += grant.connections.size();
  return sum;
}

}  // namespace agiddi::broker
