// Seats: the machines of a simulated network. A seat keeps its member id; which index and key it has, and whether it is a member at all, depends
// on the epoch.
#pragma once

#include <optional>

#include "protocol/membership.h"
#include "tools/sim/random.h"

namespace agiddi::tools {

using Seat = std::size_t;
inline constexpr unsigned kSeatKeys = 3;                                 // what a seat can rotate through

std::shared_ptr<const KeyPair> key_of(std::uint32_t number);             // always the same
std::shared_ptr<const KeyPair> seat_key(Seat seat, unsigned generation); // below kSeatKeys
Member seat_member(Seat seat, unsigned generation);
Seat seat_of(const Member& member);
std::optional<std::size_t> index_in(const MemberSet& members, Seat seat);

}  // namespace agiddi::tools
