#include "node/delivery/webhook.h"

#include <algorithm>

#include "node/mqtt/dial_policy.h"
#include "ontology/units.h"
#include "protocol/field_reader.h"

namespace agiddi::node {
namespace {

constexpr std::int64_t kPauseFirst_ms = 1'000, kPauseMax_ms = 60'000, kAskedPauseMax_s = 3'600;

bool is_address(const std::string& host) { return host.find(':') != host.npos || std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); }); }

}  // namespace

Json WebhookTerms::json() const {
  Json out = Json::object({{"url", url.text()}});
  if (format) out.set("format", *format == WebhookFormat::senml ? "senml" : "jsonld");
  if (!unit.empty()) out.set("unit", unit);
  return out;
}

Result<WebhookTerms> parse_webhook_request(const Json& body) {
  std::vector<FieldError> errors;
  FieldReader reader(body, "", errors);
  reader.required_string("integration", 64);
  const auto url = reader.required_string("url", kWebhookUrlMax_bytes);
  const auto format = reader.optional_string("format", 16);
  const auto unit = reader.optional_string("unit", 256);
  reader.finish();
  WebhookTerms terms;
  if (url) {
    auto parsed = parse_webhook_url(*url);
    if (!parsed) reader.error("url", parsed.error().detail);
    else terms.url = std::move(*parsed);
  }
  if (format && *format != "jsonld" && *format != "senml") reader.error("format", "must be \"jsonld\" or \"senml\"");
  else if (format) terms.format = *format == "senml" ? WebhookFormat::senml : WebhookFormat::jsonld;
  if (unit) {
    const ontology::Unit* known = ontology::units().find(*unit);
    if (known == nullptr) reader.error("unit", "is not a unit IRI or UCUM code of the unit table");
    else terms.unit = known->iri;
  }
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return terms;
}

Result<void> check_webhook_address(const WebhookUrl& url, const DialPolicy& policy) {
  const bool local = url.host == "localhost" || (is_address(url.host) && address_kind(url.host) == AddressKind::loopback);
  if (!url.tls && !local && !policy.allow_plain) return fail_field("/url", "http:// is for loopback only, use https://");
  if (!policy.allow_private && (local || (is_address(url.host) && address_kind(url.host) != AddressKind::global))) {
    return fail_field("/url", "names a loopback, link-local or private address, which this node does not dial");
  }
  return {};
}

std::chrono::milliseconds webhook_pause(int failures_in_row, std::optional<std::int64_t> retry_after_s) {
  const std::int64_t whole = std::min(kPauseMax_ms, kPauseFirst_ms << std::clamp(failures_in_row - 1, 0, 16));
  const Bytes chance = random_bytes(2);
  const std::int64_t part = (static_cast<unsigned char>(chance[0]) << 8) + static_cast<unsigned char>(chance[1]);
  const std::int64_t pause = whole / 2 + whole / 2 * part / 65'535;
  return std::chrono::milliseconds(std::max(pause, 1'000 * std::min(retry_after_s.value_or(0), kAskedPauseMax_s)));
}

}  // namespace agiddi::node
