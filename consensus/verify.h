// Verification of a decoded frame: every signature in it, nested certificates included, and its inner consistency. Needs no replica
// state, so a driver may run it on another lane and hand the frame to the Engine as verified.
//
// Transactions inside frames are the driver's to verify (for_each_transaction finds them): signature, network and action always,
// the time window only for gossip (Transactions without `answer`). Thread-safe; refusals are Status::unauthorized (signature) or Status::invalid (form).
#pragma once

#include <functional>

#include "consensus/signing.h"

namespace agiddi::consensus {

Result<void> verify_frame(const PeerFrame& frame, const SigningContext& context, const Authenticator& authenticator);
Result<void> verify_certified(const CertifiedHeader& certified, const SigningContext& context, const Authenticator& authenticator);
Result<void> verify_prepared(const PreparedCertificate& certificate, const SigningContext& context, const Authenticator& authenticator);

// Cuts off the blocks of a SyncResponse from the first one on whose members are not those that are known for its height: this node learns of a
// change of members when it executes the block that decides it. Sets `cut` when something was cut off.
void drop_unknown_epochs(SyncResponse& message, const SigningContext& context);

// Calls visit for each transaction in a frame until it returns false; false when it was stopped.
bool for_each_transaction(const PeerFrame& frame, const std::function<bool(const Transaction&)>& visit);

}  // namespace agiddi::consensus
