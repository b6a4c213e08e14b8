// Receipts as the store keeps them: in runs of 64, each one record, for a key costs the store more than the receipt. Internal to the ledger.
//
// A run stands under the key of its first receipt: a zero byte, then length(4) and `Receipt` record of each. Stores that began with format version 2
// have blocks with a record for each receipt, which begins with no zero byte; they are read and erased alike.
#pragma once

#include <functional>

#include "ledger/kv.h"
#include "protocol/block.h"

namespace agiddi::ledger {

void put_receipts(KvBatch& batch, std::uint64_t height, const std::vector<Receipt>& receipts);

// Nothing when there is none at that place. A record of ours that cannot be read aborts.
std::optional<Receipt> read_receipt(const KvReader& reader, std::uint64_t height, std::uint32_t index);

// The encoded receipts of a block in order; false when a run is damaged.
bool visit_receipts(const KvReader& reader, std::uint64_t height, const std::function<void(BytesView)>& visit);

void erase_receipts(const KvReader& reader, KvBatch& batch, std::uint64_t height, std::size_t count);

}  // namespace agiddi::ledger
