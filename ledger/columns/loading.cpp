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

std::uint64_t read_terms(const KvReader& reader, TermTable& terms, TermId from, TermId to) {
  TermTable::Filler filler(terms);
  reader.scan(ledger::Column::terms, layout::key(layout::kTermOfId, from), layout::key(layout::kTermOfId, to), [&](BytesView key, BytesView encoded) {
    filler.put(payload_of(read_u64_be(key.substr(1))), encoded);
    return true;
  });
  return filler.count();
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

// Of ids of one kind, from one on and below another.
struct Range {
  TermId from, to;
};
// The same number each, nearly. The last one has all that follow.
std::vector<Range> ranges(TermTag tag, std::uint64_t numbers, unsigned parts) {
  std::vector<Range> out;
  for (unsigned i = 0; i < parts; ++i) out.push_back({make_id(tag, numbers * i / parts), make_id(tag, numbers * (i + 1) / parts)});
  out.back().to = make_id(static_cast<TermTag>(static_cast<int>(tag) + 1), 0);
  return out;
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
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax), parts_each = 2 * threads;
  const std::uint64_t numbers = std::max<std::uint64_t>(1, layout::meta_number(reader, layout::kNextTerm));
  terms.reserve(numbers);
  // The dictionary first, which takes longest.
  std::vector<Range> of_terms, of_stars;
  for (const TermTag tag : {TermTag::iri, TermTag::literal, TermTag::blank}) {
    const auto some = ranges(tag, numbers, parts_each);
    of_terms.insert(of_terms.end(), some.begin(), some.end());
    if (tag != TermTag::literal) of_stars.insert(of_stars.end(), some.begin(), some.end());
  }
  std::vector<Part> parts(of_stars.size());
  std::atomic<std::uint64_t> terms_read{0};
  in_parallel(threads, of_terms.size() + of_stars.size(), [&](std::size_t i) {
    if (i < of_terms.size()) {
      terms_read += read_terms(reader, terms, of_terms[i].from, of_terms[i].to);
    } else {
      const Range& range = of_stars[i - of_terms.size()];
      parts[i - of_terms.size()] = read_stars(reader, layout::u64(range.from), layout::u64(range.to));
    }
  });
  terms.filled(terms_read);

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
