#include "tools/benchmark/registrations.h"

#include <chrono>

#include "protocol/identity.h"
#include "protocol/transaction.h"
#include "tools/benchmark/devices/own_form.h"

namespace agiddi::tools {
namespace {

std::int64_t unix_seconds() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

void Registrations::prepare(std::size_t documents) {
  while (ready_.size() < documents) ready_.push_back(make());
}

std::string Registrations::next() {
  if (ready_.empty()) return make();
  std::string request = std::move(ready_.front());
  ready_.pop_front();
  return request;
}

std::string Registrations::make() {
  Json devices = Json::array();
  const std::uint64_t provider = generator_.device(made_ % world_).provider;   // of a document's devices the first one's signs for all
  for (std::size_t i = 0; i < batch_; ++i) devices.push(own_description(generator_, generator_.device(made_++ % world_), members_));
  auto key = keys_.find(provider);
  if (key == keys_.end()) key = keys_.emplace(provider, provider_key(generator_, provider)).first;
  const std::string body = Json::object({{"devices", std::move(devices)}}).dump();
  const ProtectedHeader header{did_from_key(key->second.public_key()), network_, "device.register", unix_seconds(), "bench-" + std::to_string(documents_++)};
  return "POST /v1/devices HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nAgiddi-Signature: " + sign_document(key->second, header, body) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace agiddi::tools
