#include "ontology/sparql/execution.h"

#include "ledger/term_id.h"

namespace agiddi::ontology::sparql {

namespace {

constexpr std::size_t kValuesCached_bytes = 16 << 20;
constexpr std::size_t kTicksPerLook = 256;   // at the clock
constexpr std::size_t kRegexesCached = 16;

std::size_t footprint(const ledger::Term& term) { return sizeof(term) * 2 + 2 * (term.value.size() + term.datatype.size() + term.language.size()); }

}  // namespace

Execution::Execution(const Dataset& data, const Limits& limits, CancelToken* cancel, TimeMs time, std::size_t slots)
    : dataset(data), now(time), width(slots), row(nullptr), base(slots, kNoTerm), graph(&data.default_graph()), named(data.named_graphs()),
      limits_(limits), cancel_(cancel), deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.time_ms)),
      first_row_(slots, kNoTerm) {
  row = first_row_.data();
}

bool Execution::tick(std::size_t steps) {
  if (stop_ != Stop::none) return false;
  ticks_ += steps;
  if (ticks_ >= kTicksPerLook) {
    ticks_ = 0;
    if (cancel_ != nullptr && cancel_->cancelled()) {
      stop(Stop::cancelled);
    } else if (std::chrono::steady_clock::now() > deadline_) {
      stop(Stop::time);
    }
  }
  return stop_ == Stop::none;
}

bool Execution::reserve(std::size_t bytes) {
  memory_ += bytes;
  if (memory_ > memory_peak_) memory_peak_ = memory_;
  if (memory_ > limits_.memory_bytes) stop(Stop::memory);
  return stop_ == Stop::none;
}

Error Execution::error() const {
  switch (stop_) {
    case Stop::time: return {Status::unavailable, "the query passed its time limit of " + std::to_string(limits_.time_ms) + " ms: ask for less, or look at its plan (explain)", {}};
    case Stop::memory:
      return {Status::unavailable, "the query passed its memory limit of " + std::to_string(limits_.memory_bytes) + " bytes: ask for less, or look at its plan (explain)", {}};
    case Stop::rows: return {Status::unavailable, "the query passed its limit of " + std::to_string(limits_.rows) + " rows: ask for less, with LIMIT", {}};
    case Stop::cancelled: return {Status::unavailable, "the query was cancelled", {}};
    case Stop::none: break;
  }
  return {Status::internal, "the query ended early", {}};
}

TermId Execution::find(const ledger::Term& term) const {
  if (const TermId id = dataset.default_graph().find(term); id != kNoTerm) return id;
  const auto found = own_ids_.find(term);
  return found == own_ids_.end() ? kNoTerm : found->second;
}

TermId Execution::intern(const ledger::Term& term) {
  if (const TermId id = find(term); id != kNoTerm) return id;
  reserve(footprint(term));
  own_terms_.push_back(term);
  const TermId id = ledger::make_id(ledger::TermTag::query, own_terms_.size() - 1);
  own_ids_.emplace(term, id);
  return id;
}

TermId Execution::intern(const Value& value) { return value.id != kNoTerm ? value.id : intern(term_of(value)); }

ledger::Term Execution::term(TermId id) const {
  if (ledger::tag_of(id) == ledger::TermTag::query) return own_terms_[static_cast<std::size_t>(ledger::payload_of(id))];
  return dataset.default_graph().term(id);
}

const Value& Execution::value(TermId id) {
  const auto found = values_.find(id);
  if (found != values_.end()) return found->second;
  if (values_bytes_ >= kValuesCached_bytes) {
    values_.clear();
    values_bytes_ = 0;
  }
  Value value = Value::of(term(id));
  values_bytes_ += sizeof(Value) + footprint(value.term);
  value.id = id;
  return values_.emplace(id, std::move(value)).first->second;
}

TermId Execution::new_blank() {
  // Not through intern(): a blank node of the query is none of the store's, whatever its label.
  own_terms_.push_back(ledger::Term::blank("query" + std::to_string(own_terms_.size())));
  reserve(footprint(own_terms_.back()));
  return ledger::make_id(ledger::TermTag::query, own_terms_.size() - 1);
}

TermId Execution::blank_for(const std::string& label) {
  std::string key = label;
  key += '\0';
  for (std::size_t slot = 0; slot < width; ++slot) {
    const TermId id = computed.contains(static_cast<Slot>(slot)) ? kNoTerm : row[slot];
    key.append(reinterpret_cast<const char*>(&id), sizeof id);
  }
  const auto found = blanks_.find(key);
  if (found != blanks_.end()) return found->second;
  reserve(key.size() + 64);
  const TermId id = new_blank();
  blanks_.emplace(std::move(key), id);
  return id;
}

std::shared_ptr<const Regex> Execution::regex(const std::string& pattern, const std::string& flags) {
  const auto key = std::pair(pattern, flags);
  const auto found = regexes_.find(key);
  if (found != regexes_.end()) return found->second;
  if (regexes_.size() >= kRegexesCached) regexes_.clear();
  return regexes_.emplace(key, Regex::compile(pattern, flags)).first->second;
}

}  // namespace agiddi::ontology::sparql
