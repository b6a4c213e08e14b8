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

}  // namespace agiddi::ledger
