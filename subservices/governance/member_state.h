// Who the members are, and which rules hold, as the world state says it: a function of the height, so that every validator and every reader
// of an old state sees the same. Nothing changes at the height itself: a decision writes down from which height it is in force.
//
// Any thread; reads only.
#pragma once

#include <optional>
#include <vector>

#include "protocol/genesis.h"
#include "protocol/membership.h"
#include "subservices/records.h"

namespace agiddi::subservices {

std::uint64_t latest_epoch(const StateView& state);                                    // decided, perhaps not yet in force
MemberEpoch epoch_record(const StateView& state, std::uint64_t epoch);                 // one that exists
records::MemberEpoch epoch_entry(const StateView& state, std::uint64_t epoch);         // the same with what decided it
MemberEpoch members_at(const StateView& state, std::uint64_t height);                  // in force for the block at height
std::optional<MemberEpoch> decided_after(const StateView& state, std::uint64_t height);  // decided and in force only above height

std::uint32_t rules_at(const StateView& state, std::uint64_t height);
std::optional<records::RulesActivation> rules_after(const StateView& state, std::uint64_t height);  // decided and in force only above height

// Members that their peers may still meet though they are in force no more, with their last key; newest first, at most max.
std::vector<Member> former_members(const StateView& state, std::size_t max);
// Members that an open proposal would add or whose key it would rotate.
std::vector<Member> proposed_members(const StateView& state);

}  // namespace agiddi::subservices
