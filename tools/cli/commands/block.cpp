#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_block(Command& program) {
  struct Options { std::string node, height = "latest"; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("block", "Show a block's header, transactions and certificate");
  command.positional("HEIGHT", o->height, "Height, or latest (default)", false);
  command.node(o->node);
  command.examples("  agiddi block latest --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
    if (o->height != "latest" && o->height.find_first_not_of("0123456789") != std::string::npos) return wrong_usage("HEIGHT is a number or latest");
    NodeClient node(o->node);
    auto block = node.get_json("/v1/blocks/" + o->height);
    if (!block) return tl::unexpected(block.error());
    return Answer{*block, block->pretty()};
  });
}

}  // namespace agiddi::tools
