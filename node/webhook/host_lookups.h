// HostLookups: addresses of webhooks' hosts, by the system's resolver, which blocks. One look-up of a name at a time, whoever waits for it, so a name holds one thread at most.
//
// Names that failed last are looked up by threads of their own, and not again for 30 s, doubled with each failure up to 10 min: until then the failure is the answer. Names that
// are known to be quick have theirs too. So a new name waits for other new ones only, however many dead ones there are. A look-up gives up after 2 s a name server, two tries.
//
// Threads: find() and `done` belong to the thread that runs io; stop() and join() to whoever owns this.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "node/webhook/lookup_terms.h"

namespace agiddi::node {

class HostLookups {
 public:
  static constexpr std::size_t kNamesMax = 4'096;   // remembered or under way; more are refused (overloaded) while all are under way
  using Done = std::function<void(const Result<std::string>& address)>;

  HostLookups(boost::asio::io_context& io, ResolveHost resolve, LookupBounds bounds);   // resolve: called by any of the threads here
  void find(const std::string& host, bool tls, Done done);   // called once: at once, later, or never when it stops before
  void stop();
  void join();

 private:
  using Clock = std::chrono::steady_clock;
  struct Name {
    std::vector<Done> waiting;                 // not empty: a look-up is under way
    bool quick = false;                        // the last one was
    int failures = 0;                          // in a row
    Clock::time_point refused_until{};
    std::string why;                           // of the last failure
    Clock::time_point used{};
  };
  using Key = std::pair<bool, std::string>;    // tls, host

  void found(const Key& key, const Result<std::string>& address, std::chrono::milliseconds took);
  bool make_room();
  boost::asio::thread_pool& threads_for(const Name& name);

  boost::asio::io_context& io_;
  const ResolveHost resolve_;
  const LookupBounds bounds_;
  std::map<Key, Name> names_;
  boost::asio::thread_pool quick_{2}, others_{4}, failing_{2};
};

// A resolver's patience on the calling thread: 2 s for a name server, two tries.
void bound_resolver_of_this_thread();

}  // namespace agiddi::node
