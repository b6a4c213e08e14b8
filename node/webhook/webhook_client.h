// WebhookClient: posts measurements to applications' webhooks over HTTP/1.1, http and https (the system's certificates, host name checked).
//
// Each receiver has one connection of its own, kept between posts, and at most one post at a time: none waits for another. A host's address is looked up
// for each connection, checked against the dial policy, and the checked address is the one that is dialled, so that a name cannot be pointed at something else in
// between (host_lookups.h). Redirects are not followed: a 3xx is a refusal.
//
// Threads: post() from any; the answer comes on the client's own thread, exactly once unless the client stops before. The key and clock are asked there.
// Bounds: the look-up, the connection with its handshake and the answer each end in time; 64 KiB are read of an answer's body, and thrown away.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/mqtt/mqtt_client.h"
#include "node/webhook/lookup_terms.h"
#include "node/webhook/webhook_url.h"
#include "protocol/crypto/crypto.h"
#include "protocol/time.h"

namespace agiddi::node {

enum class WebhookFormat { jsonld, senml };
std::string_view webhook_media_type(WebhookFormat format);   // "application/ld+json", "application/senml+json"

struct IdentifiedMeasurement {
  std::string id;                                // the same each time that it is sent
  std::shared_ptr<const std::string> json;       // in the unified template
};

// The body of a post, and of what `latest` answers: JSON-LD, a list in which each measurement has its id as @id; SenML, a pack in which each record has it as "agiddi:id".
std::string measurements_body(WebhookFormat format, const std::vector<IdentifiedMeasurement>& measurements);

struct WebhookPost {
  std::string integration;                       // hex
  WebhookFormat format = WebhookFormat::jsonld;
  std::vector<IdentifiedMeasurement> measurements;
};

struct WebhookAnswer {
  int status = 0;                                // 0: there was none
  std::string problem;                           // then why; no secret
  std::optional<std::int64_t> retry_after_s;     // of a number in Retry-After
};

class WebhookReceiver;                           // one address and its connection

struct WebhookClientOptions {
  DialPolicy dial;
  std::function<std::shared_ptr<const KeyPair>()> key;   // that signs
  std::function<TimeMs()> now;                           // for `created`
  LookupBounds lookups = {};
  ResolveHost resolve = {};                                  // in place of the system's resolver and the dial policy, for tests
};

class WebhookClient {
 public:
  using Done = std::function<void(WebhookAnswer)>;

  explicit WebhookClient(WebhookClientOptions options);
  ~WebhookClient();
  WebhookClient(const WebhookClient&) = delete;
  WebhookClient& operator=(const WebhookClient&) = delete;

  // Valid while the client is; given back by letting go of it.
  std::shared_ptr<WebhookReceiver> receiver(const WebhookUrl& url);
  // One at a time for each receiver.
  void post(std::shared_ptr<WebhookReceiver> receiver, WebhookPost post, Done done);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
