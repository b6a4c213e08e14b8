#include "tools/authority/reversal.h"

#include "node/log.h"
#include "protocol/json_answer.h"
#include "protocol/transaction.h"
#include "tools/cli/http_client.h"

namespace agiddi::tools {
namespace {

constexpr int kReversalTimeout_ms = 15'000;
constexpr const char* kReversalWait = "wait=10";   // seconds, for the block

// What a node says of a refusal, for the log.
std::string detail_of(const HttpResponse& response) {
  const auto problem = parse_json_answer(response.body);
  const Json* detail = problem ? problem->find("detail") : nullptr;
  return detail && detail->is_string() ? detail->as_string().substr(0, 300) : "";
}

}  // namespace

ReversalAnswer submit_reversal(const ReversalSender& sender, const KeyPair& key, const Reversal& reversal, std::int64_t now_s, const std::atomic<bool>& stopping) {
  HttpRequest request;
  request.method = "POST";
  request.body = Json::object({{"authority", sender.authority}, {"receipt", reversal.receipt}, {"reason", reversal.reason}}).dump();
  request.timeout_ms = kReversalTimeout_ms;
  request.wanted = [&stopping] { return !stopping; };
  ProtectedHeader header;
  header.network = sender.network;
  header.action = "receipt.reverse";
  header.issued_at_s = now_s;
  header.jti = random_token();
  request.headers = {{"Content-Type", "application/json"},
                     {"Accept", "application/json"},
                     {"Agiddi-Signature", sign_document(key, header, request.body)},
                     {"Prefer", kReversalWait}};
  for (const std::string& node : sender.nodes) {
    if (stopping) break;
    request.url = node + "/v1/receipts/reverse";
    const auto response = http_call(request);
    if (!response) {
      node::log_warn("a node does not take a reversal", {{"node", node}, {"receipt", reversal.receipt}, {"problem", response.error().detail}});
      continue;
    }
    switch (response->status) {
      case 200: case 201: case 204: case 409: return ReversalAnswer::done;
      case 404: return ReversalAnswer::unknown;
      default:   // 202 too: the next try tells whether it was committed
        node::log_warn("a node does not take a reversal",
                       {{"node", node}, {"receipt", reversal.receipt}, {"status", response->status}, {"problem", detail_of(*response)}});
    }
  }
  return ReversalAnswer::failed;
}

}  // namespace agiddi::tools
