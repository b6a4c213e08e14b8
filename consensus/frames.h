// Frames on the wire: PeerFrame <-> records/peer.proto. Decoding is strict: sizes, counts, order and member indexes are checked, so
// that what comes out is bounded and well-formed (not yet authentic: see verify.h).
//
// Pure functions, thread-safe. A refusal is Status::invalid or Status::too_large and says which part.
#pragma once

#include "consensus/messages.h"

namespace agiddi::consensus {

Bytes encode_frame(const PeerFrame& frame);
Bytes encode_frame(const PeerFrame& frame, std::uint64_t epoch);   // of this epoch, whatever the frame says
Result<PeerFrame> decode_frame(BytesView bytes, std::size_t members);

// Parts that are also kept in the write-ahead log.
Bytes encode_pre_prepare(const PrePrepare& message);
Result<PrePrepare> decode_pre_prepare(BytesView bytes, std::size_t members);
Bytes encode_certified(const CertifiedHeader& certified);
Result<CertifiedHeader> decode_certified(BytesView bytes, std::size_t members);
Bytes encode_prepared(const PreparedCertificate& certificate);
Result<PreparedCertificate> decode_prepared(BytesView bytes, std::size_t members);
Bytes encode_view_change(const ViewChange& message);
Result<ViewChange> decode_view_change(BytesView bytes, std::size_t members);
Bytes encode_new_view(const NewView& message);
Result<NewView> decode_new_view(BytesView bytes, std::size_t members);

}  // namespace agiddi::consensus
