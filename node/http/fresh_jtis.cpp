#include "node/http/fresh_jtis.h"

namespace agiddi::node {

Result<void> FreshJtis::take(const ProtectedHeader& header, TimeMs now) {
  const std::string key = header.kid + '\0' + header.jti;
  const std::lock_guard lock(mutex_);
  while (!until_.empty() && until_.begin()->first < now) {
    seen_.erase(until_.begin()->second);
    until_.erase(until_.begin());
  }
  if (seen_.contains(key)) return fail(Status::conflict, "This jti was used before; sign the document again with a fresh one.");
  if (seen_.size() >= kMax) return fail(Status::overloaded, "Too many credentials were asked for; try again shortly.");
  seen_.insert(key);
  until_.emplace(header.issued_at_s * 1000 + kWindowAfter_ms, key);
  return {};
}

}  // namespace agiddi::node
