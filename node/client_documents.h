// Whether a document is its signer's: by its signature; in a throw-away network for benchmarks (Genesis::unverified_clients) without it, unless a member is
// named as the signer. Any thread.
#pragma once

#include "protocol/genesis.h"
#include "protocol/transaction.h"

namespace agiddi::node {

// members: called for the MemberSet in force, in such a network only.
template <class Members>
bool is_authentic(const Transaction& transaction, const Genesis& genesis, Members members) {
  if (genesis.unverified_clients && members().index_of(transaction.signer) < 0) return true;
  return verify_signature(transaction);
}

}  // namespace agiddi::node
