#include "tools/cli/cluster/plan.h"

#include <chrono>
#include <filesystem>

#include "ontology/units.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/genesis.h"
#include "protocol/limits.h"
#include "tools/cli/cluster/broker_config.h"
#include "tools/cli/cluster/certificates.h"
#include "tools/cli/cluster/ports.h"
#include "tools/cli/files.h"

namespace agiddi::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCurrency = "EUR";
constexpr MicroUnits kBalance = 1'000'000 * kMicro;

Outcome<void> make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return failed("cannot make the folder " + path + ": " + error.message());
  return {};
}

Outcome<void> write(const std::string& path, const std::string& content, unsigned mode = 0644) {
  if (auto written = write_file(path, content, mode); !written) return passed_on(written.error());
  return {};
}

}  // namespace

const PlannedNode* ClusterPlan::find(const std::string& name) const {
  for (const PlannedNode& node : nodes) {
    if (node.id == name || node.id == "node-" + name) return &node;
  }
  return nullptr;
}

ClusterPlan plan_cluster(const std::string& folder, std::size_t nodes, std::uint16_t base_port) {
  ClusterPlan plan;
  plan.folder = folder;
  plan.broker_port = base_port;
  plan.broker_tls_port = static_cast<std::uint16_t>(base_port + kBrokerTlsPortOffset);
  for (std::size_t i = 1; i <= nodes; ++i) {
    plan.nodes.push_back({"node-" + std::to_string(i), static_cast<std::uint16_t>(base_port + i), static_cast<std::uint16_t>(base_port + kPeerPortOffset + i)});
  }
  return plan;
}

std::string node_config(const ClusterPlan& plan, const PlannedNode& node) {
  return "# Written by agiddi cluster up: a node of a network on this machine only.\n"
         "genesis = \"../../genesis.json\"\n"
         "data = \"data\"\n"
         "key = \"node.jwk\"\n"
         "sealing_key = \"sealing.jwk\"\n\n"
         "[http]\n"
         "listen = \"127.0.0.1:" + std::to_string(node.http_port) + "\"\n\n"
         "[peer]\n"
         "listen = \"127.0.0.1:" + std::to_string(node.peer_port) + "\"\n\n"
         "[broker]\n"
         "url = \"" + plan.broker_url() + "\"\n"
         "username = \"" + node.id + "\"\n"
         "password_file = \"broker.password\"\n" + (plan.tells_tls ? "public_url = \"" + plan.broker_tls_url() + "\"\n" : "") + (plan.data_path.empty() ? "" : "data_path = \"" + plan.data_path + "\"\n") + "\n"
         "[access]\n"
         "allow_private_endpoints = true\n\n"
         + (plan.unverified_clients ? "[benchmark]\nunverified_clients = true\n\n" : "") +
         "[log]\n"
         "level = \"info\"\n";
}

std::string plan_text(const ClusterPlan& plan) {
  Json nodes = Json::array(), accounts = Json::array();
  for (const PlannedNode& node : plan.nodes) {
    nodes.push(Json::object({{"id", node.id}, {"httpPort", static_cast<int>(node.http_port)}, {"peerPort", static_cast<int>(node.peer_port)}}));
  }
  for (const PlannedAccount& account : plan.accounts) {
    accounts.push(Json::object({{"name", account.name}, {"did", account.did}, {"balance", account.balance}, {"currency", account.currency}}));
  }
  Json out = Json::object({{"network", plan.network}, {"brokerPort", static_cast<int>(plan.broker_port)}});
  if (plan.broker_tls_port != 0) out.set("brokerTlsPort", static_cast<int>(plan.broker_tls_port));
  return out.set("nodes", std::move(nodes)).set("accounts", std::move(accounts)).pretty();
}

Outcome<ClusterPlan> parse_plan(const std::string& folder, std::string_view text) {
  auto json = parse_json(text);
  if (!json) return failed(folder + "/cluster.json: " + json.error().detail);
  std::vector<FieldError> errors;
  FieldReader reader(*json, "", errors);
  ClusterPlan plan;
  plan.folder = folder;
  plan.network = reader.required_string("network", 64).value_or("");
  const auto port = [](FieldReader& from, std::string_view name) {
    return static_cast<std::uint16_t>(from.required_integer(name, 1, 65535).value_or(0));
  };
  plan.broker_port = port(reader, "brokerPort");
  plan.broker_tls_port = static_cast<std::uint16_t>(reader.optional_integer("brokerTlsPort", 1, 65535).value_or(0));
  if (const auto* nodes = reader.required_array("nodes", 1, limits::kMembersMax)) {
    for (std::size_t i = 0; i < nodes->size(); ++i) {
      FieldReader node((*nodes)[i], pointer_index("/nodes", i), errors);
      PlannedNode planned{node.required_string("id", 32).value_or(""), port(node, "httpPort"), port(node, "peerPort")};
      if (planned.id != "node-" + std::to_string(i + 1)) node.error("id", "must be node-" + std::to_string(i + 1));
      plan.nodes.push_back(std::move(planned));
    }
  }
  if (const auto* accounts = reader.required_array("accounts", 0, 16)) {
    for (std::size_t i = 0; i < accounts->size(); ++i) {
      FieldReader account((*accounts)[i], pointer_index("/accounts", i), errors);
      plan.accounts.push_back({account.required_string("name", 32).value_or(""), account.required_string("did", 128).value_or(""),
                               account.required_string("balance", 32).value_or(""), account.required_string("currency", 12).value_or("")});
    }
  }
  if (!errors.empty()) return failed(folder + "/cluster.json: " + invalid_fields(std::move(errors)).detail);
  return plan;
}

bool has_plan(const std::string& folder) { return fs::exists(folder + "/cluster.json"); }

Outcome<ClusterPlan> read_plan(const std::string& folder) {
  if (!has_plan(folder)) return failed(folder + " holds no cluster (cluster.json is missing); agiddi cluster up makes one");
  auto text = read_file(folder + "/cluster.json");
  if (!text) return passed_on(text.error());
  return parse_plan(folder, *text);
}

Outcome<void> make_files(ClusterPlan& plan, const std::string& broker_plugin, const NetworkOptions& network) {
  for (const std::string& left_over : {plan.genesis_file(), plan.folder + "/nodes", plan.folder + "/accounts", plan.broker_folder()}) {
    if (fs::exists(left_over)) return failed(left_over + " stands there already, but no cluster.json: give an empty folder");
  }
  Genesis genesis;
  genesis.unverified_clients = plan.unverified_clients;
  genesis.name = (plan.unverified_clients ? std::string(kBenchmarkName) : "local-") + to_hex(random_bytes(4));
  genesis.created = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  genesis.rules_version = network.rules_version;
  genesis.lease = network.lease;
  genesis.authorities = network.authorities;
  genesis.units_digest = ontology::units_digest();

  std::string admins;
  for (const PlannedNode& node : plan.nodes) {
    const std::string folder = plan.node_folder(node);
    if (auto made = make_folder(folder + "/data"); !made) return made;
    const KeyPair key = KeyPair::generate();
    const SealingKey sealing = SealingKey::generate();
    if (auto saved = save_key_file(folder + "/node.jwk", key); !saved) return passed_on(saved.error());
    if (auto saved = save_sealing_key_file(folder + "/sealing.jwk", sealing); !saved) return passed_on(saved.error());
    const std::string password = random_token();
    admins += node.id + ":" + password + "\n";
    if (auto done = write(folder + "/broker.password", password + "\n", 0600); !done) return done;
    if (auto done = write(folder + "/node.toml", node_config(plan, node)); !done) return done;
    genesis.members.push_back({node.id, key.public_key(), sealing.public_key, "127.0.0.1:" + std::to_string(node.peer_port)});
  }
  if (auto made = make_folder(plan.folder + "/accounts"); !made) return made;
  for (const char* name : {"provider", "application-1", "application-2"}) {
    const KeyPair key = KeyPair::generate();
    if (auto saved = save_key_file(plan.account_file(name), key); !saved) return passed_on(saved.error());
    const std::string did = did_from_key(key.public_key());
    genesis.accounts.push_back({did, kCurrency, kBalance});
    plan.accounts.push_back({name, did, money_text(kBalance), kCurrency});
  }
  const KeyPair issuer = KeyPair::generate();
  if (auto saved = save_key_file(plan.account_file("issuer"), issuer); !saved) return passed_on(saved.error());
  genesis.issuers.push_back(did_from_key(issuer.public_key()));
  if (auto made = make_folder(plan.broker_folder()); !made) return made;
  if (auto done = write(plan.broker_folder() + "/admins", admins, 0600); !done) return done;
  auto tls = make_tls_material(genesis.name);
  if (!tls) return tl::unexpected(tls.error());
  if (auto done = write(plan.broker_authority_file(), tls->authority); !done) return done;
  if (auto done = write(plan.broker_folder() + "/server.crt", tls->certificate); !done) return done;
  if (auto done = write(plan.broker_folder() + "/server.key", tls->private_key, 0600); !done) return done;
  if (auto done = write(plan.broker_folder() + "/mosquitto.conf", broker_config(plan, broker_plugin)); !done) return done;

  const std::string file = write_genesis(genesis);
  auto parsed = parse_genesis(file);
  if (!parsed) return passed_on(parsed.error());
  plan.network = parsed->network;
  if (auto done = write(plan.genesis_file(), file); !done) return done;
  return write(plan.plan_file(), plan_text(plan));
}

}  // namespace agiddi::tools
