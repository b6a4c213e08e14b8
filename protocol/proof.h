// Proofs: one transaction and its receipt, shown to be in a certified block, checked with nothing but the genesis file. The JSON of
// GET /v1/transactions/{id}/proof and of `agiddi verify`; header_json and certificate_json also serve /v1/blocks.
//
//   {"header":{"formatVersion","network","height","hash","previousHash","batchDigest","transactionRoot","receiptRoot","stateDigest",
//     "membersDigest","timestamp","view"},
//    "certificate":{"signatures":[{"validator","signature"}]},
//    "transaction":{"document","signature","path"},     document = base64url of the body's bytes, signature = the value of Agiddi-Signature
//    "receipt":{"value","path"},                         value = base64url of the encoded receipt (records/block.proto)
//    "memberChanges":[{"header","certificate","transaction","receipt"}]}
//
// memberChanges holds, from genesis on, the transaction that decided each member set up to the one that certified this block: it stands in a block
// that the members before certified, and its receipt's "decided" is the next set and the height from which it is in force.
//
// Hashes are lower-case hex, signatures base64url, the timestamp RFC 3339 with milliseconds. A path leads from the leaf to the root, one step
// {"left": hash} or {"right": hash} a level, named by the side on which the sibling stands (RFC 6962 trees; the leaf of a
// transaction is its 32-byte id, of a receipt its encoded bytes). Every encoding is canonical: a value that is spelled in another way is refused.
#pragma once

#include "protocol/block.h"
#include "protocol/genesis.h"

namespace agiddi {

Json header_json(const BlockHeader& header);
Json certificate_json(const QuorumCertificate& certificate);

// index = the transaction's place in the block. member_changes: make_member_change of each epoch after genesis, ascending.
Json make_proof(const Block& block, const QuorumCertificate& certificate, std::size_t index, std::vector<Json> member_changes = {});
Json make_member_change(const Block& block, const QuorumCertificate& certificate, std::size_t index);

struct ProofSummary {
  BlockHeader header;
  QuorumCertificate certificate;
  Transaction transaction;
  Receipt receipt;           // status tells whether it was done or rejected
  MemberSet members;         // that certified the block
};

inline constexpr std::size_t kMemberChangesMax = 1000;

// Checks everything, for each member change and then for the block: the header's hash, members digest and network, each signature of the certificate and its quorum, the transaction's own
// signature and network, both paths, and that the receipt is that transaction's. The error says what does not hold (Status::invalid).
Result<ProofSummary> verify_proof(const Genesis& genesis, const Json& proof);

}  // namespace agiddi
