#include "tools/authority/rpc.h"

#include <algorithm>
#include <fstream>

#include "protocol/encoding.h"
#include "protocol/json_answer.h"
#include "tools/cli/http_client.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kSaidMax_bytes = 200;   // of what a far end says, in a log

tl::unexpected<Error> rpc_failure(const std::string& method, const std::string& why) { return fail(Status::unavailable, method + ": " + why); }

}  // namespace

std::string basic_authorization(std::string_view user_and_password) {
  std::string text = to_base64url(user_and_password);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return "Basic " + text;
}

Result<Json> read_rpc_answer(const std::string& method, int status, std::string_view body) {
  if (status == 401 || status == 403) return rpc_failure(method, "the rail's node refuses the credentials: look at rail.credentials_file");
  const auto answer = parse_json_answer(body);
  if (!answer || !answer->is_object()) {
    return rpc_failure(method, "the rail's node answers no JSON-RPC, with status " + std::to_string(status) + ": look at rail.url");
  }
  if (const Json* error = answer->find("error"); error && !error->is_null()) {
    const Json* message = error->find("message");
    const std::string said = message && message->is_string() ? message->as_string() : error->dump();
    return rpc_failure(method, "the rail's node says: " + said.substr(0, kSaidMax_bytes));
  }
  const Json* result = answer->find("result");
  if (!result) return rpc_failure(method, "the answer has no result");
  return *result;
}

Result<Json> HttpRpc::call(const std::string& method, Json::Array params) {
  if (stopping_) return rpc_failure(method, "the program is stopping");
  HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.timeout_ms = kRpcTimeout_ms;
  request.wanted = [this] { return !stopping_; };
  request.headers = {{"Content-Type", "application/json"}};
  request.body = Json::object({{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", Json(std::move(params))}}).dump();
  if (!credentials_file_.empty()) {
    std::ifstream in(credentials_file_);
    std::string line;
    if (!in || !std::getline(in, line) || line.find(':') == line.npos) {
      return rpc_failure(method, "cannot read user:password from rail.credentials_file " + credentials_file_);
    }
    request.headers.emplace_back("Authorization", basic_authorization(line));
  }
  const auto response = http_call(request);
  if (!response) return rpc_failure(method, response.error().detail);
  return read_rpc_answer(method, response->status, response->body);
}

}  // namespace agiddi::tools
