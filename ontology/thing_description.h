// A device as a W3C Thing Description (TD 1.1), and a registration read from one. docs/ONTOLOGY.md has the mapping.
//
// A TD made here holds what the metadata hold and no secret: its forms lead to the node that delivers paid readings, never to the device. Read
// back, it gives the same device, once sealed access ("agiddi:access") is put in; what the directory itself states (times, links, version) is
// not read. Whatever else a TD says would be lost, so it is refused by name. Contexts are known or refused, never fetched.
//
// Threads: pure functions of values; deterministic (validators read TDs). Errors: FieldErrors with pointers into the TD.
// Source: https://www.w3.org/TR/wot-thing-description11/, https://www.w3.org/TR/wot-discovery/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ontology/device.h"
#include "ontology/metadata.h"

namespace agiddi::ontology {

inline constexpr std::string_view kThingContext = "https://www.w3.org/2022/wot/td/v1.1";
inline constexpr std::string_view kDiscoveryContext = "https://www.w3.org/2022/wot/discovery";

// base: absolute URL of the node that answers, ends with "/"; relative references in the TD are resolved against it.
Json thing_description(const DeviceDescription& description, const DeviceIdentity& identity, std::string_view base);

// Whether a document is meant as a TD: an object with "@context".
bool is_thing_description(const Json& document);

// The device of API.md step 1 that a TD means; for an update with "id" and "version" (from the TD's id and version.instance).
struct ThingDevice {
  Json device;
  std::vector<std::pair<std::string, std::string>> pointers;   // into the device, into the TD

  // Errors that the device's own parser found, at the places of the TD that they come from.
  std::vector<FieldError> at_thing(std::vector<FieldError> errors) const;
};
// signer: DID; a TD that names another seller is refused. Nothing when an error was added.
std::optional<ThingDevice> device_from_thing(const Json& thing, bool update, std::string_view signer, std::vector<FieldError>& errors);

// What turns one document into another as a JSON Merge Patch (RFC 7396). Neither document holds null.
Json merge_patch(const Json& before, const Json& after);

}  // namespace agiddi::ontology
