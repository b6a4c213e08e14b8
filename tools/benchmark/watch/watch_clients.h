// Clients with standing queries by the thousand, in one thread of their own: each opens a stream of server-sent events and reads it until the end.
//
// They speak HTTP/1.0, which gives the same stream without chunk frames. What a client was told of is kept as hashes of device ids, with the time of arrival.
// Threads: the object belongs to one; events() may be asked while the clients run, all else of what they were told after stop().
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/benchmark/http_load.h"

namespace agiddi::tools {

std::uint64_t device_hash(std::string_view urn);

struct WatchEvent {
  std::uint64_t device = 0;   // device_hash of its URN
  std::chrono::steady_clock::time_point at;
};

struct WatchLog {
  std::vector<WatchEvent> events;   // "match" alone; in order of arrival
  std::uint64_t others = 0;         // "update" and "unmatch", which new devices never bring
  std::string problem;              // what ended the stream before stop(); empty: nothing did
};

class WatchClients {
 public:
  // bodies: of POST /v1/query, one a client; spread over the targets in turn.
  WatchClients(std::vector<LoadTarget> targets, std::vector<std::string> bodies);
  ~WatchClients();                  // ends all connections

  // Opens them all; returns when each has its first result, or with what went wrong.
  std::optional<std::string> open();
  std::uint64_t events() const;     // that arrived so far, the first results not counted
  void stop();                      // stops reading; the connections end with the object
  const std::vector<WatchLog>& logs() const;

 private:
  struct Run;
  std::unique_ptr<Run> run_;
};

}  // namespace agiddi::tools
