// Text of HTTP answers and server-sent events: pure functions.
#pragma once

#include "node/http/request.h"

namespace agiddi::node {

struct AnswerFrame {
  unsigned version = 11;         // 10 or 11, of the request
  bool keep_alive = true;
  bool head_request = false;
  bool cross_origin = false;     // the request has an Origin
};

// Status line and header fields up to and with the empty line.
std::string answer_head(const HttpResponse& response, const AnswerFrame& frame);
std::string stream_head(const std::vector<NameValue>& headers, const AnswerFrame& frame);
std::string websocket_head(std::string_view accept);
// One event as server-sent-event lines; event names and ids are our own words and are cut at a line break.
std::string event_text(const StreamEvent& event);
std::string chunk(std::string_view text);        // one chunk of the chunked coding

}  // namespace agiddi::node
