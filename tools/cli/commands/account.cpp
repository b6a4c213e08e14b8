#include "protocol/identity.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

std::string account_text(const Json& account) {
  std::string out;
  for (const char* list : {"balances", "purses"}) {
    const Json* balances = account.find(list);
    if (!balances || !balances->is_array()) continue;
    for (const Json& balance : balances->items()) {
      out += shown(balance, "available") + " " + shown(balance, "currency") + (balance.find("authority") ? " by " + shown(balance, "authority") : "") + " available, " + shown(balance, "escrow") + " in escrow\n";
    }
  }
  return out.empty() ? "nothing on this account\n" : out;
}

// The latest ones; `next` of the JSON goes on.
std::string payments_text(const Json& history) {
  std::string out;
  for (const Json& payment : history.find("payments")->items()) {
    out += shown(payment, "timestamp") + "  " + (shown(payment, "role") == "payer" ? "paid  " : "earned from  ") + shown(payment, "total") + " " + shown(payment, "currency") + "  " +
           shown(payment, "payment") + "\n";
  }
  if (history.find("next")) out += "… and more before\n";
  return out.empty() ? "no payments\n" : out;
}

}  // namespace

void declare_account(Command& program) {
  struct Options { std::string node, did, key; bool payments = false; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("account", "Show an account's balances");
  command.positional("DID", o->did, "did:key:… of the account", false);
  command.option("--key", o->key, "Key file of the account, instead of DID");
  command.flag("--payments", o->payments, "What it paid and was to be paid instead, the latest first");
  command.node(o->node);
  command.examples("  agiddi account did:key:z6Mk… --node http://127.0.0.1:8101\n  agiddi account --key application.jwk --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
    if (o->did.empty() == o->key.empty()) return wrong_usage("give DID or --key FILE");
    std::string did = o->did;
    if (!o->key.empty()) {
      auto key = load_key_file(o->key);
      if (!key) return passed_on(key.error());
      did = did_from_key(key->public_key());
    }
    if (!key_from_did(did)) return wrong_usage("DID is the did:key of an Ed25519 key, not '" + did + "'");
    NodeClient node(o->node);
    auto account = node.get_json("/v1/accounts/" + did + (o->payments ? "/payments" : ""));
    if (!account) return tl::unexpected(account.error());
    return Answer{*account, o->payments ? payments_text(*account) : account_text(*account)};
  });
}

}  // namespace agiddi::tools
