// The plan that evaluate() would run, as indented text for people: joins in the chosen order with their estimates, where each filter is
// applied, which scans are ranges. Same errors as evaluate() before it reads a row.
#pragma once

#include <string>

#include "ontology/sparql/evaluator.h"

namespace agiddi::ontology::sparql {

Result<std::string> explain(const Query& query, const Dataset& dataset);

}  // namespace agiddi::ontology::sparql
