// One application of the benchmark: pays, asks for its devices, and waits for what they send.
//
// Threads: each application belongs to one; they share nothing but what they are given.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct IntegrationTimes {
  double answer_ms = 0;   // from the request to its answer: the grant is on the ledger, the credentials stand
  double first_ms = 0;    // to the first reading
  double all_ms = 0;      // to the first reading of the last device
};

class Application {
 public:
  Application(std::string node, std::uint16_t broker_port, const KeyPair& account, std::vector<std::string> devices)
      : node_(std::move(node)), broker_port_(broker_port), account_(account), devices_(std::move(devices)) {}

  Outcome<void> pay();                         // a payment of its own for data of each device
  Outcome<IntegrationTimes> integrate();       // from POST /v1/integrations on; 30 s
  Outcome<void> close();

 private:
  const std::string node_;
  const std::uint16_t broker_port_;
  const KeyPair& account_;
  const std::vector<std::string> devices_;     // URNs
  std::string payment_, integration_;
};

}  // namespace agiddi::tools
