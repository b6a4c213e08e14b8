// agiddi authority: who vouches for money outside the ledger, and how the members change that.
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct AuthorityOptions {
  std::string node, key, id, did;
  std::vector<std::string> currencies;
};

Outcome<Answer> list_authorities(const AuthorityOptions& o) {
  NodeClient node(o.node);
  auto answer = node.get_json("/v1/authorities");
  if (!answer) return tl::unexpected(answer.error());
  std::string text;
  if (const Json* items = answer->find("authorities"); items && items->is_array()) {
    for (const Json& item : items->items()) {
      text += shown(item, "id") + "  " + shown(item, "did") + " ";
      if (const Json* currencies = item.find("currencies"); currencies && currencies->is_array()) {
        for (const Json& currency : currencies->items()) text += " " + currency.as_string();
      }
      text += "\n";
    }
  }
  return Answer{*answer, text.empty() ? "no payment authorities: devices are paid by credit\n" : text};
}

Outcome<Answer> propose_authority(const AuthorityOptions& o, const Json& body) {
  auto answer = post_signed(o.node, o.key, "/v1/proposals", "governance.propose", body);
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, "proposal " + shown(*answer, "proposal") + "  " + shown(*answer, "state") + "; members vote with: agiddi member vote " + shown(*answer, "proposal") + "\n"};
}

}  // namespace

void declare_authority(Command& program) {
  Command group = program.sub("authority", "Payment authorities: list them, propose to add or remove one");
  {
    const auto o = std::make_shared<AuthorityOptions>();
    Command command = group.sub("list", "Those whose receipts pay");
    command.node(o->node);
    command.action([o] { return list_authorities(*o); });
  }
  {
    const auto o = std::make_shared<AuthorityOptions>();
    Command command = group.sub("add", "Propose a payment authority, or another key or other currencies of one");
    command.positional("ID", o->id, "Its name, which devices list in payment.methods");
    command.option("--did", o->did, "did:key of the key that signs its receipts", true);
    command.options("--currency", o->currencies, "A currency that it takes; may be repeated");
    command.node(o->node);
    command.option("--key", o->key, "Key file of a member in force, which proposes", true);
    command.examples("  agiddi authority add litecoin --did did:key:z6Mk… --currency LTC --key node.jwk --node http://127.0.0.1:8101");
    command.action([o]() -> Outcome<Answer> {
      if (o->currencies.empty()) return wrong_usage("give at least one --currency");
      Json currencies = Json::array();
      for (const std::string& currency : o->currencies) currencies.push(currency);
      return propose_authority(*o, Json::object({{"change", "authority.add"}, {"id", o->id}, {"did", o->did}, {"currencies", std::move(currencies)}}));
    });
  }
  {
    const auto o = std::make_shared<AuthorityOptions>();
    Command command = group.sub("remove", "Propose that an authority's receipts pay no more");
    command.positional("ID", o->id, "The authority");
    command.node(o->node);
    command.option("--key", o->key, "Key file of a member in force, which proposes", true);
    command.action([o] { return propose_authority(*o, Json::object({{"change", "authority.remove"}, {"id", o->id}})); });
  }
}

}  // namespace agiddi::tools
