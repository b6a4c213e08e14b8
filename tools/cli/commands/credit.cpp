#include "protocol/money.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct CreditOptions { std::string node, key, to, amount, authority, currency = "EUR"; };

Outcome<Answer> move_credit(const std::string& act, const CreditOptions& o) {
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  const auto amount = money_from_text(o.amount);
  if (!amount || *amount <= 0) return wrong_usage("--amount takes a decimal above 0 with at most 6 decimals, not '" + o.amount + "'");
  Json body = Json::object({{"currency", o.currency}, {"amount", o.amount}});
  if (!o.to.empty()) body.set("to", o.to);
  if (!o.authority.empty()) body.set("authority", o.authority);
  NodeClient node(o.node);
  auto answer = node.write("POST", "/v1/credit/" + act, "credit." + act, *key, body);
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, shown(*answer, "amount") + " " + shown(*answer, "currency") + (o.to.empty() ? " redeemed\n" : " for " + o.to + "\n")};
}

}  // namespace

void declare_credit(Command& program) {
  Command group = program.sub("credit", "Money on the ledger: transfer it, or as an issuer make and redeem it");
  const std::pair<const char*, const char*> acts[] = {{"transfer", "Give credit to another account"},
                                                      {"mint", "Make new credit for an account: issuers only"},
                                                      {"redeem", "Take credit of one's own out of the world: issuers, and authorities for theirs"}};
  for (const auto& [act, what] : acts) {
    const auto o = std::make_shared<CreditOptions>();
    Command command = group.sub(act, what);
    command.node(o->node);
    command.option("--key", o->key, "Key file of who gives, makes or redeems it", true);
    if (act != std::string("redeem")) command.option("--to", o->to, "did:key of the account that gets it", true);
    command.option("--amount", o->amount, "Such as 12.50; at most 6 decimals", true);
    command.option("--currency", o->currency, "3 to 12 capital letters (EUR)");
    if (act != std::string("mint")) command.option("--authority", o->authority, "Money that this payment authority vouches for, instead of credit");
    command.action([o, act = std::string(act)] { return move_credit(act, *o); });
  }
}

}  // namespace agiddi::tools
