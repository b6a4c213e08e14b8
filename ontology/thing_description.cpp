#include "ontology/thing_description.h"

#include <algorithm>

#include "ontology/thing_terms.h"
#include "protocol/check.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

// "agiddi:WeatherStation" for a name of ours; an IRI of another vocabulary as it is.
std::string type_name(const std::string& iri) {
  return iri.starts_with(ns::kAgiddi) ? "agiddi:" + iri.substr(ns::kAgiddi.size()) : iri;
}

Json context() {
  Json prefixes = Json::object();
  for (const thing::Prefix& prefix : thing::kPrefixes) prefixes.set(std::string(prefix.name), prefix.iri);
  return Json::array({kThingContext, kDiscoveryContext, std::move(prefixes)});
}

// As JSON readers of ours take it: at most 15 digits, so the zeros of a large number become an exponent.
Json number(const Decimal& value) {
  constexpr std::size_t kDigitsMax = 15;
  std::string text = value.text();
  const std::size_t sign = value.is_negative() ? 1 : 0;
  if (value.scale() > 0 || text.size() - sign <= kDigitsMax) return Json::number(std::move(text));
  std::size_t zeros = 0;
  while (zeros < kDigitsMax && text.back() == '0') text.pop_back(), ++zeros;
  return Json::number(text + "e" + std::to_string(zeros));
}

Json property_of(const SensorDescription& sensor) {
  Json out = Json::object({{"@type", type_name(sensor.observed_property)},
                           {"type", "number"},
                           {"unit", sensor.unit},
                           {"minimum", number(sensor.min)},
                           {"maximum", number(sensor.max)}});
  if (sensor.accuracy) out.set("agiddi:accuracy", number(*sensor.accuracy));
  if (sensor.sampling_s) out.set("agiddi:samplingSeconds", number(*sensor.sampling_s));
  out.set("readOnly", true);
  out.set("observable", true);
  out.set("uriVariables", Json::object({{"integration", Json::object({{"type", "string"}, {"description", "The id that POST v1/integrations gave for a paid device."}})}}));
  out.set("forms", Json::array({Json::object({{"href", thing::kStreamHref},
                                              {"op", Json::array({"observeproperty", "unobserveproperty"})},
                                              {"contentType", "text/event-stream"},
                                              {"subprotocol", "sse"}})}));
  return out;
}

Json price(MicroUnits amount, const std::string& currency, std::string_view field) {
  const auto unit = std::find_if(std::begin(thing::kPriceUnits), std::end(thing::kPriceUnits), [&](const auto& one) { return one.field == field; });
  AGIDDI_CHECK(unit != std::end(thing::kPriceUnits), "every unit of a price has a code");
  return Json::object({{"@type", "schema:UnitPriceSpecification"},
                       {"schema:price", money_text(amount)},
                       {"schema:priceCurrency", currency},
                       {"schema:unitCode", unit->code}});
}

Json offer_of(const DeviceDescription& device, const std::string& provider) {
  Json prices = Json::array(), methods = Json::array();
  if (device.cost.time) prices.push(price(device.cost.time->amount, device.cost.currency, field_name(device.cost.time->per)));
  if (device.cost.data) prices.push(price(device.cost.data->amount, device.cost.currency, field_name(device.cost.data->per)));
  for (const std::string& method : device.payment_methods) methods.push(method);
  return Json::object({{"@type", "schema:Offer"},
                       {"schema:seller", Json::object({{"@id", provider}})},
                       {"schema:priceSpecification", std::move(prices)},
                       {"schema:acceptedPaymentMethod", std::move(methods)},
                       {"agiddi:payTo", device.pay_to}});
}

Json link(std::string_view rel, std::string href) {
  return Json::object({{"rel", rel}, {"href", std::string(thing::kDevicesHref) + href}, {"type", "application/ld+json"}});
}

Json links_of(const DeviceIdentity& identity) {
  const std::string urn = device_urn(identity.device), version = "?version=";
  Json links = Json::array({link("describedby", urn + version + std::to_string(identity.version)),
                            link("https://w3id.org/agiddi/ontology#measurementTemplate", urn + "/template" + version + std::to_string(identity.version))});
  if (identity.version > 1) links.push(link("predecessor-version", urn + version + std::to_string(identity.version - 1)));
  return links;
}

void write_times(Json& out, const DeviceIdentity& identity) {
  const auto created = identity.registered_at ? identity.registered_at : identity.timestamp;
  if (!created || !identity.timestamp) return;
  out.set("created", time_text(*created));
  out.set("modified", time_text(*identity.timestamp));
  out.set("registration", Json::object({{"created", time_text(*created)}, {"modified", time_text(*identity.timestamp)}}));
}

}  // namespace

Json thing_description(const DeviceDescription& device, const DeviceIdentity& identity, std::string_view base) {
  Json out = Json::object({{"@context", context()}, {"@type", type_name(device.type)}, {"id", device_urn(identity.device)}, {"title", device.name}});
  if (!device.description.empty()) out.set("description", device.description);
  out.set("version", Json::object({{"instance", std::to_string(identity.version)}}));
  write_times(out, identity);
  out.set("base", base);
  out.set("securityDefinitions",
          Json::object({{"integration_token", Json::object({{"scheme", "apikey"},
                                                            {"in", "query"},
                                                            {"name", "token"},
                                                            {"description", "Given out by POST v1/integrations to whom has paid; also taken as a bearer token."}})}}));
  out.set("security", "integration_token");
  out.set("geo:lat", number(device.latitude));
  out.set("geo:long", number(device.longitude));
  if (device.altitude) out.set("geo:alt", number(*device.altitude));
  if (!device.place.empty()) out.set("agiddi:place", device.place);
  Json properties = Json::object();
  for (const SensorDescription& sensor : device.sensors) properties.set(sensor.name, property_of(sensor));
  out.set("properties", std::move(properties));
  out.set("schema:offers", offer_of(device, identity.provider));
  out.set("agiddi:accessProtocol", device.access_protocol);
  out.set("agiddi:sealedAccess", sealed_digest(device.sealed).hex());
  out.set("agiddi:recordedIn", Json::object({{"@id", transaction_iri(identity.transaction)}}));
  out.set("links", links_of(identity));
  return out;
}

bool is_thing_description(const Json& document) { return document.find("@context") != nullptr; }

Json merge_patch(const Json& before, const Json& after) {
  if (!before.is_object() || !after.is_object()) return after;
  Json patch = Json::object();
  for (const auto& [name, value] : after.members()) {
    const Json* former = before.find(name);
    if (!former) {
      patch.set(name, value);
    } else if (former->is_object() && value.is_object()) {
      Json inner = merge_patch(*former, value);
      if (!inner.members().empty()) patch.set(name, std::move(inner));
    } else if (former->dump() != value.dump()) {
      patch.set(name, value);
    }
  }
  for (const auto& [name, value] : before.members()) {
    if (!after.find(name)) patch.set(name, Json());
  }
  return patch;
}

}  // namespace agiddi::ontology
