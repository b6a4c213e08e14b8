#include "consensus/frames.h"

#include "protocol/check.h"
#include "protocol/records/peer.pb.h"

namespace agiddi::consensus {
namespace {

auto bad_frame(std::string what) { return fail(Status::invalid, std::move(what)); }

// Encoding: value -> record.

void put(records::PeerVote& out, const Vote& vote) {
  out.set_phase(static_cast<std::uint32_t>(vote.phase));
  out.set_view(vote.view);
  out.set_height(vote.height);
  out.set_digest(Bytes(vote.digest.view()));
  out.set_sender(vote.sender);
  out.set_signature(Bytes(view(vote.signature)));
}

void put(records::PeerPrePrepare& out, const PrePrepare& message) {
  out.set_batch(encode_batch(message.batch));
  put(*out.mutable_vote(), message.vote);
}

void put(records::PeerCertifiedHeader& out, const CertifiedHeader& certified) {
  out.set_header(encode_header(certified.header));
  out.set_certificate(encode_certificate(certified.certificate));
}

void put(records::PeerPreparedCertificate& out, const PreparedCertificate& certificate) {
  out.set_view(certificate.view);
  out.set_height(certificate.height);
  out.set_digest(Bytes(certificate.digest.view()));
  for (const MemberSignature& one : certificate.prepares) {
    auto& signature = *out.add_prepares();
    signature.set_sender(one.sender);
    signature.set_signature(Bytes(view(one.signature)));
  }
  if (certificate.batch) out.set_batch(encode_batch(*certificate.batch));
}

void put(records::PeerViewChange& out, const ViewChange& message) {
  out.set_view(message.view);
  out.set_sender(message.sender);
  if (message.stable) put(*out.mutable_stable(), *message.stable);
  for (const PreparedCertificate& certificate : message.prepared) put(*out.add_prepared(), certificate);
  out.set_signature(Bytes(view(message.signature)));
}

void put(records::PeerNewView& out, const NewView& message) {
  out.set_view(message.view);
  out.set_sender(message.sender);
  for (const ViewChange& view_change : message.view_changes) put(*out.add_view_changes(), view_change);
  for (const Batch& batch : message.batches) out.add_batches(encode_batch(batch));
  for (const Vote& vote : message.prepares) put(*out.add_prepares(), vote);
  out.set_signature(Bytes(view(message.signature)));
}

void put(records::PeerStatus& out, const MemberStatus& message) {
  out.set_sender(message.sender);
  out.set_view(message.view);
  out.set_active(message.active);
  out.set_executed(message.executed);
  out.set_first_uncertified(message.first_uncertified);
  if (message.stable) put(*out.mutable_stable(), *message.stable);
  for (const SlotStatus& slot : message.slots) {
    auto& record = *out.add_slots();
    record.set_height(slot.height);
    record.set_flags((slot.has_batch ? 1u : 0u) | (slot.prepared ? 2u : 0u) | (slot.committed ? 4u : 0u));
  }
  out.set_signature(Bytes(view(message.signature)));
}

struct Encoder {
  records::PeerFrame& out;
  void operator()(const Transactions& m) const {
    auto& record = *out.mutable_transactions();
    for (const TransactionPtr& transaction : m.items) record.add_items(encode_transaction(*transaction));
    record.set_answer(m.answer);
  }
  void operator()(const FetchTransactions& m) const {
    auto& record = *out.mutable_fetch_transactions();
    for (const Hash& id : m.ids) record.add_ids(Bytes(id.view()));
  }
  void operator()(const PrePrepare& m) const { put(*out.mutable_pre_prepare(), m); }
  void operator()(const Vote& m) const { put(*out.mutable_vote(), m); }
  void operator()(const HeaderVote& m) const {
    auto& record = *out.mutable_header_vote();
    record.set_header(encode_header(m.header));
    record.set_sender(m.sender);
    record.set_signature(Bytes(view(m.signature)));
  }
  void operator()(const ViewChange& m) const { put(*out.mutable_view_change(), m); }
  void operator()(const NewView& m) const { put(*out.mutable_new_view(), m); }
  void operator()(const MemberStatus& m) const { put(*out.mutable_status(), m); }
  void operator()(const SyncRequest& m) const {
    out.mutable_sync_request()->set_from(m.from);
    out.mutable_sync_request()->set_to(m.to);
  }
  void operator()(const SyncResponse& m) const {
    auto& record = *out.mutable_sync_response();
    record.set_from(m.from);
    record.set_first_block(m.first_block);
    for (const SyncBlock& block : m.blocks) {
      auto& one = *record.add_blocks();
      one.set_header(encode_header(block.header));
      if (!block.certificate.signatures.empty()) one.set_certificate(encode_certificate(block.certificate));
      one.set_batch(encode_batch(block.batch));
      for (const Transaction& transaction : block.transactions) one.add_transactions(encode_transaction(transaction));
    }
    if (m.chain.headers.empty()) return;
    for (const BlockHeader& header : m.chain.headers) record.add_chain(encode_header(header));
    record.set_chain_certificate(encode_certificate(m.chain.certificate));
  }
  void operator()(const SnapshotOffers& m) const {
    auto& record = *out.mutable_snapshot_offers();
    record.set_first_block(m.first_block);
    for (const SnapshotAttestation& attestation : m.attestations) {
      auto& one = *record.add_attestations();
      one.set_height(attestation.height);
      one.set_id(Bytes(attestation.id.view()));
      one.set_sender(attestation.sender);
      one.set_signature(Bytes(view(attestation.signature)));
    }
  }
  void operator()(const SnapshotRequest& m) const {
    out.mutable_snapshot_request()->set_id(Bytes(m.id.view()));
    out.mutable_snapshot_request()->set_part(m.part);
  }
  void operator()(const SnapshotPart& m) const {
    auto& record = *out.mutable_snapshot_part();
    record.set_id(Bytes(m.id.view()));
    record.set_part(m.part);
    record.set_data(m.data);
    record.set_busy(m.busy);
    if (m.part == 0 && !m.data.empty()) record.set_certificate(encode_certificate(m.certificate));
  }
  void operator()(const Notice& m) const { out.mutable_notice()->set_certified(m.certified); }
  void operator()(const EpochRequest& m) const { out.mutable_epoch_request()->set_above(m.above); }
  void operator()(const EpochProofs& m) const {
    auto& record = *out.mutable_epoch_proofs();
    record.set_above(m.above);
    for (const MemberChange& change : m.changes) record.add_changes(encode_member_change(change));
    if (m.head) put(*record.mutable_head(), *m.head);
  }
};

// Decoding: record -> value. Each reader checks counts first, so that nothing grows past its bound.

struct Decoder {
  std::size_t members;
  std::string problem{};

  bool refuse(const char* what) {
    if (problem.empty()) problem = what;
    return false;
  }
  bool hash(const std::string& raw, Hash& out) {
    auto value = Hash::from_bytes(raw);
    if (!value) return refuse("a hash that is not 32 bytes long");
    out = *value;
    return true;
  }
  bool signature(const std::string& raw, Signature& out) {
    auto value = signature_from_bytes(raw);
    if (!value) return refuse("a signature that is not 64 bytes long");
    out = *value;
    return true;
  }
  bool sender(std::uint32_t raw, MemberIndex& out) {
    out = raw;
    return raw < members || refuse("a sender that is no member");
  }
  bool batch(const std::string& raw, Batch& out) {
    auto value = decode_batch(raw);
    if (!value) return refuse("a batch that cannot be read");
    if (value->transactions.size() > limits::kBatchTransactionsMax) return refuse("a batch of too many transactions");
    if (value->height == 0) return refuse("a batch of height 0");
    out = std::move(*value);
    return true;
  }
  bool header(const std::string& raw, BlockHeader& out) {
    auto value = decode_header(raw);
    if (!value) return refuse("a header that cannot be read");
    out = std::move(*value);
    return true;
  }
  bool vote(const records::PeerVote& in, Vote& out) {
    if (in.phase() != 1 && in.phase() != 2) return refuse("a vote of no known phase");
    if (in.height() == 0) return refuse("a vote on height 0");
    out.phase = static_cast<Phase>(in.phase());
    out.view = in.view();
    out.height = in.height();
    return hash(in.digest(), out.digest) && sender(in.sender(), out.sender) && signature(in.signature(), out.signature);
  }
  bool pre_prepare(const records::PeerPrePrepare& in, PrePrepare& out) {
    return in.has_vote() ? batch(in.batch(), out.batch) && vote(in.vote(), out.vote) : refuse("a PrePrepare without vote");
  }
  bool certified(const records::PeerCertifiedHeader& in, CertifiedHeader& out) {
    if (!header(in.header(), out.header)) return false;
    auto certificate = decode_certificate(in.certificate());
    if (!certificate) return refuse("a certificate that cannot be read");
    if (certificate->signatures.size() > members) return refuse("a certificate with too many signatures");
    out.certificate = std::move(*certificate);
    return true;
  }
  bool prepared(const records::PeerPreparedCertificate& in, PreparedCertificate& out) {
    if (static_cast<std::size_t>(in.prepares_size()) > members) return refuse("a prepared certificate with too many votes");
    out.view = in.view();
    out.height = in.height();
    if (!hash(in.digest(), out.digest)) return false;
    for (const auto& one : in.prepares()) {
      MemberSignature& added = out.prepares.emplace_back();
      if (!sender(one.sender(), added.sender) || !signature(one.signature(), added.signature)) return false;
    }
    if (in.batch().empty()) return true;
    return batch(in.batch(), out.batch.emplace());
  }
  bool view_change(const records::PeerViewChange& in, ViewChange& out) {
    if (static_cast<std::size_t>(in.prepared_size()) > limits::kWindowHeights) return refuse("a ViewChange with too many certificates");
    out.view = in.view();
    if (!sender(in.sender(), out.sender) || !signature(in.signature(), out.signature)) return false;
    if (in.has_stable() && !certified(in.stable(), out.stable.emplace())) return false;
    for (const auto& one : in.prepared()) {
      if (!prepared(one, out.prepared.emplace_back())) return false;
    }
    return true;
  }
  bool new_view(const records::PeerNewView& in, NewView& out) {
    if (static_cast<std::size_t>(in.view_changes_size()) > members || static_cast<std::size_t>(in.batches_size()) > limits::kWindowHeights ||
        static_cast<std::size_t>(in.prepares_size()) > limits::kWindowHeights) {
      return refuse("a NewView with too many parts");
    }
    out.view = in.view();
    if (!sender(in.sender(), out.sender) || !signature(in.signature(), out.signature)) return false;
    for (const auto& one : in.view_changes()) {
      if (!view_change(one, out.view_changes.emplace_back())) return false;
    }
    for (const auto& one : in.batches()) {
      if (!batch(one, out.batches.emplace_back())) return false;
    }
    for (const auto& one : in.prepares()) {
      if (!vote(one, out.prepares.emplace_back())) return false;
    }
    return true;
  }
  bool status(const records::PeerStatus& in, MemberStatus& out) {
    if (static_cast<std::size_t>(in.slots_size()) > 2 * limits::kWindowHeights) return refuse("a status with too many heights");
    out.view = in.view();
    out.active = in.active();
    out.executed = in.executed();
    out.first_uncertified = in.first_uncertified();
    if (!sender(in.sender(), out.sender) || !signature(in.signature(), out.signature)) return false;
    if (in.has_stable() && !certified(in.stable(), out.stable.emplace())) return false;
    Height last = 0;
    for (const auto& one : in.slots()) {
      if (one.flags() > 7 || one.height() <= last) return refuse("a status whose heights are not in order");
      last = one.height();
      out.slots.push_back({one.height(), (one.flags() & 1) != 0, (one.flags() & 2) != 0, (one.flags() & 4) != 0});
    }
    return true;
  }
  bool transaction(const std::string& raw, Transaction& out) {
    auto value = decode_transaction(raw);
    if (!value) return refuse("a transaction that cannot be read");
    out = std::move(*value);
    return true;
  }
  bool transactions(const records::PeerTransactions& in, Transactions& out) {
    if (static_cast<std::size_t>(in.items_size()) > limits::kBatchTransactionsMax) return refuse("too many transactions in a frame");
    out.answer = in.answer();
    for (const auto& one : in.items()) {
      auto value = std::make_shared<Transaction>();
      if (!transaction(one, *value)) return false;
      out.items.push_back(std::move(value));
    }
    return true;
  }
  bool fetch(const records::PeerFetchTransactions& in, FetchTransactions& out) {
    if (static_cast<std::size_t>(in.ids_size()) > limits::kBatchTransactionsMax) return refuse("too many ids in a frame");
    for (const auto& one : in.ids()) {
      if (!hash(one, out.ids.emplace_back())) return false;
    }
    return true;
  }
  bool sync_response(const records::PeerSyncResponse& in, SyncResponse& out) {
    if (static_cast<std::size_t>(in.blocks_size()) > kSyncBlocksMax) return refuse("too many blocks in a frame");
    out.from = in.from();
    out.first_block = in.first_block();
    for (const auto& one : in.blocks()) {
      SyncBlock& block = out.blocks.emplace_back();
      if (!one.certificate().empty()) {
        auto certificate = decode_certificate(one.certificate());
        if (!certificate) return refuse("a certificate that cannot be read");
        block.certificate = std::move(*certificate);
      }
      if (!header(one.header(), block.header) || !batch(one.batch(), block.batch)) return false;
      if (static_cast<std::size_t>(one.transactions_size()) != block.batch.transactions.size()) {
        return refuse("a block whose transactions are not its batch's");
      }
      for (const auto& raw : one.transactions()) {
        if (!transaction(raw, block.transactions.emplace_back())) return false;
      }
    }
    if (static_cast<std::size_t>(in.chain_size()) > limits::kHeaderChainMax) return refuse("too many headers in a frame");
    for (const auto& raw : in.chain()) {
      if (!header(raw, out.chain.headers.emplace_back())) return false;
    }
    if (out.chain.headers.empty()) return true;
    auto certificate = decode_certificate(in.chain_certificate());
    if (!certificate) return refuse("a certificate that cannot be read");
    out.chain.certificate = std::move(*certificate);
    return true;
  }
  bool offers(const records::PeerSnapshotOffers& in, SnapshotOffers& out) {
    if (static_cast<std::size_t>(in.attestations_size()) > kSnapshotOffersMax) return refuse("too many snapshots in a frame");
    if (in.first_block() == 0) return refuse("a first block of height 0");
    out.first_block = in.first_block();
    for (const auto& one : in.attestations()) {
      SnapshotAttestation& added = out.attestations.emplace_back();
      added.height = one.height();
      if (added.height == 0) return refuse("a snapshot of height 0");
      if (!hash(one.id(), added.id) || !sender(one.sender(), added.sender) || !signature(one.signature(), added.signature)) return false;
    }
    return true;
  }
  bool snapshot_request(const records::PeerSnapshotRequest& in, SnapshotRequest& out) {
    if (in.part() > limits::kSnapshotChunksMax) return refuse("a request for a part that no snapshot has");
    out.part = in.part();
    return hash(in.id(), out.id);
  }
  bool snapshot_part(const records::PeerSnapshotPart& in, SnapshotPart& out) {
    if (in.part() > limits::kSnapshotChunksMax) return refuse("a part that no snapshot has");
    if (in.data().size() > limits::kSnapshotChunkMax_bytes) return refuse("a part of a snapshot that is too large");
    if (in.busy() && !in.data().empty()) return refuse("a part of a snapshot that says two things");
    out.part = in.part();
    out.data = in.data();
    out.busy = in.busy();
    if (out.part == 0 && !out.data.empty()) {
      auto certificate = decode_certificate(in.certificate());
      if (!certificate || certificate->signatures.size() > members) return refuse("a certificate that cannot be read");
      out.certificate = std::move(*certificate);
    }
    return hash(in.id(), out.id);
  }
  bool epoch_proofs(const records::PeerEpochProofs& in, EpochProofs& out) {
    if (static_cast<std::size_t>(in.changes_size()) > kEpochProofsMax) return refuse("too many changes of members in a frame");
    out.above = in.above();
    for (const auto& raw : in.changes()) {
      auto change = decode_member_change(raw);
      if (!change) return refuse("a change of members that cannot be read");
      out.changes.push_back(std::move(*change));
    }
    return !in.has_head() || certified(in.head(), out.head.emplace());
  }
  bool frame(const records::PeerFrame& in, PeerFrame& out) {
    using Kind = records::PeerFrame::ContentCase;
    out.epoch = in.epoch();
    switch (in.content_case()) {
      case Kind::kTransactions: return transactions(in.transactions(), out.content.emplace<Transactions>());
      case Kind::kFetchTransactions: return fetch(in.fetch_transactions(), out.content.emplace<FetchTransactions>());
      case Kind::kPrePrepare: return pre_prepare(in.pre_prepare(), out.content.emplace<PrePrepare>());
      case Kind::kVote: return vote(in.vote(), out.content.emplace<Vote>());
      case Kind::kHeaderVote: {
        auto& message = out.content.emplace<HeaderVote>();
        return header(in.header_vote().header(), message.header) && sender(in.header_vote().sender(), message.sender) &&
               signature(in.header_vote().signature(), message.signature);
      }
      case Kind::kViewChange: return view_change(in.view_change(), out.content.emplace<ViewChange>());
      case Kind::kNewView: return new_view(in.new_view(), out.content.emplace<NewView>());
      case Kind::kStatus: return status(in.status(), out.content.emplace<MemberStatus>());
      case Kind::kSyncRequest:
        out.content = SyncRequest{in.sync_request().from(), in.sync_request().to()};
        return (in.sync_request().from() > 0 && in.sync_request().from() <= in.sync_request().to()) || refuse("a request for no block");
      case Kind::kSyncResponse: return sync_response(in.sync_response(), out.content.emplace<SyncResponse>());
      case Kind::kSnapshotOffers: return offers(in.snapshot_offers(), out.content.emplace<SnapshotOffers>());
      case Kind::kSnapshotRequest: return snapshot_request(in.snapshot_request(), out.content.emplace<SnapshotRequest>());
      case Kind::kSnapshotPart: return snapshot_part(in.snapshot_part(), out.content.emplace<SnapshotPart>());
      case Kind::kNotice:
        out.content = Notice{in.notice().certified()};
        return true;
      case Kind::kEpochRequest:
        out.content = EpochRequest{in.epoch_request().above()};
        return true;
      case Kind::kEpochProofs: return epoch_proofs(in.epoch_proofs(), out.content.emplace<EpochProofs>());
      case Kind::CONTENT_NOT_SET: break;
    }
    return refuse("a frame of no known kind");
  }
};

// Reads one record of type Record into a Value with the Decoder's method.
template <class Record, class Value, class Method>
Result<Value> decode(BytesView bytes, std::size_t members, Method method) {
  if (bytes.size() > limits::kPeerFrameMax_bytes) return fail(Status::too_large, "a frame that is too large");
  Record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return bad_frame("a frame that cannot be read");
  Value value;
  Decoder decoder{members};
  if (!(decoder.*method)(record, value)) return bad_frame(decoder.problem);
  return value;
}

template <class Record, class Value>
Bytes encode(const Value& value) {
  Record record;
  put(record, value);
  return record.SerializeAsString();
}

}  // namespace

Bytes encode_frame(const PeerFrame& frame) { return encode_frame(frame, frame.epoch); }
Bytes encode_frame(const PeerFrame& frame, std::uint64_t epoch) {
  records::PeerFrame record;
  record.set_epoch(epoch);
  std::visit(Encoder{record}, frame.content);
  return record.SerializeAsString();
}
Result<PeerFrame> decode_frame(BytesView bytes, std::size_t members) {
  return decode<records::PeerFrame, PeerFrame>(bytes, members, &Decoder::frame);
}

Bytes encode_pre_prepare(const PrePrepare& message) { return encode<records::PeerPrePrepare>(message); }
Result<PrePrepare> decode_pre_prepare(BytesView bytes, std::size_t members) {
  return decode<records::PeerPrePrepare, PrePrepare>(bytes, members, &Decoder::pre_prepare);
}
Bytes encode_certified(const CertifiedHeader& certified) { return encode<records::PeerCertifiedHeader>(certified); }
Result<CertifiedHeader> decode_certified(BytesView bytes, std::size_t members) {
  return decode<records::PeerCertifiedHeader, CertifiedHeader>(bytes, members, &Decoder::certified);
}
Bytes encode_prepared(const PreparedCertificate& certificate) { return encode<records::PeerPreparedCertificate>(certificate); }
Result<PreparedCertificate> decode_prepared(BytesView bytes, std::size_t members) {
  return decode<records::PeerPreparedCertificate, PreparedCertificate>(bytes, members, &Decoder::prepared);
}
Bytes encode_view_change(const ViewChange& message) { return encode<records::PeerViewChange>(message); }
Result<ViewChange> decode_view_change(BytesView bytes, std::size_t members) {
  return decode<records::PeerViewChange, ViewChange>(bytes, members, &Decoder::view_change);
}
Bytes encode_new_view(const NewView& message) { return encode<records::PeerNewView>(message); }
Result<NewView> decode_new_view(BytesView bytes, std::size_t members) {
  return decode<records::PeerNewView, NewView>(bytes, members, &Decoder::new_view);
}

}  // namespace agiddi::consensus
