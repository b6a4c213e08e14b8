#include "node/webhook/host_lookups.h"

#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>

#include <boost/asio/post.hpp>

namespace agiddi::node {

void bound_resolver_of_this_thread() {
  thread_local const bool done = [] {
    if (::res_init() == 0) {
      _res.retrans = 2;
      _res.retry = 2;
    }
    return true;
  }();
  (void)done;
}

HostLookups::HostLookups(boost::asio::io_context& io, ResolveHost resolve, LookupBounds bounds) : io_(io), resolve_(std::move(resolve)), bounds_(bounds) {}

boost::asio::thread_pool& HostLookups::threads_for(const Name& name) { return name.failures > 0 ? failing_ : name.quick ? quick_ : others_; }

// What nobody waits for is forgotten, the longest unused first: it is new when it comes again.
bool HostLookups::make_room() {
  if (names_.size() < kNamesMax) return true;
  auto oldest = names_.end();
  for (auto it = names_.begin(); it != names_.end(); ++it) {
    if (it->second.waiting.empty() && (oldest == names_.end() || it->second.used < oldest->second.used)) oldest = it;
  }
  if (oldest == names_.end()) return false;
  names_.erase(oldest);
  return true;
}

void HostLookups::find(const std::string& host, bool tls, Done done) {
  const Key key{tls, host};
  if (!names_.contains(key) && !make_room()) return done(fail(Status::overloaded, "this node looks up as many hosts as it may; it is tried again"));
  Name& name = names_[key];
  const auto now = Clock::now();
  name.used = now;
  if (now < name.refused_until) return done(fail(Status::unavailable, name.why));
  name.waiting.push_back(std::move(done));
  if (name.waiting.size() > 1) return;
  boost::asio::post(threads_for(name), [this, key] {
    const auto begin = Clock::now();
    auto address = resolve_(key.second, key.first);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
    boost::asio::post(io_, [this, key, took, address = std::move(address)] { found(key, address, took); });
  });
}

void HostLookups::found(const Key& key, const Result<std::string>& address, std::chrono::milliseconds took) {
  Name& name = names_.at(key);
  name.quick = address.has_value() && took < bounds_.quick;
  if (address) {
    name.failures = 0;
  } else {
    const auto refused = std::min(bounds_.refused_first * (1 << std::min(name.failures, 16)), bounds_.refused_max);
    ++name.failures;
    name.refused_until = Clock::now() + refused;
    name.why = address.error().detail;
  }
  std::vector<Done> waiting;
  waiting.swap(name.waiting);
  for (const Done& done : waiting) done(address);
}

void HostLookups::stop() {
  quick_.stop();
  others_.stop();
  failing_.stop();
}

void HostLookups::join() {
  quick_.join();
  others_.join();
  failing_.join();
}

}  // namespace agiddi::node
