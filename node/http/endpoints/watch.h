// Standing queries over HTTP: POST /v1/query with "watch": true. Internal to the discovery endpoint.
#pragma once

#include "node/http/writes.h"
#include "subservices/query/conditions.h"

namespace agiddi::node {

// Server-sent events to each client, all of one chain of states: "result", what the search gives now, and then, for each device that a block changed, "match", "update"
// or "unmatch". Nothing lies between them and nothing is told twice. For a client that does not keep up, several changes of one device become one; one that
// is far behind is cut off, and asks again. Bounded for all of them together: places, the text of their queries, the bytes in their queues, and the devices
// that
// they are still to be told of (of which the client with most is cut off).
//
// Threads: any. What a block changed is matched on a lane of its own, never on the chain's.
class WatchStreams : public std::enable_shared_from_this<WatchStreams> {
 public:
  ~WatchStreams();
  static std::shared_ptr<WatchStreams> make(const Core& core, const ontology::sparql::Limits& limits);   // follows the chain from now on
  void add(const Responder& responder, subservices::SearchPlan plan);

 private:
  struct State;
  WatchStreams(const Core& core, const ontology::sparql::Limits& limits);
  void on_block(const std::vector<ChainEvent>& events);
  void wake();
  void wake_later(bool State::*flag);
  void turn();
  void serve();
  void tell();
  void again_later();
  void begin(const Responder& responder, const subservices::SearchPlan& plan);

  const Core core_;
  const ontology::sparql::Limits limits_;   // of the search that comes first
  const std::unique_ptr<State> state_;
};

}  // namespace agiddi::node
