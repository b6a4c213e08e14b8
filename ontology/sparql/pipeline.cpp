#include "ontology/sparql/pipeline.h"

#include "protocol/check.h"

namespace agiddi::ontology::sparql {

namespace {

constexpr std::size_t kFirstBlock = 1, kBlockGrowth = 4;   // small at first: the first solutions may be all that is wanted

// Those that nothing outside has bound.
std::vector<Slot> free_of(const std::vector<Slot>& slots, const Execution& execution) {
  std::vector<Slot> out;
  for (const Slot slot : slots) {
    if (execution.row[slot] == kNoTerm) out.push_back(slot);
  }
  return out;
}

}  // namespace

void Columns::load(Slot slot, const Block& block, const Execution& execution, std::vector<TermId>& out) {
  out.resize(block.size);
  if (const TermId* own = block.column(slot)) {
    std::copy_n(own, block.size, out.data());
    return;
  }
  std::span<const std::uint32_t> places = block.of;
  for (const Block* at = block.before; at != nullptr; at = at->before) {
    if (const TermId* ids = at->column(slot)) {
      for (std::size_t i = 0; i < block.size; ++i) out[i] = ids[places[i]];
      return;
    }
    if (at->before == nullptr) break;
    places_.resize(block.size);
    for (std::size_t i = 0; i < block.size; ++i) places_[i] = at->of[places[i]];
    places = places_;
  }
  std::fill(out.begin(), out.end(), execution.row[slot]);
}

PipelineOperator::PipelineOperator(OperatorPtr first, SlotSet slots) : first_(std::move(first)), first_slots_(slots.slots()), slots_(std::move(slots)) {}

void PipelineOperator::join(std::unique_ptr<ScanOperator> next) {
  for (const Place* place : {&next->subject(), &next->object()}) {
    if (place->slot != kNoSlot) slots_.add(place->slot);
  }
  steps_.push_back({std::move(next), nullptr});
}

void PipelineOperator::join_optional(std::unique_ptr<ScanOperator> next) {
  next->set_optional();
  join(std::move(next));
  steps_.back().optional = true;
}

void PipelineOperator::set_estimate(double rows) {
  estimate = rows;
  (steps_.empty() ? first_.get() : steps_.back().shown())->estimate = rows;
}

std::vector<const Operator*> PipelineOperator::parts() const {
  std::vector<const Operator*> out{first_.get()};
  for (const Step& step : steps_) out.push_back(step.shown());
  return out;
}

class PipelineOperator::Run {
 public:
  Run(PipelineOperator& pipeline, Execution& execution, VisitBlock visit)
      : first_(*pipeline.first_), first_slots_(free_of(pipeline.first_slots_, execution)), execution_(execution), visit_(visit) {
    SlotSet bound;
    for (const Slot slot : pipeline.first_slots_) bound.add(slot);
    auto known = [&](const Place& place) { return place.slot == kNoSlot || bound.has(place.slot) || execution.row[place.slot] != kNoTerm; };
    for (const Step& step : pipeline.steps_) {
      Stage& stage = stages_.emplace_back(step);
      if (step.condition) {
        stage.keys = Columns(free_of(step.condition->mentioned(), execution));
        stage.tests = id_tests(*step.condition, stage.keys);
        continue;
      }
      const Place& s = step.scan->subject();
      const Place& o = step.scan->object();
      stage.subject_known = known(s);
      stage.object_known = known(o);
      AGIDDI_CHECK(stage.subject_known || stage.object_known, "a pipeline joins on something");
      std::vector<Slot> keys;
      if (stage.subject_known && s.slot != kNoSlot) keys.push_back(s.slot);
      if (stage.object_known && o.slot != kNoSlot) keys.push_back(o.slot);
      stage.keys = Columns(std::move(keys));
      for (const Place* place : {&s, &o}) {
        if (place->slot != kNoSlot) bound.add(place->slot);
      }
    }
  }

  bool run() {
    const auto* scan = dynamic_cast<const ScanOperator*>(&first_);
    return scan != nullptr && scan->gives_rows(execution_) ? run_rows(*scan) : run_first();
  }

 private:
  bool run_rows(const ScanOperator& scan) {
    bool wanted = true;
    scan.rows(execution_, [&](std::span<const TermId> subjects, std::span<const TermId> objects) {
      execution_.triples_read += subjects.size();
      const Block::Found found[] = {{scan.subject().slot, subjects}, {scan.object().slot, objects}};
      Block block;
      block.found = found;
      block.size = subjects.size();
      return wanted = execution_.tick(block.size) && step(0, block);
    });
    return wanted && !execution_.stopped();
  }

  bool run_first() {
    std::vector<std::vector<TermId>> data(first_slots_.size());
    std::vector<Block::Found> found(first_slots_.size());
    std::size_t count = 0, room = kFirstBlock;
    bool wanted = true;
    auto hand_on = [&] {
      for (std::size_t i = 0; i < data.size(); ++i) found[i] = {first_slots_[i], data[i]};
      Block block;
      block.found = found;
      block.size = count;
      wanted = step(0, block);
      for (auto& column : data) column.clear();
      count = 0;
      room = std::min(room * kBlockGrowth, ledger::kFoundMax);
      return wanted;
    };
    const bool ended = first_.run(execution_, [&] {
      for (std::size_t i = 0; i < data.size(); ++i) data[i].push_back(execution_.row[first_slots_[i]]);
      if (++count < room) return true;
      // What is handed on binds slots of its own accord; the first part finds its own as it left them.
      std::vector<TermId> own(first_slots_.size());
      for (std::size_t i = 0; i < own.size(); ++i) own[i] = std::exchange(execution_.row[first_slots_[i]], kNoTerm);
      const bool more = hand_on();
      for (std::size_t i = 0; i < own.size(); ++i) execution_.row[first_slots_[i]] = own[i];
      return more;
    });
    if (ended && count > 0) hand_on();
    return ended && wanted && !execution_.stopped();
  }

  struct Stage {
    explicit Stage(const Step& of) : step(&of) {}
    const Step* step;
    bool subject_known = false, object_known = false;
    Columns keys{{}};                         // what it looks up, or what its conditions read
    std::vector<std::pair<IdTest, std::size_t>> tests;   // of a filter that they make up, each with the column that it reads
    std::vector<TermId> constants;
    std::vector<std::uint32_t> passed;        // of a filter; of an optional step what it hands on
    std::vector<TermId> found;
  };

  bool step(std::size_t at, const Block& block) {
    if (at == stages_.size()) return visit_(block);
    Stage& stage = stages_[at];
    stage.keys.load(block, execution_);
    return stage.step->condition ? filter(at, stage, block) : join(at, stage, block);
  }

  static std::vector<std::pair<IdTest, std::size_t>> id_tests(const ConditionOperator& condition, const Columns& keys) {
    std::vector<std::pair<IdTest, std::size_t>> out;
    for (const auto& test : condition.tests()) {
      const auto slot = test ? std::find(keys.slots().begin(), keys.slots().end(), test->slot()) : keys.slots().end();
      if (slot == keys.slots().end()) return {};
      out.emplace_back(*test, static_cast<std::size_t>(slot - keys.slots().begin()));
    }
    return out;
  }

  // What ids alone say of a solution; nothing: ask the condition.
  static std::optional<bool> passes(const Stage& stage, std::size_t solution) {
    if (stage.tests.empty()) return std::nullopt;
    for (const auto& [test, column] : stage.tests) {
      const auto holds = test.holds(stage.keys[column][solution]);
      if (!holds || !*holds) return holds;
    }
    return true;
  }

  bool filter(std::size_t at, Stage& stage, const Block& block) {
    if (!execution_.tick(block.size)) return false;
    stage.passed.clear();
    for (std::size_t i = 0; i < block.size; ++i) {
      if (const auto known = passes(stage, i)) {
        if (*known) stage.passed.push_back(static_cast<std::uint32_t>(i));
        continue;
      }
      stage.keys.bind(i, execution_);
      if (stage.step->condition->passes(execution_)) stage.passed.push_back(static_cast<std::uint32_t>(i));
    }
    stage.keys.unbind(execution_);
    if (execution_.stopped()) return false;
    if (stage.passed.empty()) return true;
    if (stage.passed.size() == block.size) return step(at + 1, block);
    Block next;
    next.before = &block;
    next.of = stage.passed;
    next.size = stage.passed.size();
    return step(at + 1, next);
  }

  bool join(std::size_t at, Stage& stage, const Block& block) {
    if (!execution_.tick(block.size)) return false;
    const ScanOperator& scan = *stage.step->scan;
    ledger::LookUps wanted;
    wanted.predicate = scan.predicate().id;
    std::size_t key = 0;
    auto ids_of = [&](const Place& place) -> std::span<const TermId> {
      if (place.slot != kNoSlot) return stage.keys[key++];
      stage.constants.assign(block.size, place.id);   // at most one of the two is a constant: they share a variable with what came before
      return stage.constants;
    };
    if (stage.subject_known) wanted.subjects = ids_of(scan.subject());
    if (stage.object_known) wanted.objects = ids_of(scan.object());
    const Slot finds = stage.subject_known && stage.object_known ? kNoSlot : stage.subject_known ? scan.object().slot : scan.subject().slot;
    Block::Found column{finds, {}};
    bool goes_on = true;
    auto hand_on = [&](std::span<const std::uint32_t> of, std::span<const TermId> found) {
      Block next;
      next.before = &block;
      next.of = of;
      column.ids = found;
      if (finds != kNoSlot) next.found = {&column, 1};
      next.size = of.size();
      return goes_on = step(at + 1, next);
    };
    // OPTIONAL: what was found, and between it the solutions for which nothing was.
    std::vector<std::uint32_t>& all_of = stage.passed;
    std::vector<TermId>& all_found = stage.found;
    std::size_t told = 0;   // solutions of the block that were dealt with
    auto add = [&](std::size_t solution, TermId id) {
      all_of.push_back(static_cast<std::uint32_t>(solution));
      all_found.push_back(id);
      if (all_of.size() < ledger::kFoundMax) return true;
      hand_on(all_of, all_found);
      all_of.clear();
      all_found.clear();
      return goes_on;
    };
    auto visit_optional = [&](std::span<const std::uint32_t> of, std::span<const TermId> found) {
      for (std::size_t i = 0; i < of.size(); ++i) {
        for (; told < of[i]; ++told) {
          if (!add(told, kNoTerm)) return false;
        }
        told = of[i] + 1;
        if (!add(of[i], found[i])) return false;
      }
      return true;
    };
    auto visit = [&](std::span<const std::uint32_t> of, std::span<const TermId> found) {
      execution_.triples_read += of.size();
      if (!execution_.tick(of.size())) return goes_on = false;
      return stage.step->optional ? visit_optional(of, found) : hand_on(of, found);
    };
    all_of.clear();
    all_found.clear();
    execution_.graph->look_up(wanted, std::ref(visit));
    if (!stage.step->optional || !goes_on) return goes_on;
    for (; told < block.size; ++told) {
      if (!add(told, kNoTerm)) return false;
    }
    if (!all_of.empty()) hand_on(all_of, all_found);
    return goes_on;
  }

  Operator& first_;
  const std::vector<Slot> first_slots_;       // those that it binds itself
  Execution& execution_;
  VisitBlock visit_;
  std::vector<Stage> stages_;
};

bool PipelineOperator::run_blocks(Execution& execution, VisitBlock visit) {
  if (execution.graph == nullptr) return true;
  return Run(*this, execution, visit).run();
}

bool PipelineOperator::run(Execution& execution, Emit emit) {
  if (steps_.empty()) return first_->run(execution, emit);
  Columns columns(free_of(slots_.slots(), execution));
  return run_blocks(execution, [&](const Block& block) {
    columns.load(block, execution);
    bool wanted = true;
    for (std::size_t i = 0; i < block.size && wanted; ++i) {
      columns.bind(i, execution);
      wanted = emit();
    }
    columns.unbind(execution);
    return wanted;
  });
}

}  // namespace agiddi::ontology::sparql
