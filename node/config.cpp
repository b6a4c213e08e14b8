#include "node/config.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>

#include "node/log.h"
#include "node/table_reader.h"

namespace agiddi::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKeepBlocksMin = 32;

Result<std::string> read_secret(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line) || line.empty()) {
    return fail(Status::invalid, "broker.password_file: cannot read a password from " + path);
  }
  return line;
}

Result<void> check_broker_url(const std::string& url) {
  const bool plain = url.starts_with("mqtt://");
  if (!plain && !url.starts_with("mqtts://")) return fail(Status::invalid, "must begin with mqtt:// or mqtts://");
  auto address = parse_endpoint(std::string_view(url).substr(url.find("//") + 2));
  if (!address) return fail(Status::invalid, "must be mqtt://host:port");
  if (plain && !is_loopback(address->host)) return fail(Status::invalid, "is plain mqtt:// on " + address->host + ", which is not loopback: use mqtts://");
  return {};
}

}  // namespace

bool is_loopback(const std::string& host) {
  // An address and no name: "127.example.org" is somebody's.
  const bool numeric = std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  return host == "localhost" || host == "::1" || host == "[::1]" || (host.starts_with("127.") && numeric);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  if (colon == std::string_view::npos || colon == 0) return fail(Status::invalid, "must be host:port, for example 127.0.0.1:8101");
  const std::string_view port = text.substr(colon + 1);
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (failure != std::errc{} || end != port.data() + port.size() || port.empty()) {
    return fail(Status::invalid, "must be host:port with a port from 0 to 65535");
  }
  endpoint.host = std::string(text.substr(0, colon));
  if (endpoint.host.size() > 2 && endpoint.host.front() == '[' && endpoint.host.back() == ']') {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  }
  return endpoint;
}

Result<NodeConfig> load_config(const std::string& path) {
  auto parsed_file = read_table(path, "node.toml");
  if (!parsed_file) return tl::unexpected(parsed_file.error());
  const toml::table& root = *parsed_file;

  NodeConfig config;
  const fs::path folder = fs::absolute(path).parent_path();
  const auto resolved = [&](const std::string& file) { return file.empty() ? file : (folder / file).lexically_normal().string(); };

  TableReader top(&root, path, "");
  config.genesis_file = resolved(top.string("genesis", true, "genesis.json"));
  config.data_folder = resolved(top.string("data", true, "data"));
  config.key_file = resolved(top.string("key", true, "node.jwk"));
  config.sealing_key_file = resolved(top.string("sealing_key", true, "sealing.jwk"));

  config.id = top.string("id", false, "node-5");
  if (!config.id.empty() && !is_member_id(config.id)) return fail(Status::invalid, path + ": id must be made of a to z, 0 to 9 and -");

  TableReader http(top.section("http"), path, "http");
  const std::string http_listen = http.string("listen", true, "127.0.0.1:8101");
  config.http.public_url = http.string("public_url", false, "https://node.example.org");
  config.http.certificate_file = resolved(http.string("certificate", false, "server.crt"));
  config.http.private_key_file = resolved(http.string("private_key", false, "server.key"));
  config.http.connections_max = static_cast<std::size_t>(http.integer("connections_max", 1024, 16, 100'000));
  config.http.watchers_max = static_cast<std::size_t>(http.integer("watchers_max", 10'000, 0, 100'000));
  http.finish();

  TableReader peer(top.section("peer"), path, "peer");
  const std::string peer_listen = peer.string("listen", true, "127.0.0.1:8201");
  TableReader addresses(peer.section("addresses"), path, "peer.addresses");
  const auto peer_addresses = addresses.strings("10.0.0.7:8201");
  peer.sections("bootstrap", kBootstrapPeersMax, [&](TableReader& entry) {
    const std::string address = entry.string("address", true, "10.0.0.8:8201"), did = entry.string("did", true, "did:key:z6Mk…");
    if (!entry.first_error().empty()) return;
    const auto where = parse_endpoint(address);
    const auto key = key_from_did(did);
    if (!where) return entry.error(entry.name("address") + " " + where.error().detail);
    if (where->port == 0) return entry.error(entry.name("address") + " must have a port above 0");
    if (!key) return entry.error(entry.name("did") + ": " + key.error().detail + " (agiddi member list shows the DIDs of the members)");
    for (const BootstrapPeer& other : config.bootstrap) {
      if (other.key == *key) return entry.error(entry.name("did") + " stands there twice");
    }
    config.bootstrap.push_back({*key, *where});
  });
  peer.finish();

  TableReader broker(top.section("broker"), path, "broker");
  config.broker.url = broker.string("url", false, "mqtt://127.0.0.1:1883");
  config.broker.public_url = broker.string("public_url", false, "mqtts://broker.example.org:8883");
  config.broker.username = broker.string("username", false, "node-1");
  const std::string password_file = resolved(broker.string("password_file", false, "broker.password"));
  const std::string data_path = broker.string("data_path", false, "auto");
  config.broker.flows = data_path != "node";
  if (!data_path.empty() && data_path != "auto" && data_path != "node") return fail(Status::invalid, path + ": broker.data_path must be \"auto\" or \"node\"");
  broker.finish();

  TableReader consensus(top.section("consensus"), path, "consensus");
  config.consensus.request_timeout_ms = consensus.integer("request_timeout_ms", 1500, 100, 60'000);
  config.consensus.heartbeat_ms = consensus.integer("heartbeat_ms", 5000, 100, 60'000);
  consensus.finish();

  TableReader ledger(top.section("ledger"), path, "ledger");
  const bool archive = ledger.boolean("archive", false);
  config.ledger.keep_blocks = static_cast<std::uint64_t>(ledger.integer("keep_blocks", 0, 0, 1'000'000'000));
  config.ledger.keep_minutes = ledger.integer("keep_minutes", 30, 0, 10'000'000);
  config.ledger.snapshot_blocks = static_cast<std::uint64_t>(ledger.integer("snapshot_blocks", 10'000, 8, 100'000'000));
  config.ledger.snapshot_behind = static_cast<std::uint64_t>(ledger.integer("snapshot_behind", 1000, 1, 1'000'000'000));
  config.ledger.catch_up_blocks = static_cast<std::uint64_t>(ledger.integer("catch_up_blocks", 20'000, 0, 1'000'000'000));
  config.ledger.columns = ledger.boolean("columns", true);
  const std::string join = ledger.string("join", false, "snapshot");
  if (archive && config.ledger.keep_blocks > 0) ledger.error("ledger.archive = true keeps every block: leave ledger.keep_blocks out, or set archive = false");
  if (config.ledger.keep_blocks > 0 && config.ledger.keep_blocks < kKeepBlocksMin) {
    ledger.error("ledger.keep_blocks must be at least " + std::to_string(kKeepBlocksMin) + ": members that were away for a moment catch up by blocks");
  }
  if (!join.empty() && join != "snapshot" && join != "blocks") ledger.error("ledger.join must be \"snapshot\" or \"blocks\"");
  config.ledger.join_by_blocks = join == "blocks";
  ledger.finish();

  TableReader access(top.section("access"), path, "access");
  config.allow_private_endpoints = access.boolean("allow_private_endpoints", false);
  access.finish();

  TableReader benchmark(top.section("benchmark"), path, "benchmark");
  config.unverified_clients = benchmark.boolean("unverified_clients", false);
  benchmark.finish();

  TableReader log(top.section("log"), path, "log");
  if (const std::string level = log.string("level", false, "info"); !level.empty()) config.log_level = level;
  log.finish();
  top.finish();

  for (const TableReader* reader : {&top, &http, &peer, &addresses, &broker, &consensus, &ledger, &access, &benchmark, &log}) {
    if (!reader->first_error().empty()) return fail(Status::invalid, reader->first_error());
  }

  const auto endpoint = [&](const std::string& text, const char* key, Endpoint& out) -> Result<void> {
    auto parsed = parse_endpoint(text);
    if (!parsed) return fail(Status::invalid, path + ": " + key + " " + parsed.error().detail);
    out = std::move(*parsed);
    return {};
  };
  if (auto done = endpoint(http_listen, "http.listen", config.http.listen); !done) return tl::unexpected(done.error());
  if (auto done = endpoint(peer_listen, "peer.listen", config.peer_listen); !done) return tl::unexpected(done.error());
  for (const auto& [member, text] : peer_addresses) {
    const std::string key = "peer.addresses." + member;
    if (auto done = endpoint(text, key.c_str(), config.peer_addresses[member]); !done) return tl::unexpected(done.error());
  }

  if (config.http.certificate_file.empty() != config.http.private_key_file.empty()) {
    return fail(Status::invalid, path + ": http.certificate and http.private_key belong together; give both or none");
  }
  if (config.http.certificate_file.empty() && !is_loopback(config.http.listen.host)) {
    return fail(Status::invalid, path + ": http.listen is " + http_listen +
                                     ", which is not loopback: give http.certificate and http.private_key (https), or listen on 127.0.0.1");
  }
  if (config.broker.public_url.empty()) config.broker.public_url = config.broker.url;
  if (config.broker.url.empty() && !config.broker.public_url.empty()) return fail(Status::invalid, path + ": broker.public_url needs broker.url");
  if (!config.broker.url.empty()) {
    for (const auto& [key, url] : {std::pair<const char*, const std::string&>{"broker.url", config.broker.url}, {"broker.public_url", config.broker.public_url}}) {
      if (auto fits = check_broker_url(url); !fits) return fail(Status::invalid, path + ": " + key + " " + fits.error().detail);
    }
    if (config.broker.username.empty() || password_file.empty()) {
      return fail(Status::invalid, path + ": broker.url needs broker.username and broker.password_file");
    }
    auto password = read_secret(password_file);
    if (!password) return fail(Status::invalid, path + ": " + password.error().detail);
    config.broker.password = std::move(*password);
  }
  if (!set_log_level(config.log_level)) {
    return fail(Status::invalid, path + ": log.level must be one of trace, debug, info, warn, error");
  }
  return config;
}

}  // namespace agiddi::node
