// A signed document that is a Thing Description, as the document of device.register or device.update that it stands for. Deterministic; pure.
#pragma once

#include "ontology/thing_description.h"

namespace agiddi::subservices {

struct ThingDocument {
  Json body;                          // {"devices":[one]}, or the one device of an update
  ontology::ThingDevice thing;
  bool update = false;

  Error at_thing(Error error) const;  // with pointers into the Thing Description
};
// body has "@context". 422 with pointers into it for what is no registration.
Result<ThingDocument> device_document(const Json& body, bool update, std::string_view signer);

}  // namespace agiddi::subservices
