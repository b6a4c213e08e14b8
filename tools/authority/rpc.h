// JSON-RPC over HTTP, as the nodes of chains speak it.
//
// Threads: each call stands alone; it blocks for at most kRpcTimeout_ms. Errors: Status::unavailable, one sentence with the method and what the far end said,
// never with credentials. Numbers stay as the text that was received.
#pragma once

#include <atomic>
#include <string>

#include "protocol/json.h"

namespace agiddi::tools {

inline constexpr int kRpcTimeout_ms = 10'000;

class Rpc {
 public:
  virtual ~Rpc() = default;
  virtual Result<Json> call(const std::string& method, Json::Array params) = 0;   // the member "result"
};

class HttpRpc : public Rpc {
 public:
  // credentials_file: one line, user:password, read at each call because a node may write a new one at each of its starts; "" = none.
  // stopping: calls fail soon when it is set.
  HttpRpc(std::string url, std::string credentials_file, const std::atomic<bool>& stopping)
      : url_(std::move(url)), credentials_file_(std::move(credentials_file)), stopping_(stopping) {}
  Result<Json> call(const std::string& method, Json::Array params) override;

 private:
  std::string url_, credentials_file_;
  const std::atomic<bool>& stopping_;
};

// What a far end answered; status: of HTTP, for an answer that is no JSON.
Result<Json> read_rpc_answer(const std::string& method, int status, std::string_view body);
// "Basic …" of RFC 7617.
std::string basic_authorization(std::string_view user_and_password);

}  // namespace agiddi::tools
