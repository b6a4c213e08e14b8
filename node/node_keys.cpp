#include "node/node_keys.h"

#include <fstream>
#include <iterator>

#include "protocol/encoding.h"
#include "protocol/json.h"

namespace agiddi::node {
namespace {

Result<Bytes> read_file(const std::string& path, std::size_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Status::not_found, path + ": cannot be read");
  Bytes content{std::istreambuf_iterator<char>(in), {}};
  if (content.size() > max_bytes) return fail(Status::invalid, path + ": larger than " + std::to_string(max_bytes) + " bytes");
  return content;
}

// An X25519 JWK (RFC 8037): {"kty":"OKP","crv":"X25519","x":…,"d":…}.
Result<SealingKey> load_sealing_key(const std::string& path) {
  const auto content = read_file(path, 4096);
  if (!content) return tl::unexpected(content.error());
  const auto wrong = [&] { return fail(Status::invalid, path + ": not a sealing key file (a JWK with kty OKP, crv X25519, x and d)"); };
  const auto json = parse_json(*content);
  if (!json) return wrong();
  const auto text = [&](std::string_view name) {
    const Json* member = json->find(name);
    return member && member->is_string() ? member->as_string() : std::string();
  };
  if (text("kty") != "OKP" || text("crv") != "X25519") return wrong();
  const auto secret = from_base64url(text("d"));
  if (!secret) return wrong();
  auto key = SealingKey::from_secret(*secret);
  if (!key) return wrong();
  const auto stated = from_base64url(text("x"));
  if (!stated || *stated != BytesView(reinterpret_cast<const char*>(key->public_key.data()), key->public_key.size())) {
    return fail(Status::invalid, path + ": x does not belong to d");
  }
  return *key;
}

}  // namespace

Result<NodeKeys> load_node_keys(const NodeConfig& config) {
  const auto file = read_file(config.genesis_file, 4 * 1024 * 1024);
  if (!file) return tl::unexpected(file.error());
  auto genesis = parse_genesis(*file);
  if (!genesis) return fail(Status::invalid, config.genesis_file + ": " + genesis.error().detail);
  auto key = load_key_file(config.key_file);
  if (!key) return tl::unexpected(key.error());
  auto sealing_key = load_sealing_key(config.sealing_key_file);
  if (!sealing_key) return tl::unexpected(sealing_key.error());
  const int self = genesis->member_set().index_of(key->public_key());
  if (self < 0) return fail(Status::invalid, config.key_file + ": its public key is no member's in " + config.genesis_file);
  const Member& member = genesis->members[static_cast<std::size_t>(self)];
  if (member.sealing_key != sealing_key->public_key) {
    return fail(Status::invalid, config.sealing_key_file + ": not the sealing key that " + config.genesis_file + " names for " + member.id);
  }
  return NodeKeys{std::move(*genesis), std::move(*key), *sealing_key, static_cast<std::size_t>(self)};
}

}  // namespace agiddi::node
