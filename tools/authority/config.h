// The configuration of a payment authority, read from a TOML file. Every error names the file, the key and what to write.
//
//   id = "acme-ltc"                    # as the ledger's governance knows it
//   key_file = "authority.jwk"         # Ed25519 JWK (agiddi keygen); relative paths are relative to the configuration file
//   network = "harbour-0123456789abcdef"
//   listen = "127.0.0.1:8301"          # certificate / private_key (PEM) for any address that is not loopback
//   public_url = "https://…"           # what payers reach it by, when that is not the address it listens on
//   nodes = ["http://127.0.0.1:8101"]  # that are told of reversals, tried in turn; http on loopback only
//   data_folder = "authority"          # made when missing, locked while the program runs
//   receipt_hours = 24                 # in which a receipt must be used
//   open_orders_max = 1000
//   [rail]
//   kind = "bitcoin"                   # simulated, bitcoin or evm
//   currency = "LTC"
//   order_minutes = 60                 # in which an order must be paid
//   poll_ms = 5000
//   confirmations = 6                  # not of the simulated rail, as all below
//   further_confirmations = 100        # for which a payment is watched after its receipt was signed
//   url = "http://127.0.0.1:9332/wallet/authority"    # http on loopback only
//   credentials_file = "litecoin.auth" # one line, user:password; a node's cookie file is one
//   chain = "main"                     # bitcoin: as getblockchaininfo names it
//   chain_id = 1                       # evm
//   address = "0x…"                    # evm: where all orders are paid
#pragma once

#include "node/config.h"

namespace agiddi::tools {

enum class RailKind { simulated, bitcoin, evm };

struct RailConfig {
  RailKind kind = RailKind::simulated;
  std::string currency, url, credentials_file, chain, address;
  std::int64_t chain_id = 0;
  std::int64_t confirmations = 0, further_confirmations = 0;
  std::int64_t poll_ms = 0, order_minutes = 0;
};

struct AuthorityConfig {
  std::string id, key_file, network, data_folder;
  node::HttpConfig http;            // public_url is filled in, without a slash at its end
  std::vector<std::string> nodes;   // without a slash at their ends
  std::int64_t receipt_hours = 0;
  std::size_t open_orders_max = 0;
  RailConfig rail;
};

Result<AuthorityConfig> load_authority_config(const std::string& path);

}  // namespace agiddi::tools
