// Webhook: the state of an integration's webhook on the delivery lane, and what the application asks for when it registers one. Plain values.
//
// Policy: one post at a time, of as many readings as wait (100 and 256 KiB at most), so a slow receiver gets larger and fewer posts. What was not taken is
// sent again after 1 s, 2 s … up to a minute, or later where Retry-After says so (an hour at most), each time with jitter, for as long as the integration lasts and
// an hour more. 410 Gone ends the webhook for good.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/webhook/webhook_client.h"
#include "protocol/json.h"

namespace agiddi::node {

struct WebhookTerms {
  WebhookUrl url;
  std::optional<WebhookFormat> format;           // nothing: as the integration's delivery says
  std::string unit;                              // QUDT IRI, "" = as the integration's delivery says

  Json json() const;                             // {"url","format"?,"unit"?}: as in the request and in the node's note
};

// {"integration","url","format"?,"unit"?} of a request; integration is the caller's to check. Errors: Status::invalid with pointers.
Result<WebhookTerms> parse_webhook_request(const Json& body);
// Whether the dial policy can ever allow it, as far as the address itself says. Names are looked up when they are dialled.
Result<void> check_webhook_address(const WebhookUrl& url, const DialPolicy& policy);

struct Webhook {
  using Clock = std::chrono::steady_clock;

  WebhookTerms terms;
  std::shared_ptr<WebhookReceiver> receiver;
  std::uint64_t number = 0;                      // of the registration: an answer that belongs to a former one is not counted here

  struct Sent {
    std::size_t device;
    std::uint64_t sequence;
  };
  std::vector<Sent> on_way;                      // empty: nothing is posted now
  std::size_t batch_max = kBatchMax;             // halved by 413
  std::size_t first_device = 0;                  // who comes first in the next batch
  Clock::time_point try_at{};
  int failures_in_row = 0;
  bool gone = false;

  // Since it was registered, or the node started.
  std::uint64_t delivered = 0, failed = 0, dropped = 0;   // readings; posts; readings for which the queue had no room
  TimeMs last_delivery = 0, last_error_at = 0;
  std::string last_error;

  static constexpr std::size_t kBatchMax = 100;
  static constexpr std::size_t kBatchMax_bytes = 256 * 1024;
};

// How long to wait after so many failures in a row: 1 s, doubled up to 60 s, half of it by chance; not before what the receiver asked for.
std::chrono::milliseconds webhook_pause(int failures_in_row, std::optional<std::int64_t> retry_after_s);

}  // namespace agiddi::node
