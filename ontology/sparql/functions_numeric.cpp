// ABS, CEIL, FLOOR, ROUND, RAND.
#include "ontology/sparql/expression.h"

namespace agiddi::ontology::sparql {

Value call_numeric_function(Builtin builtin, const std::vector<Value>& args, Execution& execution) {
  if (builtin == Builtin::rand) {
    return Value::of(Number::floating(std::uniform_real_distribution<double>(0.0, 1.0)(execution.random())));
  }
  if (!args[0].number) return Value::error();
  const Number& number = *args[0].number;
  switch (builtin) {
    case Builtin::abs: return Value::of(absolute(number));
    case Builtin::ceil: return Value::of(ceil(number));
    case Builtin::floor: return Value::of(floor(number));
    case Builtin::round: return Value::of(round(number));
    default: return Value::error();
  }
}

}  // namespace agiddi::ontology::sparql
