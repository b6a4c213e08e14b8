// The devices as a directory of Thing Descriptions (W3C WoT Discovery): one, a page of them, and what a block did to them. Pure reads of one
// snapshot; any thread.
//
// The directory holds the current version of every device that is not retired, ordered by id. A page costs as much as it holds: it begins at the
// id that the page before ended with, and only a bare offset is walked to.
#pragma once

#include <functional>

#include "ledger/ledger.h"
#include "protocol/json.h"

namespace agiddi::subservices {

struct ThingPageRequest {
  std::size_t limit = 0;               // Things, above 0
  std::uint64_t offset = 0;            // of the first one: skipped, unless `after` says where it is
  std::optional<Hash> after;           // the last device of the page before
  bool descending = false;
  std::size_t bytes_max = 0;           // a page ends before it grows beyond (but has one Thing)
  std::string base;                    // of the Things' relative references
  std::function<bool()> cancelled;     // looked at from time to time on the way to an offset
};
struct ThingPage {
  std::string members;                 // "{…},{…}": the Things
  std::size_t count = 0;
  std::optional<Hash> last;            // of this page, when more follow
};

// How many devices were ever registered, and how many of them are not retired. Both together name one content of the directory for ever: ids
// are never given again, so a list of the same two numbers is the same list.
struct ThingCount {
  std::uint64_t registered = 0, current = 0;
  friend bool operator==(const ThingCount&, const ThingCount&) = default;
};

struct ThingEvent {
  enum class Kind : std::uint8_t { created, updated, deleted } kind = Kind::created;
  Hash device;
  std::uint32_t version = 0;
};

class ThingDirectory {
 public:
  explicit ThingDirectory(const ledger::LedgerSnapshot& snapshot) : snapshot_(snapshot) {}

  // 404 for what is not in the directory (also a retired device).
  Result<Json> thing(std::string_view urn, std::string_view base) const;
  // unavailable when it was cancelled on the way.
  Result<ThingPage> page(const ThingPageRequest& request) const;
  ThingCount count() const;            // a walk over all devices
  // In the order of execution. Nothing when the block is not here.
  std::optional<std::vector<ThingEvent>> events(std::uint64_t height) const;
  // What an event tells: {"id"}, or with diff the new Thing, or what has changed (JSON Merge Patch, always with the id).
  Json event_data(const ThingEvent& event, bool diff, std::string_view base) const;

 private:
  Json version(const Hash& device, std::uint32_t version, std::string_view base) const;

  const ledger::LedgerSnapshot& snapshot_;
};

// The same events from what the executor told of a block ("device": {"device","version","state"}).
std::optional<ThingEvent> thing_event(const Json& device_event);

}  // namespace agiddi::subservices
