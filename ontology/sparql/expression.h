// Evaluation of expressions on the current row (section 17). A type error is a Value of kind error. Internal.
#pragma once

#include <vector>

#include "ontology/sparql/execution.h"

namespace agiddi::ontology::sparql {

Value evaluate(const Expr& expression, Execution& execution);
// Effective boolean value; an error counts as false, as FILTER wants it.
bool holds(const Expr& condition, Execution& execution);

// What "=", "!=", "<" and the others make of two values; kind is one of these.
Value compare_values(Expr::Kind kind, const Value& a, const Value& b);

// Parts of the function library, each in a file of its own. Arguments are evaluated and none of them is an error.
Value call_string_function(Builtin builtin, const std::vector<Value>& args, Execution& execution);
Value call_numeric_function(Builtin builtin, const std::vector<Value>& args, Execution& execution);
Value call_time_function(Builtin builtin, const std::vector<Value>& args, Execution& execution);
// Casts to the xsd: types, and agiddi:distanceKm.
Value call_named_function(const std::string& iri, const std::vector<Value>& args);
bool is_named_function(const std::string& iri);

}  // namespace agiddi::ontology::sparql
