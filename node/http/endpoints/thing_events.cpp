// The directory's events (W3C WoT Discovery): thing_created, thing_updated and thing_deleted as server-sent events, /events and /events/{type}.
//
// An event's id is "<height>-<place in the block>", the same at every node, so a client goes on with Last-Event-ID wherever it reconnects. Each
// client has a place on the ledger and is served from there: the latest blocks from memory, older ones from the store, as fast as it reads.
#include <map>
#include <mutex>

#include "node/http/writes.h"
#include "subservices/registration/thing_directory.h"

namespace agiddi::node {
namespace {

using subservices::ThingDirectory;
using subservices::ThingEvent;

constexpr std::size_t kClientsMax = 256;
constexpr std::uint64_t kReplayMax_blocks = 10'000;
constexpr std::uint64_t kAheadMax_blocks = 1000;      // of this node, when a client comes from one that is ahead
constexpr std::size_t kRecentBlocks = 256;
constexpr std::size_t kRecentEvents = 100'000;        // of all recent blocks together
constexpr std::size_t kTurnBlocks = 64;               // of one client before the next one's turn
constexpr std::chrono::milliseconds kPause{50};       // before a client that does not keep up is looked at again

const char* name_of(ThingEvent::Kind kind) {
  switch (kind) {
    case ThingEvent::Kind::created: return "thing_created";
    case ThingEvent::Kind::updated: return "thing_updated";
    case ThingEvent::Kind::deleted: return "thing_deleted";
  }
  return "";
}

std::optional<ThingEvent::Kind> kind_of(std::string_view name) {
  for (const auto kind : {ThingEvent::Kind::created, ThingEvent::Kind::updated, ThingEvent::Kind::deleted}) {
    if (name == name_of(kind)) return kind;
  }
  return std::nullopt;
}

struct Place {
  std::uint64_t height = 0;
  std::size_t index = 0;     // of the next event in that block
};

struct Client {
  std::shared_ptr<EventStream> stream;
  std::optional<ThingEvent::Kind> only;
  bool diff = false;
  Place next;
};

class ThingStreams : public std::enable_shared_from_this<ThingStreams> {
 public:
  explicit ThingStreams(Core core) : core_(std::move(core)) {}

  void add(const Responder& responder, Client client) {
    {
      const std::lock_guard lock(mutex_);
      if (clients_.size() >= kClientsMax) {
        return responder.send(problem(Status::unavailable, "Too many clients follow the Things of this node; try another one."));
      }
      client.stream = responder.stream();
      if (!client.stream) return;
      clients_.push_back(std::make_shared<Client>(client));
    }
    client.stream->on_closed([weak = weak_from_this(), gone = std::weak_ptr<EventStream>(client.stream)] {
      const auto hub = weak.lock();
      if (!hub) return;
      const std::lock_guard lock(hub->mutex_);
      std::erase_if(hub->clients_, [stream = gone.lock()](const auto& one) { return one->stream == stream; });
    });
    wake();
  }

  // Called by the chain, once a block, in the order of heights: must not wait.
  void on_block(const std::vector<ChainEvent>& events) {
    if (events.empty()) return;
    auto things = std::make_shared<std::vector<ThingEvent>>();
    for (const ChainEvent& event : events) {
      if (event.kind != "device") continue;
      if (const auto thing = subservices::thing_event(event.data)) things->push_back(*thing);
    }
    bool followed = false;
    {
      const std::lock_guard lock(mutex_);
      recent_events_ += things->size();
      recent_[events.front().height] = std::move(things);
      while (recent_.size() > 1 && (recent_.size() > kRecentBlocks || recent_events_ > kRecentEvents)) {
        recent_events_ -= recent_.begin()->second->size();
        recent_.erase(recent_.begin());
      }
      followed = !clients_.empty();
    }
    if (followed) wake();
  }

 private:
  using Events = std::shared_ptr<const std::vector<ThingEvent>>;

  // One turn of all clients at a time, on the lane of standing queries.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = true;
      if (turning_) return;
      turning_ = true;
    }
    if (!core_->standing().post([self = shared_from_this()] { self->turn(); })) later();
  }

  void later() {
    core_->after(kPause, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->again();
    });
  }

  void again() {
    {
      const std::lock_guard lock(mutex_);
      turning_ = false;
    }
    wake();
  }

  void turn() {
    std::vector<std::shared_ptr<Client>> clients;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = false;
      clients = clients_;
    }
    bool waiting = false, unfinished = false;
    const auto snapshot = core_->chain().snapshot();
    for (const auto& client : clients) {
      if (core_->stopping().cancelled()) return;
      switch (serve(*client, *snapshot)) {
        case Served::all: break;
        case Served::some: unfinished = true; break;
        case Served::slow: waiting = true; break;
        case Served::lost: client->stream->close(); break;
      }
    }
    texts_.clear();
    bool more = false;
    {
      const std::lock_guard lock(mutex_);
      turning_ = false;
      more = wanted_ || unfinished;
      if (!more && waiting) turning_ = true;   // until later() comes
    }
    if (more) return wake();
    if (waiting) later();
  }

  enum class Served { all, some, slow, lost };

  // Only the turn touches a client's place.
  Served serve(Client& client, const ledger::LedgerSnapshot& snapshot) {
    for (std::size_t blocks = 0; client.next.height <= snapshot.height(); ++client.next.height, client.next.index = 0) {
      if (blocks++ == kTurnBlocks) return Served::some;
      const Events events = events_of(snapshot, client.next.height);
      if (!events) return Served::lost;   // pruned meanwhile
      for (; client.next.index < events->size(); ++client.next.index) {
        const ThingEvent& event = (*events)[client.next.index];
        if (client.only && *client.only != event.kind) continue;
        if (client.stream->room() == 0) return Served::slow;
        const std::string id = std::to_string(client.next.height) + "-" + std::to_string(client.next.index);
        client.stream->send({name_of(event.kind), id, text_of(snapshot, event, client.diff, id), ""});
      }
    }
    return Served::all;
  }

  Events events_of(const ledger::LedgerSnapshot& snapshot, std::uint64_t height) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = recent_.find(height);
      if (found != recent_.end()) return found->second;
    }
    auto events = ThingDirectory(snapshot).events(height);
    if (!events) return nullptr;
    return std::make_shared<const std::vector<ThingEvent>>(std::move(*events));
  }

  // Clients that are at the same event share its text for a turn.
  const std::string& text_of(const ledger::LedgerSnapshot& snapshot, const ThingEvent& event, bool diff, const std::string& id) {
    constexpr std::size_t kTextsMax = 256;
    if (texts_.size() > kTextsMax) texts_.clear();
    std::string& text = texts_[id + (diff ? "d" : "")];
    if (text.empty()) text = ThingDirectory(snapshot).event_data(event, diff, core_->base_url()).dump();
    return text;
  }

  const Core core_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::map<std::uint64_t, Events> recent_;   // by height
  std::size_t recent_events_ = 0;
  bool turning_ = false, wanted_ = false;
  std::map<std::string, std::string> texts_;  // of the turn
};

// Where a client begins: after the event that it names, or with the next block.
Result<Place> begin_at(const HttpRequest& request, const ledger::LedgerSnapshot& snapshot) {
  const auto last = request.header("last-event-id");
  if (!last || last->empty()) return Place{snapshot.height() + 1, 0};
  const std::size_t dash = last->find('-');
  const auto height = parse_count(last->substr(0, dash));
  const auto index = dash == std::string_view::npos ? std::nullopt : parse_count(last->substr(dash + 1));
  if (!height || !index || *height > snapshot.height() + kAheadMax_blocks) {
    return fail(Status::bad_request, "Last-Event-ID must be the id of an event of this directory, <height>-<place>.");
  }
  const bool gone = *height < snapshot.height() && (*height + 1 < snapshot.first_block() || snapshot.pruned(*height) || snapshot.height() - *height > kReplayMax_blocks);
  if (gone) {
    return fail(Status::not_found, "The events since " + std::string(*last) + " are too many, or not kept by this node any more: list /things, and follow without Last-Event-ID.");
  }
  return Place{*height, static_cast<std::size_t>(*index) + 1};
}

void follow(const Core& core, const std::shared_ptr<ThingStreams>& streams, const HttpRequest& request, const Responder& responder) {
  Client client;
  const std::string_view type = request.parameter("type");
  if (!type.empty()) {
    client.only = kind_of(type);
    if (!client.only) return responder.send(problem(Status::not_found, "There are events of the types thing_created, thing_updated and thing_deleted."));
  }
  if (const auto diff = request.query_value("diff")) {
    if (*diff != "true" && *diff != "false") return responder.send(problem(Status::bad_request, "diff must be true or false."));
    client.diff = *diff == "true";
  }
  const auto place = begin_at(request, *core->chain().snapshot());
  if (!place) return responder.send(problem(place.error()));
  client.next = *place;
  streams->add(responder, std::move(client));
}

}  // namespace

void bind_thing_events(Router& router, const Core& core) {
  auto streams = std::make_shared<ThingStreams>(core);
  core->chain().subscribe([weak = std::weak_ptr<ThingStreams>(streams)](const std::vector<ChainEvent>& events) {
    if (const auto alive = weak.lock()) alive->on_block(events);
  });
  const auto handler = [core, streams](HttpRequest request, Responder responder) { follow(core, streams, request, responder); };
  router.add("GET", "/events", handler, with_query({}, {"diff"}));
  router.add("GET", "/events/{type}", handler, with_query({}, {"diff"}));
}

}  // namespace agiddi::node
