#include "protocol/device_token.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/encoding.h"
#include "protocol/json.h"

namespace agiddi {
namespace {

tl::unexpected<Error> refuse_token(const char* why) { return fail(Status::unauthorized, std::string("the token ") + why); }

std::optional<Json> token_part(std::string_view text) {
  const auto raw = from_base64url(text);
  if (!raw) return std::nullopt;
  auto json = parse_json(*raw);
  if (!json || !json->is_object()) return std::nullopt;
  return std::move(*json);
}

// Nothing when there is none, or when it is no whole number of seconds.
std::optional<std::int64_t> seconds_of(const Json& claims, std::string_view name) {
  const Json* value = claims.find(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const std::string& text = value->number_text();
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

bool names(const Json* value, std::string_view text) {
  if (value == nullptr) return false;
  if (value->is_string()) return value->as_string() == text;
  return value->is_array() && std::any_of(value->items().begin(), value->items().end(), [&](const Json& item) { return item.is_string() && item.as_string() == text; });
}

}  // namespace

Result<void> check_device_token(std::string_view token, const DeviceTokenTerms& terms, std::int64_t now_s) {
  if (token.size() > kDeviceTokenMax_bytes) return refuse_token("is longer than 1024 bytes");
  const std::size_t first = token.find('.'), last = token.rfind('.');
  if (first == token.npos || first == last || token.find('.', first + 1) != last) return refuse_token("is not header.claims.signature");
  const auto header = token_part(token.substr(0, first)), claims = token_part(token.substr(first + 1, last - first - 1));
  if (!header || !claims) return refuse_token("is not made of JSON in base64url");
  const Json* algorithm = header->find("alg");
  if (algorithm == nullptr || !algorithm->is_string() || (algorithm->as_string() != "EdDSA" && algorithm->as_string() != "Ed25519")) return refuse_token("is not signed with EdDSA");
  if (header->find("crit") != nullptr) return refuse_token("has critical header members, which nobody knows here");
  if (!names(claims->find("aud"), terms.audience)) return refuse_token("is for another audience");
  const Json* subject = claims->find("sub");
  if (subject == nullptr || !subject->is_string() || subject->as_string() != terms.subject) return refuse_token("is for another user name");
  const auto issued = seconds_of(*claims, "iat"), expires = seconds_of(*claims, "exp");
  if (!issued || !expires) return refuse_token("lacks iat or exp in whole seconds");
  if (*issued > now_s + kDeviceTokenClocksDiffer_s) return refuse_token("was issued in the future");
  if (*expires <= now_s - kDeviceTokenClocksDiffer_s) return refuse_token("has expired");
  // Both lie near now, so the difference cannot overflow once iat is known not to be long ago.
  if (*issued < now_s - kDeviceTokenLifetimeMax_s - kDeviceTokenClocksDiffer_s || *expires > *issued + kDeviceTokenLifetimeMax_s) {
    return refuse_token("lives longer than an hour");
  }
  if (claims->find("nbf") != nullptr) {
    const auto from = seconds_of(*claims, "nbf");
    if (!from || *from > now_s + kDeviceTokenClocksDiffer_s) return refuse_token("is not valid yet");
  }
  const auto raw = from_base64url(token.substr(last + 1));
  const auto signature = raw ? signature_from_bytes(*raw) : Result<Signature>(fail(Status::unauthorized, ""));
  if (!signature || !verify(terms.key, token.substr(0, last), *signature)) return refuse_token("is not signed with the device's key");
  return {};
}

std::string make_device_token(const KeyPair& key, std::string_view audience, std::string_view subject, std::int64_t now_s, std::int64_t lifetime_s) {
  const Json claims = Json::object({{"aud", audience}, {"sub", subject}, {"iat", now_s}, {"exp", now_s + lifetime_s}});
  std::string text = to_base64url(R"({"alg":"EdDSA","typ":"JWT"})") + "." + to_base64url(claims.dump());
  return text + "." + to_base64url(view(key.sign(text)));
}

}  // namespace agiddi
