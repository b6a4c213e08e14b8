// A chain of joins of triple patterns, optional ones too, with the conditions between them, run by blocks: each step looks a block of ids up in one
// predicate at once, where a nested join would do so for each solution. Internal.
#pragma once

#include "ontology/sparql/block.h"
#include "ontology/sparql/operators.h"
#include "ontology/sparql/slot_set.h"

namespace agiddi::ontology::sparql {

class PipelineOperator final : public Operator, public BlockSource {
 public:
  // What comes first, and the slots that it may bind.
  PipelineOperator(OperatorPtr first, SlotSet slots);
  // The pattern shares a variable with what came before, where that variable is always bound; none has a variable twice, or as its predicate.
  void join(std::unique_ptr<ScanOperator> next);
  // OPTIONAL: as join(), and the pattern's other variable is new. Solutions without a match stay, and leave it unbound.
  void join_optional(std::unique_ptr<ScanOperator> next);
  void filter(std::unique_ptr<ConditionOperator> condition) { steps_.push_back({nullptr, std::move(condition)}); }
  void set_estimate(double rows);                  // of all, and of the last step

  bool run(Execution& execution, Emit emit) override;
  bool run_blocks(Execution& execution, VisitBlock visit) override;
  BlockSource* blocks() override { return this; }
  std::string describe() const override { return "pipeline"; }
  std::vector<const Operator*> parts() const override;

 private:
  struct Step {
    std::unique_ptr<ScanOperator> scan;            // one of the two
    std::unique_ptr<ConditionOperator> condition;
    bool optional = false;                         // of a scan
    Operator* shown() const { return scan ? static_cast<Operator*>(scan.get()) : condition.get(); }
  };
  class Run;
  OperatorPtr first_;
  std::vector<Slot> first_slots_;
  std::vector<Step> steps_;
  SlotSet slots_;
};

}  // namespace agiddi::ontology::sparql
