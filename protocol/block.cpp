#include "protocol/block.h"

#include <algorithm>
#include <bit>

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/limits.h"
#include "protocol/records/block.pb.h"

namespace agiddi {
namespace {

auto refuse(std::string detail) { return fail(Status::invalid, std::move(detail)); }

template <class Record>
bool parse_record(Record& record, BytesView bytes) {
  return bytes.size() <= limits::kPeerFrameMax_bytes && record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool read_hash(const std::string& bytes, Hash& out) {
  auto hash = Hash::from_bytes(bytes);
  if (hash) out = *hash;
  return hash.has_value();
}

bool is_status(std::uint32_t value) {
  switch (static_cast<Status>(value)) {
    case Status::ok: case Status::created: case Status::bad_request: case Status::unauthorized: case Status::payment_required:
    case Status::forbidden: case Status::not_found: case Status::conflict: case Status::too_large: case Status::invalid:
      return true;
    default:
      return false;
  }
}

Hash leaf_hash(BytesView leaf) { return blake2b({BytesView("\0", 1), leaf}); }
Hash node_hash(const Hash& left, const Hash& right) { return blake2b({BytesView("\1", 1), left.view(), right.view()}); }

// The largest power of two below n (n >= 2): where RFC 6962 splits a list.
std::size_t split_point(std::size_t n) { return std::bit_floor(n - 1); }

Hash subtree(const Hash* leaves, std::size_t n) {
  if (n == 1) return leaves[0];
  const std::size_t k = split_point(n);
  return node_hash(subtree(leaves, k), subtree(leaves + k, n - k));
}

std::vector<Hash> leaf_hashes(const std::vector<Bytes>& leaves) {
  std::vector<Hash> hashes;
  hashes.reserve(leaves.size());
  for (const Bytes& leaf : leaves) hashes.push_back(leaf_hash(leaf));
  return hashes;
}

Hash root_of(const std::vector<Hash>& hashes) { return hashes.empty() ? blake2b("") : subtree(hashes.data(), hashes.size()); }

void collect_path(const Hash* leaves, std::size_t n, std::size_t index, std::vector<Hash>& path) {
  if (n == 1) return;
  const std::size_t k = split_point(n);
  if (index < k) {
    collect_path(leaves, k, index, path);
    path.push_back(subtree(leaves + k, n - k));
  } else {
    collect_path(leaves + k, n - k, index - k, path);
    path.push_back(subtree(leaves, k));
  }
}

}  // namespace

Hash Batch::digest() const { return tagged_hash("agiddi/batch/1", {encode_batch(*this)}); }
Hash BlockHeader::hash() const { return tagged_hash("agiddi/header/1", {encode_header(*this)}); }

Bytes header_vote_bytes(const BlockHeader& header, std::string_view validator) {
  Bytes out("agiddi/header-vote/1");
  out.push_back('\0');
  const auto text = [&](std::string_view value) {
    append_u32_be(out, static_cast<std::uint32_t>(value.size()));
    out += value;
  };
  text(header.network);
  append_u64_be(out, header.view);
  append_u64_be(out, header.height);
  text(validator);
  out += header.hash().view();
  return out;
}

Result<void> check_chain(const BlockHeader& below, const std::vector<BlockHeader>& headers) {
  if (headers.size() > limits::kHeaderChainMax) return refuse("the block has more than " + std::to_string(limits::kHeaderChainMax) + " headers above it");
  const BlockHeader* last = &below;
  for (const BlockHeader& header : headers) {
    if (header.height != last->height + 1 || header.previous_hash != last->hash()) return refuse("the headers above the block do not follow it and each other");
    last = &header;
  }
  return {};
}

Result<void> verify_certificate(const BlockHeader& header, const QuorumCertificate& certificate, const MemberSet& members) {
  const auto& signatures = certificate.signatures;
  if (signatures.size() < members.quorum()) {
    return refuse("the certificate has " + std::to_string(signatures.size()) + " signatures; a quorum is " + std::to_string(members.quorum()));
  }
  if (signatures.size() > members.size()) return refuse("the certificate has more signatures than there are members");
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (i > 0 && !(signatures[i - 1].validator < signatures[i].validator)) {
      return refuse("the certificate's signatures are not in ascending order of distinct validators");
    }
    const int index = members.index_of(signatures[i].validator);
    if (index < 0) return refuse("the certificate names a validator that is no member");
    if (!verify(members[static_cast<std::size_t>(index)].key, header_vote_bytes(header, signatures[i].validator), signatures[i].signature)) {
      return refuse("the certificate's signature of " + signatures[i].validator + " is not valid");
    }
  }
  return {};
}

Bytes encode_header(const BlockHeader& header) {
  records::BlockHeader record;
  record.set_format_version(header.format_version);
  record.set_network(header.network);
  record.set_height(header.height);
  record.set_previous_hash(Bytes(header.previous_hash.view()));
  record.set_batch_digest(Bytes(header.batch_digest.view()));
  record.set_transaction_root(Bytes(header.transaction_root.view()));
  record.set_receipt_root(Bytes(header.receipt_root.view()));
  record.set_state_digest(Bytes(header.state_digest.view()));
  record.set_members_digest(Bytes(header.members_digest.view()));
  record.set_timestamp_ms(header.timestamp);
  record.set_view(header.view);
  return record.SerializeAsString();
}

Result<BlockHeader> decode_header(BytesView bytes) {
  records::BlockHeader record;
  if (!parse_record(record, bytes)) return refuse("not a block header record");
  BlockHeader header;
  header.format_version = record.format_version();
  header.network = record.network();
  header.height = record.height();
  header.timestamp = record.timestamp_ms();
  header.view = record.view();
  if (header.format_version != 1) return refuse("the block header has an unknown format version");
  if (header.network.size() > 64 || !is_utf8(header.network)) return refuse("the block header names no network");
  if (!read_hash(record.previous_hash(), header.previous_hash) || !read_hash(record.batch_digest(), header.batch_digest) ||
      !read_hash(record.transaction_root(), header.transaction_root) || !read_hash(record.receipt_root(), header.receipt_root) ||
      !read_hash(record.state_digest(), header.state_digest) || !read_hash(record.members_digest(), header.members_digest)) {
    return refuse("the block header holds a hash that has not 32 bytes");
  }
  if (encode_header(header) != bytes) return refuse("the block header record is not canonical");
  return header;
}

Bytes encode_certificate(const QuorumCertificate& certificate) {
  records::QuorumCertificate record;
  for (const auto& signature : certificate.signatures) {
    auto* out = record.add_signatures();
    out->set_validator(signature.validator);
    out->set_signature(Bytes(view(signature.signature)));
  }
  return record.SerializeAsString();
}

Result<QuorumCertificate> decode_certificate(BytesView bytes) {
  records::QuorumCertificate record;
  if (!parse_record(record, bytes)) return refuse("not a certificate record");
  if (static_cast<std::size_t>(record.signatures_size()) > limits::kMembersMax) return refuse("the certificate has too many signatures");
  QuorumCertificate certificate;
  for (const auto& entry : record.signatures()) {
    auto signature = signature_from_bytes(entry.signature());
    if (!signature) return refuse("the certificate holds a signature that has not 64 bytes");
    if (entry.validator().empty() || entry.validator().size() > 64 || !is_utf8(entry.validator())) return refuse("the certificate names no validator");
    certificate.signatures.push_back({entry.validator(), *signature});
  }
  if (encode_certificate(certificate) != bytes) return refuse("the certificate record is not canonical");
  return certificate;
}

Bytes encode_receipt(const Receipt& receipt) {
  records::Receipt record;
  record.set_transaction(Bytes(receipt.transaction.view()));
  record.set_status(static_cast<std::uint32_t>(receipt.status));
  record.set_result(receipt.result);
  return record.SerializeAsString();
}

Result<Receipt> decode_receipt(BytesView bytes) {
  records::Receipt record;
  if (!parse_record(record, bytes)) return refuse("not a receipt record");
  Receipt receipt;
  if (!read_hash(record.transaction(), receipt.transaction)) return refuse("the receipt names no transaction");
  if (!is_status(record.status())) return refuse("the receipt has no known status");
  receipt.status = static_cast<Status>(record.status());
  receipt.result = record.result();
  if (!is_utf8(receipt.result)) return refuse("the receipt's result is not UTF-8");
  if (encode_receipt(receipt) != bytes) return refuse("the receipt record is not canonical");
  return receipt;
}

Hash transaction_root(const std::vector<Hash>& transactions) {
  std::vector<Hash> hashes;
  hashes.reserve(transactions.size());
  for (const Hash& id : transactions) hashes.push_back(leaf_hash(id.view()));
  return root_of(hashes);
}

Hash receipt_root(const std::vector<Receipt>& receipts) {
  std::vector<Hash> hashes;
  hashes.reserve(receipts.size());
  for (const Receipt& receipt : receipts) hashes.push_back(leaf_hash(encode_receipt(receipt)));
  return root_of(hashes);
}

Hash merkle_root(const std::vector<Bytes>& leaves) { return root_of(leaf_hashes(leaves)); }

std::vector<Hash> merkle_path(const std::vector<Bytes>& leaves, std::size_t index) {
  AGIDDI_CHECK(index < leaves.size(), "no such leaf");
  std::vector<Hash> path;
  const auto hashes = leaf_hashes(leaves);
  collect_path(hashes.data(), hashes.size(), index, path);
  return path;
}

bool verify_merkle_path(BytesView leaf, std::size_t index, std::size_t leaf_count, const std::vector<Hash>& path, const Hash& root) {
  const auto sides = merkle_sides(index, leaf_count);
  if (index >= leaf_count || sides.size() != path.size()) return false;
  return merkle_fold(leaf, sides, path) == root;
}

std::vector<MerkleSide> merkle_sides(std::size_t index, std::size_t leaf_count) {
  std::vector<MerkleSide> sides;  // from the root down, turned over at the end
  while (leaf_count > 1 && index < leaf_count) {
    const std::size_t k = split_point(leaf_count);
    if (index < k) {
      sides.push_back(MerkleSide::right);
      leaf_count = k;
    } else {
      sides.push_back(MerkleSide::left);
      index -= k;
      leaf_count -= k;
    }
  }
  std::reverse(sides.begin(), sides.end());
  return sides;
}

Hash merkle_fold(BytesView leaf, const std::vector<MerkleSide>& sides, const std::vector<Hash>& path) {
  AGIDDI_CHECK(sides.size() == path.size(), "a Merkle path without its sides");
  Hash hash = leaf_hash(leaf);
  for (std::size_t i = 0; i < path.size(); ++i) {
    hash = sides[i] == MerkleSide::left ? node_hash(path[i], hash) : node_hash(hash, path[i]);
  }
  return hash;
}

}  // namespace agiddi
