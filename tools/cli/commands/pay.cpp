#include "tools/cli/authority_order.h"
#include "tools/cli/ids.h"
#include "tools/cli/program.h"
#include "tools/cli/purchase.h"

namespace agiddi::tools {

void declare_pay(Command& program) {
  struct Options { std::string node, key, account, method = "credit", starts, authority, order, authorization; std::int64_t patience_minutes = 60; PurchaseArguments purchase; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("pay", "Get a quote, sign the payment and put it on the ledger");
  command.node(o->node);
  command.option("--key", o->key, "The payer's key file", true);
  command.option("--account", o->account, kAccountHelp);
  o->purchase.declare(command);
  command.option("--method", o->method, "credit (default), or the id of a payment authority: agiddi authority list");
  command.option("--authority", o->authority, "URL of that authority: orders there, says how to pay, and waits for its receipt");
  command.option("--order", o->order, "An order there that was begun before");
  command.option("--authorization", o->authorization, "A receipt that is at hand, instead; without either the payer's purse at that authority pays");
  command.integer("--patience-minutes", o->patience_minutes, 1, 10'080, "How long to wait for the authority (60)");
  command.choice("--starts", o->starts, {"payment", "integration"}, "When paid time begins: with the payment (default) or with the integration");
  command.examples(
      "  agiddi pay --device urn:agiddi:device:… --minutes 10 --key application.jwk --node http://127.0.0.1:8101\n"
      "  agiddi pay --device urn:… --device urn:… --kilobytes 500 --starts integration --key application.jwk --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
    if (o->method == "credit" && !(o->authority + o->order + o->authorization).empty()) return wrong_usage("--authority, --order and --authorization need --method ID of an authority");
    if (!o->order.empty() && o->authority.empty()) return wrong_usage("--order needs --authority URL");
    if (!o->authority.empty() && !o->authorization.empty()) return wrong_usage("give --authority or --authorization, not both");
    auto key = load_key_file(o->key);
    if (!key) return passed_on(key.error());
    auto payer = account_of(*key, o->account);
    if (!payer) return tl::unexpected(payer.error());
    auto wanted = quote_body(o->purchase);
    if (!wanted) return tl::unexpected(wanted.error());
    NodeClient node(o->node);
    auto quote = node.post_json("/v1/quotes", *wanted);
    if (!quote) return tl::unexpected(quote.error());
    auto body = payment_body(*wanted, *quote, *payer, o->method, o->starts);
    if (!body) return tl::unexpected(body.error());
    if (!o->authority.empty()) {
      auto authorization = authorized_by({o->authority, o->order, std::chrono::minutes(o->patience_minutes)}, *body);
      if (!authorization) return tl::unexpected(authorization.error());
      body->set("authorization", *authorization);
    } else if (!o->authorization.empty()) {
      body->set("authorization", o->authorization);
    }
    auto answer = node.write("POST", "/v1/payments", "payment.create", *key, *body);
    if (!answer) return tl::unexpected(answer.error());
    auto payment = text_member(*answer, "payment");
    if (!payment) return tl::unexpected(payment.error());
    const Json* height = answer->find("height");
    const Json* transaction = answer->find("transaction");
    // Minutes that nobody uses are given back, but they do not come again.
    const std::string runs = wanted->dump().find("\"minutes\"") == std::string::npos ? ""
                             : o->starts == "integration"                            ? "paid minutes begin with the integration\n"
                                                                                     : "paid minutes run from now on; use them with: agiddi integrate --payment " + *payment + "\n";
    return Answer{*answer, quote_text(*quote) + "payment " + *payment + (height ? ", block " + height->dump() : "") + "\n" +
                               (transaction && transaction->is_string() ? "transaction " + transaction->as_string() + "\n" : "") + runs};
  });
}

}  // namespace agiddi::tools
