// Governance in a simulated network: a story of one to three changes of members, each proposed by one member and voted by as many as decide it.
//
// Only seats of genesis and the spare one (the number after theirs) take part, and the network never falls below its first size, so that it
// bears as many liars as before. A story ends with the first document that is not successful: what follows counts on it.
#pragma once

#include <functional>

#include "protocol/genesis.h"
#include "protocol/transaction.h"
#include "tools/sim/seats.h"

namespace agiddi::tools {

using SignAs = std::function<Transaction(const KeyPair& key, const std::string& action, const Json& body)>;
std::vector<Transaction> member_changes(const Genesis& genesis, Random& random, const SignAs& sign);

}  // namespace agiddi::tools
