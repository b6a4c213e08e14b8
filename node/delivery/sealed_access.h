// Opens the sealed access of a device: with this member's sealing key the content key, with that the clear JSON, which is then held against the
// registration. Nothing of it may be logged.
#pragma once

#include <functional>
#include <string>

#include "node/delivery/device_links.h"
#include "protocol/json.h"

namespace agiddi::node {

struct AccessExpectation {
  std::string member;        // this member's id among the recipients
  std::string provider;      // DID of the registration
  std::string network;
};

// access: {"protocol","sealed":{…}} of the registration. Status::forbidden when the clear JSON names another provider or network.
Result<DeviceAccess> open_access(const Json& access, const AccessExpectation& expected, const std::function<Result<Bytes>(BytesView)>& open_key);

}  // namespace agiddi::node
