#include "ontology/metadata.h"
#include "ontology/star.h"
#include "protocol/crypto/crypto.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

std::string observation_iri(const Hash& device, const SensorDescription& sensor) {
  return template_iri(device) + sensor_iri(device, sensor.name).substr(device_urn(device).size());
}

}  // namespace

const Json& measurement_context() {
  static const Json kContext = [] {
    const auto reference = [](const char* id) { return Json::object({{"@id", id}, {"@type", "@id"}}); };
    return Json::object({{"@vocab", ns::kAgiddi},
                         {"sosa", ns::kSosa},
                         {"qudt", ns::kQudt},
                         {"xsd", ns::kXsd},
                         {"observations", reference("observation")},
                         {"madeBySensor", reference("sosa:madeBySensor")},
                         {"observedProperty", reference("sosa:observedProperty")},
                         {"hasResult", "sosa:hasResult"},
                         {"numericValue", "qudt:numericValue"},
                         {"unit", reference("qudt:hasUnit")},
                         {"resultTime", Json::object({{"@id", "sosa:resultTime"}, {"@type", "xsd:dateTime"}})},
                         {"device", reference("device")},
                         {"integration", reference("integration")}});
  }();
  return kContext;
}

const std::string& measurement_context_id() {
  static const std::string kId = blake2b(measurement_context().dump()).hex().substr(0, 32);
  return kId;
}

Json measurement_template(const DeviceDescription& description, const DeviceIdentity& identity) {
  const std::string device = device_urn(identity.device);
  Json observations = Json::array();
  for (const SensorDescription& sensor : description.sensors) {
    const std::string id = observation_iri(identity.device, sensor);
    observations.push(Json::object({{"@id", id},
                                    {"@type", "sosa:Observation"},
                                    {"madeBySensor", sensor_iri(identity.device, sensor.name)},
                                    {"observedProperty", sensor.observed_property},
                                    {"hasResult", Json::object({{"@id", id + "#result"},
                                                                {"@type", "qudt:QuantityValue"},
                                                                {"numericValue", nullptr},
                                                                {"unit", sensor.unit}})},
                                    {"resultTime", nullptr},
                                    {"device", device},
                                    {"deviceVersion", identity.version}}));
  }
  return Json::object({{"@context", measurement_context()},
                       {"@id", template_iri(identity.device)},
                       {"@type", "MeasurementTemplate"},
                       {"device", device},
                       {"deviceVersion", identity.version},
                       {"observations", std::move(observations)}});
}

Triples template_triples(const DeviceDescription& description, const DeviceIdentity& identity) {
  const std::string device = device_urn(identity.device);
  Triples out;
  Star star(out, template_iri(identity.device));
  star.iri(ns::kRdf, "type", ns::kAgiddi, "MeasurementTemplate");
  star.iri(ns::kAgiddi, "device", device);
  star.integer(ns::kAgiddi, "deviceVersion", identity.version);
  for (const SensorDescription& sensor : description.sensors) {
    const std::string id = observation_iri(identity.device, sensor);
    star.iri(ns::kAgiddi, "observation", id);
    Star observation(out, id);
    observation.iri(ns::kRdf, "type", ns::kSosa, "Observation");
    observation.iri(ns::kSosa, "madeBySensor", sensor_iri(identity.device, sensor.name));
    observation.iri(ns::kSosa, "observedProperty", sensor.observed_property);
    observation.iri(ns::kSosa, "hasResult", id + "#result");
    observation.iri(ns::kAgiddi, "device", device);
    observation.integer(ns::kAgiddi, "deviceVersion", identity.version);
    Star result(out, id + "#result");
    result.iri(ns::kRdf, "type", ns::kQudt, "QuantityValue");
    result.iri(ns::kQudt, "hasUnit", sensor.unit);
  }
  return out;
}

}  // namespace agiddi::ontology
