#include <chrono>
#include <span>

#include "protocol/actions.h"
#include "protocol/transaction.h"
#include "tools/cli/files.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_sign(Command& program) {
  struct Options { std::string key, network, action, jti, body; std::int64_t issued_at = 0; bool any_action = false; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("sign", "Print the value of Agiddi-Signature for a body's bytes");
  command.positional("BODY", o->body, "File with the request body, - for standard input");
  command.option("--key", o->key, "Key file", true);
  command.option("--network", o->network, "Network id, as GET /v1/status shows it", true);
  command.option("--action", o->action, "Action, such as device.register", true);
  command.flag("--any-action", o->any_action, "Sign also for an action that no node knows");
  command.option("--jti", o->jti, "Unique id of this document (default: a random one)");
  command.integer("--issued-at", o->issued_at, 1, 253'402'300'799, "Unix seconds (default: now)");
  command.examples(
      "  agiddi sign --key provider.jwk --network demo-0123456789abcdef --action device.retire body.json\n"
      "  curl -X POST --data-binary @body.json -H 'Content-Type: application/json' -H \"Agiddi-Signature: $(agiddi sign …)\" …");
  command.action([o]() -> Outcome<Answer> {
    if (!o->any_action && !is_action(o->action)) {
      std::string known(kNodeActions.front());
      for (const std::string_view name : std::span(kNodeActions).subspan(1)) known += ", " + std::string(name);
      for (const std::string_view name : kLedgerActions) known += ", " + std::string(name);
      return wrong_usage("no node knows the action '" + o->action + "'; there are " + known + " (--any-action signs all the same)");
    }
    auto key = load_key_file(o->key);
    if (!key) return passed_on(key.error());
    auto body = read_file(o->body);
    if (!body) return passed_on(body.error());
    ProtectedHeader header;
    header.network = o->network;
    header.action = o->action;
    header.jti = o->jti.empty() ? random_token() : o->jti;
    header.issued_at_s = o->issued_at;
    if (header.issued_at_s == 0) {
      header.issued_at_s = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    }
    const std::string value = sign_document(*key, header, *body);
    // What a node would refuse is refused here, before it is sent anywhere.
    auto transaction = parse_transaction(value, *body);
    if (!transaction) return wrong_usage(transaction.error().detail);
    return Answer{Json::object({{"signature", value}, {"transaction", transaction->id.hex()}, {"did", transaction->header.kid}}), value + "\n"};
  });
}

}  // namespace agiddi::tools
