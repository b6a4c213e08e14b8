// Proofs: one transaction and its receipt, shown to be in a certified block, checked with nothing but the genesis file. The JSON of
// GET /v1/transactions/{id}/proof and of `agiddi verify`; header_json and certificate_json also serve /v1/blocks.
//
//   {"header":{"formatVersion","network","height","hash","previousHash","batchDigest","transactionRoot","receiptRoot","stateDigest",
//     "membersDigest","timestamp","view"},
//    "certificate":{"signatures":[{"validator","signature"}]},
//    "transaction":{"document","signature","path"},     document = base64url of the body's bytes, signature = the value of Agiddi-Signature
//    "receipt":{"value","path"},                         value = base64url of the encoded receipt (records/block.proto)
//    "memberChanges":[]}
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

// index = the transaction's place in the block.
Json make_proof(const Block& block, const QuorumCertificate& certificate, std::size_t index);

struct ProofSummary {
  BlockHeader header;
  QuorumCertificate certificate;
  Transaction transaction;
  Receipt receipt;           // status tells whether it was done or rejected
};

// Checks everything: the header's hash, members digest and network, each signature of the certificate and its quorum, the transaction's own
// signature and network, both paths, and that the receipt is that transaction's. The error says what does not hold (Status::invalid).
Result<ProofSummary> verify_proof(const Genesis& genesis, const Json& proof);

}  // namespace agiddi
