#include "ontology/sparql/id_test.h"

namespace agiddi::ontology::sparql {

Expr::Kind mirrored(Expr::Kind comparison) {
  using Kind = Expr::Kind;
  switch (comparison) {
    case Kind::less: return Kind::greater;
    case Kind::less_equal: return Kind::greater_equal;
    case Kind::greater: return Kind::less;
    case Kind::greater_equal: return Kind::less_equal;
    default: return comparison;
  }
}

std::optional<IdTest> IdTest::of(const Expr& condition) {
  using Kind = Expr::Kind;
  if (condition.kind < Kind::equal || condition.kind > Kind::greater_equal) return std::nullopt;
  const Expr* left = condition.args[0].get();
  const Expr* right = condition.args[1].get();
  IdTest test;
  test.kind_ = condition.kind;
  if (left->kind == Kind::constant) {
    std::swap(left, right);
    test.kind_ = mirrored(condition.kind);
  }
  if (left->kind != Kind::variable || right->kind != Kind::constant) return std::nullopt;
  test.slot_ = left->slot;
  test.constant_ = ledger::inline_id(right->term);
  const auto tag = ledger::tag_of(test.constant_);
  if (!ledger::is_inline_number(test.constant_) && tag != ledger::TermTag::date_time) return std::nullopt;
  return test;
}

}  // namespace agiddi::ontology::sparql
