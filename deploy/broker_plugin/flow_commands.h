// The JSON of flows: what a node commands and what it is told. README.md says what the members mean.
//
// Pure. Errors: the first member that is wrong, in a sentence.
#pragma once

#include "deploy/broker_plugin/grant_table.h"
#include "protocol/field_reader.h"

namespace agiddi::broker {

struct FlowCommand {
  std::string username;
  std::uint64_t passed = 0;
  FlowTerms terms;
};

// Each reads its members and finishes the reader; errors are collected there.
FlowCommand read_flow(FieldReader& reader);
GrantTable::Lease read_lease(FieldReader& reader);
// terms: only generation, bytes and sequence_limit.
FlowCommand read_raise(FieldReader& reader);

Json flow_json(const FlowReport& report);
std::string marks_text(const std::vector<std::uint64_t>& marks);   // 16 hexadecimal digits each, in order

}  // namespace agiddi::broker
