#include "protocol/proof.h"

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"
#include "protocol/records/block.pb.h"

namespace agiddi {
namespace {

constexpr std::size_t kPathMax = 32;
constexpr std::size_t kStep_bytes = 1 + sizeof(Hash::bytes);   // of a path: the side, 0 = left, and the sibling

Json path_json(const MerklePath& path) {
  Json out = Json::array();
  for (std::size_t i = 0; i < path.hashes.size(); ++i) {
    out.push(Json::object({{path.sides[i] == MerkleSide::left ? "left" : "right", path.hashes[i].hex()}}));
  }
  return out;
}

template <class Steps>
void put_path(Steps& out, const MerklePath& path) {
  for (std::size_t i = 0; i < path.hashes.size(); ++i) {
    Bytes step(1, path.sides[i] == MerkleSide::left ? '\0' : '\1');
    step += path.hashes[i].view();
    out.Add(std::move(step));
  }
}

template <class Steps>
bool take_path(const Steps& in, MerklePath& path) {
  if (static_cast<std::size_t>(in.size()) > kPathMax) return false;
  for (const std::string& step : in) {
    if (step.size() != kStep_bytes || static_cast<unsigned char>(step[0]) > 1) return false;
    path.sides.push_back(step[0] == '\0' ? MerkleSide::left : MerkleSide::right);
    path.hashes.push_back(*Hash::from_bytes(BytesView(step).substr(1)));
  }
  return true;
}

std::optional<Hash> read_hash(FieldReader& reader, std::string_view name) {
  const auto text = reader.required_string(name, 64);
  if (!text) return std::nullopt;
  auto hash = Hash::from_hex(*text);
  if (hash) return *hash;
  reader.error(name, "must be 64 lower-case hexadecimal digits");
  return std::nullopt;
}

std::optional<std::uint64_t> read_count(FieldReader& reader, std::string_view name) {
  const auto value = reader.required_integer(name, 0, 999'999'999'999'999);
  if (!value) return std::nullopt;
  if (reader.optional(name)->number_text() != std::to_string(*value)) {
    reader.error(name, "must be written in digits only");
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*value);
}

std::optional<Bytes> read_base64url(FieldReader& reader, std::string_view name, std::size_t max_length) {
  const auto text = reader.required_string(name, max_length, 0);
  if (!text) return std::nullopt;
  auto raw = from_base64url(*text);
  if (raw) return std::move(*raw);
  reader.error(name, raw.error().detail);
  return std::nullopt;
}

std::optional<BlockHeader> read_header(const Json& json, const std::string& pointer, std::vector<FieldError>& errors) {
  FieldReader reader(json, pointer, errors);
  const auto version = read_count(reader, "formatVersion");
  const auto network = reader.required_string("network", 64);
  const auto height = read_count(reader, "height");
  const auto hash = read_hash(reader, "hash");
  const auto previous = read_hash(reader, "previousHash"), batch = read_hash(reader, "batchDigest");
  const auto transactions = read_hash(reader, "transactionRoot"), receipts = read_hash(reader, "receiptRoot");
  const auto state = read_hash(reader, "stateDigest"), members = read_hash(reader, "membersDigest");
  const auto timestamp = reader.required_string("timestamp", 32);
  const auto view = read_count(reader, "view");
  reader.finish();
  if (!errors.empty()) return std::nullopt;
  const auto time = time_from_text(*timestamp);
  if (!time || time_text(*time) != *timestamp) reader.error("timestamp", "must be a UTC time with milliseconds");
  if (*version != 1) reader.error("formatVersion", "is not known");
  if (!errors.empty()) return std::nullopt;
  BlockHeader header{1, *network, *height, *previous, *batch, *transactions, *receipts, *state, *members, *time, *view};
  if (header.hash() != *hash) {
    reader.error("hash", "is not the hash of this header");
    return std::nullopt;
  }
  return header;
}

QuorumCertificate read_certificate(const Json& json, const std::string& base, std::vector<FieldError>& errors) {
  QuorumCertificate certificate;
  FieldReader reader(json, base + "/certificate", errors);
  if (const auto* items = reader.required_array("signatures", 1, limits::kMembersMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader entry((*items)[i], pointer_index(reader.pointer("signatures"), i), errors);
      const auto validator = entry.required_string("validator", 64);
      const auto raw = read_base64url(entry, "signature", 128);
      entry.finish();
      if (!validator || !raw) continue;
      auto signature = signature_from_bytes(*raw);
      if (!signature) {
        entry.error("signature", signature.error().detail);
      } else {
        certificate.signatures.push_back({*validator, *signature});
      }
    }
  }
  reader.finish();
  return certificate;
}

MerklePath read_path(FieldReader& parent, std::vector<FieldError>& errors) {
  MerklePath path;
  const auto* items = parent.required_array("path", 0, kPathMax);
  if (!items) return path;
  for (std::size_t i = 0; i < items->size(); ++i) {
    FieldReader step((*items)[i], pointer_index(parent.pointer("path"), i), errors);
    const bool left = (*items)[i].find("left") != nullptr;
    const auto hash = read_hash(step, left ? "left" : "right");
    step.finish();
    if (!hash) continue;
    path.sides.push_back(left ? MerkleSide::left : MerkleSide::right);
    path.hashes.push_back(*hash);
  }
  return path;
}

}  // namespace

Json header_json(const BlockHeader& header) {
  return Json::object({{"formatVersion", header.format_version},
                       {"network", header.network},
                       {"height", header.height},
                       {"hash", header.hash().hex()},
                       {"previousHash", header.previous_hash.hex()},
                       {"batchDigest", header.batch_digest.hex()},
                       {"transactionRoot", header.transaction_root.hex()},
                       {"receiptRoot", header.receipt_root.hex()},
                       {"stateDigest", header.state_digest.hex()},
                       {"membersDigest", header.members_digest.hex()},
                       {"timestamp", time_text(header.timestamp)},
                       {"view", header.view}});
}

Json certificate_json(const QuorumCertificate& certificate) {
  Json signatures = Json::array();
  for (const auto& signature : certificate.signatures) {
    signatures.push(Json::object({{"validator", signature.validator}, {"signature", to_base64url(view(signature.signature))}}));
  }
  return Json::object({{"signatures", std::move(signatures)}});
}

void set_header_proof(Json& block, const HeaderChain& proof) {
  if (!proof.headers.empty()) {
    Json above = Json::array();
    for (const BlockHeader& header : proof.headers) above.push(header_json(header));
    block.set("headersAbove", std::move(above));
  }
  block.set("certificate", certificate_json(proof.certificate));
}

Json make_proof(const Block& block, const HeaderChain& proven, std::size_t index, const std::vector<MemberChange>& member_changes) {
  Json proof = member_change_json(make_member_change(block, proven, index));
  Json changes = Json::array();
  for (const MemberChange& change : member_changes) changes.push(member_change_json(change));
  proof.set("memberChanges", std::move(changes));
  return proof;
}

MemberChange make_member_change(const Block& block, const HeaderChain& proof, std::size_t index) {
  AGIDDI_CHECK(index < block.transactions.size() && index < block.receipts.size(), "no such transaction in the block");
  std::vector<Bytes> ids, receipts;
  for (const Transaction& transaction : block.transactions) ids.emplace_back(transaction.id.view());
  for (const Receipt& receipt : block.receipts) receipts.push_back(encode_receipt(receipt));
  return {block.header, proof, block.transactions[index], {merkle_sides(index, ids.size()), merkle_path(ids, index)},
          receipts[index], {merkle_sides(index, receipts.size()), merkle_path(receipts, index)}};
}

Json member_change_json(const MemberChange& change) {
  const Transaction& transaction = change.transaction;
  Json out = Json::object({{"header", header_json(change.header)}});
  set_header_proof(out, change.proof);
  out.set("transaction", Json::object({{"document", to_base64url(transaction.body)},
                                       {"signature", transaction.protected_text + ".." + to_base64url(view(transaction.signature))},
                                       {"path", path_json(change.transaction_path)}}));
  out.set("receipt", Json::object({{"value", to_base64url(change.receipt)}, {"path", path_json(change.receipt_path)}}));
  return out;
}

Bytes encode_member_change(const MemberChange& change) {
  records::MemberChange record;
  record.set_header(encode_header(change.header));
  for (const BlockHeader& above : change.proof.headers) record.add_headers_above(encode_header(above));
  record.set_certificate(encode_certificate(change.proof.certificate));
  record.set_transaction(encode_transaction(change.transaction));
  put_path(*record.mutable_transaction_path(), change.transaction_path);
  record.set_receipt(change.receipt);
  put_path(*record.mutable_receipt_path(), change.receipt_path);
  return record.SerializeAsString();
}

Result<MemberChange> decode_member_change(BytesView bytes) {
  const auto refuse = [](const char* what) { return fail(Status::invalid, what); };
  records::MemberChange record;
  if (bytes.size() > kMemberChangeMax_bytes || !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return refuse("a change of members that cannot be read");
  }
  auto header = decode_header(record.header());
  if (!header) return refuse("a change of members whose header cannot be read");
  auto certificate = decode_certificate(record.certificate());
  if (!certificate || certificate->signatures.size() > limits::kMembersMax) return refuse("a change of members whose certificate cannot be read");
  auto transaction = decode_transaction(record.transaction());
  if (!transaction) return refuse("a change of members whose transaction cannot be read");
  if (static_cast<std::size_t>(record.headers_above_size()) > limits::kHeaderChainMax) return refuse("a change of members with too many headers above it");
  std::vector<BlockHeader> above;
  for (const std::string& raw : record.headers_above()) {
    auto one = decode_header(raw);
    if (!one) return refuse("a change of members with a header above it that cannot be read");
    above.push_back(std::move(*one));
  }
  MemberChange change{std::move(*header), {std::move(above), std::move(*certificate)}, std::move(*transaction), {}, record.receipt(), {}};
  if (!take_path(record.transaction_path(), change.transaction_path) || !take_path(record.receipt_path(), change.receipt_path)) {
    return refuse("a change of members whose paths cannot be read");
  }
  if (encode_member_change(change) != bytes) return refuse("a change of members that is not canonical");
  return change;
}

namespace {

// Reads what stands at `base` in a proof.
Result<MemberChange> read_inclusion(FieldReader& top, const std::string& base, std::vector<FieldError>& errors) {
  const auto refused = [&] { return tl::unexpected(invalid_fields(std::move(errors))); };
  const Json* header_part = top.required_object("header");
  const Json* certificate_part = top.required_object("certificate");
  const Json* transaction_part = top.required_object("transaction");
  const Json* receipt_part = top.required_object("receipt");
  const Json::Array* above = top.optional_array("headersAbove", 1, limits::kHeaderChainMax);
  top.finish();
  if (!errors.empty()) return refused();

  const auto header = read_header(*header_part, base + "/header", errors);
  MemberChange out;
  for (std::size_t i = 0; above != nullptr && i < above->size(); ++i) {
    if (auto one = read_header((*above)[i], pointer_index(base + "/headersAbove", i), errors)) out.proof.headers.push_back(std::move(*one));
  }
  out.proof.certificate = read_certificate(*certificate_part, base, errors);

  FieldReader transaction_reader(*transaction_part, base + "/transaction", errors);
  auto document = read_base64url(transaction_reader, "document", limits::kBodyMax_bytes * 2);
  const auto signature = transaction_reader.required_string("signature", limits::kProtectedHeaderMax_bytes + 256);
  out.transaction_path = read_path(transaction_reader, errors);
  transaction_reader.finish();

  FieldReader receipt_reader(*receipt_part, base + "/receipt", errors);
  auto receipt = read_base64url(receipt_reader, "value", limits::kBatchMax_bytes);
  out.receipt_path = read_path(receipt_reader, errors);
  receipt_reader.finish();
  if (!errors.empty()) return refused();

  out.header = *header;
  out.receipt = std::move(*receipt);
  auto transaction = parse_transaction(*signature, std::move(*document));
  if (!transaction) return fail_field(base + "/transaction/signature", transaction.error().detail);
  out.transaction = std::move(*transaction);
  return out;
}

enum class Signatures : std::uint8_t { checked, left_to_the_caller };

// One transaction and its receipt in a block that these members certified.
Result<ProofSummary> verify_inclusion(std::string_view network, const MemberSet& members, const MemberChange& part, const std::string& base, Signatures signatures) {
  const BlockHeader& header = part.header;
  if (header.network != network) {
    return fail_field(base + "/header/network", "the block is of network " + header.network + ", the genesis file makes " + std::string(network));
  }
  if (header.members_digest != members.digest()) {
    return fail_field(base + "/header/membersDigest", members.epoch() == 0 ? "the block's members are not those of the genesis file"
                                                                           : "the block's members are not those that the member changes lead to");
  }
  if (auto follow = check_chain(header, part.proof.headers); !follow) return fail_field(base + "/headersAbove", follow.error().detail);
  for (const BlockHeader& above : part.proof.headers) {
    if (above.members_digest == members.digest()) continue;
    return fail_field(base + "/headersAbove", "the headers above the block lead to one of other members: theirs is no word on this block");
  }
  const bool check = signatures == Signatures::checked;
  if (auto certified = check ? verify_certificate(part.proof.certified(header), part.proof.certificate, members) : Result<void>(); !certified) {
    return fail_field(base + "/certificate", certified.error().detail);
  }
  if (part.transaction.header.network != network) return fail_field(base + "/transaction/signature", "the document was signed for another network");
  if (check && !verify_signature(part.transaction)) return fail_field(base + "/transaction/signature", "the document's signature is not valid");
  if (merkle_fold(part.transaction.id.view(), part.transaction_path.sides, part.transaction_path.hashes) != header.transaction_root) {
    return fail_field(base + "/transaction/path", "the path does not lead from the transaction to the block's transactionRoot");
  }
  auto receipt = decode_receipt(part.receipt);
  if (!receipt) return fail_field(base + "/receipt/value", receipt.error().detail);
  if (receipt->transaction != part.transaction.id) return fail_field(base + "/receipt/value", "the receipt is of another transaction");
  if (merkle_fold(part.receipt, part.receipt_path.sides, part.receipt_path.hashes) != header.receipt_root) {
    return fail_field(base + "/receipt/path", "the path does not lead from the receipt to the block's receiptRoot");
  }
  return ProofSummary{header, part.proof, part.transaction, std::move(*receipt), members};
}

// The member set that a transaction decided, as the block's own members certified it.
Result<MemberEpoch> decided_epoch(const ProofSummary& decision, const MemberEpoch& before, const std::string& base) {
  const bool done = decision.receipt.status == Status::ok || decision.receipt.status == Status::created;
  const std::string& action = decision.transaction.header.action;
  if (!done || (action != "governance.propose" && action != "governance.vote")) {
    return fail_field(base + "/transaction", "the transaction decides no member set");
  }
  const auto result = parse_json(decision.receipt.result);
  const Json* decided = result ? result->find("decided") : nullptr;
  if (decided == nullptr) return fail_field(base + "/receipt/value", "the receipt decides no member set");
  auto epoch = member_epoch_from_json(*decided);
  if (!epoch) return fail_field(base + "/receipt/value", "the receipt decides no member set: " + epoch.error().detail);
  if (epoch->members.epoch() != before.members.epoch() + 1) {
    return fail_field(base + "/receipt/value", "the change decides epoch " + std::to_string(epoch->members.epoch()) + ", which does not follow epoch " +
                                                   std::to_string(before.members.epoch()) + ": a change is missing, double or out of order");
  }
  if (decision.header.height < before.from_height || epoch->from_height <= decision.header.height + limits::kWindowHeights) {
    return fail_field(base + "/header/height", "the heights of the changes do not fit together");
  }
  return epoch;
}

Result<MemberEpoch> next_epoch(const MemberChange& change, const MemberEpoch& before, std::string_view network, const std::string& base, Signatures signatures) {
  const auto decision = verify_inclusion(network, before.members, change, base, signatures);
  if (!decision) return tl::unexpected(decision.error());
  return decided_epoch(*decision, before, base);
}

}  // namespace

Result<MemberEpoch> decided_by(const MemberChange& change, const MemberEpoch& before, std::string_view network) {
  return next_epoch(change, before, network, "", Signatures::left_to_the_caller);
}

Result<MemberEpoch> verify_member_change(const MemberChange& change, const MemberEpoch& before, std::string_view network) {
  return next_epoch(change, before, network, "", Signatures::checked);
}

Result<ProofSummary> verify_proof(const Genesis& genesis, const Json& proof) {
  std::vector<FieldError> errors;
  FieldReader top(proof, "", errors);
  const auto* changes = top.required_array("memberChanges", 0, kMemberChangesMax);
  if (changes == nullptr) return tl::unexpected(invalid_fields(std::move(errors)));
  MemberEpoch epoch{0, genesis.member_set()};
  for (std::size_t i = 0; i < changes->size(); ++i) {
    const std::string base = pointer_index("/memberChanges", i);
    std::vector<FieldError> problems;
    FieldReader part((*changes)[i], base, problems);
    const auto change = read_inclusion(part, base, problems);
    if (!change) return tl::unexpected(change.error());
    auto next = next_epoch(*change, epoch, genesis.network, base, Signatures::checked);
    if (!next) return tl::unexpected(next.error());
    epoch = std::move(*next);
  }
  const auto what = read_inclusion(top, "", errors);
  if (!what) return tl::unexpected(what.error());
  auto summary = verify_inclusion(genesis.network, epoch.members, *what, "", Signatures::checked);
  if (summary && summary->header.height < epoch.from_height) {
    return fail_field("/header/height", "the block lies below the height from which the last member change is in force");
  }
  return summary;
}

}  // namespace agiddi
