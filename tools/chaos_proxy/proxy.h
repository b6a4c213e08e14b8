// A TCP proxy for the links between nodes: each ordered pair of nodes has a port of its own, and each direction between two nodes a
// state of its own, which may change at any time. Bytes pass as they are (TLS stays opaque).
//
// A link FROM -> TO is the connection that FROM dials. Its bytes forwards obey the direction FROM -> TO; what comes back on it (only TLS
// handshakes in aGIDDI) obeys TO -> FROM.
//   pass  bytes go through, after delay_ms and at most at bytes_per_second
//   hold  a silent loss: connections stay open and no byte moves; after healing the bytes arrive late, as TCP's retransmissions would
//   cut   a noticed loss: connections that FROM dialled are closed, new ones are closed at once
//
// Threads: one; all calls come from the io_context's thread. Memory: a pump holds at most kQueueMax_bytes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace agiddi::tools {

enum class LinkMode { pass, hold, cut };

struct DirectionState {
  LinkMode mode = LinkMode::pass;
  std::int64_t delay_ms = 0;
  std::int64_t bytes_per_second = 0;  // 0: as fast as it goes
};

class ChaosProxy {
 public:
  explicit ChaosProxy(boost::asio::io_context& io);
  ~ChaosProxy();
  // Listens on a free port of 127.0.0.1 for what `from` dials, to be passed on to 127.0.0.1:target_port. Returns the port; throws when there is none.
  std::uint16_t add_link(const std::string& from, const std::string& to, std::uint16_t target_port);
  void set(const std::string& from, const std::string& to, const DirectionState& state);
  std::uint64_t bytes_passed() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace agiddi::tools
