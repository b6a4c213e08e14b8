// Fuzz target: what a client sends a broker as a device's token. As it comes nothing but the token in force may be taken; with its first two parts signed anew by the
// device's key, only what was meant for this audience, user name and time.
#include <cstdint>

#include "protocol/check.h"
#include "protocol/device_token.h"
#include "protocol/encoding.h"
#include "protocol/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi;
  constexpr std::int64_t kNow = 1'700'000'000;
  static const bool kReady = (crypto_init(), true);
  static const KeyPair key = *KeyPair::from_seed(Bytes(32, '\1'));
  static const std::string known = make_device_token(key, "net-1", "i-abc", kNow, 300);
  if (!kReady) return 0;
  const std::string token(reinterpret_cast<const char*>(data), size);
  const DeviceTokenTerms terms{key.public_key(), "net-1", "i-abc"};
  const auto as_it_is = check_device_token(token, terms, kNow);
  AGIDDI_CHECK(!as_it_is || token == known, "nobody without the key makes a token");

  const std::size_t line = token.find('\n');
  if (line == token.npos) return 0;
  const std::string text = to_base64url(token.substr(0, line)) + "." + to_base64url(token.substr(line + 1));
  const auto resigned = check_device_token(text + "." + to_base64url(view(key.sign(text))), terms, kNow);
  if (!resigned) {
    AGIDDI_CHECK(resigned.error().status == Status::unauthorized && !resigned.error().detail.empty(), "a refusal says why");
    return 0;
  }
  const auto claims = parse_json(token.substr(line + 1));
  AGIDDI_CHECK(claims && claims->find("sub")->as_string() == "i-abc", "it is for this user name");
  AGIDDI_CHECK(token.substr(line + 1).find("net-1") != token.npos, "and for this audience");
  for (const std::int64_t other : {kNow - 7'200, kNow + 7'200}) {
    AGIDDI_CHECK(!check_device_token(text + "." + to_base64url(view(key.sign(text))), terms, other), "and for an hour at most");
  }
  return 0;
}
