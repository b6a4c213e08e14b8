// Resolution of IRI references (RFC 3986 section 5, without normalisation beyond dot segments).
#pragma once

#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

bool has_scheme(std::string_view iri);
// The reference itself when it is absolute or there is no base.
std::string resolve(std::string_view base, std::string_view reference);

}  // namespace agiddi::ontology::sparql
