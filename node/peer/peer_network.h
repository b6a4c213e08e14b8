// Links between nodes: TLS 1.3, mutually authenticated, keys pinned. Every node dials every peer that it is given and sends on the connection
// that it dialled; what it accepts it only reads. A frame is a 4-byte big-endian length and that many bytes. A peer is its key: what it may
// say, and as which member, is the caller's business.
//
// Threads: runs on the io_context that it is given; all methods may be called from any thread. on_frame and on_link come from
// an io thread, one at a time for each peer, and must not block: hand the value to a lane. When on_frame returns false (the lane is full) the
// link stops reading for a moment, so that back-pressure reaches the sender instead of memory.
// Strangers: of connections that have not shown a member's key yet, the oldest gives way to a newcomer, so that they keep no member out; a member has at
// most two accepted links, and the older gives way.
// Silence: a link whose far end acknowledges nothing, or reads nothing, for 6.5 s ends and is dialled again.
// Loss: a frame for a peer that is away or whose queue is full is dropped and counted; PBFT asks again.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/config.h"
#include "protocol/membership.h"

namespace boost::asio {
class io_context;
}

namespace agiddi::node {

struct PeerCounters {
  std::atomic<std::uint64_t> frames_in{0}, frames_out{0}, bytes_in{0}, bytes_out{0};
  std::atomic<std::uint64_t> dropped{0};    // queue full or peer away
  std::atomic<std::uint64_t> refused{0};    // oversized frame, no peer of ours, wrong peer
};

struct Peer {
  PublicKey key{};
  std::string name;                         // for the log
  std::string address;                      // host:port; "" = it is accepted and never dialled
  std::string other_address{};              // tried by turns with it
  friend bool operator==(const Peer&, const Peer&) = default;
};

class PeerNetwork {
 public:
  struct Handlers {
    std::function<bool(const PublicKey& peer, Bytes& frame)> on_frame;   // true: taken (moved from); false: offered again later
    std::function<void(const PublicKey& peer, bool connected)> on_link;  // our own dialled link went up or down
  };

  PeerNetwork(boost::asio::io_context& io, Handlers handlers);
  ~PeerNetwork();
  // Whom to dial and to accept from now on, and with which key of ours. Links of peers that are the same stay; with another key of ours all are made anew.
  void set_peers(const KeyPair& own_key, const std::string& own_name, const std::vector<Peer>& peers);
  // Listens and begins to dial. The error names the address.
  Result<void> start(const Endpoint& listen);
  void stop();
  void send(const PublicKey& peer, std::shared_ptr<const Bytes> frame);
  bool connected(const PublicKey& peer) const;
  const PeerCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace agiddi::node
