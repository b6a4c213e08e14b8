#include "ledger/kv.h"

namespace agiddi::ledger {

Bytes prefix_end(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty()) {
    const auto last = static_cast<unsigned char>(end.back());
    if (last != 0xff) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

void KvStore::erase_range(Column column, BytesView from, BytesView to) {
  constexpr std::size_t kStep = 4096;
  for (;;) {
    KvBatch batch;
    scan(column, from, to, [&](BytesView key, BytesView) {
      batch.push_back({column, Bytes(key), std::nullopt});
      return batch.size() < kStep;
    });
    if (batch.empty()) return;
    write(batch, false);
  }
}

}  // namespace agiddi::ledger
