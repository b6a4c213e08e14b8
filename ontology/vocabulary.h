// The vocabulary of aGIDDI: IRIs, device types and observable properties, read once from the ontology file that is built into the
// program (ontology/agiddi.ttl), so that what /ontology serves and what a registration accepts are the same bytes.
//
// Threads: vocabulary() is immutable after its first use and safe everywhere. Errors: a broken built-in file aborts.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agiddi::ontology {

namespace ns {
inline constexpr std::string_view kAgiddi = "https://w3id.org/agiddi/ontology#";
inline constexpr std::string_view kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
inline constexpr std::string_view kRdfs = "http://www.w3.org/2000/01/rdf-schema#";
inline constexpr std::string_view kOwl = "http://www.w3.org/2002/07/owl#";
inline constexpr std::string_view kXsd = "http://www.w3.org/2001/XMLSchema#";
inline constexpr std::string_view kSosa = "http://www.w3.org/ns/sosa/";
inline constexpr std::string_view kSsnSystem = "http://www.w3.org/ns/ssn/systems/";
inline constexpr std::string_view kQudt = "http://qudt.org/schema/qudt/";
inline constexpr std::string_view kUnit = "http://qudt.org/vocab/unit/";
inline constexpr std::string_view kQuantityKind = "http://qudt.org/vocab/quantitykind/";
inline constexpr std::string_view kGeo = "http://www.w3.org/2003/01/geo/wgs84_pos#";
inline constexpr std::string_view kProv = "http://www.w3.org/ns/prov#";
inline constexpr std::string_view kSchema = "https://schema.org/";
inline constexpr std::string_view kSd = "http://www.w3.org/ns/sparql-service-description#";
inline constexpr std::string_view kVoid = "http://rdfs.org/ns/void#";
}  // namespace ns

struct Prefix { std::string_view name, iri; };
// The prefixes of our Turtle, JSON-LD and generated SPARQL, sorted by name.
const std::vector<Prefix>& prefixes();
// "agiddi:Temperature" for a known namespace and a local name that needs no escape; otherwise "<…>".
std::string compact_iri(std::string_view iri);

struct DeviceType {
  std::string name;                      // "WeatherStation"
  std::string iri;
  std::string label, comment;
  std::vector<std::string> ancestors;    // IRIs of superclasses in our namespace, agiddi:Device last; empty for Device itself
};

struct ObservedProperty {
  std::string name;                         // "AirTemperature"
  std::string iri;
  std::string label, comment;
  std::vector<std::string> ancestors;       // IRIs of the more general properties ("Temperature"), nearest first
  std::vector<std::string> quantity_kinds;  // QUDT quantity kind IRIs, its own or inherited; empty = any unit
};

class Vocabulary {
 public:
  explicit Vocabulary(std::string_view turtle);
  // By name ("WeatherStation"), prefixed name ("agiddi:WeatherStation") or full IRI; nullptr when our ontology has none.
  const DeviceType* device_type(std::string_view name) const;
  const ObservedProperty* observed_property(std::string_view name) const;
  const std::map<std::string, DeviceType, std::less<>>& device_types() const { return types_; }                  // by IRI
  const std::map<std::string, ObservedProperty, std::less<>>& observed_properties() const { return properties_; }  // by IRI

 private:
  std::map<std::string, DeviceType, std::less<>> types_;
  std::map<std::string, ObservedProperty, std::less<>> properties_;
};

const Vocabulary& vocabulary();
std::string_view ontology_turtle();     // the bytes that GET /ontology answers

// A full IRI that a provider may bring: http(s), urn, did, tag or another scheme with "//"; at most 512 characters, none of those that
// RFC 3987 and Turtle forbid. A prefixed name such as "sosa:Sensor" is not one.
bool is_full_iri(std::string_view text);

}  // namespace agiddi::ontology
