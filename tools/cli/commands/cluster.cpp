#include "tools/cli/cluster/cluster.h"

#include "protocol/limits.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

std::string node_text(const Json& node) {
  return shown(node, "id") + "  " + shown(node, "url") + "  pid " + shown(node, "pid") + "  " + shown(node, "state") + "  height " + shown(node, "height") + "\n";
}

std::string balance_text(const Json& account) {
  const std::string currency = " " + shown(account, "currency");
  const Json* balance = account.find("balance");
  if (!balance || balance->is_null()) return shown(account, "initialBalance") + currency + " at first (no node answers)";
  const std::string escrow = shown(account, "escrow");
  return balance->as_string() + currency + (escrow == "0" || escrow == "-" ? "" : " and " + escrow + " in escrow");
}

std::string cluster_text(const Json& cluster) {
  std::string out = "network  " + shown(cluster, "network") + "\ngenesis  " + shown(cluster, "genesis") + "\nbroker   " + shown(cluster, "broker") + "  pid " +
                    shown(cluster, "brokerPid") + "\n";
  if (cluster.find("brokerTls")) out += "         " + shown(cluster, "brokerTls") + "  trust " + shown(cluster, "brokerAuthority") + "\n";
  for (const Json& node : cluster.find("nodes")->items()) out += node_text(node);
  for (const Json& account : cluster.find("accounts")->items()) {
    out += shown(account, "name") + "  " + shown(account, "did") + "  " + shown(account, "key") + "  " + balance_text(account) + "\n";
  }
  return out;
}

Outcome<Answer> with_text(Outcome<Json> document, std::string (*text)(const Json&)) {
  if (!document) return tl::unexpected(document.error());
  std::string shown_text = text(*document);
  return Answer{std::move(*document), std::move(shown_text)};
}

// Says so when there was nothing to do; that is no failure.
Outcome<Json> told(Outcome<Json> node, const char* state) {
  const Json* changed = node ? node->find("changed") : nullptr;
  if (changed && changed->is_bool() && !changed->as_bool()) message(shown(*node, "id") + " was " + state + " already; nothing was done");
  return node;
}

std::string stopped_text(const Json& answer) {
  std::string out = "stopped:";
  for (const Json& name : answer.find("stopped")->items()) out += " " + name.as_string();
  return out + (answer.find("stopped")->items().empty() ? " nothing was running\n" : "\n");
}

}  // namespace

void declare_cluster(Command& program) {
  Command cluster = program.sub("cluster", "A whole network on this machine: nodes, broker, funded accounts");
  cluster.examples(
      "  agiddi cluster up --nodes 4 --dir demo\n"
      "  agiddi cluster stop-node 1 --kill --dir demo\n"
      "  agiddi cluster start-node 1 --dir demo\n"
      "  agiddi cluster down --dir demo");
  struct Options { std::string folder, node, data_path; std::int64_t nodes = 0, base_port = 0, rules = 0, lease_seconds = 0; bool kill = false, broker_tls = false; std::vector<std::string> authorities; };
  const auto o = std::make_shared<Options>();
  {
    Command command = cluster.sub("up", "Make and start a cluster, or start an existing one again with its data; returns when all nodes are ready");
    command.option("--dir", o->folder, "Folder of the cluster", true);
    command.integer("--nodes", o->nodes, 1, static_cast<std::int64_t>(limits::kMembersMax), "Number of nodes, 1 to 16 (4)");
    command.integer("--base-port", o->base_port, 1024, 65'000, "P: broker at P and with TLS at P+50, HTTP of node I at P+I, its peers' port P+100+I (default: free ports)");
    command.integer("--rules", o->rules, 1, kRulesVersionMax, "Rules version that a new cluster starts with (the newest)");
    command.examples("  agiddi cluster up --nodes 4 --dir demo --json");
    command.integer("--lease-seconds", o->lease_seconds, limits::kLeaseMin_ms / 1000, limits::kLeaseMax_ms / 1000, "How long a node serves without renewing its lease (10)");
    command.options("--authority", o->authorities, "A payment authority from the start on, ID=DID=CURRENCY[,CURRENCY…]; may be repeated");
    command.choice("--data-path", o->data_path, {"auto", "node"}, "Whether readings may go through the broker's plugin alone (auto, the default) or always through the node (node)");
    command.flag("--broker-tls", o->broker_tls, "Nodes of a new cluster tell devices and applications the broker's address with TLS, mqtts://");
    command.action([o] { return with_text(cluster_up({.folder = o->folder, .nodes = o->nodes, .base_port = o->base_port, .rules = o->rules, .authorities = o->authorities, .data_path = o->data_path, .tells_tls = o->broker_tls, .lease_seconds = o->lease_seconds}), cluster_text); });
  }
  {
    Command command = cluster.sub("down", "Stop all nodes and the broker; keys and data stay");
    command.option("--dir", o->folder, "Folder of the cluster", true);
    command.examples("  agiddi cluster down --dir demo");
    command.action([o] { return with_text(cluster_down(o->folder), stopped_text); });
  }
  {
    Command command = cluster.sub("status", "Show what runs");
    command.option("--dir", o->folder, "Folder of the cluster", true);
    command.examples("  agiddi cluster status --dir demo");
    command.action([o] { return with_text(cluster_status(o->folder), cluster_text); });
  }
  {
    Command command = cluster.sub("stop-node", "Stop one node");
    command.positional("NODE", o->node, "Its number or id");
    command.option("--dir", o->folder, "Folder of the cluster", true);
    command.flag("--kill", o->kill, "With SIGKILL, as a crash would");
    command.examples("  agiddi cluster stop-node 1 --kill --dir demo");
    command.action([o] { return with_text(told(stop_node(o->folder, o->node, o->kill), "stopped"), node_text); });
  }
  {
    Command command = cluster.sub("start-node", "Start one node again");
    command.positional("NODE", o->node, "Its number or id");
    command.option("--dir", o->folder, "Folder of the cluster", true);
    command.examples("  agiddi cluster start-node 1 --dir demo");
    command.action([o] { return with_text(told(start_node(o->folder, o->node), "running"), node_text); });
  }
}

}  // namespace agiddi::tools
