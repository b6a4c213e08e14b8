#include "ledger/receipts.h"

#include "ledger/layout.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

constexpr std::uint32_t kRun_receipts = 64;

bool is_run(BytesView record) { return !record.empty() && record.front() == '\0'; }

// False when the run is damaged, and when visit says that it is enough.
bool visit_run(BytesView run, const std::function<bool(BytesView)>& visit) {
  for (run.remove_prefix(1); !run.empty();) {
    if (run.size() < 4 || run.size() - 4 < read_u32_be(run)) return false;
    const std::size_t size = read_u32_be(run);
    if (!visit(run.substr(4, size))) return false;
    run.remove_prefix(4 + size);
  }
  return true;
}

Receipt decode(BytesView record) {
  auto receipt = decode_receipt(record);
  AGIDDI_CHECK(receipt.has_value(), "a stored receipt decodes");
  return *std::move(receipt);
}

}  // namespace

void put_receipts(KvBatch& batch, std::uint64_t height, const std::vector<Receipt>& receipts) {
  for (std::size_t first = 0; first < receipts.size(); first += kRun_receipts) {
    Bytes run(1, '\0');
    for (std::size_t i = first; i < std::min<std::size_t>(receipts.size(), first + kRun_receipts); ++i) {
      const Bytes record = encode_receipt(receipts[i]);
      append_u32_be(run, static_cast<std::uint32_t>(record.size()));
      run += record;
    }
    batch.push_back({Column::blocks, layout::receipt(height, static_cast<std::uint32_t>(first)), std::move(run)});
  }
}

std::optional<Receipt> read_receipt(const KvReader& reader, std::uint64_t height, std::uint32_t index) {
  const std::uint32_t first = index - index % kRun_receipts;
  auto record = reader.get(Column::blocks, layout::receipt(height, first));
  if (record && is_run(*record)) {
    std::uint32_t at = first;
    std::optional<Receipt> found;
    (void)visit_run(*record, [&](BytesView one) {
      if (at++ == index) found = decode(one);
      return !found;
    });
    return found;
  }
  if (index != first) record = reader.get(Column::blocks, layout::receipt(height, index));
  if (!record) return std::nullopt;
  return decode(*record);
}

bool visit_receipts(const KvReader& reader, std::uint64_t height, const std::function<void(BytesView)>& visit) {
  const Bytes prefix = layout::key(layout::kReceipt, height);
  bool whole = true;
  reader.scan(Column::blocks, prefix, prefix_end(prefix), [&](BytesView, BytesView record) {
    if (!is_run(record)) {
      visit(record);
      return true;
    }
    return whole = visit_run(record, [&](BytesView one) {
      visit(one);
      return true;
    });
  });
  return whole;
}

void erase_receipts(const KvReader& reader, KvBatch& batch, std::uint64_t height, std::size_t count) {
  const auto record = reader.get(Column::blocks, layout::receipt(height, 0));
  const std::size_t step = record && is_run(*record) ? kRun_receipts : 1;
  for (std::size_t i = 0; i < count; i += step) batch.push_back({Column::blocks, layout::receipt(height, static_cast<std::uint32_t>(i)), std::nullopt});
}

}  // namespace agiddi::ledger
