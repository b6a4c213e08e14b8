// Signed registrations of generated devices, as requests for http_load.h. Signing one costs 20 us and making it more: prepare() does it ahead.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "tools/benchmark/devices/generator.h"

namespace agiddi::tools {

class Registrations {
 public:
  // The first `world` of the generator's devices in turn; what comes after that are copies, new devices to the ledger. members: ids that access is sealed to. batch:
  // devices of one provider a document.
  Registrations(const DeviceGenerator& generator, std::uint64_t world, std::vector<std::string> members, std::string network, std::size_t batch = 1)
      : generator_(generator), world_(world), members_(std::move(members)), network_(std::move(network)), batch_(batch) {}

  void prepare(std::size_t documents);
  std::string next();                        // the request's bytes; makes one when none is prepared

 private:
  std::string make();

  const DeviceGenerator& generator_;
  const std::uint64_t world_;
  const std::vector<std::string> members_;
  const std::string network_;
  const std::size_t batch_;
  std::unordered_map<std::uint64_t, KeyPair> keys_;
  std::deque<std::string> ready_;
  std::uint64_t made_ = 0, documents_ = 0;   // devices, and documents
};

}  // namespace agiddi::tools
