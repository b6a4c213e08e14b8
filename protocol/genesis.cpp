#include "protocol/genesis.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"

namespace agiddi {
namespace {

constexpr std::size_t kAccountsMax = 10'000;

// Reads a member's text through a converter and reports the converter's complaint at that member.
template <class T, class Convert>
bool read_as(FieldReader& reader, std::string_view name, std::size_t max_length, T& out, Convert convert) {
  const auto text = reader.required_string(name, max_length);
  if (!text) return false;
  auto value = convert(*text);
  if (!value) {
    reader.error(name, value.error().detail);
    return false;
  }
  out = *value;
  return true;
}

Result<std::string> canonical_did(std::string_view text) {
  auto key = key_from_did(text);
  if (!key) return tl::unexpected(key.error());
  return std::string(text);
}

template <class T>
void refuse_twin(std::set<T>& seen, const T& value, FieldReader& reader, std::string_view name) {
  if (!seen.insert(value).second) reader.error(name, "stands twice in the genesis");
}

void read_members(FieldReader& top, std::vector<FieldError>& errors, Genesis& genesis) {
  const auto* items = top.required_array("members", 1, limits::kMembersMax);
  if (!items) return;
  std::set<std::string> ids, addresses;
  std::set<PublicKey> keys;
  std::set<std::array<std::uint8_t, 32>> sealing_keys;
  for (std::size_t i = 0; i < items->size(); ++i) {
    FieldReader reader((*items)[i], pointer_index(top.pointer("members"), i), errors);
    Member member;
    if (const auto id = reader.required_string("id", 32)) {
      member.id = *id;
      if (!is_member_id(*id)) reader.error("id", "must be made of a to z, 0 to 9 and -");
      refuse_twin(ids, *id, reader, "id");
    }
    if (read_as(reader, "did", 128, member.key, key_from_did)) refuse_twin(keys, member.key, reader, "did");
    const auto sealing_key = [](std::string_view text) -> Result<std::array<std::uint8_t, 32>> {
      auto raw = from_base64url(text);
      if (!raw) return tl::unexpected(raw.error());
      return public_key_from_bytes(*raw);
    };
    if (read_as(reader, "sealingKey", 64, member.sealing_key, sealing_key)) {
      refuse_twin(sealing_keys, member.sealing_key, reader, "sealingKey");
    }
    if (const auto address = reader.required_string("address", 255)) {
      member.address = *address;
      if (!is_member_address(*address)) reader.error("address", "must be host:port");
      refuse_twin(addresses, *address, reader, "address");
    }
    reader.finish();
    genesis.members.push_back(std::move(member));
  }
}

void read_accounts(FieldReader& top, std::vector<FieldError>& errors, Genesis& genesis) {
  const auto* items = top.required_array("accounts", 0, kAccountsMax);
  if (!items) return;
  std::set<std::pair<std::string, std::string>> seen;
  std::map<std::string, MicroUnits> totals;
  for (std::size_t i = 0; i < items->size(); ++i) {
    FieldReader reader((*items)[i], pointer_index(top.pointer("accounts"), i), errors);
    GenesisAccount account;
    read_as(reader, "did", 128, account.did, canonical_did);
    if (const auto currency = reader.required_string("currency", 12)) {
      account.currency = *currency;
      if (!is_currency(*currency)) reader.error("currency", "must be 3 to 12 capital letters");
    }
    read_as(reader, "amount", 32, account.amount, money_from_text);
    reader.finish();
    if (!seen.insert({account.did, account.currency}).second) reader.error("did", "stands twice with the same currency");
    MicroUnits& total = totals[account.currency];
    if (account.amount > std::numeric_limits<MicroUnits>::max() - total) {
      reader.error("amount", "makes the currency's total too large");
    } else {
      total += account.amount;
    }
    genesis.accounts.push_back(std::move(account));
  }
}

void read_issuers(FieldReader& top, std::vector<FieldError>& errors, Genesis& genesis) {
  const auto* items = top.required_array("issuers", 0, 64);
  if (!items) return;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string pointer = pointer_index(top.pointer("issuers"), i);
    const Json& item = (*items)[i];
    if (!item.is_string() || !key_from_did(item.as_string())) {
      errors.push_back({pointer, "must be the did:key of an Ed25519 key"});
    } else if (std::find(genesis.issuers.begin(), genesis.issuers.end(), item.as_string()) != genesis.issuers.end()) {
      errors.push_back({pointer, "stands twice in the genesis"});
    } else {
      genesis.issuers.push_back(item.as_string());
    }
  }
}

void read_authorities(FieldReader& top, std::vector<FieldError>& errors, Genesis& genesis) {
  const auto* items = top.optional_array("authorities", 1, kAuthoritiesMax);
  if (!items) return;
  std::set<std::string> ids, dids;
  for (std::size_t i = 0; i < items->size(); ++i) {
    FieldReader reader((*items)[i], pointer_index(top.pointer("authorities"), i), errors);
    std::set<std::string> listed;
    GenesisAuthority authority;
    authority.id = reader.required_string("id", 32).value_or("");
    if (!authority.id.empty() && !is_authority_id(authority.id)) reader.error("id", "must be made of a to z, 0 to 9 and -, and not \"credit\"");
    refuse_twin(ids, authority.id, reader, "id");
    if (read_as(reader, "did", 128, authority.did, canonical_did)) refuse_twin(dids, authority.did, reader, "did");
    if (const auto* currencies = reader.required_array("currencies", 1, kAuthorityCurrenciesMax)) {
      for (const Json& currency : *currencies) {
        if (!currency.is_string() || !is_currency(currency.as_string()) || !listed.insert(currency.as_string()).second) reader.error("currencies", "must each be 3 to 12 capital letters, and stand there once");
        else authority.currencies.push_back(currency.as_string());
      }
    }
    reader.finish();
    genesis.authorities.push_back(std::move(authority));
  }
  if (genesis.rules_version < kRulesWithAuthorities) top.error("authorities", "need rulesVersion " + std::to_string(kRulesWithAuthorities) + " or later");
}

// The name is in the network's id, and so in each signed document: nobody takes such a network for one that protects anything.
void read_benchmark(FieldReader& top, const Json& file, std::vector<FieldError>& errors, Genesis& genesis) {
  if (!file.is_object() || !file.find("benchmark")) return;
  const Json* given = top.required_object("benchmark");
  if (!given) return;
  FieldReader reader(*given, top.pointer("benchmark"), errors);
  const Json* unverified = given->find("unverifiedClients");
  genesis.unverified_clients = unverified && unverified->is_bool() && unverified->as_bool();
  if (!genesis.unverified_clients) return reader.error("unverifiedClients", "must be true; leave \"benchmark\" out of any other network");
  if (given->members().size() > 1) reader.error("", "must have no other member than unverifiedClients");
  if (!genesis.name.starts_with(kBenchmarkName)) top.error("benchmark", "stands only in the genesis of a network whose name begins with " + std::string(kBenchmarkName));
}

}  // namespace

bool is_authority_id(std::string_view id) { return is_member_id(id) && id != "credit"; }

Result<Genesis> parse_genesis(BytesView file) {
  auto json = parse_json(file);
  if (!json) return tl::unexpected(json.error());
  std::vector<FieldError> errors;
  FieldReader reader(*json, "", errors);
  Genesis genesis;
  if (const auto name = reader.required_string("name", 32)) {
    genesis.name = *name;
    if (!is_member_id(*name)) reader.error("name", "must be made of a to z, 0 to 9 and -");
  }
  read_as(reader, "created", 64, genesis.created, time_from_text);
  read_members(reader, errors, genesis);
  read_accounts(reader, errors, genesis);
  read_issuers(reader, errors, genesis);
  read_as(reader, "unitsDigest", 64, genesis.units_digest, [](std::string_view text) { return Hash::from_hex(text); });
  if (const auto rules = reader.optional_integer("rulesVersion", 2, 1'000'000)) genesis.rules_version = static_cast<std::uint32_t>(*rules);
  read_authorities(reader, errors, genesis);
  if (const auto lease = reader.optional_integer("leaseSeconds", limits::kLeaseMin_ms / 1000, limits::kLeaseMax_ms / 1000)) genesis.lease = *lease * 1000;
  read_benchmark(reader, *json, errors, genesis);
  reader.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  genesis.digest = blake2b(file);
  genesis.network = genesis.name + "-" + genesis.digest.hex().substr(0, 16);
  return genesis;
}

std::string write_genesis(const Genesis& genesis) {
  Json members = Json::array(), accounts = Json::array(), issuers = Json::array();
  for (const Member& member : genesis.members) {
    members.push(Json::object({{"id", member.id},
                               {"did", member.did()},
                               {"sealingKey", to_base64url(view(member.sealing_key))},
                               {"address", member.address}}));
  }
  for (const GenesisAccount& account : genesis.accounts) {
    accounts.push(Json::object({{"did", account.did}, {"currency", account.currency}, {"amount", money_text(account.amount)}}));
  }
  for (const std::string& issuer : genesis.issuers) issuers.push(issuer);
  Json file = Json::object({{"name", genesis.name},
                            {"created", time_text(genesis.created)},
                            {"members", std::move(members)},
                            {"accounts", std::move(accounts)},
                            {"issuers", std::move(issuers)},
                            {"unitsDigest", genesis.units_digest.hex()}});
  if (genesis.rules_version > 1) file.set("rulesVersion", genesis.rules_version);
  if (!genesis.authorities.empty()) {
    Json authorities = Json::array();
    for (const GenesisAuthority& authority : genesis.authorities) {
      Json currencies = Json::array();
      for (const std::string& currency : authority.currencies) currencies.push(currency);
      authorities.push(Json::object({{"id", authority.id}, {"did", authority.did}, {"currencies", std::move(currencies)}}));
    }
    file.set("authorities", std::move(authorities));
  }
  if (genesis.lease > 0) file.set("leaseSeconds", genesis.lease / 1000);
  if (genesis.unverified_clients) file.set("benchmark", Json::object({{"unverifiedClients", true}}));
  return file.pretty();
}

}  // namespace agiddi
