// What the commands ask of a node: JSON calls, signed writes, problems made into failures.
#pragma once

#include <optional>

#include "protocol/identity.h"
#include "tools/cli/http_client.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

class NodeClient {
 public:
  // A trailing slash of the url is cut off. timeout_ms: for each call; 0 = a minute, and for a write what its block may take.
  explicit NodeClient(std::string url, int timeout_ms = 0);
  const std::string& url() const { return url_; }

  Outcome<HttpResponse> get(const std::string& path, const std::string& accept);
  Outcome<Json> get_json(const std::string& path);
  Outcome<Json> post_json(const std::string& path, const Json& body);
  Outcome<HttpResponse> post(const std::string& path, Bytes body, const std::string& content_type, const std::string& accept);
  // Signs the body for this network and sends it; waits for the block. Of a failure the problem also names the transaction.
  Outcome<Json> write(const std::string& method, const std::string& path, const std::string& action, const KeyPair& key, const Json& body);

  Outcome<std::string> network();        // asked once
  Outcome<Json> validators();            // GET /v1/validators, the whole answer

 private:
  Outcome<HttpResponse> call(HttpRequest request);
  std::string url_;
  int timeout_ms_;
  std::optional<Json> validators_;
};

// Signs the body with the key in a file and POSTs it to the node at url.
Outcome<Json> post_signed(const std::string& url, const std::string& key_file, const std::string& path, const std::string& action, const Json& body);

// A failure made of an answer with an error status: the node's problem document, or one made of the status.
Failure failure_of(const HttpResponse& response);
// The document of an answer that must be JSON.
Outcome<Json> json_of(const HttpResponse& response);
// A text member that an answer must have.
Outcome<std::string> text_member(const Json& answer, std::string_view name);

}  // namespace agiddi::tools
