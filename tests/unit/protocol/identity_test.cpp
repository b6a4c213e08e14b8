#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/encoding.h"
#include "protocol/identity.h"

using namespace agiddi;

namespace {

// RFC 8037 appendix A.1; the key of RFC 8032 test 1.
constexpr const char* kJwk = R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("agiddi-identity-" + random_token());
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};

}  // namespace

TEST_CASE("did:key of Ed25519 keys: the vectors of the did:key method") {
  const std::pair<const char*, const char*> vectors[] = {
      {"0000000000000000000000000000000000000000000000000000000000000000", "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"},
      {"0000000000000000000000000000000000000000000000000000000000000001", "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG"},
      {"0000000000000000000000000000000000000000000000000000000000000002", "did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf"},
  };
  for (const auto& [seed, did] : vectors) {
    const KeyPair key = KeyPair::from_seed(from_hex(seed).value()).value();
    CHECK(did_from_key(key.public_key()) == did);
    CHECK(key_from_did(did).value() == key.public_key());
  }
}

TEST_CASE("a DID in any other form is refused") {
  const std::string good = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
  REQUIRE(key_from_did(good));
  for (const std::string& bad : {std::string(), std::string("did:key:z"), good + "1", good.substr(0, good.size() - 1), " " + good, good + "#" + good.substr(8),
                                 std::string("did:web:example.org"), "DID:key:" + good.substr(8), "did:key:u" + good.substr(9), "did:key:z1" + good.substr(9),
                                 // An X25519 key (multicodec 0xec) in the same form.
                                 "did:key:z" + to_base58(std::string("\xec\x01", 2) + std::string(32, 'k'))}) {
    CHECK_FALSE(key_from_did(bad));
  }
}

TEST_CASE("key files are JWKs of RFC 8037") {
  const KeyPair key = key_from_jwk(kJwk).value();
  CHECK(to_hex(view(key.public_key())) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK(key_from_jwk(jwk_from_key(key)).value().seed() == key.seed());

  const auto replaced = [](std::string_view from, std::string_view to) {
    std::string text = kJwk;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK_FALSE(key_from_jwk(replaced("OKP", "EC")));
  CHECK_FALSE(key_from_jwk(replaced("Ed25519", "X25519")));
  CHECK_FALSE(key_from_jwk(replaced("11qY", "22qY")));
  CHECK_FALSE(key_from_jwk(replaced("11qY", "11q")));
  CHECK_FALSE(key_from_jwk(replaced("\"d\"", "\"e\"")));
  CHECK_FALSE(key_from_jwk("not json"));
  CHECK(key_from_jwk(replaced("{", "{\"kid\":\"mine\",")));
}

TEST_CASE("key files on disk: private, never overwritten, errors name the path and nothing else") {
  const Folder folder;
  const KeyPair key = KeyPair::generate();
  const std::string path = folder.file("a.jwk");
  REQUIRE(save_key_file(path, key));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(load_key_file(path).value().public_key() == key.public_key());
  CHECK(save_key_file(path, KeyPair::generate()).error().status == Status::conflict);
  CHECK(load_key_file(path).value().public_key() == key.public_key());

  const std::string broken = folder.file("broken.jwk"), secret = to_base64url(key.seed());
  std::ofstream(broken) << R"({"kty":"OKP","crv":"Ed25519","d":")" << secret << R"(","x":"bad"})";
  const Error error = load_key_file(broken).error();
  CHECK(error.detail.find(broken) != std::string::npos);
  CHECK(error.detail.find(secret) == std::string::npos);
  CHECK(load_key_file(folder.file("absent.jwk")).error().detail.find("absent.jwk") != std::string::npos);
  CHECK_FALSE(save_key_file(folder.file("no/such/folder.jwk"), key));

  const SealingKey sealing = SealingKey::generate();
  REQUIRE(save_sealing_key_file(folder.file("s.jwk"), sealing));
  CHECK(load_sealing_key_file(folder.file("s.jwk")).value().public_key == sealing.public_key);
  CHECK(load_sealing_key_file(folder.file("s.jwk")).value().secret_key == sealing.secret_key);
  CHECK_FALSE(load_key_file(folder.file("s.jwk")));
  CHECK_FALSE(load_sealing_key_file(path));
}
