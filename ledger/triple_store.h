// The RDF triples of the ledger: a set of triples (the default graph), those of one subject in one record (ledger/star.h), and a dictionary; and for
// stores whose queries read the disk, an index by predicate and object.
//
// Writing: TripleWriter turns a block's triple changes into key-value writes that go into the block's one batch. Reading:
// make_triple_source over any KvReader, a snapshot as a rule. Callers see only TripleSource, so a memory layer can stand in its place.
// Ids are this node's own (allocated in block order) and never hashed or sent. The dictionary only grows.
#pragma once

#include <memory>
#include <vector>

#include "ledger/kv.h"
#include "ledger/triple_source.h"

namespace agiddi::ledger {

// One change of the set of triples. A block's changes are applied in order: the last one of a triple wins, so add after remove
// leaves it in. Adding what is there and removing what is not are no errors. There is no count of owners: a triple that two
// things assert is gone when one of them removes it, so a writer should only assert triples about subjects of its own.
struct TripleChange {
  Triple triple;
  bool added = true;
};
using TripleChanges = std::vector<TripleChange>;

// Bounded, thread-safe cache of the dictionary, both ways; shared by the writer and all sources of one store.
class TermCache;
std::shared_ptr<TermCache> make_term_cache(std::size_t terms_max = 1 << 17);

// The same in ids: what a block really does. Each change adds what is not there or removes what is.
struct TripleIdChange {
  TermId subject, predicate, object;
  bool added;
};
struct TripleIdChanges {
  std::vector<Bytes> terms;                // new in the dictionary, encoded, in the order of their numbers
  std::vector<TripleIdChange> changes;     // at most one of each triple
};

// Whether the writer keeps what queries on disk need (ledger/disk_indexes.h). Without, ids by term must be in memory: use_dictionary().
enum class DiskIndexes : bool { left_out, kept };

// Two predicates whose numbers say where a subject is: a source in memory finds what lies in a rectangle of them (TripleSource::scan_box).
struct Coordinates {
  Term x, y;
};

// The writing side. One thread, the one that applies blocks.
class TripleWriter {
 public:
  TripleWriter(const KvReader& store, std::shared_ptr<TermCache> cache, DiskIndexes indexes = DiskIndexes::kept);
  // Appends the writes for these changes, counters included, and says what they come to. The batch must reach the store before the next call, or
  // the process end.
  TripleIdChanges encode(const TripleChanges& changes, KvBatch& batch);
  // Where the whole dictionary is in memory: find(encoded term) gives its id as of the last block, or kNoTerm. The store is then not asked for terms.
  void use_dictionary(std::function<TermId(BytesView)> find) { find_ = std::move(find); }

 private:
  const KvReader& store_;
  std::function<TermId(BytesView)> find_;
  std::shared_ptr<TermCache> cache_;
  const DiskIndexes indexes_;
  std::uint64_t next_term_;
};

// Reads the disk, where the indexes are kept. The reader must outlive the source. cache may be null.
std::unique_ptr<const TripleSource> make_triple_source(const KvReader& reader, std::shared_ptr<TermCache> cache);

// A source that owns its triples, in memory: for tests and small graphs.
std::shared_ptr<const TripleSource> make_memory_triples(const std::vector<Triple>& triples);

// Number of triples in the store.
std::uint64_t triple_count(const KvReader& reader);

}  // namespace agiddi::ledger
