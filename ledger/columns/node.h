// A subject in 32 bits: an IRI or blank node by its number in the dictionary. Orders like its term id. Internal to the ledger.
#pragma once

#include "ledger/term_id.h"
#include "protocol/check.h"

namespace agiddi::ledger::columns {

using Node = std::uint32_t;

inline constexpr Node kBlankBit = Node{1} << 31;
inline constexpr std::uint64_t kNodesMax = kBlankBit;   // so many terms a dictionary may have: about 250 million devices

// Whether this id can be a subject at all.
constexpr bool is_node(TermId id) {
  return (tag_of(id) == TermTag::iri || tag_of(id) == TermTag::blank) && payload_of(id) < kNodesMax;
}
constexpr Node node_of(TermId id) {
  return static_cast<Node>(payload_of(id)) | (tag_of(id) == TermTag::blank ? kBlankBit : 0);
}
constexpr TermId id_of(Node node) { return make_id(node & kBlankBit ? TermTag::blank : TermTag::iri, node & (kBlankBit - 1)); }

}  // namespace agiddi::ledger::columns
