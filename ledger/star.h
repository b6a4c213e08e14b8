// A star: all triples of one subject as one record of the stars column, and how they are packed. Internal to the ledger.
//
//   predicate number (varint)   object: tag and length of its number in one byte (4 bits each), then so many bytes of the number, big-endian
//
// ascending by predicate and object id, none twice. Numbers are dictionary numbers, or payloads of inline ids (ledger/term_id.h) with the bit of
// 2^59 turned over, so that small values take few bytes. A star holds what one document says of one subject, so it is bounded like documents are.
#pragma once

#include <functional>
#include <vector>

#include "ledger/kv.h"
#include "ledger/term_id.h"

namespace agiddi::ledger {

struct PredicateObject {
  TermId predicate = kNoTerm, object = kNoTerm;
  friend auto operator<=>(const PredicateObject&, const PredicateObject&) = default;
};
using Star = std::vector<PredicateObject>;   // ascending

Bytes pack_star(const Star& star);
// Walks over a packed star; the record must outlive the walk.
//   for (StarWalk at(record); at.next();) use(at.here());
class StarWalk {
 public:
  explicit StarWalk(BytesView packed) : rest_(packed) {}
  bool next();                                          // false: at the end, or damaged
  const PredicateObject& here() const { return here_; }
  bool damaged() const { return damaged_; }

 private:
  bool fail();
  BytesView rest_;
  PredicateObject here_;
  bool damaged_ = false;
};

Star read_star(const KvReader& reader, TermId subject);   // empty: it has no triples. Aborts when the record is damaged
// All triples in the order of subject, predicate and object, until visit returns false. Aborts when a record is damaged.
void scan_stars(const KvReader& reader, const std::function<bool(TermId s, TermId p, TermId o)>& visit);

}  // namespace agiddi::ledger
