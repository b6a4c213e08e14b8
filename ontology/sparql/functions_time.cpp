// NOW and the parts of an xsd:dateTime.
#include "ontology/sparql/expression.h"

namespace agiddi::ontology::sparql {

Value call_time_function(Builtin builtin, const std::vector<Value>& args, Execution& execution) {
  if (builtin == Builtin::now) return Value::of(ledger::Term::typed(time_text(execution.now), ledger::xsd::date_time));
  if (args[0].kind != Value::Kind::date_time) return Value::error();
  const Moment& moment = *args[0].moment;
  switch (builtin) {
    case Builtin::year: return Value::of(Number::integer(moment.year));
    case Builtin::month: return Value::of(Number::integer(moment.month));
    case Builtin::day: return Value::of(Number::integer(moment.day));
    case Builtin::hours: return Value::of(Number::integer(moment.hour));
    case Builtin::minutes: return Value::of(Number::integer(moment.minute));
    case Builtin::seconds: {
      std::string text = std::to_string(moment.second);
      if (!moment.fraction.empty()) text += "." + moment.fraction;
      return Value::of(parse_decimal(text));
    }
    case Builtin::timezone:
      if (!moment.zone_minutes) return Value::error();
      return Value::of(ledger::Term{ledger::TermKind::literal, zone_duration(moment), "http://www.w3.org/2001/XMLSchema#dayTimeDuration", {}});
    case Builtin::tz: return Value::string(zone_text(moment));
    default: return Value::error();
  }
}

}  // namespace agiddi::ontology::sparql
