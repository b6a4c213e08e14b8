// Applies blocks to the ledger in a folder until somebody kills it; prints each height once it is applied.
#include <cstdio>

#include "tests/unit/ledger/support.h"

int main(int argc, char** argv) {
  using namespace agiddi;
  using namespace agiddi::ledger;
  if (argc != 2) return 2;
  auto store = open_rocks_store(argv[1]);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().detail.c_str());
    return 1;
  }
  auto ledger = Ledger::open(**store, test::test_genesis(), test::test_genesis_state());
  if (!ledger) {
    std::fprintf(stderr, "%s\n", ledger.error().detail.c_str());
    return 1;
  }
  for (;;) {
    const auto parent = (*ledger)->snapshot();
    std::vector<Transaction> transactions;
    for (int i = 0; i < 3; ++i) transactions.push_back(test::test_transaction("{\"i\":" + std::to_string(i) + "}"));
    (*ledger)->apply(test::next_block(*parent, std::move(transactions), 400));
    std::printf("%llu\n", static_cast<unsigned long long>((*ledger)->height()));
    std::fflush(stdout);
  }
}
