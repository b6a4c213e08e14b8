// Turtle and N-Triples from anywhere: never a crash, and what was read is written and read again as the same number of triples.
#include <cstdint>

#include "ontology/rdf_io.h"
#include "protocol/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi::ontology;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RdfLimits limits;
  limits.triples = 5'000;
  limits.term_bytes = 8'192;
  if (const auto triples = parse_turtle(text, "http://example.org/", limits)) {
    const auto again = parse_turtle(write_turtle(*triples));
    AGIDDI_CHECK(again && again->size() == triples->size(), "Turtle that was written is read");
    write_jsonld(*triples);
  }
  if (const auto triples = parse_ntriples(text, limits)) {
    const auto again = parse_ntriples(write_ntriples(*triples));
    AGIDDI_CHECK(again && again->size() == triples->size(), "N-Triples that were written are read");
  }
  return 0;
}
