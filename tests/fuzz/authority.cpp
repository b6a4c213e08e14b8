// Foreign bytes to a payment authority: a body of an order, a line of its journal, and, line by line, what the nodes of chains answer to its rails. An order that
// comes from the journal goes back in the same words, and a rail sees no more than stands in the answers.
#include <cstdint>
#include <cstdlib>
#include <sstream>

#include "tools/authority/bitcoin_rail.h"
#include "tools/authority/evm_rail.h"
#include "tools/authority/order_request.h"

namespace {

using namespace agiddi;
using namespace agiddi::tools;

class AnswersInTurn : public Rpc {
 public:
  explicit AnswersInTurn(const std::string& text) : lines_(text) {}
  Result<Json> call(const std::string& method, Json::Array) override {
    std::string line;
    if (!std::getline(lines_, line)) return fail(Status::unavailable, "no more answers");
    return read_rpc_answer(method, 200, line);
  }

 private:
  std::istringstream lines_;
};

void watch(Rail& rail, const char* place) {
  const auto way = rail.open("order-1", 250'000);
  const std::vector<WatchedOrder> watched{{"order-1", way ? way->place : place}};
  for (int i = 0; i < 3; ++i) {
    const auto view = rail.poll(watched);
    if (!view) continue;
    for (const Sighting& sighting : view->sightings) {
      if (sighting.order != "order-1") std::abort();
      for (const PaymentPart& part : sighting.parts) {
        if (part.amount < 0 || part.amount > kCoinMax || part.confirmations < 0) std::abort();
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto json = parse_json(text)) {
    if (const auto order = order_from_journal(*json)) {
      const auto again = order_from_journal(journal_json(*order));
      if (!again || journal_json(*again).dump() != journal_json(*order).dump()) std::abort();
    }
    if (const auto request = read_order_request(*json, "LTC"); request && request->total <= 0) std::abort();
    if (const auto payment = read_simulated_payment(*json); payment && payment->amount < 0) std::abort();
  }
  AnswersInTurn bitcoin(text), evm(text);
  BitcoinRail bitcoin_rail(bitcoin, "regtest");
  watch(bitcoin_rail, "address block");
  EvmRail evm_rail(evm, "0x" + std::string(40, 'a'), 31337);
  watch(evm_rail, "2");
  return 0;
}
