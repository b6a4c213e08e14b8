#include "tools/cli/program.h"
#include "tools/cli/purchase.h"

namespace agiddi::tools {

void declare_quote(Command& program) {
  struct Options { std::string node; PurchaseArguments purchase; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("quote", "Ask what minutes or kilobytes of devices cost");
  command.node(o->node);
  o->purchase.declare(command);
  command.examples("  agiddi quote --device urn:agiddi:device:… --minutes 10 --node http://127.0.0.1:8101");
  command.action([o]() -> Outcome<Answer> {
    auto body = quote_body(o->purchase);
    if (!body) return tl::unexpected(body.error());
    NodeClient node(o->node);
    auto quote = node.post_json("/v1/quotes", *body);
    if (!quote) return tl::unexpected(quote.error());
    return Answer{*quote, quote_text(*quote)};
  });
}

}  // namespace agiddi::tools
