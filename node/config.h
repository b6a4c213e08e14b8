// The daemon's configuration, read from a TOML file. Every error names the file, the key and what to write.
//
//   genesis = "genesis.json"           # relative paths are relative to the configuration file
//   data = "data"                      # folder, made when missing, locked while the node runs
//   key = "node.jwk"                   # Ed25519 JWK: votes, node transactions, peer TLS
//   sealing_key = "sealing.jwk"        # X25519 JWK: opens sealed access. Keys that rotation brings: the same names with the ending .next
//   id = "node-5"                      # only of a node that is no member yet: what governance will call it
//   [http]   listen = "127.0.0.1:8101" # public_url = "https://…" optional; certificate / private_key for any non-loopback address
//   [peer]   listen = "127.0.0.1:8201" # address in genesis is what others dial
//   [peer.addresses] node-2 = "10.0.0.7:8201"    # optional: where this node dials a member instead, as behind NAT or through a proxy
//   [peer] bootstrap = [{ address = "10.0.0.8:8201", did = "did:key:z6Mk…" }]   # optional: present members, for a node that knows only genesis
//   [broker] url = "mqtt://127.0.0.1:1883", username = "node-1", password_file = "broker.password"
//            public_url = "mqtts://…" # optional: what devices and applications are told instead
//            data_path = "auto"        # readings go through the broker's plugin alone where it can do that; "node": always through the node
//   [ledger] archive = true            # or keep_blocks = N: blocks older than these and than a snapshot are dropped; join = "snapshot" or "blocks";
//                                      # columns = false: queries read the disk, for machines with little memory
//   [access] allow_private_endpoints = false   # loopback, link-local, private device brokers (cluster up sets true)
//   [benchmark] unverified_clients = true      # only of a throw-away network whose genesis says the same: clients' documents count without their signatures
//   [log]    level = "info"            # trace debug info warn error; lines go to standard error
#pragma once

#include <map>
#include <string>

#include "protocol/genesis.h"

namespace agiddi::node {

struct Endpoint { std::string host; std::uint16_t port = 0; std::string text() const { return host + ":" + std::to_string(port); } };

// Member id -> where this node dials it instead of the address that the ledger names.
using PeerAddresses = std::map<std::string, Endpoint, std::less<>>;

// A node that is asked when those that the ledger names are not reached.
struct BootstrapPeer {
  PublicKey key{};
  Endpoint address;
};
inline constexpr std::size_t kBootstrapPeersMax = 16;

struct HttpConfig {
  Endpoint listen;
  std::string public_url;            // what delivery urls begin with; http://host:port when not given
  std::string certificate_file, private_key_file;   // TLS when given
  std::size_t connections_max = 1024;   // without the watchers' own
  std::size_t watchers_max = 10'000;    // standing queries (POST /v1/query with "watch": true)
};

struct BrokerConfig {
  std::string url;                   // mqtt:// or mqtts://, "" = no broker: integrations over MQTT are refused with 503
  std::string public_url;            // what devices and applications are told; url when not given
  std::string username;
  std::string password;              // read from password_file; never logged
  bool flows = true;                 // data_path = "auto" (default): readings go through the broker's plugin alone where it can; "node": always through the node
};

struct ConsensusConfig {
  std::int64_t request_timeout_ms = 1500;  // a held transaction that is not committed in this time starts a view change
  std::int64_t heartbeat_ms = 5000;
};

struct LedgerConfig {
  std::uint64_t keep_blocks = 0;           // 0 = archive: every block is kept
  std::int64_t keep_minutes = 30;          // a block that is younger than this is kept too
  std::uint64_t snapshot_blocks = 10'000;  // a snapshot at every height that is a multiple of this; the same at all members
  std::uint64_t snapshot_behind = 1000;    // a node that has fewer blocks, and is farther behind, joins by a snapshot
  bool join_by_blocks = false;             // ... unless it is to have the whole chain
  std::uint64_t catch_up_blocks = 20'000;  // with keep_blocks: one that has blocks and is farther behind takes a snapshot; 0 = never
  bool columns = true;                     // triples are held in memory too (ledger/columns): queries are many times faster
};

struct NodeConfig {
  std::string genesis_file, data_folder, key_file, sealing_key_file, id;
  HttpConfig http;
  Endpoint peer_listen;
  PeerAddresses peer_addresses;
  std::vector<BootstrapPeer> bootstrap;
  BrokerConfig broker;
  ConsensusConfig consensus;
  LedgerConfig ledger;
  bool allow_private_endpoints = false;
  bool unverified_clients = false;
  std::string log_level = "info";
};

Result<NodeConfig> load_config(const std::string& path);
Result<Endpoint> parse_endpoint(std::string_view text);
bool is_loopback(const std::string& host);

}  // namespace agiddi::node
