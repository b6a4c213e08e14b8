#include "tools/cli/files.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"
#include "tools/cli/sealing.h"

namespace agiddi::tools {

void declare_seal(Command& program) {
  struct Options { std::string node, provider, file; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("seal", "Seal a device's access for the members of the network");
  command.positional("ACCESS.json", o->file, "{\"endpoint\",\"topic\",\"token\"?,\"username\"?,\"password\"?,\"deviceKey\"? or \"devicePassword\"?}, - for standard input");
  command.node(o->node);
  command.option("--provider", o->provider, "DID of the provider: written in with the network, so that nobody else can use the sealed access");
  command.examples("  agiddi seal --node http://127.0.0.1:8101 --provider did:key:z6Mk… access.json");
  command.action([o]() -> Outcome<Answer> {
    auto access = read_json_file(o->file);
    if (!access) return passed_on(access.error());
    if (!o->provider.empty() && !key_from_did(o->provider)) return wrong_usage("--provider is not the did:key of an Ed25519 key");
    NodeClient node(o->node);
    auto validators = node.validators();
    if (!validators) return tl::unexpected(validators.error());
    auto recipients = recipients_of(*validators);
    if (!recipients) return tl::unexpected(recipients.error());
    std::string network;
    if (!o->provider.empty()) {
      auto id = node.network();
      if (!id) return tl::unexpected(id.error());
      network = *id;
    }
    auto clear = clear_access(*access, "", o->provider, network);
    if (!clear) return tl::unexpected(clear.error());
    auto sealed = seal_json(*clear, *recipients);
    if (!sealed) return tl::unexpected(sealed.error());
    const std::string text = sealed->dump() + "\n";
    return Answer{std::move(*sealed), text};
  });
}

}  // namespace agiddi::tools
