// A cluster's files: names, ports, configurations, keys that fit each other. No process is started here.
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "ontology/units.h"
#include "protocol/genesis.h"
#include "tools/cli/cluster/broker_config.h"
#include "tools/cli/cluster/cluster.h"
#include "tools/cli/cluster/ports.h"
#include "tools/cli/files.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

struct ClusterFolder {
  std::string path = (std::filesystem::temp_directory_path() / ("agiddi-cluster-" + random_token())).string();
  ClusterFolder() { std::filesystem::create_directory(path); }
  ~ClusterFolder() { std::filesystem::remove_all(path); }
};

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("ports follow from the base port") {
  const ClusterPlan plan = plan_cluster("/x", 3, 9000);
  CHECK(plan.broker_url() == "mqtt://127.0.0.1:9000");
  CHECK(plan.nodes[0].url() == "http://127.0.0.1:9001");
  CHECK(plan.nodes[2].peer_port == 9103);
  CHECK(plan.broker_tls_url() == "mqtts://127.0.0.1:9050");
  CHECK(plan.find("2") == &plan.nodes[1]);
  CHECK(plan.find("node-2") == &plan.nodes[1]);
  CHECK(plan.find("4") == nullptr);
  CHECK(plan.find("") == nullptr);
}

TEST_CASE("configurations name what the daemon and the broker need") {
  const ClusterPlan plan = plan_cluster("/x", 2, 9000);
  const std::string node = node_config(plan, plan.nodes[1]);
  for (const char* line : {"genesis = \"../../genesis.json\"", "listen = \"127.0.0.1:9002\"", "listen = \"127.0.0.1:9102\"", "url = \"mqtt://127.0.0.1:9000\"",
                           "username = \"node-2\"", "allow_private_endpoints = true"}) {
    CHECK(node.find(std::string(line) + "\n") != std::string::npos);
  }
  CHECK(node.find("public_url") == std::string::npos);
  ClusterPlan with_tls = plan;
  with_tls.tells_tls = true;
  CHECK(node_config(with_tls, with_tls.nodes[1]).find("public_url = \"mqtts://127.0.0.1:9050\"\n") != std::string::npos);
  const std::string broker = broker_config(plan, "/lib/plugin.so");
  for (const char* line : {"listener 9000 127.0.0.1", "listener 9050 127.0.0.1", "certfile /x/broker/server.crt", "allow_anonymous false", "max_queued_bytes 67108864", "plugin /lib/plugin.so", "plugin_opt_admins /x/broker/admins"}) {
    CHECK(broker.find(std::string(line) + "\n") != std::string::npos);
  }
}

TEST_CASE("a cluster's files fit each other") {
  const ClusterFolder folder;
  ClusterPlan plan = plan_cluster(folder.path, 4, 9000);
  REQUIRE(make_files(plan, "/lib/plugin.so"));
  const Genesis genesis = parse_genesis(read_file(plan.genesis_file()).value()).value();
  CHECK(genesis.network == plan.network);
  CHECK(genesis.units_digest == ontology::units_digest());
  REQUIRE(genesis.members.size() == 4);
  const std::string admins = read_file(plan.broker_folder() + "/admins").value();
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string node = plan.node_folder(plan.nodes[i]);
    CHECK(load_key_file(node + "/node.jwk").value().public_key() == genesis.members[i].key);
    CHECK(load_sealing_key_file(node + "/sealing.jwk").value().public_key == genesis.members[i].sealing_key);
    CHECK(genesis.members[i].address == "127.0.0.1:" + std::to_string(9101 + i));
    const std::string password = read_file(node + "/broker.password").value();
    CHECK(admins.find("node-" + std::to_string(i + 1) + ":" + password) != std::string::npos);
    CHECK(password.size() > 16);
    CHECK(mode_of(node + "/broker.password") == 0600);
  }
  CHECK(mode_of(plan.broker_folder() + "/admins") == 0600);
  CHECK(mode_of(plan.broker_folder() + "/server.key") == 0600);
  CHECK(read_file(plan.broker_authority_file()).value() != read_file(plan.broker_folder() + "/server.crt").value());
  REQUIRE(genesis.accounts.size() == 3);
  REQUIRE(plan.accounts.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(genesis.accounts[i].amount == 1'000'000 * kMicro);
    CHECK(genesis.accounts[i].currency == "EUR");
    CHECK(did_from_key(load_key_file(plan.account_file(plan.accounts[i].name)).value().public_key()) == genesis.accounts[i].did);
  }

  const ClusterPlan back = read_plan(folder.path).value();
  CHECK(plan_text(back) == plan_text(plan));
  CHECK(back.network == plan.network);
  CHECK(back.accounts[2].name == "application-2");

  ClusterPlan second = plan_cluster(folder.path, 4, 9000);
  CHECK_FALSE(make_files(second, "/lib/plugin.so"));   // keys are never overwritten
}

TEST_CASE("a cluster of a former release has no broker with TLS") {
  const auto plan = parse_plan("/x", R"({"network":"n","brokerPort":9000,"nodes":[{"id":"node-1","httpPort":9001,"peerPort":9101}],"accounts":[]})");
  REQUIRE(plan);
  CHECK(plan->broker_tls_port == 0);
  CHECK(plan_text(*plan).find("Tls") == std::string::npos);
}

TEST_CASE("a folder without a cluster, or with a broken one") {
  const ClusterFolder folder;
  CHECK_FALSE(read_plan(folder.path));
  CHECK_FALSE(cluster_down(folder.path));
  CHECK_FALSE(cluster_status(folder.path + "/absent"));
  for (const char* bad : {"", "[]", "{}", R"({"network":"n","brokerPort":1,"nodes":[{"id":"node-2","httpPort":2,"peerPort":3}],"accounts":[]})",
                          R"({"network":"n","brokerPort":70000,"nodes":[{"id":"node-1","httpPort":2,"peerPort":3}],"accounts":[]})"}) {
    CHECK_FALSE(parse_plan(folder.path, bad));
  }
}

TEST_CASE("a cluster is made in an empty or a new folder only, and a refusal leaves nothing behind") {
  const ClusterFolder folder;
  const std::string mine = folder.path + "/mine";
  std::filesystem::create_directory(mine);
  REQUIRE(write_file(mine + "/letter", "dear", 0600));
  const auto refused = cluster_up({mine, 1, 0});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().problem.find("detail")->as_string().find("not empty") != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(mine), std::filesystem::directory_iterator()) == 1);
  CHECK_FALSE(cluster_up({mine + "/letter", 1, 0}));
  CHECK(read_file(mine + "/letter").value() == "dear");
  // The ports do not fit: known before anything is written.
  CHECK_FALSE(cluster_up({folder.path + "/new/cluster", 4, 65'500}));
  CHECK_FALSE(std::filesystem::exists(folder.path + "/new"));
}

TEST_CASE("free ports are free, and a taken one is named") {
  const auto base = free_base_port(4);
  REQUIRE(base);
  CHECK(port_is_free(*base));
  CHECK_FALSE(accepts_connections(*base));
  CHECK(check_ports(*base, 4));
  CHECK(check_ports(65'500, 16).error().exit_status == kExitUsage);
}
