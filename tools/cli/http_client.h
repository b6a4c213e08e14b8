// A small blocking HTTP/1.1 client: one connection a request, http and https (system certificates, host name checked), every wait bounded.
//
// Threads: each call stands alone and may run on any thread. Errors: Status::unavailable when the far end cannot be reached or breaks off,
// timed_out when it does not answer in time; an HTTP error status is an answer, not an error.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "tools/cli/sse_reader.h"
#include "tools/cli/url.h"

namespace agiddi::tools {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  Bytes body;
  int timeout_ms = 60'000;       // for the whole exchange
  std::function<bool()> wanted;  // http_call: asked about three times a second while no answer comes; false gives it up
};

struct HttpResponse {
  int status = 0;
  std::string content_type;      // without parameters, lower case
  std::string location;
  Bytes body;                    // at most 64 MiB
};

Result<HttpResponse> http_call(const HttpRequest& request);

// Reads a stream of server-sent events until handle says stop (false), the far end closes, or nothing comes for idle_ms. A status other than 200
// is returned as the response with its body. wanted() is asked at least twice a second; false ends the stream. opened()
// is called once the far end has answered with status 200.
struct StreamEnd {
  HttpResponse response;         // status 200: the stream was read
  bool stopped = false;          // by handle or wanted
  std::string last_comment;      // a node says in one why it ends a stream
};
Result<StreamEnd> http_stream(const HttpRequest& request, int idle_ms, const std::function<bool(const SseEvent&)>& handle,
                              const std::function<bool()>& wanted, const std::function<void()>& opened = {});

}  // namespace agiddi::tools
