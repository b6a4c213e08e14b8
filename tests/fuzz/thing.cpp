// Fuzz target: Thing Descriptions that providers register. What is refused says why and where; what is read gives a device or errors at places of the
// TD; and a device that came from a TD comes from its own TD again.
#include <cstdint>

#include "ontology/thing_description.h"
#include "protocol/check.h"

namespace {

using namespace agiddi;
using namespace agiddi::ontology;

constexpr const char* kProvider = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";

std::optional<DeviceDescription> read(const Json& thing, bool update) {
  std::vector<FieldError> errors;
  const auto said = device_from_thing(thing, update, kProvider, errors);
  AGIDDI_CHECK(said.has_value() == errors.empty(), "a refused TD has errors, and no other");
  if (!said) return std::nullopt;
  DeviceContext context;
  context.update = update;
  context.signer = kProvider;
  context.members = {"node-1", "node-2"};
  context.authorities = {"bank"};
  std::vector<FieldError> found;
  auto device = parse_device(said->device, "", context, found);
  for (const FieldError& error : said->at_thing(found)) AGIDDI_CHECK(error.pointer.empty() || error.pointer[0] == '/', "an error has its place");
  return device;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  is_thing_description(*json);
  read(*json, true);
  const auto device = read(*json, false);
  if (!device) return 0;
  DeviceIdentity identity;
  identity.provider = kProvider;
  Json again = thing_description(*device, identity, "https://node.example/");
  std::erase_if(again.members(), [](const Json::Member& member) { return member.first == "id"; });
  again.set("agiddi:access", *json->find("agiddi:access"));
  const auto back = read(again, false);
  AGIDDI_CHECK(back && device_metadata(*back, identity).dump() == device_metadata(*device, identity).dump(), "a device's own TD gives the device");
  return 0;
}
