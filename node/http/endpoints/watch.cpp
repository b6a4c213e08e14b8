#include "node/http/endpoints/watch.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "protocol/transaction.h"
#include "subservices/query/device_reader.h"
#include "subservices/query/query_service.h"
#include "subservices/query/standing_queries.h"

namespace agiddi::node {
namespace {

using subservices::StandingMatch;
using SnapshotPtr = std::shared_ptr<const ledger::LedgerSnapshot>;

constexpr std::size_t kPlan_bytes = 4 * 1024;      // of a query's text, on the average over all places
constexpr std::size_t kPendingMax = 200'000;       // changed devices that wait to be matched
constexpr std::size_t kWatchStep = 256;                 // devices that are matched before it is asked whether the node stops
constexpr std::chrono::milliseconds kWatchPause{50};    // when the lane is full, or a client's queue is
constexpr std::size_t kBacklogMax = 50'000;        // devices that one client is still to be told of
constexpr std::size_t kBacklogsMax = 1'000'000;    // that all clients together are; then the one with most goes
constexpr std::size_t kUnsentMax_bytes = 256 * 1024;          // in one client's queue when it is told more
constexpr std::size_t kUnsentAll_bytes = 256 * 1024 * 1024;   // in the queues of all clients
constexpr std::size_t kResultMax_bytes = 3 * 1024 * 1024;
constexpr std::size_t kJoinsStep = 32;             // searches for new clients between two blocks

const char* kind_name(StandingMatch::Kind kind) {
  switch (kind) {
    case StandingMatch::Kind::match: return "match";
    case StandingMatch::Kind::update: return "update";
    case StandingMatch::Kind::unmatch: return "unmatch";
  }
  return "";
}

struct JoiningWatcher {
  Responder responder;
  subservices::SearchPlan plan;
};

struct Told {
  StandingMatch::Kind kind = StandingMatch::Kind::match;
  std::optional<std::string> distance_km;
};

struct Watcher {
  std::shared_ptr<EventStream> stream;
  std::map<Hash, Told> backlog;      // what it has not been told yet, of each device once
  bool listed = false;               // in `behind`
  bool cut = false;                  // is told nothing more

  // What two changes of one device are together; nothing when the client never knew of it.
  void note(const StandingMatch& match) {
    using Kind = StandingMatch::Kind;
    const auto [entry, first] = backlog.try_emplace(match.device, Told{match.kind, match.distance_km});
    if (first) return;
    const Kind before = entry->second.kind;
    if (before == Kind::match && match.kind == Kind::unmatch) {
      backlog.erase(entry);
      return;
    }
    const Kind both = before == Kind::match ? Kind::match : match.kind == Kind::match ? Kind::update : match.kind;
    entry->second = {both, match.distance_km};
  }
};

}  // namespace

struct WatchStreams::State {
  std::mutex mutex;
  bool wanted = false, turning = false, timed = false;       // timed: a client's queue is looked at again after a pause
  bool followed = false;                                     // somebody is here or joins: changes are kept,
  std::uint64_t followed_from = 0;                           // those above this height
  bool overrun = false;                                      // too many were: whoever follows must ask again
  std::uint64_t events_height = 0;                           // up to which the chain told of its blocks
  std::vector<std::pair<std::uint64_t, Hash>> pending;       // changed devices with their block's height, ascending
  std::deque<JoiningWatcher> joining;
  std::vector<std::uint64_t> leaving;                        // queries; a turn removes them before it adds others
  std::size_t places = 0, plan_bytes = 0;                    // taken by clients, those who join included

  // Of the turn alone.
  subservices::StandingQueries queries;
  std::unordered_map<std::uint64_t, Watcher> clients;         // by query
  std::vector<std::uint64_t> behind;                         // the clients with a backlog
  std::size_t backlogs = 0;                                  // of all clients
  SnapshotPtr base, target;                                  // the state that every client knows, and the next one

  const std::shared_ptr<StreamGroup> group = std::make_shared<StreamGroup>();
  Gauge &watchers, &height, &waiting;
  Counter &events, &cut_off;

  explicit State(Metrics& metrics)
      : watchers(metrics.gauge("agiddi_watchers", "Clients with a standing query.")),
        height(metrics.gauge("agiddi_watch_height", "Height up to which changes were matched with the standing queries, while there are any.")),
        waiting(metrics.gauge("agiddi_watch_waiting", "Changed devices to be matched, and events that wait for room in a client's queue.")),
        events(metrics.counter("agiddi_watch_events_total", "Events of standing queries that were sent.")),
        cut_off(metrics.counter("agiddi_watch_cut_off_total", "Clients with a standing query that were cut off because they did not keep up.")) {
    metrics.read_value("agiddi_watch_unsent_bytes", "Events of standing queries in the queues of connections.",
                       [group = group] { return static_cast<std::int64_t>(group->unsent_bytes.load()); });
  }

  // Too far behind; its place comes free when its connection has ended.
  void cut(Watcher& client) {
    if (std::exchange(client.cut, true)) return;
    client.stream->close();
    backlogs -= client.backlog.size();
    client.backlog.clear();
    cut_off.add();
  }

  void note(std::uint64_t query, const StandingMatch& match) {
    const auto found = clients.find(query);
    if (found == clients.end()) return;
    Watcher& client = found->second;
    if (client.cut) return;
    const std::size_t had = client.backlog.size();
    client.note(match);
    backlogs += client.backlog.size() - had;
    if (!std::exchange(client.listed, true)) behind.push_back(query);
    if (client.backlog.size() > kBacklogMax) cut(client);
    if (backlogs <= kBacklogsMax) return;
    const auto size = [this](std::uint64_t one) {
      const auto other = clients.find(one);
      return other == clients.end() ? 0 : other->second.backlog.size();
    };
    cut(clients.at(*std::max_element(behind.begin(), behind.end(), [&](std::uint64_t a, std::uint64_t b) { return size(a) < size(b); })));
  }
};

WatchStreams::WatchStreams(const Core& core, const ontology::sparql::Limits& limits)
    : core_(core), limits_(limits), state_(std::make_unique<State>(core->metrics())) {}
WatchStreams::~WatchStreams() = default;

std::shared_ptr<WatchStreams> WatchStreams::make(const Core& core, const ontology::sparql::Limits& limits) {
  std::shared_ptr<WatchStreams> made(new WatchStreams(core, limits));
  core->chain().subscribe([weak = std::weak_ptr<WatchStreams>(made)](const std::vector<ChainEvent>& events) {
    if (const auto alive = weak.lock()) alive->on_block(events);
  });
  const std::uint64_t height = core->chain().snapshot()->height();
  const std::lock_guard lock(made->state_->mutex);
  made->state_->events_height = std::max(made->state_->events_height, height);
  return made;
}

void WatchStreams::add(const Responder& responder, subservices::SearchPlan plan) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->places >= core_->watchers_max() || state_->plan_bytes + plan.sparql.size() > std::max<std::size_t>(core_->watchers_max(), 256) * kPlan_bytes) {
      return responder.send(problem(Status::unavailable, "Too many standing queries are open at this node; try another one."));
    }
    ++state_->places;
    state_->plan_bytes += plan.sparql.size();
    if (!std::exchange(state_->followed, true)) state_->followed_from = state_->events_height;
    state_->joining.push_back({responder, std::move(plan)});
  }
  wake();
}

// Called by the chain, once a block, in the order of heights: must not wait.
void WatchStreams::on_block(const std::vector<ChainEvent>& events) {
  if (events.empty()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->events_height = std::max(state_->events_height, events.front().height);
    if (!state_->followed) return;
    for (const ChainEvent& event : events) {
      if (event.kind == "device") state_->pending.emplace_back(event.height, event.subject);
    }
    if (state_->pending.size() > kPendingMax) {
      state_->pending.clear();
      state_->overrun = true;
    }
  }
  wake();
}

// One turn at a time, on the lane of standing queries.
void WatchStreams::wake() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->wanted = true;
    if (state_->turning) return;
    state_->turning = true;
  }
  if (core_->standing().post([self = shared_from_this()] { self->turn(); })) return;
  wake_later(&State::turning);
}

// After a pause; the flag, which says that this is under way, is taken back then.
void WatchStreams::wake_later(bool State::*flag) {
  core_->after(kWatchPause, [weak = weak_from_this(), flag] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->state_->mutex);
      (*self->state_).*flag = false;
    }
    self->wake();
  });
}

void WatchStreams::turn() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->wanted = false;
  }
  serve();
  bool more = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->turning = false;
    more = state_->wanted && !core_->stopping().cancelled();
  }
  if (more) wake();
}

void WatchStreams::serve() {
  State& state = *state_;
  if (!state.target) state.target = core_->chain().snapshot();
  std::vector<Hash> changed;
  std::vector<JoiningWatcher> joining;
  std::vector<std::uint64_t> leaving;
  bool overrun = false, waiting = false;   // overrun: clients were cut off; waiting: more want to join
  {
    const std::lock_guard lock(state.mutex);
    leaving.swap(state.leaving);
    overrun = std::exchange(state.overrun, false);
    if (overrun) state.followed_from = std::max(state.followed_from, state.events_height);   // changes up to there were dropped
  }
  if (overrun) {
    for (auto& [query, client] : state.clients) state.cut(client);
  }
  // Without the lock: the chain waits for it.
  for (const std::uint64_t query : leaving) {
    state.queries.remove(query);
    const auto client = state.clients.find(query);
    if (client == state.clients.end()) continue;
    state.backlogs -= client->second.backlog.size();
    state.clients.erase(client);
  }
  {
    const std::lock_guard lock(state.mutex);
    state.watchers.set(static_cast<std::int64_t>(state.places));
    if (state.overrun) {   // meanwhile
      state.wanted = true;
      return;
    }
    // A state is the next one when the chain has told of all its blocks.
    if (state.events_height < state.target->height()) return;
    // One from before the changes were kept would hide some of them.
    if (state.target->height() < state.followed_from) {
      state.target = nullptr;
      state.wanted = true;
      return;
    }
    const auto end = std::find_if(state.pending.begin(), state.pending.end(), [&](const auto& one) { return one.first > state.target->height(); });
    for (auto one = state.pending.begin(); one != end; ++one) {
      if (state.base && one->first > state.base->height()) changed.push_back(one->second);
    }
    state.pending.erase(state.pending.begin(), end);
    state.wanted |= !state.pending.empty();
    while (!state.joining.empty() && joining.size() < kJoinsStep && state.group->unsent_bytes < kUnsentAll_bytes / 2) {
      joining.push_back(std::move(state.joining.front()));
      state.joining.pop_front();
    }
    waiting = !state.joining.empty();
    if (state.clients.empty() && joining.empty() && state.joining.empty()) {
      state.followed = false;
      state.pending.clear();
    }
  }
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (std::size_t at = 0; at < changed.size() && !core_->stopping().cancelled(); at += kWatchStep) {
    const std::vector<Hash> some(changed.begin() + static_cast<std::ptrdiff_t>(at), changed.begin() + static_cast<std::ptrdiff_t>(std::min(changed.size(), at + kWatchStep)));
    for (const StandingMatch& match : state.queries.changed(some, state.base->triples(), state.target->triples(), &core_->device_texts())) {
      state.note(match.query, match);
    }
  }
  if (core_->stopping().cancelled()) return;   // some changes were not looked at
  state.base = std::exchange(state.target, nullptr);
  tell();
  for (const JoiningWatcher& one : joining) begin(one.responder, one.plan);
  state.height.set(static_cast<std::int64_t>(state.base->height()));
  if (state.clients.empty()) state.base = nullptr;
  {
    const std::lock_guard lock(state.mutex);
    state.waiting.set(static_cast<std::int64_t>(state.pending.size() + state.backlogs));
    if (!joining.empty()) state.wanted |= waiting;   // without any, the queues are full: after a pause
  }
  if (state.backlogs > 0 || (joining.empty() && waiting)) again_later();
}

// As much as the clients take.
void WatchStreams::tell() {
  State& state = *state_;
  const subservices::DeviceReader reader(state.base->triples(), &core_->device_texts());
  const std::string id = std::to_string(state.base->height());
  std::vector<std::uint64_t> behind;
  for (const std::uint64_t query : std::exchange(state.behind, {})) {
    const auto found = state.clients.find(query);
    if (found == state.clients.end()) continue;
    Watcher& client = found->second;
    while (!client.backlog.empty() && client.stream->room() > 0 && client.stream->unsent_bytes() < kUnsentMax_bytes &&
           state.group->unsent_bytes < kUnsentAll_bytes) {
      const auto [device, told] = *client.backlog.begin();
      client.backlog.erase(client.backlog.begin());
      --state.backlogs;
      const std::string urn = device_urn(device);
      std::string data;
      // A device that is gone matches nothing, whatever a query said that ran out of time.
      const bool gone = told.kind == StandingMatch::Kind::unmatch || !reader.append_entry(data, urn, told.distance_km);
      if (gone) data = Json::object({{"id", urn}}).dump();
      if (client.stream->send({kind_name(gone ? StandingMatch::Kind::unmatch : told.kind), id, std::move(data), ""})) state.events.add();
    }
    client.listed = !client.backlog.empty();
    if (client.listed) behind.push_back(query);
  }
  state.behind = std::move(behind);
}

void WatchStreams::again_later() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->timed, true)) return;
  }
  wake_later(&State::timed);
}

// What there is now, and from here on what changes.
void WatchStreams::begin(const Responder& responder, const subservices::SearchPlan& plan) {
  State& state = *state_;
  const auto leave = [this, bytes = plan.sparql.size()] {
    const std::lock_guard lock(state_->mutex);
    --state_->places;
    state_->plan_bytes -= bytes;
  };
  auto answer = subservices::QueryService(limits_, &core_->device_texts()).search(plan, state.base->triples(), state.base->height());
  if (answer && answer->size() > kResultMax_bytes) answer = fail_field("/limit", "gives a first page that is too long for a stream; ask for fewer devices");
  const auto query = answer ? state.queries.add(plan, state.base->triples()) : Result<std::uint64_t>(tl::unexpected(answer.error()));
  const auto stream = query ? responder.stream() : nullptr;
  if (!stream) {
    if (query) state.queries.remove(*query);
    leave();
    if (!query) responder.send(problem(query.error()));
    return;
  }
  stream->join(state.group);
  stream->send({"result", std::to_string(state.base->height()), *std::move(answer), ""});
  state.clients.emplace(*query, Watcher{stream, {}});
  stream->on_closed([weak = weak_from_this(), query = *query, bytes = plan.sparql.size()] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->state_->mutex);
      --self->state_->places;
      self->state_->plan_bytes -= bytes;
      self->state_->leaving.push_back(query);
    }
    self->wake();
  });
}

}  // namespace agiddi::node
