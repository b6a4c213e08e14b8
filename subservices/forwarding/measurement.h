// Measurements: a device's reading in its unified measurement template, JSON-LD (API.md, steps 4 and 5). Pure and thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/json.h"
#include "subservices/forwarding/measurement_text.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {

// One sensor of a device as its template declares it. All IRIs are absolute.
struct SensorTemplate {
  std::string name;                    // as registered; what a reading's "sensor" says
  std::string iri;                     // madeBySensor
  std::string observed_property;       // IRI
  std::string unit;                    // QUDT unit IRI, as declared
};

struct DeviceTemplate {
  Json context;                        // "@context"
  std::string device;                  // URN
  std::uint64_t version = 1;
  std::vector<SensorTemplate> sensors;
};

// What does not change from one measurement of an integration to the next.
struct MeasurementFrame {
  DeviceTemplate device;
  std::string integration;             // hex
  std::uint64_t epoch = 0;
  std::string delivery_unit;           // QUDT unit IRI, "" = as declared; applies to the sensors whose quantity it can express
  bool senml = false;                  // written as SenML packs of one record (senml_pack.h), else in the unified template
};

struct ResolvedReading {               // a reading that belongs to a declared sensor
  std::size_t sensor = 0;              // index
  std::string value;                   // JSON number text, in the unit that is delivered
  std::string unit;                    // QUDT IRI
  TimeMs time = 0;
};

// Matches readings to sensors and converts units exactly. Readings of unknown sensors or of a unit that cannot be converted are left out: an empty answer
// means that the payload is dropped, uncharged. A bare number needs a device with one sensor.
std::vector<ResolvedReading> resolve_readings(const MeasurementFrame& frame, const std::vector<Reading>& readings, TimeMs arrival);

// One line of JSON: {"@context","@type":"sosa:Observation","madeBySensor","observedProperty","hasResult":{"numericValue","unit"},"resultTime",
// "device","deviceVersion","integration","epoch","sequence"}.
std::string measurement_json(const MeasurementFrame& frame, const ResolvedReading& reading, std::uint64_t sequence);

// The fixed parts of a sensor's measurements in that unit (QUDT IRI).
MeasurementText measurement_text(const MeasurementFrame& frame, std::size_t sensor, const std::string& unit);
// Those of all sensors, when a plain reading of none of them has to be converted; nothing otherwise.
std::optional<std::vector<MeasurementText>> texts_without_conversion(const MeasurementFrame& frame);

// delivery.unit of an integration request, an IRI or a UCUM code, against the devices asked for: its IRI, or Status::invalid when it is unknown, or
// when a device has no sensor that it can express.
Result<std::string> resolve_delivery_unit(std::string_view unit, const std::vector<DeviceTemplate>& devices);

}  // namespace agiddi::subservices
