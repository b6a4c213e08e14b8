// What is to be bought: from the options of `quote` and `pay` to the items of a quote and of a payment.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {

struct PurchaseArguments {
  std::vector<std::string> devices;      // each with the same minutes and kilobytes
  std::string minutes, kilobytes;
  std::string items_file;                // or {"items":[{"device","minutes"?,"kilobytes"?}]}, or just the array
  void declare(Command& command);
};

// The body of POST /v1/quotes.
Outcome<Json> quote_body(const PurchaseArguments& arguments);
// The body of POST /v1/payments from the quoted body and the node's answer to it.
Outcome<Json> payment_body(const Json& quoted, const Json& quote, const std::string& payer, const std::string& method, const std::string& starts);
// The quote for people.
std::string quote_text(const Json& quote);

}  // namespace agiddi::tools
