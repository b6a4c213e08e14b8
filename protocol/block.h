// Blocks: header, certificate, receipts and their Merkle trees (RFC 6962 shape over BLAKE2b-256: leaf prefix 0x00, node prefix 0x01).
#pragma once

#include <vector>

#include "protocol/membership.h"
#include "protocol/transaction.h"

namespace agiddi {

// An agreed batch: what PBFT orders. Its digest covers every field; a re-proposal in a new view changes none of them.
struct Batch {
  std::uint64_t height = 0;          // = PBFT sequence number
  std::uint64_t view = 0;            // of its first proposal
  TimeMs timestamp = 0;              // of its first proposal; above the previous batch's (equal for a null batch)
  std::vector<Hash> transactions;    // ids, in execution order
  Hash digest() const;
};

struct BlockHeader {
  std::uint32_t format_version = 1;
  std::string network;
  std::uint64_t height = 0;
  Hash previous_hash;
  Hash batch_digest;
  Hash transaction_root;             // over transaction ids
  Hash receipt_root;                 // over encoded receipts
  Hash state_digest;                 // after this block
  Hash members_digest;
  TimeMs timestamp = 0;
  std::uint64_t view = 0;
  Hash hash() const;                 // H("agiddi/header/1" 0x00 encoded header)
};

struct CertificateSignature { std::string validator; Signature signature{}; };
struct QuorumCertificate { std::vector<CertificateSignature> signatures; };  // sorted by validator id, unique

// What certifies a header: a certificate of its own (no headers here), or that of a later one whose hash binds it. A block may never get one of
// its own, where a liar's vote would be needed for it and a later block was certified with the vote of somebody who was away.
struct HeaderChain {
  std::vector<BlockHeader> headers;        // that follow it, up to the one that the certificate is of; at most limits::kHeaderChainMax
  QuorumCertificate certificate;
  HeaderChain() = default;
  HeaderChain(QuorumCertificate own) : certificate(std::move(own)) {}   // NOLINT(google-explicit-constructor)
  HeaderChain(std::vector<BlockHeader> above, QuorumCertificate last) : headers(std::move(above)), certificate(std::move(last)) {}
  const BlockHeader& certified(const BlockHeader& own) const { return headers.empty() ? own : headers.back(); }
};
// The headers follow `below` and each other by height and hash, and are not too many. Says nothing about signatures.
Result<void> check_chain(const BlockHeader& below, const std::vector<BlockHeader>& headers);

// What a member signs after it executed a block.
Bytes header_vote_bytes(const BlockHeader& header, std::string_view validator);
// Every listed signature valid and of a distinct member, at least a quorum.
Result<void> verify_certificate(const BlockHeader& header, const QuorumCertificate& certificate, const MemberSet& members);

// The outcome of one transaction in its block. status 200/201 = done; anything else = rejected there, with the reason, for ever.
struct Receipt {
  Hash transaction;
  Status status = Status::created;
  std::string result;                // JSON: for success the durable part of the answer, for a rejection {"detail","errors"?}
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

struct Block {
  BlockHeader header;
  Batch batch;
  std::vector<Transaction> transactions;   // in batch order
  std::vector<Receipt> receipts;           // in batch order
};

Bytes encode_batch(const Batch&);           Result<Batch> decode_batch(BytesView);
Bytes encode_header(const BlockHeader&);    Result<BlockHeader> decode_header(BytesView);   // canonical: re-encoding gives the same bytes
Bytes encode_certificate(const QuorumCertificate&);  Result<QuorumCertificate> decode_certificate(BytesView);
Bytes encode_receipt(const Receipt&);       Result<Receipt> decode_receipt(BytesView);

// The two roots of a header. Leaves: 32-byte ids, encoded receipts.
Hash transaction_root(const std::vector<Hash>& transactions);
Hash receipt_root(const std::vector<Receipt>& receipts);

Hash merkle_root(const std::vector<Bytes>& leaves);                          // empty: H of nothing, as in RFC 6962
std::vector<Hash> merkle_path(const std::vector<Bytes>& leaves, std::size_t index);
bool verify_merkle_path(BytesView leaf, std::size_t index, std::size_t leaf_count, const std::vector<Hash>& path, const Hash& root);

// On which side of the path to the root each sibling stands, from the leaf up; empty for a leaf that does not exist.
enum class MerkleSide : std::uint8_t { left, right };
std::vector<MerkleSide> merkle_sides(std::size_t index, std::size_t leaf_count);
Hash merkle_fold(BytesView leaf, const std::vector<MerkleSide>& sides, const std::vector<Hash>& path);  // as many sides as hashes

}  // namespace agiddi
