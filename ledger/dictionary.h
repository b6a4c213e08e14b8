// The RDF dictionary: terms that do not inline, by id and by hash of the term. Internal to the ledger.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <vector>

#include "ledger/kv.h"
#include "ledger/term_id.h"

namespace agiddi::ledger {

Bytes encode_term(const Term& term);
TermTag tag_of_encoded(BytesView raw);
bool is_encoded_term(BytesView raw);   // whether decode_term() can read it
Term decode_term(BytesView raw);  // raw is ours; aborts when it is damaged
Bytes term_key(BytesView encoded);

// Direct-mapped: a term has one place in each table, and the last one to come keeps it. Thread-safe by a lock for each stripe of places.
class TermCache {
 public:
  explicit TermCache(std::size_t terms_max);
  std::optional<TermId> id(BytesView encoded) const;
  std::optional<Term> term(TermId id) const;
  void put(TermId id, BytesView encoded);

 private:
  static constexpr std::size_t kStripes = 64;
  static constexpr std::size_t kTermMax_bytes = 256;  // longer ones are read from the store
  struct Slot {
    TermId id = kNoTerm;
    Bytes encoded;
  };
  std::size_t place_of(TermId id) const;
  std::size_t place_of(BytesView encoded) const;

  std::vector<Slot> by_id_, by_term_;
  mutable std::array<std::mutex, kStripes> id_locks_, term_locks_;
};

// kNoTerm when neither inline nor in the dictionary. cache may be null.
TermId lookup_term(const KvReader& reader, TermCache* cache, const Term& term);

}  // namespace agiddi::ledger
