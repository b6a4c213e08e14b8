#include "ledger/disk_indexes.h"

#include "ledger/batch_writer.h"
#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/star.h"

namespace agiddi::ledger {
namespace {

void erase_indexes(KvStore& store) {
  const Bytes by_term(1, layout::kIdOfTerm);
  store.erase_range(Column::terms, by_term, prefix_end(by_term));
  store.erase_range(Column::pos, {}, {});   // last: what is left of it tells that this was interrupted
}

bool has_leftovers(const KvReader& reader) {
  bool any = false;
  reader.scan(Column::pos, {}, {}, [&](BytesView, BytesView) {
    any = true;
    return false;
  });
  return any;
}

void build_indexes(KvStore& store) {
  const auto now = store.snapshot();
  BatchWriter writer(store);
  scan_stars(*now, [&](TermId s, TermId p, TermId o) {
    writer.put(Column::pos, layout::triple(p, o, s), {});
    return true;
  });
  const Bytes by_id(1, layout::kTermOfId);
  now->scan(Column::terms, by_id, prefix_end(by_id), [&](BytesView key, BytesView encoded) {
    writer.put(Column::terms, term_key(encoded), Bytes(key.substr(1)));
    return true;
  });
  writer.flush();
}

}  // namespace

bool has_disk_indexes(const KvReader& reader) { return reader.get(Column::meta, layout::kIndexed).has_value(); }

void keep_disk_indexes(KvStore& store, bool wanted) {
  const bool has = has_disk_indexes(store);
  if (has == wanted) {
    if (!has && has_leftovers(store)) erase_indexes(store);   // of a former call that was interrupted
    return;
  }
  if (has) {
    store.write({{Column::meta, Bytes(layout::kIndexed), std::nullopt}}, true);
    erase_indexes(store);
    return;
  }
  erase_indexes(store);
  build_indexes(store);
  store.write({{Column::meta, Bytes(layout::kIndexed), Bytes(1, '\1')}}, true);
}

}  // namespace agiddi::ledger
