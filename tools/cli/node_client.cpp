#include "tools/cli/node_client.h"

#include <chrono>

#include "protocol/json_answer.h"
#include "protocol/transaction.h"

namespace agiddi::tools {
namespace {

constexpr int kWait_s = 30;                       // for a block
constexpr int kWriteTimeout_ms = (kWait_s + 10) * 1000;

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Outcome<Json> post_signed(const std::string& url, const std::string& key_file, const std::string& path, const std::string& action, const Json& body) {
  auto key = load_key_file(key_file);
  if (!key) return passed_on(key.error());
  return NodeClient(url).write("POST", path, action, *key, body);
}

Failure failure_of(const HttpResponse& response) {
  auto problem = parse_json_answer(response.body);
  if (problem && problem->is_object() && problem->find("detail")) return Failure(std::move(*problem), kExitFailed);
  return Failure(Json::object({{"type", "about:blank"}, {"title", "Failed"}, {"status", response.status}, {"detail", "the node answered with status " + std::to_string(response.status)}}),
                 kExitFailed);
}

Outcome<Json> json_of(const HttpResponse& response) {
  auto json = parse_json_answer(response.body);
  if (!json) return failed("the node's answer is not the JSON that was expected: " + json.error().detail);
  return std::move(*json);
}

Outcome<std::string> text_member(const Json& answer, std::string_view name) {
  const Json* value = answer.find(name);
  if (!value || !value->is_string()) return failed("the node's answer has no \"" + std::string(name) + "\"");
  return value->as_string();
}

NodeClient::NodeClient(std::string url, int timeout_ms) : url_(std::move(url)), timeout_ms_(timeout_ms) {
  while (!url_.empty() && url_.back() == '/') url_.pop_back();
}

Outcome<HttpResponse> NodeClient::call(HttpRequest request) {
  request.url = url_ + request.url;
  if (timeout_ms_ > 0) request.timeout_ms = timeout_ms_;
  auto response = http_call(request);
  if (!response) return passed_on(response.error());
  if (response->status >= 300) return tl::unexpected(failure_of(*response));
  return std::move(*response);
}

Outcome<HttpResponse> NodeClient::get(const std::string& path, const std::string& accept) {
  HttpRequest request;
  request.url = path;
  request.headers = {{"Accept", accept}};
  return call(std::move(request));
}

Outcome<Json> NodeClient::get_json(const std::string& path) { return get(path, "application/json").and_then(json_of); }

Outcome<HttpResponse> NodeClient::post(const std::string& path, Bytes body, const std::string& content_type, const std::string& accept) {
  HttpRequest request;
  request.method = "POST";
  request.url = path;
  request.headers = {{"Content-Type", content_type}, {"Accept", accept}};
  request.body = std::move(body);
  return call(std::move(request));
}

Outcome<Json> NodeClient::post_json(const std::string& path, const Json& body) {
  return post(path, body.dump(), "application/json", "application/json").and_then(json_of);
}

Outcome<Json> NodeClient::write(const std::string& method, const std::string& path, const std::string& action, const KeyPair& key, const Json& body) {
  auto id = network();
  if (!id) return tl::unexpected(id.error());
  ProtectedHeader header;
  header.network = *id;
  header.action = action;
  header.issued_at_s = unix_seconds();
  header.jti = random_token();
  HttpRequest request;
  request.method = method;
  request.url = path;
  request.body = body.dump();
  request.timeout_ms = kWriteTimeout_ms;
  const std::string signature = sign_document(key, header, request.body);
  request.headers = {{"Content-Type", "application/json"},
                     {"Accept", "application/json"},
                     {"Agiddi-Signature", signature},
                     {"Prefer", "wait=" + std::to_string(kWait_s)}};
  const auto transaction = parse_transaction(signature, request.body);
  auto response = call(std::move(request));
  if (!response) {
    // After a time-out the document may still be committed; its id tells (agiddi tx ID).
    Failure failure = response.error();
    if (transaction) failure.problem.set("transaction", transaction->id.hex());
    return tl::unexpected(std::move(failure));
  }
  return response->status == 204 ? Outcome<Json>(Json::object()) : json_of(*response);
}

Outcome<Json> NodeClient::validators() {
  if (!validators_) {
    auto answer = get_json("/v1/validators");
    if (!answer) return answer;
    validators_ = std::move(*answer);
  }
  return *validators_;
}

Outcome<std::string> NodeClient::network() {
  auto answer = validators();
  if (!answer) return tl::unexpected(answer.error());
  return text_member(*answer, "network");
}

}  // namespace agiddi::tools
