#include "protocol/identity.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "protocol/encoding.h"
#include "protocol/json.h"

namespace agiddi {
namespace {

constexpr std::string_view kDidPrefix = "did:key:z";
constexpr std::string_view kEd25519Multicodec("\xed\x01", 2);
constexpr std::size_t kKeyFileMax_bytes = 16 * 1024;

struct OkpKey { Bytes x, d; };

// Other JWK members ("kid", "use" …) are ignored, as RFC 7517 section 4 asks.
Result<OkpKey> parse_okp(std::string_view text, std::string_view curve) {
  auto json = parse_json(text);
  if (!json) return fail(Status::invalid, "not JSON");
  const auto member = [&](std::string_view name) -> std::string_view {
    const Json* value = json->find(name);
    return value && value->is_string() ? std::string_view(value->as_string()) : std::string_view();
  };
  if (member("kty") != "OKP" || member("crv") != curve) {
    return fail(Status::invalid, "not a JWK with kty \"OKP\" and crv \"" + std::string(curve) + "\"");
  }
  auto x = from_base64url(member("x")), d = from_base64url(member("d"));
  if (!x || !d || x->size() != 32 || d->size() != 32) {
    return fail(Status::invalid, "members x and d of the JWK must be 32 bytes in base64url each (d is the secret key)");
  }
  return OkpKey{std::move(*x), std::move(*d)};
}

std::string write_okp(std::string_view curve, BytesView x, BytesView d) {
  return Json::object({{"kty", "OKP"}, {"crv", curve}, {"x", to_base64url(x)}, {"d", to_base64url(d)}}).dump() + "\n";
}

Result<std::string> read_key_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Status::invalid, "cannot read the key file " + path + ": " + std::generic_category().message(errno));
  std::string text(kKeyFileMax_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kKeyFileMax_bytes) return fail(Status::invalid, "the file " + path + " is too long for a key file");
  return text;
}

Result<void> write_new_file(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    if (errno == EEXIST) return fail(Status::conflict, path + " exists already; a key file is never overwritten");
    return fail(Status::invalid, "cannot write " + path + ": " + std::generic_category().message(errno));
  }
  const char* why = nullptr;
  while (!text.empty() && !why) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) why = "cannot write ";
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (!why && ::fsync(file) != 0) why = "cannot flush ";
  const int error = errno;
  ::close(file);
  if (!why) return {};
  ::unlink(path.c_str());
  return fail(Status::invalid, why + path + ": " + std::generic_category().message(error));
}

Error about_file(const std::string& path, const Error& error) {
  return Error{Status::invalid, "the key file " + path + " cannot be used: " + error.detail, {}};
}

}  // namespace

std::string did_from_key(const PublicKey& key) {
  Bytes raw(kEd25519Multicodec);
  raw += view(key);
  return std::string(kDidPrefix) + to_base58(raw);
}

Result<PublicKey> key_from_did(std::string_view did) {
  constexpr const char* kForm = "not the did:key of an Ed25519 key (did:key:z6Mk…)";
  if (!did.starts_with(kDidPrefix)) return fail(Status::invalid, kForm);
  auto raw = from_base58(did.substr(kDidPrefix.size()));
  if (!raw || raw->size() != 34 || !raw->starts_with(kEd25519Multicodec)) return fail(Status::invalid, kForm);
  return public_key_from_bytes(BytesView(*raw).substr(kEd25519Multicodec.size()));
}

std::string jwk_from_key(const KeyPair& key) { return write_okp("Ed25519", view(key.public_key()), key.seed()); }

Result<KeyPair> key_from_jwk(std::string_view json) {
  auto parts = parse_okp(json, "Ed25519");
  if (!parts) return tl::unexpected(parts.error());
  auto pair = KeyPair::from_seed(parts->d);
  if (pair && view(pair->public_key()) != parts->x) return fail(Status::invalid, "the public key x does not belong to the secret key d");
  return pair;
}

Result<KeyPair> load_key_file(const std::string& path) {
  auto text = read_key_text(path);
  if (!text) return tl::unexpected(text.error());
  auto key = key_from_jwk(*text);
  if (!key) return tl::unexpected(about_file(path, key.error()));
  return key;
}

Result<void> save_key_file(const std::string& path, const KeyPair& key) { return write_new_file(path, jwk_from_key(key)); }

std::string jwk_from_sealing_key(const SealingKey& key) { return write_okp("X25519", view(key.public_key), view(key.secret_key)); }

Result<SealingKey> sealing_key_from_jwk(std::string_view json) {
  auto parts = parse_okp(json, "X25519");
  if (!parts) return tl::unexpected(parts.error());
  auto key = SealingKey::from_secret(parts->d);
  if (key && view(key->public_key) != parts->x) return fail(Status::invalid, "the public key x does not belong to the secret key d");
  return key;
}

Result<SealingKey> load_sealing_key_file(const std::string& path) {
  auto text = read_key_text(path);
  if (!text) return tl::unexpected(text.error());
  auto key = sealing_key_from_jwk(*text);
  if (!key) return tl::unexpected(about_file(path, key.error()));
  return key;
}

Result<void> save_sealing_key_file(const std::string& path, const SealingKey& key) {
  return write_new_file(path, jwk_from_sealing_key(key));
}

}  // namespace agiddi
