#include "node/http/router.h"

#include <algorithm>

#include "node/http/negotiate.h"
#include "node/http/problem.h"
#include "node/http/uri.h"
#include "protocol/check.h"

namespace agiddi::node {
namespace {

struct Binding {
  std::string method;
  Handler handler;
  RouteOptions options;
};

struct Route {
  std::string pattern;
  std::vector<std::string> segments;   // "{name}" for a parameter
  std::vector<Binding> bindings;
};

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{' && segment.back() == '}'; }

std::string allow(const Route& route) {
  std::string out;
  for (const Binding& binding : route.bindings) {
    out += binding.method + ", ";
    if (binding.method == "GET") out += "HEAD, ";
  }
  return out + "OPTIONS";
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace

struct Router::Impl {
  std::vector<Route> routes;
  std::vector<std::function<void()>> stop_calls;

  // A literal segment wins over a parameter, so "/v1/blocks/latest" could stand beside "/v1/blocks/{height}".
  const Route* find(std::string_view path) const {
    const auto segments = path_segments(path);
    const Route* best = nullptr;
    std::size_t best_literals = 0;
    for (const Route& route : routes) {
      if (route.segments.size() != segments.size()) continue;
      std::size_t literals = 0;
      bool same = true;
      for (std::size_t i = 0; same && i < segments.size(); ++i) {
        if (is_parameter(route.segments[i])) same = !segments[i].empty();
        else if (route.segments[i] == segments[i]) ++literals;
        else same = false;
      }
      if (same && (!best || literals > best_literals)) {
        best = &route;
        best_literals = literals;
      }
    }
    return best;
  }

  // The binding that takes the request, or the refusal in `answer`.
  const Binding* choose(const HttpRequest& request, const Route** route_out, std::optional<HttpResponse>& answer) const {
    const Route* route = request.path.starts_with('/') ? find(request.path) : nullptr;
    *route_out = route;
    if (!route) {
      if (request.method == "OPTIONS" && request.target == "*") {
        answer = HttpResponse{204, "", "", {{"Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS"}}};
      } else {
        answer = problem(Status::not_found, "There is nothing at this path; /openapi.json lists every call.");
      }
      return nullptr;
    }
    if (request.method == "OPTIONS") {
      answer = HttpResponse{204, "", "", {}};
      answer->with("Allow", allow(*route));
      if (request.header("origin")) {
        answer->with("Access-Control-Allow-Methods", allow(*route));
        answer->with("Access-Control-Allow-Headers", "Accept, Agiddi-Signature, Authorization, Content-Type, Prefer");
        answer->with("Access-Control-Max-Age", "86400");
      }
      return nullptr;
    }
    const std::string_view wanted = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
    const auto binding = std::find_if(route->bindings.begin(), route->bindings.end(), [&](const Binding& b) { return b.method == wanted; });
    if (binding == route->bindings.end()) {
      answer = problem(Status::method_not_allowed, "This path answers " + allow(*route) + ".");
      answer->with("Allow", allow(*route));
      return nullptr;
    }
    if (!binding->options.produces.empty() && !negotiate(request.header_list("accept"), binding->options.produces)) {
      answer = problem(Status::not_acceptable, "This path answers in " + join(binding->options.produces) + "; the Accept header excludes that.");
      return nullptr;
    }
    if (wanted == "GET" && binding->options.query) {
      const auto& known = *binding->options.query;
      for (const auto& [name, value] : request.query) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        answer = problem(Status::bad_request, "There is no query parameter \"" + name + "\" here; " + (known.empty() ? "this call takes none." : "this call takes " + join(known) + "."));
        return nullptr;
      }
    }
    if (!binding->options.consumes.empty()) {
      const auto type = request.header("content-type");
      const auto media = type ? parse_media_type(*type) : std::nullopt;
      const bool fits = !type ? !binding->options.consumes_required
                              : media && std::find(binding->options.consumes.begin(), binding->options.consumes.end(), media->type) !=
                                             binding->options.consumes.end();
      if (!fits) {
        answer = problem(Status::unsupported_media, "The body of this call is " + join(binding->options.consumes) + ".");
        answer->with("Accept-Post", join(binding->options.consumes));
        return nullptr;
      }
    }
    return &*binding;
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() { stop(); }
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&& other) noexcept {
  stop();
  impl_ = std::move(other.impl_);
  return *this;
}

void Router::at_stop(std::function<void()> call) { impl_->stop_calls.push_back(std::move(call)); }

void Router::stop() {
  if (!impl_) return;
  const auto calls = std::exchange(impl_->stop_calls, {});
  for (const auto& call : calls) call();
}

void Router::add(std::string method, std::string pattern, Handler handler, RouteOptions options) {
  auto route = std::find_if(impl_->routes.begin(), impl_->routes.end(), [&](const Route& r) { return r.pattern == pattern; });
  if (route == impl_->routes.end()) {
    Route fresh;
    for (const std::string_view segment : path_segments(pattern)) fresh.segments.emplace_back(segment);
    fresh.pattern = std::move(pattern);
    impl_->routes.push_back(std::move(fresh));
    route = impl_->routes.end() - 1;
  }
  for (const Binding& binding : route->bindings) AGIDDI_CHECK(binding.method != method, "a route is bound once");
  route->bindings.push_back({std::move(method), std::move(handler), std::move(options)});
}

Handler Router::bound(std::string_view method, std::string_view pattern) const {
  for (const Route& route : impl_->routes) {
    if (route.pattern != pattern) continue;
    for (const Binding& binding : route.bindings) {
      if (binding.method == method) return binding.handler;
    }
  }
  AGIDDI_CHECK(false, "what another path shall answer too was bound before");
}

std::optional<HttpResponse> Router::refuse_early(const HttpRequest& head, std::string* route) const {
  const Route* found = nullptr;
  std::optional<HttpResponse> answer;
  impl_->choose(head, &found, answer);
  if (route) *route = found ? found->pattern : std::string();
  return answer;
}

void Router::dispatch(HttpRequest request, Responder responder) const {
  const Route* route = nullptr;
  std::optional<HttpResponse> answer;
  const Binding* binding = impl_->choose(request, &route, answer);
  if (!binding) return responder.send(std::move(*answer));
  const auto segments = path_segments(request.path);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!is_parameter(route->segments[i])) continue;
    auto value = percent_decode(segments[i]);
    if (!value) return responder.send(problem(Status::bad_request, "The path holds a broken percent escape."));
    request.path_parameters.emplace_back(route->segments[i].substr(1, route->segments[i].size() - 2), std::move(*value));
  }
  if (request.method == "HEAD") request.method = "GET";
  binding->handler(std::move(request), std::move(responder));
}

std::vector<std::pair<std::string, std::vector<std::string>>> Router::routes() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (const Route& route : impl_->routes) {
    out.emplace_back(route.pattern, std::vector<std::string>());
    for (const Binding& binding : route.bindings) out.back().second.push_back(binding.method);
  }
  return out;
}

}  // namespace agiddi::node
