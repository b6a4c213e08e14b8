#include "tools/cli/ids.h"
#include "tools/cli/program.h"
#include "tools/cli/purchase.h"

namespace agiddi::tools {

void declare_pay(Command& program) {
  struct Options { std::string node, key, account, method = "credit", starts; PurchaseArguments purchase; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("pay", "Get a quote, sign the payment and put it on the ledger");
  command.node(o->node);
  command.option("--key", o->key, "The payer's key file", true);
  command.option("--account", o->account, kAccountHelp);
  o->purchase.declare(command);
  command.option("--method", o->method, "credit (default)");
  command.choice("--starts", o->starts, {"payment", "integration"}, "When paid time begins: with the payment (default) or with the integration");
  command.examples(
      "  agiddi pay --device urn:agiddi:device:… --minutes 10 --key application.jwk --node http://127.0.0.1:8101\n"
      "  agiddi pay --device urn:… --device urn:… --kilobytes 500 --starts integration --key application.jwk --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
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
