// EpochSync: whom to ask for the member sets that follow the ones known here, and when. One request at a time; who answers late or with nothing is
// passed over for a while, longer each time; who sends a proof that does not hold is not asked again.
//
// Core lane only. Holds epochs and times.
#pragma once

#include "consensus/messages.h"

namespace agiddi::consensus {

class EpochSync {
 public:
  explicit EpochSync(std::size_t peer_slots, std::int64_t timeout_ms);

  void peer_epoch(MemberIndex peer, std::uint64_t epoch);   // in which it says that it is: a hint
  void peer_gone(MemberIndex peer);

  // proven: the latest epoch whose members can be proven here. above: who is in a later epoch than this one may be asked (`proven`, or an earlier one
  // when not proofs are wanted but the head that comes with them). Gives the request to send now, if any.
  std::optional<std::pair<MemberIndex, EpochRequest>> next(std::uint64_t proven, std::uint64_t above, const std::vector<bool>& connected,
                                                           std::int64_t now_ms);
  bool expects(MemberIndex peer, std::uint64_t above) const;   // was this asked for?
  void answered(MemberIndex peer, bool useful, std::int64_t now_ms);
  void lied(MemberIndex peer);

  // An answer is awaited from a peer that says that it is in an epoch above this one.
  bool waiting_above(std::uint64_t epoch) const { return asked_ && peers_[asked_->peer].epoch > epoch; }
  std::int64_t wake_at_ms() const { return wake_at_ms_; }   // 0: nothing to wait for

 private:
  struct Peer {
    std::uint64_t epoch = 0;
    bool liar = false;
    std::int64_t avoid_until_ms = 0, penalty_ms = 0;
  };
  struct Asked {
    MemberIndex peer;
    std::uint64_t above;
    std::int64_t deadline_ms;
  };
  std::vector<Peer> peers_;
  std::int64_t timeout_ms_;
  std::optional<Asked> asked_;
  MemberIndex last_peer_ = 0;
  std::int64_t wake_at_ms_ = 0;
};

}  // namespace agiddi::consensus
