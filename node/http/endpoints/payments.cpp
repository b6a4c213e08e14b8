// Step 3: quotes, payments and accounts.
#include "node/http/writes.h"
#include "subservices/payment/payment_history.h"
#include "subservices/payment/payment_service.h"

namespace agiddi::node {
namespace {

Result<HttpResponse> as_response(const Result<Json>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  return json_response(200, *answer);
}

void quote(const Core& core, HttpRequest request, Responder responder) {
  auto text = std::make_shared<std::string>(std::move(request.body));
  core->read(std::move(responder), [text](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const auto body = parse_json(*text);
    if (!body) return tl::unexpected(body.error());
    return as_response(subservices::PaymentService(snapshot).quote(*body));
  });
}

ontology::sparql::Limits history_limits() {
  ontology::sparql::Limits limits;
  limits.time_ms = 3'000;
  return limits;
}

void history(const Core& core, const HttpRequest& request, const Responder& responder) {
  std::int64_t limit = subservices::kHistoryDefault;
  if (const auto text = request.query_value("limit")) {
    const auto number = parse_count(*text);
    if (!number || *number == 0 || *number > static_cast<std::size_t>(subservices::kHistoryMax)) {
      return responder.send(problem(Status::invalid, "limit must be from 1 to " + std::to_string(subservices::kHistoryMax) + "."));
    }
    limit = static_cast<std::int64_t>(*number);
  }
  core->run(core->searches(), responder, [core, did = std::string(request.parameter("did")), cursor = std::string(request.query_value("cursor").value_or("")), limit, responder] {
    const auto answer = subservices::payment_history(*core->chain().snapshot(), did, limit, cursor, history_limits());
    responder.send(answer ? json_response(200, *answer) : problem(answer.error()));
  });
}

}  // namespace

void bind_payments(Router& router, const Core& core) {
  router.add("POST", "/v1/quotes", [core](HttpRequest request, Responder responder) { quote(core, std::move(request), std::move(responder)); }, kJsonBody);
  router.add("POST", "/v1/payments", write_handler(core, {"payment.create", ""}), kJsonBody);
  router.add("POST", "/v1/accounts/{id}/key", write_handler(core, {"account.rotate", "account"}), kJsonBody);
  for (const char* act : {"mint", "transfer", "redeem"}) {
    router.add("POST", std::string("/v1/credit/") + act, write_handler(core, {std::string("credit.") + act, ""}), kJsonBody);
  }
  router.add("POST", "/v1/receipts/reverse", write_handler(core, {"receipt.reverse", ""}), kJsonBody);
  router.add("GET", "/v1/authorities", [core](HttpRequest, Responder responder) {
    core->read(std::move(responder), [](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
      return json_response(200, subservices::PaymentService(snapshot).authorities());
    });
  }, kJsonOnly);
  router.add("GET", "/v1/authorities/{id}/receipts/{receipt}", [core](HttpRequest request, Responder responder) {
    core->read(std::move(responder), [id = std::string(request.parameter("id")), receipt = std::string(request.parameter("receipt"))](const ledger::LedgerSnapshot& snapshot) {
      return as_response(subservices::PaymentService(snapshot).receipt(id, receipt));
    });
  }, kJsonOnly);
  router.add("GET", "/v1/devices/{id}/usage", [core](HttpRequest request, Responder responder) {
    core->read(std::move(responder), [urn = std::string(request.parameter("id"))](const ledger::LedgerSnapshot& snapshot) {
      return as_response(subservices::PaymentService(snapshot).device_usage(urn));
    });
  }, kJsonOnly);
  router.add("GET", "/v1/payments/{id}", [core](HttpRequest request, Responder responder) {
    core->read(std::move(responder), [id = std::string(request.parameter("id"))](const ledger::LedgerSnapshot& snapshot) {
      return as_response(subservices::PaymentService(snapshot).payment(id));
    });
  }, kJsonOnly);
  router.add("GET", "/v1/accounts/{did}/payments", [core](HttpRequest request, Responder responder) { history(core, request, responder); },
             with_query({"application/json"}, {"limit", "cursor"}));
  router.add("GET", "/v1/accounts/{did}", [core](HttpRequest request, Responder responder) {
    core->read(std::move(responder), [did = std::string(request.parameter("did"))](const ledger::LedgerSnapshot& snapshot) {
      return as_response(subservices::PaymentService(snapshot).account(did));
    });
  }, kJsonOnly);
}

}  // namespace agiddi::node
