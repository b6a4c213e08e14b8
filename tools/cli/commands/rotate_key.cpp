#include "protocol/encoding.h"
#include "protocol/membership.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_rotate_key(Command& program) {
  struct Options { std::string node, key, new_key, account; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("rotate-key", "Replace the key that signs for an account; its devices and money stay");
  command.node(o->node);
  command.option("--key", o->key, "The account's present key file", true);
  command.option("--new-key", o->new_key, "The new key file, as agiddi keygen writes it", true);
  command.option("--account", o->account, "The account's DID, when its key was rotated before (default: the present key's)");
  command.examples("  agiddi keygen new.jwk && agiddi rotate-key --key provider.jwk --new-key new.jwk --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
    auto key = load_key_file(o->key);
    if (!key) return passed_on(key.error());
    auto fresh = load_key_file(o->new_key);
    if (!fresh) return passed_on(fresh.error());
    const std::string account = o->account.empty() ? did_from_key(key->public_key()) : o->account;
    const std::string new_did = did_from_key(fresh->public_key());
    NodeClient node(o->node);
    auto network = node.network();
    if (!network) return tl::unexpected(network.error());
    const Signature proven = fresh->sign(account_possession_bytes(*network, account, new_did));
    auto answer = node.write("POST", "/v1/accounts/" + account + "/key", "account.rotate", *key,
                             Json::object({{"account", account}, {"newKey", new_did}, {"possession", to_base64url(view(proven))}}));
    if (!answer) return tl::unexpected(answer.error());
    return Answer{*answer, account + " is signed for by " + new_did + " now; the former key signs for nothing any more\n"};
  });
}

}  // namespace agiddi::tools
