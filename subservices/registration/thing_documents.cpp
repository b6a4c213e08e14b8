#include "subservices/registration/thing_documents.h"

#include "protocol/field_reader.h"

namespace agiddi::subservices {
namespace {

constexpr std::string_view kOnly = "/devices/0";   // of the registration that a Thing Description stands for

}  // namespace

Result<ThingDocument> device_document(const Json& body, bool update, std::string_view signer) {
  std::vector<FieldError> errors;
  auto thing = ontology::device_from_thing(body, update, signer, errors);
  if (!thing) return tl::unexpected(invalid_fields(std::move(errors)));
  Json document = update ? thing->device : Json::object({{"devices", Json::array({thing->device})}});
  return ThingDocument{std::move(document), std::move(*thing), update};
}

Error ThingDocument::at_thing(Error error) const {
  if (error.fields.empty()) return error;
  for (FieldError& field : error.fields) {
    if (!update && field.pointer.starts_with(kOnly)) field.pointer.erase(0, kOnly.size());
  }
  Error moved = invalid_fields(thing.at_thing(std::move(error.fields)));
  moved.status = error.status;
  return moved;
}

}  // namespace agiddi::subservices
