// GET /v1/events: what each block did, as server-sent events (block, device, payment, integration) or over WebSocket.
#include <mutex>

#include "node/http/writes.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kClientsMax = 256;

// Fans the chain's events out to the clients. The chain's listener holds it weakly and is never taken off: the chain may end before the last connection.
class EventHub : public std::enable_shared_from_this<EventHub> {
 public:
  bool add(const Responder& responder) {
    std::shared_ptr<EventStream> stream;
    {
      const std::lock_guard lock(mutex_);
      if (clients_.size() >= kClientsMax) return false;
      stream = responder.stream();
      if (!stream) return true;
      clients_.push_back(stream);
    }
    stream->on_closed([weak = weak_from_this(), gone = std::weak_ptr<EventStream>(stream)] {
      const auto hub = weak.lock();
      if (!hub) return;
      const std::lock_guard lock(hub->mutex_);
      std::erase(hub->clients_, gone.lock());
    });
    return true;
  }

  void publish(const std::vector<ChainEvent>& events) {
    const std::lock_guard lock(mutex_);
    if (clients_.empty()) return;
    for (const ChainEvent& event : events) {
      const StreamEvent line{event.kind, std::to_string(event.height), event.data.dump(), ""};
      std::erase_if(clients_, [&](const auto& client) { return !client->send(line); });
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<EventStream>> clients_;
};

}  // namespace

void bind_events(Router& router, const Core& core) {
  auto hub = std::make_shared<EventHub>();
  core->chain().subscribe([weak = std::weak_ptr<EventHub>(hub)](const std::vector<ChainEvent>& events) {
    if (const auto alive = weak.lock()) alive->publish(events);
  });
  router.add("GET", "/v1/events", [hub](HttpRequest, Responder responder) {
    if (!hub->add(responder)) responder.send(problem(Status::unavailable, "Too many clients follow the events of this node; try another one."));
  }, with_query({}, {}));
}

}  // namespace agiddi::node
