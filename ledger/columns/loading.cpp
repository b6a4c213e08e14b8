#include "ledger/columns/loading.h"

#include <atomic>
#include <map>
#include <thread>

#include "ledger/layout.h"
#include "ledger/star.h"
#include "protocol/check.h"

namespace agiddi::ledger::columns {
namespace {

constexpr unsigned kThreadsMax = 8;

// Of one predicate, by subject and object.
struct Rows {
  std::vector<Node> subjects;
  std::vector<TermId> objects;
};
using Part = std::map<TermId, Rows>;

void read_terms(const KvReader& reader, TermTable& terms) {
  const Bytes prefix(1, layout::kTermOfId);
  std::uint64_t count = 0;
  terms.reserve(layout::meta_number(reader, layout::kNextTerm));
  reader.scan(ledger::Column::terms, prefix, prefix_end(prefix), [&](BytesView key, BytesView encoded) {
    terms.put(payload_of(read_u64_be(key.substr(1))), encoded);
    ++count;
    return true;
  });
  terms.filled(count);
}

// Stars come by subject, so the rows of each predicate come in order. The rows of a predicate are found by its number: those of an ontology are small.
Part read_stars(const KvReader& reader, BytesView from, BytesView to) {
  Part part;
  std::vector<Rows*> known(1 << 12);
  reader.scan(ledger::Column::stars, from, to, [&](BytesView key, BytesView packed) {
    const Node subject = node_of(read_u64_be(key));
    StarWalk at(packed);
    while (at.next()) {
      const auto& [predicate, object] = at.here();
      const std::uint64_t number = payload_of(predicate);
      Rows* rows = number < known.size() ? known[number] : &part[predicate];
      if (rows == nullptr) rows = known[number] = &part[predicate];
      rows->subjects.push_back(subject);
      rows->objects.push_back(object);
    }
    AGIDDI_CHECK(!at.damaged(), "a stored star is whole");
    return true;
  });
  return part;
}

// The same number of subjects each, nearly. The last part has the blank nodes too.
std::vector<Bytes> cuts(const KvReader& reader, unsigned parts) {
  const std::uint64_t numbers = layout::meta_number(reader, layout::kNextTerm);
  std::vector<Bytes> cuts(1);
  for (unsigned i = 1; i < parts; ++i) cuts.push_back(layout::u64(make_id(TermTag::iri, numbers * i / parts)));
  cuts.emplace_back();
  return cuts;
}

std::shared_ptr<const Base> sorted(std::vector<Rows*> parts) {
  Rows& all = *parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    all.subjects.insert(all.subjects.end(), parts[i]->subjects.begin(), parts[i]->subjects.end());
    all.objects.insert(all.objects.end(), parts[i]->objects.begin(), parts[i]->objects.end());
    *parts[i] = {};
  }
  auto base = std::make_shared<const Base>(std::move(all.subjects), all.objects);
  all = {};
  return base;
}

// Calls work with each number below count, on several threads.
void in_parallel(unsigned threads, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto some = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(some);
  some();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace

State load(const KvReader& reader, TermTable& terms) {
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 2u, kThreadsMax);
  // One thread is left for the dictionary.
  const std::vector<Bytes> at = cuts(reader, threads - 1);
  std::vector<Part> parts(threads - 1);
  in_parallel(threads, threads, [&](std::size_t i) {
    if (i == 0) return read_terms(reader, terms);
    parts[i - 1] = read_stars(reader, at[i - 1], at[i]);
  });

  std::map<TermId, std::vector<Rows*>> by_predicate;
  for (Part& part : parts) {
    for (auto& [predicate, rows] : part) by_predicate[predicate].push_back(&rows);
  }
  State state;
  state.terms = terms.size();
  for (const auto& [predicate, rows] : by_predicate) {
    state.predicates.push_back({predicate, nullptr});
    for (const Rows* some : rows) state.triples += some->subjects.size();
  }
  in_parallel(threads, state.predicates.size(), [&](std::size_t i) {
    state.predicates[i].pairs = std::make_shared<const Pairs>(sorted(by_predicate.at(state.predicates[i].id)));
  });
  return state;
}

}  // namespace agiddi::ledger::columns
