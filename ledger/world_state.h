// The world state as the rules see it while a block is executed: an overlay of changes over an immutable base (Column::state).
//
// One thread. The base must outlive the overlay. Keys and values are opaque bytes; an empty key is refused. Reads see the overlay's own
// changes merged with the base. A transaction inside a block: take a checkpoint, run, and roll back when it is rejected.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ledger/kv.h"

namespace agiddi::ledger {

// One key whose value differs from the base. At least one of the two is set, and they differ.
struct StateChange {
  Bytes key;
  std::optional<Bytes> before;
  std::optional<Bytes> after;
  friend bool operator==(const StateChange&, const StateChange&) = default;
};
using StateChanges = std::vector<StateChange>;  // ascending by key, each key once: canonical

class StateOverlay {
 public:
  explicit StateOverlay(const KvReader& base);
  StateOverlay(const StateOverlay&) = delete;
  StateOverlay& operator=(const StateOverlay&) = delete;

  std::optional<Bytes> get(BytesView key) const;
  bool contains(BytesView key) const { return get(key).has_value(); }
  void put(BytesView key, Bytes value);
  void erase(BytesView key);

  // Keys that begin with prefix (or in [from, to), to empty = to the end), ascending, until visit returns false.
  // visit may read the overlay but must not change it: collect first, then change.
  void scan(BytesView prefix, const std::function<bool(BytesView key, BytesView value)>& visit) const;
  void scan_range(BytesView from, BytesView to, const std::function<bool(BytesView key, BytesView value)>& visit) const;

  // Checkpoints nest like a stack: rollback(c) undoes everything after c and ends c and all later ones; commit(c) keeps the changes
  // (they can still be undone by an enclosing checkpoint).
  using Checkpoint = std::size_t;
  [[nodiscard]] Checkpoint checkpoint();
  void rollback(Checkpoint checkpoint);
  void commit(Checkpoint checkpoint);

  // What differs from the base now. A key that was changed and changed back is not in it.
  StateChanges changes() const;

 private:
  struct Entry {
    std::optional<Bytes> before;  // in the base
    std::optional<Bytes> now;
  };
  struct Undo {
    Bytes key;
    std::optional<Bytes> value;
  };
  void set(BytesView key, std::optional<Bytes> value);

  const KvReader& base_;
  std::map<Bytes, Entry, std::less<>> entries_;
  std::vector<Undo> undo_;
  std::vector<std::size_t> checkpoints_;  // sizes of undo_
  mutable int scanning_ = 0;
};

// A reader with nothing in it: the base of genesis, and of tests.
const KvReader& empty_reader();

}  // namespace agiddi::ledger
