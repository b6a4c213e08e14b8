#include "node/http/fresh_jtis.h"

#include "protocol/crypto/crypto.h"

namespace agiddi::node {
namespace {

constexpr std::string_view kPrefix = "jti/";

Bytes note_of(const Hash& pair) { return Bytes(kPrefix) + Bytes(pair.view()); }

}  // namespace

FreshJtis::FreshJtis(DeliveryLedger* notes) : notes_(notes) {
  if (notes_ == nullptr) return;
  for (const auto& [key, value] : notes_->local_scan(kPrefix)) {
    const auto pair = Hash::from_bytes(BytesView(key).substr(kPrefix.size()));
    if (!pair || value.size() != 8) {
      notes_->local_erase(key);
      continue;
    }
    seen_.insert(*pair);
    until_.emplace(static_cast<TimeMs>(read_u64_be(value)), *pair);
  }
}

Result<void> FreshJtis::take(const ProtectedHeader& header, TimeMs now) {
  const Hash pair = tagged_hash("agiddi/fresh-jti/1", {header.kid, std::string_view("\0", 1), header.jti});
  const TimeMs until = header.issued_at_s * 1000 + kWindowAfter_ms;
  const std::lock_guard lock(mutex_);
  while (!until_.empty() && until_.begin()->first < now) {
    if (notes_ != nullptr) notes_->local_erase(note_of(until_.begin()->second));
    seen_.erase(until_.begin()->second);
    until_.erase(until_.begin());
  }
  // Its window was checked a moment ago; when it has closed since, the pair may be one that was just forgotten.
  if (until < now) return fail(Status::unauthorized, "The document is outside its time window; sign it again.");
  if (seen_.contains(pair)) return fail(Status::conflict, "This jti was used before; sign the document again with a fresh one.");
  if (seen_.size() >= kMax) return fail(Status::overloaded, "Too many credentials were asked for; try again shortly.");
  if (notes_ != nullptr) {   // before anything is given for it
    Bytes value;
    append_u64_be(value, static_cast<std::uint64_t>(until));
    notes_->local_put(note_of(pair), value);
  }
  seen_.insert(pair);
  until_.emplace(until, pair);
  return {};
}

}  // namespace agiddi::node
