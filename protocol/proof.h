// Proofs: one transaction and its receipt, shown to be in a certified block, checked with nothing but the genesis file. The JSON of
// GET /v1/transactions/{id}/proof and of `agiddi verify`; header_json and certificate_json also serve /v1/blocks.
//
//   {"header":{"formatVersion","network","height","hash","previousHash","batchDigest","transactionRoot","receiptRoot","stateDigest",
//     "membersDigest","timestamp","view"},
//    "headersAbove":[header],                            only where the block has no certificate of its own: those that follow, to the certified one
//    "certificate":{"signatures":[{"validator","signature"}]},
//    "transaction":{"document","signature","path"},     document = base64url of the body's bytes, signature = the value of Agiddi-Signature
//    "receipt":{"value","path"},                         value = base64url of the encoded receipt (records/block.proto)
//    "memberChanges":[{"header","headersAbove"?,"certificate","transaction","receipt"}]}
//
// memberChanges holds, from genesis on, the transaction that decided each member set up to the one that certified this block: it stands in a block
// that the members before certified, and its receipt's "decided" is the next set and the height from which it is in force. A MemberChange is one of them
// as a value and as a record: ledgers keep them when their blocks are gone, and nodes show them to each other.
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
void set_header_proof(Json& block, const HeaderChain& proof);   // its members "headersAbove", where there are any, and "certificate"

struct MerklePath {
  std::vector<MerkleSide> sides;
  std::vector<Hash> hashes;  // as many
};

// One transaction and its receipt in a certified block: what decided a member set, or what a proof proves.
struct MemberChange {
  BlockHeader header;
  HeaderChain proof;         // of the header
  Transaction transaction;
  MerklePath transaction_path;
  Bytes receipt;             // encoded
  MerklePath receipt_path;
};

// index = the transaction's place in the block. member_changes: those of each epoch after genesis, ascending.
Json make_proof(const Block& block, const HeaderChain& proof, std::size_t index, const std::vector<MemberChange>& member_changes = {});
MemberChange make_member_change(const Block& block, const HeaderChain& proof, std::size_t index);
Json member_change_json(const MemberChange& change);
Bytes encode_member_change(const MemberChange& change);
Result<MemberChange> decode_member_change(BytesView bytes);   // canonical, bounded; nothing of it is checked yet

// The member set that follows `before`, when everything but the signatures holds: network, members digest, both paths, the receipt, heights.
Result<MemberEpoch> decided_by(const MemberChange& change, const MemberEpoch& before, std::string_view network);
// The same with the certificate of the members before, and the transaction's signature.
Result<MemberEpoch> verify_member_change(const MemberChange& change, const MemberEpoch& before, std::string_view network);

struct ProofSummary {
  BlockHeader header;
  HeaderChain proof;         // of the header
  Transaction transaction;
  Receipt receipt;           // status tells whether it was done or rejected
  MemberSet members;         // that certified the block
};

inline constexpr std::size_t kMemberChangesMax = 1000;
inline constexpr std::size_t kMemberChangeMax_bytes = 8 * 1024 * 1024;   // a document may be 4 MiB; those that governance makes take 2 KiB

// Checks everything, for each member change and then for the block: the header's hash, members digest and network, the headers above it, each signature of the certificate and its quorum, the transaction's own
// signature and network, both paths, and that the receipt is that transaction's. The error says what does not hold (Status::invalid).
Result<ProofSummary> verify_proof(const Genesis& genesis, const Json& proof);

}  // namespace agiddi
