// Comparisons that ids alone decide: of a variable with a constant, where both are inline and of one kind (numbers, or times). The answer is that of the
// expression, without making a value of each term. Internal.
#pragma once

#include <compare>
#include <optional>

#include "ledger/term_id.h"
#include "ontology/sparql/algebra.h"

namespace agiddi::ontology::sparql {

using ledger::TermId;

// By value; nothing when ids alone do not say.
inline std::optional<std::strong_ordering> compare_ids(TermId a, TermId b) {
  const auto is_time = [](TermId id) { return ledger::tag_of(id) == ledger::TermTag::date_time; };
  const bool alike = ledger::is_inline_number(a) ? ledger::is_inline_number(b) : is_time(a) && is_time(b);
  return alike ? std::optional(ledger::compare_inline(a, b)) : std::nullopt;
}

class IdTest {
 public:
  // Nothing when the condition is no such comparison.
  static std::optional<IdTest> of(const Expr& condition);

  Slot slot() const { return slot_; }
  // Nothing: ask the expression.
  std::optional<bool> holds(TermId id) const {
    const auto order = compare_ids(id, constant_);
    if (!order) return std::nullopt;
    switch (kind_) {
      case Expr::Kind::equal: return *order == 0;
      case Expr::Kind::not_equal: return *order != 0;
      case Expr::Kind::less: return *order < 0;
      case Expr::Kind::less_equal: return *order <= 0;
      case Expr::Kind::greater: return *order > 0;
      default: return *order >= 0;
    }
  }

 private:
  Expr::Kind kind_ = Expr::Kind::equal;
  Slot slot_ = kNoSlot;
  TermId constant_ = ledger::kNoTerm;
};

// The same comparison with its sides exchanged: < becomes >.
Expr::Kind mirrored(Expr::Kind comparison);

}  // namespace agiddi::ontology::sparql
