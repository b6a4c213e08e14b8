// The genesis file: JSON, the same bytes on every node. Names the network, its members, the funded accounts, the credit issuers and
// the hash of the unit table. `network` = name "-" first 16 hex digits of the file's BLAKE2b-256.
#pragma once

#include "protocol/membership.h"
#include "protocol/money.h"
#include "protocol/time.h"

namespace agiddi {

// The newest rules that this program knows. A block under later rules stops the node: it must be updated first.
inline constexpr std::uint32_t kRulesVersionMax = 6;

struct GenesisAccount { std::string did; std::string currency; MicroUnits amount = 0; };

// Who vouches for money outside the ledger (protocol/payment_receipt.h).
struct GenesisAuthority { std::string id, did; std::vector<std::string> currencies; };

struct Genesis {
  std::string name;                       // 1 to 32 of [a-z0-9-]
  TimeMs created = 0;
  std::vector<Member> members;
  std::vector<GenesisAccount> accounts;
  std::vector<std::string> issuers;       // DIDs that may mint credit
  std::vector<GenesisAuthority> authorities;   // from rules version 5 on
  std::uint32_t rules_version = 1;        // from which the network starts; not in the file = 1
  TimeMs lease = 0;                       // how long a member serves without renewing its lease; 0 = the default. "leaseSeconds" in the file
  bool unverified_clients = false;        // of a throw-away network for benchmarks, whose name begins with "bench-": clients' documents count without their signatures. "benchmark":{"unverifiedClients":true} in the file
  Hash units_digest;                      // BLAKE2b-256 of the unit table that prices nothing but converts everything
  std::string network;                    // derived
  Hash digest;                            // derived: BLAKE2b-256 of the file's bytes

  MemberSet member_set() const { return MemberSet(members, 0); }
};

Result<Genesis> parse_genesis(BytesView file);     // strict; the error names the field
inline constexpr std::string_view kBenchmarkName = "bench-";
inline constexpr std::uint32_t kRulesWithAuthorities = 5;
inline constexpr std::size_t kAuthoritiesMax = 64, kAuthorityCurrenciesMax = 16;
// As a member's id, and not "credit", which is the ledger's own method.
bool is_authority_id(std::string_view id);

std::string write_genesis(const Genesis& genesis); // the file's bytes (pretty JSON); derived fields are not written

}  // namespace agiddi
