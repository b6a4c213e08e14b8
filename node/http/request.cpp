#include "node/http/request.h"

#include <algorithm>
#include <atomic>

#include "node/http/problem.h"

namespace agiddi::node {
namespace {

std::optional<std::string_view> find_value(const std::vector<NameValue>& values, std::string_view name) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view HttpRequest::parameter(std::string_view name) const {
  return find_value(path_parameters, name).value_or(std::string_view());
}

std::optional<std::string_view> HttpRequest::query_value(std::string_view name) const { return find_value(query, name); }

std::size_t HttpRequest::query_count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(query.begin(), query.end(), [&](const NameValue& v) { return v.first == name; }));
}

std::optional<std::string_view> HttpRequest::header(std::string_view lower_case_name) const {
  return find_value(headers, lower_case_name);
}

std::string HttpRequest::header_list(std::string_view lower_case_name) const {
  std::string out;
  for (const auto& [name, value] : headers) {
    if (name != lower_case_name) continue;
    if (!out.empty()) out += ", ";
    out += value;
  }
  return out;
}

HttpResponse& HttpResponse::with(std::string name, std::string value) {
  headers.emplace_back(std::move(name), std::move(value));
  return *this;
}

struct Responder::State {
  std::shared_ptr<ResponseSink> sink;
  std::atomic<bool> answered{false};

  explicit State(std::shared_ptr<ResponseSink> s) : sink(std::move(s)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!answered) sink->respond(problem(Status::unavailable, "The request was dropped before it was answered; try again, or ask another node."));
  }
};

Responder::Responder(std::shared_ptr<ResponseSink> sink) : state_(std::make_shared<State>(std::move(sink))) {}

void Responder::send(HttpResponse response) const {
  if (!state_->answered.exchange(true)) state_->sink->respond(std::move(response));
}

std::shared_ptr<EventStream> Responder::stream(std::vector<NameValue> headers) const {
  if (state_->answered.exchange(true)) return nullptr;
  return state_->sink->open_stream(std::move(headers));
}

bool Responder::answered() const { return state_->answered; }

void Responder::on_abandoned(std::function<void()> call) const { state_->sink->on_abandoned(std::move(call)); }

}  // namespace agiddi::node
