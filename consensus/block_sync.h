// BlockSync: whom to ask for missing blocks, and when. Several requests at a time, for ranges that follow each other, to different peers where there are
// some: one while nothing is known of the way, more as answers come, one again after a failure. A peer that answers late, with nothing or with garbage
// is passed over for a while and another one is asked.
//
// Core lane only. Holds heights and times, never blocks.
#pragma once

#include "consensus/messages.h"

namespace agiddi::consensus {

class BlockSync {
 public:
  static constexpr std::size_t kRequestsMax = 4, kRequestsOfPeerMax = 2;

  BlockSync(std::size_t members, MemberIndex self, std::int64_t patience_ms, std::int64_t timeout_ms);

  void peer_certified(MemberIndex peer, Height height);   // proven by a certificate
  void peer_first(MemberIndex peer, Height height);       // it says that it has no blocks below this one
  void peer_gone(MemberIndex peer);

  // complete: all heights up to it are here (blocks, or certificates too when those are asked for). target: the highest certified height known. limit: not above this now.
  // Gives the requests to send now.
  std::vector<std::pair<MemberIndex, SyncRequest>> next(Height complete, Height target, Height limit, const std::vector<bool>& connected, std::int64_t now_ms);
  // Was this asked for? (An unexpected answer is refused.)
  bool expects(MemberIndex peer, Height from) const;
  // Blocks of a request came, from its first one up to `last`; it may be that they cannot be used before others have come.
  void arrived(MemberIndex peer, Height from, Height last, std::int64_t now_ms);
  // Nothing came of one: it is asked for again, after a failure of somebody else.
  void nothing(MemberIndex peer, Height from, bool failed, std::int64_t now_ms);

  // f + 1 connected members are ahead and do not have the next block any more, and nobody else who is ahead gives it. members: the first so many peers.
  bool gone(Height complete, const std::vector<bool>& connected, std::size_t members) const;

  bool waiting() const { return !ranges_.empty(); }
  std::int64_t wake_at_ms() const { return wake_at_ms_; }  // 0: nothing to wait for

 private:
  struct Peer {
    Height certified = 0, first = 1;
    std::int64_t avoid_until_ms = 0;
    unsigned failed = 0;                                   // times in a row that it did not help
  };
  struct Range {
    MemberIndex peer;
    Height from, to;
    std::int64_t deadline_ms;
    bool here = false;                                     // arrived, and not complete yet
  };
  void fail(MemberIndex peer, std::int64_t now_ms);
  std::optional<MemberIndex> pick(Height from, const std::vector<bool>& connected, std::int64_t now_ms);

  std::vector<Peer> peers_;
  MemberIndex self_;
  std::int64_t patience_ms_, timeout_ms_;
  std::vector<Range> ranges_;                              // ascending, apart from each other
  std::size_t at_a_time_ = 1;
  MemberIndex last_peer_;
  Height last_complete_ = 0;
  std::int64_t behind_since_ms_ = -1;
  std::int64_t wake_at_ms_ = 0;
  bool eager_ = false;                                     // the last answer helped: go on without patience
};

}  // namespace agiddi::consensus
