#include "node/webhook/message_signature.h"

#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/identity.h"

namespace agiddi::node {
namespace {

constexpr std::string_view kCovered = R"(("@method" "@target-uri" "content-digest" "content-type" "agiddi-integration"))";

// RFC 8941 writes bytes in base64 with padding.
std::string sf_bytes(BytesView raw) {
  std::string text = to_base64url(raw);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return ":" + text + ":";
}

}  // namespace

std::string content_digest(std::string_view body) { return "sha-256=" + sf_bytes(sha256(body).view()); }

std::vector<std::pair<std::string, std::string>> signed_fields(const SignedPost& post, const KeyPair& key, TimeMs now) {
  const std::string digest = content_digest(post.body);
  const std::string parameters = std::string(kCovered) + ";created=" + std::to_string(now / 1000) + ";keyid=\"" + did_from_key(key.public_key()) +
                                 "\";alg=\"ed25519\";tag=\"agiddi-webhook\"";
  const std::string base = "\"@method\": POST\n\"@target-uri\": " + post.target_uri + "\n\"content-digest\": " + digest + "\n\"content-type\": " + post.content_type +
                           "\n\"agiddi-integration\": " + post.integration + "\n\"@signature-params\": " + parameters;
  return {{"Content-Type", post.content_type},
          {"Content-Digest", digest},
          {"Agiddi-Integration", post.integration},
          {"Signature-Input", "agiddi=" + parameters},
          {"Signature", "agiddi=" + sf_bytes(view(key.sign(base)))}};
}

}  // namespace agiddi::node
