// Are two results the same, up to the names of blank nodes? Literals are the same when they are the same term, or numbers of the same datatype
// with the same value (the suites write some numbers in forms that are not canonical).
#pragma once

#include <string>

#include "ontology/sparql/evaluator.h"

namespace agiddi::tests {

// Empty when they are the same, else what differs.
std::string difference(const ontology::sparql::QueryResult& expected, const ontology::sparql::QueryResult& got, bool ordered, bool lax);

}  // namespace agiddi::tests
