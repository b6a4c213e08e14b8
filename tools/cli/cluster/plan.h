// What a local cluster is made of: names, ports and files below one folder. Pure, except for make_files and read_plan.
//
//   DIR/cluster.json, cluster.lock, genesis.json
//   DIR/nodes/node-I/  node.toml, node.jwk, sealing.jwk, broker.password, data/, log, pid
//   DIR/broker/        mosquitto.conf, admins, ca.crt, server.crt, server.key, log, pid
//   DIR/accounts/      provider.jwk, application-1.jwk, application-2.jwk; issuer.jwk, which may mint and redeem credit
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/genesis.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct PlannedNode {
  std::string id;                      // "node-1"
  std::uint16_t http_port = 0, peer_port = 0;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(http_port); }
};

struct PlannedAccount { std::string name, did, balance, currency; };

struct ClusterPlan {
  std::string folder;                  // absolute
  std::string network;                 // id, known once the genesis file stands
  std::uint16_t broker_port = 0;
  std::uint16_t broker_tls_port = 0;   // 0: a cluster of a former release, which has none
  std::vector<PlannedNode> nodes;
  std::vector<PlannedAccount> accounts;
  bool tells_tls = false;              // the configurations that are written tell devices and applications the broker's address with TLS
  bool unverified_clients = false;     // a throw-away network for benchmarks: its genesis and the configurations that are written say so
  std::string data_path;               // broker.data_path of the configurations that are written; empty: the default

  std::string genesis_file() const { return folder + "/genesis.json"; }
  std::string plan_file() const { return folder + "/cluster.json"; }
  std::string broker_folder() const { return folder + "/broker"; }
  std::string broker_log() const { return broker_folder() + "/log"; }
  std::string broker_pid_file() const { return broker_folder() + "/pid"; }
  std::string broker_authority_file() const { return broker_folder() + "/ca.crt"; }
  std::string broker_tls_url() const { return "mqtts://127.0.0.1:" + std::to_string(broker_tls_port); }
  std::string broker_url() const { return "mqtt://127.0.0.1:" + std::to_string(broker_port); }
  std::string node_folder(const PlannedNode& node) const { return folder + "/nodes/" + node.id; }
  std::string node_log(const PlannedNode& node) const { return node_folder(node) + "/log"; }
  std::string node_pid_file(const PlannedNode& node) const { return node_folder(node) + "/pid"; }
  std::string account_file(const std::string& name) const { return folder + "/accounts/" + name + ".jwk"; }
  // "node-2" or "2"; nullptr when there is none.
  const PlannedNode* find(const std::string& name) const;
};

// Ports by the rule of ports.h; no accounts and no network yet.
ClusterPlan plan_cluster(const std::string& folder, std::size_t nodes, std::uint16_t base_port);
std::string node_config(const ClusterPlan& plan, const PlannedNode& node);   // node.toml
std::string plan_text(const ClusterPlan& plan);                              // cluster.json
Outcome<ClusterPlan> parse_plan(const std::string& folder, std::string_view text);

bool has_plan(const std::string& folder);
Outcome<ClusterPlan> read_plan(const std::string& folder);
// Of a new network's genesis.
struct NetworkOptions {
  std::uint32_t rules_version = kRulesVersionMax;
  std::vector<GenesisAuthority> authorities;
  TimeMs lease = 0;              // 0: the default
};
// Makes keys, genesis, configurations; cluster.json last, so that it stands only when all the rest does. Fills in network and accounts.
Outcome<void> make_files(ClusterPlan& plan, const std::string& broker_plugin, const NetworkOptions& network = {});

}  // namespace agiddi::tools
