#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_tx(Command& program) {
  struct Options { std::string node, id; bool proof = false; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("tx", "Show a transaction's state, or a proof of its outcome");
  command.positional("ID", o->id, "Transaction id, 64 hexadecimal digits");
  command.node(o->node);
  command.flag("--proof", o->proof, "Print the proof for agiddi verify");
  command.examples("  agiddi tx 5f… --node http://127.0.0.1:8101\n  agiddi tx 5f… --proof --node http://127.0.0.1:8101 > proof.json");
  command.action([o]() -> Outcome<Answer> {
    if (!Hash::from_hex(o->id)) return wrong_usage("ID is the transaction's 64 lower-case hexadecimal digits");
    NodeClient node(o->node);
    auto answer = node.get_json("/v1/transactions/" + o->id + (o->proof ? "/proof" : ""));
    if (!answer) return tl::unexpected(answer.error());
    return Answer{*answer, o->proof ? answer->dump() + "\n" : answer->pretty()};
  });
}

}  // namespace agiddi::tools
