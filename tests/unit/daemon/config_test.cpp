#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "node/config.h"

using namespace agiddi::node;

namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("agiddi-config-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

const std::string kGood = R"(genesis = "genesis.json"
data = "data"
key = "/keys/node.jwk"
sealing_key = "sealing.jwk"
[http]
listen = "127.0.0.1:8101"
[peer]
listen = "127.0.0.1:8201"
)";

std::string refusal(const Folder& folder, const std::string& text) {
  const auto config = load_config(folder.write("node.toml", text));
  REQUIRE(!config);
  return config.error().detail;
}

}  // namespace

TEST_CASE("a configuration is read, and relative paths belong to its folder") {
  const Folder folder;
  const auto config = load_config(folder.write("node.toml", kGood));
  REQUIRE(config);
  CHECK(config->genesis_file == (folder.path / "genesis.json").string());
  CHECK(config->key_file == "/keys/node.jwk");
  CHECK(config->http.listen.port == 8101);
  CHECK(config->peer_listen.text() == "127.0.0.1:8201");
  CHECK(config->consensus.request_timeout_ms == 1500);
  CHECK(config->http.connections_max == 1024);
  CHECK(config->http.watchers_max == 10'000);
  CHECK(!config->allow_private_endpoints);
  CHECK(config->ledger.keep_blocks == 0);
  CHECK(!config->ledger.join_by_blocks);
  CHECK(config->ledger.catch_up_blocks == 20'000);
  const auto pruned = load_config(folder.write("node.toml", kGood + "[ledger]\nkeep_blocks = 500\nsnapshot_blocks = 64\ncatch_up_blocks = 0\njoin = \"blocks\"\n"));
  REQUIRE(pruned);
  CHECK(pruned->ledger.keep_blocks == 500);
  CHECK(pruned->ledger.snapshot_blocks == 64);
  CHECK(pruned->ledger.join_by_blocks);
  CHECK(pruned->ledger.catch_up_blocks == 0);
}

TEST_CASE("a node may be told of present members") {
  using Catch::Contains;
  const Folder folder;
  const std::string did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", peer = kGood + "bootstrap = [{ address = \"";
  const auto config = load_config(folder.write("node.toml", peer + "10.0.0.8:8201\", did = \"" + did + "\" }]\n"));
  REQUIRE(config);
  REQUIRE(config->bootstrap.size() == 1);
  CHECK(config->bootstrap[0].address.text() == "10.0.0.8:8201");
  CHECK(agiddi::did_from_key(config->bootstrap[0].key) == did);
  CHECK_THAT(refusal(folder, peer + "10.0.0.8\", did = \"" + did + "\" }]\n"), Contains("peer.bootstrap[0].address must be host:port"));
  CHECK_THAT(refusal(folder, peer + "10.0.0.8:0\", did = \"" + did + "\" }]\n"), Contains("port above 0"));
  CHECK_THAT(refusal(folder, peer + "10.0.0.8:8201\", did = \"did:web:x\" }]\n"), Contains("peer.bootstrap[0].did"));
  CHECK_THAT(refusal(folder, peer + "10.0.0.8:8201\" }]\n"), Contains("needs peer.bootstrap[0].did"));
  CHECK_THAT(refusal(folder, peer + "10.0.0.8:8201\", did = \"" + did + "\", id = \"x\" }]\n"), Contains("does not know peer.bootstrap[0].id"));
  const std::string one = "{ address = \"10.0.0.8:8201\", did = \"" + did + "\" }";
  CHECK_THAT(refusal(folder, kGood + "bootstrap = [" + one + ", " + one + "]\n"), Contains("twice"));
  CHECK_THAT(refusal(folder, kGood + "bootstrap = \"10.0.0.8:8201\"\n"), Contains("peer.bootstrap must be a list"));
  CHECK_THAT(refusal(folder, kGood + "bootstrap = [5]\n"), Contains("peer.bootstrap[0] must be"));
  std::string many = "bootstrap = [";
  for (int i = 0; i < 17; ++i) many += one + ", ";
  CHECK_THAT(refusal(folder, kGood + many + "]\n"), Contains("at most 16"));
}

TEST_CASE("a member may be dialled at another address than the ledger's") {
  const Folder folder;
  using Catch::Contains;
  const auto config = load_config(folder.write("node.toml", kGood + "[peer.addresses]\nnode-2 = \"10.0.0.7:8202\"\nnode-3 = \"[::1]:8203\"\n"));
  REQUIRE(config);
  CHECK(config->peer_addresses.size() == 2);
  CHECK(config->peer_addresses.at("node-2").text() == "10.0.0.7:8202");
  CHECK(config->peer_addresses.at("node-3").host == "::1");
  CHECK_THAT(refusal(folder, kGood + "[peer.addresses]\nnode-2 = \"10.0.0.7\"\n"), Contains("peer.addresses.node-2"));
  CHECK_THAT(refusal(folder, kGood + "[peer.addresses]\nnode-2 = 8202\n"), Contains("peer.addresses.node-2"));
  CHECK_THAT(refusal(folder, kGood + "addresses = 5\n"), Contains("[peer.addresses]"));
}

TEST_CASE("every mistake in a configuration is named") {
  const Folder folder;
  using Catch::Contains;
  CHECK_THAT(load_config((folder.path / "absent.toml").string()).error().detail, Contains("no such configuration file"));
  CHECK_THAT(refusal(folder, "genesis = "), Contains("node.toml:1"));
  CHECK_THAT(refusal(folder, "data = \"d\""), Contains("genesis"));
  CHECK_THAT(refusal(folder, "genesys = \"x\"\n" + kGood), Contains("genesys"));
  CHECK_THAT(refusal(folder, kGood + "port = 5\n"), Contains("peer.port"));
  CHECK_THAT(refusal(folder, kGood + "[ledger]\narchive = true\nkeep_blocks = 100\n"), Contains("ledger.archive"));
  CHECK_THAT(refusal(folder, kGood + "[ledger]\nkeep_blocks = 3\n"), Contains("at least 32"));
  CHECK_THAT(refusal(folder, kGood + "[ledger]\njoin = \"magic\"\n"), Contains("ledger.join"));
  CHECK_THAT(refusal(folder, kGood + "[log]\nlevel = \"loud\"\n"), Contains("log.level"));
  CHECK_THAT(refusal(folder, kGood + "[consensus]\nrequest_timeout_ms = 5\n"), Contains("100 to 60000"));
  CHECK_THAT(refusal(folder, kGood + "[access]\nallow_private_endpoints = \"yes\"\n"), Contains("true or false"));
}

TEST_CASE("plain transports are for loopback only") {
  const Folder folder;
  using Catch::Contains;
  std::string open = kGood;
  open.replace(open.find("127.0.0.1:8101"), 14, "0.0.0.0:8101");
  CHECK_THAT(refusal(folder, open), Contains("https"));
  folder.write("secret", "hush\n");
  const std::string account = "username = \"node-1\"\npassword_file = \"secret\"\n";
  CHECK_THAT(refusal(folder, kGood + "[broker]\nurl = \"mqtt://192.0.2.7:1883\"\n" + account), Contains("mqtts://"));
  CHECK_THAT(refusal(folder, kGood + "[broker]\nurl = \"http://127.0.0.1:1883\"\n" + account), Contains("mqtt://"));
  CHECK_THAT(refusal(folder, kGood + "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\n"), Contains("broker.username"));
  CHECK_THAT(refusal(folder, kGood + "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\ndata_path = \"both\"\n" + account), Contains("broker.data_path"));
  CHECK_FALSE(load_config(folder.write("node.toml", kGood + "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\ndata_path = \"node\"\n" + account))->broker.flows);
  CHECK(load_config(folder.write("node.toml", kGood + "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\ndata_path = \"auto\"\n" + account))->broker.flows);
  const auto config = load_config(folder.write("node.toml", kGood + "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\n" + account));
  REQUIRE(config);
  CHECK(config->broker.password == "hush");
  CHECK(config->broker.flows);
}

TEST_CASE("endpoints") {
  CHECK(parse_endpoint("[::1]:80")->host == "::1");
  for (const char* bad : {"", ":", "host", "host:", ":80", "host:70000", "host:8o", "host:-1"}) CHECK(!parse_endpoint(bad));
}

TEST_CASE("what devices and applications are told of the broker may be another address of it") {
  const Folder folder;
  folder.write("secret", "a-password-of-node-1\n");
  const std::string broker = "[broker]\nurl = \"mqtt://127.0.0.1:1883\"\nusername = \"node-1\"\npassword_file = \"secret\"\n";
  CHECK(load_config(folder.write("node.toml", kGood + broker))->broker.public_url == "mqtt://127.0.0.1:1883");
  CHECK(load_config(folder.write("node.toml", kGood + broker + "public_url = \"mqtts://broker.example.org:8883\"\n"))->broker.public_url == "mqtts://broker.example.org:8883");
  CHECK(refusal(folder, kGood + broker + "public_url = \"mqtt://broker.example.org:1883\"\n").find("broker.public_url is plain mqtt://") != std::string::npos);
  CHECK(refusal(folder, kGood + broker + "public_url = \"https://broker.example.org\"\n").find("broker.public_url must begin with mqtt://") != std::string::npos);
  CHECK(refusal(folder, kGood + "[broker]\npublic_url = \"mqtts://broker.example.org:8883\"\n").find("needs broker.url") != std::string::npos);
}
