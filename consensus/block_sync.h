// BlockSync: whom to ask for missing blocks, and when. One request at a time; a peer that answers late, with nothing or with garbage is
// passed over for a while and another one is asked.
//
// Core lane only. Holds heights and times, never blocks.
#pragma once

#include "consensus/messages.h"

namespace agiddi::consensus {

class BlockSync {
 public:
  BlockSync(std::size_t members, MemberIndex self, std::int64_t patience_ms, std::int64_t timeout_ms);

  void peer_certified(MemberIndex peer, Height height);   // proven by a certificate
  void peer_first(MemberIndex peer, Height height);       // it says that it has no blocks below this one
  void peer_gone(MemberIndex peer);

  // complete: all heights up to it are handed to execution and certified. target: the highest certified height known.
  // Gives the request to send now, if any.
  std::optional<std::pair<MemberIndex, SyncRequest>> next(Height complete, Height target, const std::vector<bool>& connected, std::int64_t now_ms);
  // Was this asked for? (An unexpected answer is refused.)
  bool expects(MemberIndex peer, Height from) const;
  void answered(MemberIndex peer, bool useful, std::int64_t now_ms);

  // f + 1 connected members are ahead and do not have the next block any more, and nobody else who is ahead gives it. members: the first so many peers.
  bool gone(Height complete, const std::vector<bool>& connected, std::size_t members) const;

  bool waiting() const { return asked_.has_value(); }
  std::int64_t wake_at_ms() const { return wake_at_ms_; }  // 0: nothing to wait for

 private:
  struct Peer {
    Height certified = 0, first = 1;
    std::int64_t avoid_until_ms = 0;
    unsigned failed = 0;                                   // times in a row that it did not help
  };
  struct Asked {
    MemberIndex peer;
    Height from;
    std::int64_t deadline_ms;
  };
  std::vector<Peer> peers_;
  MemberIndex self_;
  std::int64_t patience_ms_, timeout_ms_;
  std::optional<Asked> asked_;
  MemberIndex last_peer_;
  Height last_complete_ = 0;
  std::int64_t behind_since_ms_ = -1;
  std::int64_t wake_at_ms_ = 0;
  bool eager_ = false;                                     // the last answer helped: go on without patience
};

}  // namespace agiddi::consensus
