#include "protocol/encoding.h"
#include "protocol/identity.h"
#include "tools/cli/files.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_keygen(Command& program) {
  struct Options { std::string file; bool sealing = false; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("keygen", "Write a new key file (mode 0600) and print its DID");
  command.positional("FILE", o->file, "Key file to write (JWK); never overwritten");
  command.flag("--sealing", o->sealing, "A member's sealing key (X25519) instead: prints the public key for the genesis file");
  command.examples("  agiddi keygen provider.jwk\n  agiddi keygen --sealing sealing.jwk");
  command.action([o]() -> Outcome<Answer> {
    if (o->sealing) {
      const SealingKey key = SealingKey::generate();
      if (auto saved = save_sealing_key_file(o->file, key); !saved) return passed_on(saved.error());
      const std::string text = to_base64url(view(key.public_key));
      return Answer{Json::object({{"sealingKey", text}, {"key", absolute_path(o->file)}}), text + "\n"};
    }
    const KeyPair key = KeyPair::generate();
    if (auto saved = save_key_file(o->file, key); !saved) return passed_on(saved.error());
    const std::string did = did_from_key(key.public_key());
    return Answer{Json::object({{"did", did}, {"key", absolute_path(o->file)}}), did + "\n"};
  });
}

}  // namespace agiddi::tools
