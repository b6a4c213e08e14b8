// Router: binds a verb and a path pattern to a handler, and answers what no handler should see: 404, 405 with Allow, 406, 415, OPTIONS.
//
// A pattern is a path whose segments are literal or {name}: "/v1/devices/{id}/versions". A parameter matches exactly one segment, which
// is percent-decoded afterwards (so a URN may be sent with its colons escaped or not). Built at start, read-only after that: thread-safe.
#pragma once

#include "node/http/request.h"

namespace agiddi::node {

struct RouteOptions {
  std::vector<std::string> produces;      // media types for 406; empty: the handler negotiates or anything goes
  std::vector<std::string> consumes;      // media types for 415; empty: any. A request without Content-Type passes
  bool consumes_required = false;         // a body without Content-Type is 415 too
  std::optional<std::vector<std::string>> query = {};   // the query parameters of a GET; another one is 400. Without: any (or the handler looks)
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  void add(std::string method, std::string pattern, Handler handler, RouteOptions options = {});

  // What was bound before, so that another path can answer the same.
  Handler bound(std::string_view method, std::string_view pattern) const;

  // What the connection asks when it has read the header and not yet the body: the answer that refuses it, if any. Sets `route` to the
  // pattern for metrics ("" when unknown).
  std::optional<HttpResponse> refuse_early(const HttpRequest& head, std::string* route = nullptr) const;
  // Calls the handler, or answers itself.
  void dispatch(HttpRequest request, Responder responder) const;
  // What ends with the router (threads that handlers use). stop() runs it once, at the latest in the destructor; never call it from a handler.
  void at_stop(std::function<void()> call);
  void stop();
  // Every pattern with its methods, for the OpenAPI test.
  std::vector<std::pair<std::string, std::vector<std::string>>> routes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
