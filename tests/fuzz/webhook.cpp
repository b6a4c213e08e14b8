// Fuzz target: what an application sends to register a webhook. Whatever is taken must be written and read again the same, and must not be able to end a line
// of the request that is made of it.
#include <algorithm>
#include <cstdint>

#include "node/delivery/webhook.h"
#include "protocol/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi;
  const BytesView text{reinterpret_cast<const char*>(data), size};
  const auto check_url = [](const node::WebhookUrl& url) {
    const std::string canonical = url.text();
    AGIDDI_CHECK(std::all_of(canonical.begin(), canonical.end(), [](char c) { return c > 0x20 && c < 0x7F; }), "only visible ASCII goes into a request");
    const auto again = node::parse_webhook_url(canonical);
    // The canonical form may be longer by "/" than an address of the greatest length.
    AGIDDI_CHECK(again ? again->text() == canonical : canonical.size() > node::kWebhookUrlMax_bytes, "an address is read again as it was written");
  };
  if (const auto url = node::parse_webhook_url(text)) check_url(*url);
  const auto body = parse_json(text);
  if (!body) return 0;
  const auto terms = node::parse_webhook_request(*body);
  if (!terms) {
    AGIDDI_CHECK(!terms.error().fields.empty(), "a refusal names the fields");
    return 0;
  }
  check_url(terms->url);
  return 0;
}
