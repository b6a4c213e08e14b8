// One run of a query: its budget, the terms that it made, and the one wide row that the operators bind and unbind. Internal; one thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/regex.h"
#include "ontology/sparql/value.h"

namespace agiddi::ontology::sparql {

using ledger::TermId;
using ledger::kNoTerm;

// A callable that is only borrowed for the duration of a call.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f)  // NOLINT: meant to convert
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, Args... args) -> R { return (*static_cast<std::remove_reference_t<F>*>(object))(args...); }) {}
  R operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

// Called for each solution, which stands in Execution::row; false: no more wanted.
using Emit = FunctionRef<bool()>;

class Operator;

class Execution {
 public:
  enum class Stop : std::uint8_t { none, time, memory, rows, cancelled };

  Execution(const Dataset& dataset, const Limits& limits, CancelToken* cancel, TimeMs now, std::size_t width);

  // Budget. Once something stopped the run, every check says so.
  bool tick(std::size_t steps = 1);     // so much work; false: stop
  bool reserve(std::size_t bytes);      // held until release(); false: stop
  void release(std::size_t bytes) { memory_ -= bytes; }
  void stop(Stop reason) {
    if (stop_ == Stop::none) stop_ = reason;
  }
  bool stopped() const { return stop_ != Stop::none; }
  Error error() const;                  // stopped() is true
  std::size_t memory_peak() const { return memory_peak_; }
  const Limits& limits() const { return limits_; }

  // Terms. The same term has one id, be it the store's or the query's own.
  TermId intern(const ledger::Term& term);
  TermId intern(const Value& value);    // value is no error
  TermId find(const ledger::Term& term) const;
  ledger::Term term(TermId id) const;
  const Value& value(TermId id);        // valid until the next call
  TermId new_blank();
  TermId blank_for(const std::string& label);  // BNODE(label): the same within one solution
  std::shared_ptr<const Regex> regex(const std::string& pattern, const std::string& flags);
  std::mt19937_64& random() {
    if (!random_) random_.emplace(std::random_device{}());   // to seed one takes longer than most queries
    return *random_;
  }

  const Dataset& dataset;
  const TimeMs now;
  const std::size_t width;
  std::uint64_t triples_read = 0;

  // The current solution by slot, and the bindings with which an independent part of a pattern begins: none, or in an EXISTS those
  // of the solution that is tested.
  TermId* row;
  std::vector<TermId> base;
  std::uint64_t epoch = 0;                      // changes with base: what is cached for one is wrong for another
  const ledger::TripleSource* graph;            // the active graph; null: one that does not exist
  std::map<std::string, const ledger::TripleSource*> named;  // what GRAPH may choose
  std::set<Slot> computed;                      // slots that BIND and SELECT expressions fill
  std::unordered_map<const Node*, Operator*> exists;

 private:
  Limits limits_;
  CancelToken* cancel_;
  Stop stop_ = Stop::none;
  std::size_t ticks_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t memory_ = 0, memory_peak_ = 0;
  std::vector<TermId> first_row_;
  std::map<ledger::Term, TermId> own_ids_;
  std::deque<ledger::Term> own_terms_;
  std::unordered_map<TermId, Value> values_;
  std::size_t values_bytes_ = 0;
  std::map<std::string, TermId> blanks_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const Regex>> regexes_;
  std::optional<std::mt19937_64> random_;
};

}  // namespace agiddi::ontology::sparql
