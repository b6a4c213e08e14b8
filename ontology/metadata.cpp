#include "ontology/metadata.h"

#include <algorithm>
#include <unordered_map>

#include "ontology/rdf_io.h"
#include "ontology/star.h"
#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

constexpr int kPriceDigits = 18;

// Percent-encodes all but RFC 3986's unreserved characters.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || c == '-' || c == '_' ||
                       c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

void write_place(Star& star, const DeviceDescription& device) {
  star.decimal(ns::kGeo, "lat", device.latitude.text());
  star.decimal(ns::kGeo, "long", device.longitude.text());
  if (device.altitude) star.decimal(ns::kGeo, "alt", device.altitude->text());
  if (!device.place.empty()) star.text(ns::kAgiddi, "place", device.place);
}

void write_cost(Star& star, const Cost& cost) {
  star.text(ns::kSchema, "priceCurrency", cost.currency);
  if (cost.time) {
    star.decimal(ns::kAgiddi, "costPerMinute", per_minute(*cost.time).floor_text(kPriceDigits));
    if (cost.time->per == TimeUnit::hour) star.decimal(ns::kAgiddi, "costPerHour", money_text(cost.time->amount));
    if (cost.time->per == TimeUnit::day) star.decimal(ns::kAgiddi, "costPerDay", money_text(cost.time->amount));
  }
  if (cost.data) {
    star.decimal(ns::kAgiddi, "costPerKilobyte", per_kilobyte(*cost.data).floor_text(kPriceDigits));
    if (cost.data->per == DataUnit::megabyte) star.decimal(ns::kAgiddi, "costPerMegabyte", money_text(cost.data->amount));
  }
}

void write_record(Star& star, const DeviceIdentity& identity) {
  star.iri(ns::kProv, "wasAttributedTo", identity.provider);
  star.integer(ns::kAgiddi, "version", identity.version);
  if (identity.version > 1) star.iri(ns::kProv, "wasRevisionOf", version_iri(identity.device, identity.version - 1));
  star.iri(ns::kAgiddi, "recordedIn", transaction_iri(identity.transaction));
  if (identity.height) star.integer(ns::kAgiddi, "recordedAtHeight", *identity.height);
  if (identity.timestamp) star.time(ns::kProv, "generatedAtTime", *identity.timestamp);
  const auto registered = identity.registered_at ? identity.registered_at : identity.timestamp;
  if (registered) star.time(ns::kAgiddi, "registeredAt", *registered);
}

// A sensor observes its property and the more general ones: who asks for a Temperature finds an AirTemperature.
void write_observed(Star& star, const std::string& observed) {
  star.iri(ns::kSosa, "observes", observed);
  if (const ObservedProperty* property = vocabulary().observed_property(observed)) {
    for (const std::string& ancestor : property->ancestors) star.iri(ns::kSosa, "observes", ancestor);
  }
}

void write_sensor(Triples& out, const Hash& device, const SensorDescription& sensor) {
  const Unit* unit = units().find(sensor.unit);
  AGIDDI_CHECK(unit, "a parsed sensor has a known unit");
  Star star(out, sensor_iri(device, sensor.name));
  star.iri(ns::kRdf, "type", ns::kSosa, "Sensor");
  star.text(ns::kSchema, "name", sensor.name);
  write_observed(star, sensor.observed_property);
  star.iri(ns::kQudt, "hasUnit", unit->iri);
  star.iri(ns::kQudt, "hasQuantityKind", unit->quantity_kind);
  star.decimal(ns::kAgiddi, "rangeMin", sensor.min.text());
  star.decimal(ns::kAgiddi, "rangeMax", sensor.max.text());
  star.decimal(ns::kAgiddi, "rangeMinSI", si_text(to_si(sensor.min, *unit)));
  star.decimal(ns::kAgiddi, "rangeMaxSI", si_text(to_si(sensor.max, *unit)));
  if (sensor.accuracy) {
    star.decimal(ns::kAgiddi, "accuracy", sensor.accuracy->text());
    star.decimal(ns::kAgiddi, "accuracySI", si_text(difference_to_si(*sensor.accuracy, *unit)));
  }
  if (sensor.sampling_s) star.decimal(ns::kAgiddi, "samplingSeconds", sensor.sampling_s->text());
}

// In the order in which a person reads a device.
Triples in_reading_order(const DeviceDescription& device, const DeviceIdentity& identity) {
  Triples out;
  Star star(out, device_urn(identity.device));
  star.iri(ns::kRdf, "type", device.type);
  if (const DeviceType* type = vocabulary().device_type(device.type)) {
    for (const std::string& ancestor : type->ancestors) star.iri(ns::kRdf, "type", ancestor);
  } else {
    star.iri(ns::kRdf, "type", ns::kAgiddi, "Device");
  }
  star.text(ns::kSchema, "name", device.name);
  if (!device.description.empty()) star.text(ns::kSchema, "description", device.description);
  write_place(star, device);
  for (const SensorDescription& sensor : device.sensors) star.iri(ns::kSosa, "hosts", sensor_iri(identity.device, sensor.name));
  write_cost(star, device.cost);
  for (const std::string& method : device.payment_methods) star.text(ns::kAgiddi, "paymentMethod", method);
  star.text(ns::kAgiddi, "payTo", device.pay_to);
  star.text(ns::kAgiddi, "accessProtocol", device.access_protocol);
  star.text(ns::kAgiddi, "sealedAccess", sealed_digest(device.sealed).hex());
  write_record(star, identity);
  star.iri(ns::kAgiddi, "measurementTemplate", template_iri(identity.device));
  for (const SensorDescription& sensor : device.sensors) write_sensor(out, identity.device, sensor);
  return out;
}

// The order of members in a metadata document; a query finds triples in an order of its own.
int reading_rank(const std::string& predicate) {
  static const std::unordered_map<std::string, int> kOrder = [] {
    std::unordered_map<std::string, int> order;
    const auto add = [&](std::string_view space, std::initializer_list<const char*> names) {
      for (const char* name : names) order.emplace(std::string(space) + name, static_cast<int>(order.size()));
    };
    add(ns::kRdf, {"type"});
    add(ns::kSchema, {"name", "description"});
    add(ns::kGeo, {"lat", "long", "alt"});
    add(ns::kAgiddi, {"place"});
    add(ns::kSosa, {"hosts", "observes"});
    add(ns::kQudt, {"hasUnit", "hasQuantityKind"});
    add(ns::kAgiddi, {"rangeMin", "rangeMax", "rangeMinSI", "rangeMaxSI", "accuracy", "accuracySI", "samplingSeconds"});
    add(ns::kSchema, {"priceCurrency"});
    add(ns::kAgiddi, {"costPerMinute", "costPerHour", "costPerDay", "costPerKilobyte", "costPerMegabyte", "paymentMethod", "payTo",
                      "accessProtocol", "sealedAccess"});
    add(ns::kProv, {"wasAttributedTo"});
    add(ns::kAgiddi, {"version"});
    add(ns::kProv, {"wasRevisionOf"});
    add(ns::kAgiddi, {"recordedIn", "recordedAtHeight"});
    add(ns::kProv, {"generatedAtTime"});
    add(ns::kAgiddi, {"registeredAt", "measurementTemplate"});
    return order;
  }();
  const auto found = kOrder.find(predicate);
  return found == kOrder.end() ? static_cast<int>(kOrder.size()) : found->second;
}

// By subject, and the triples of each as a person reads them. As a rule a subject's triples stand together already, so subjects are compared once a star.
void put_in_document_order(std::vector<TripleView>& triples) {
  struct Ranked {
    TripleView triple;
    std::size_t star;   // where the triple's star began
    int rank;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(triples.size());
  std::vector<const ledger::Term*> subjects;
  for (const TripleView& triple : triples) {
    if (subjects.empty() || (triple.subject != subjects.back() && *triple.subject != *subjects.back())) subjects.push_back(triple.subject);
    ranked.push_back({triple, subjects.size() - 1, reading_rank(triple.predicate->value)});
  }
  std::vector<std::size_t> sorted(subjects.size()), place(subjects.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
  std::sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) { return *subjects[a] < *subjects[b]; });
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    place[sorted[i]] = i > 0 && *subjects[sorted[i]] == *subjects[sorted[i - 1]] ? place[sorted[i - 1]] : i;
  }
  std::sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
    if (a.star != b.star && place[a.star] != place[b.star]) return place[a.star] < place[b.star];
    if (a.rank != b.rank) return a.rank < b.rank;
    if (a.triple.predicate != b.triple.predicate && *a.triple.predicate != *b.triple.predicate) return *a.triple.predicate < *b.triple.predicate;
    return *a.triple.object < *b.triple.object;
  });
  for (std::size_t i = 0; i < ranked.size(); ++i) triples[i] = ranked[i].triple;
}

}  // namespace

std::string sensor_iri(const Hash& device, std::string_view sensor_name) { return device_urn(device) + "/sensor/" + percent_encoded(sensor_name); }
std::string template_iri(const Hash& device) { return device_urn(device) + "/template"; }
std::string version_iri(const Hash& device, std::uint64_t version) { return device_urn(device) + "?version=" + std::to_string(version); }
std::string transaction_iri(const Hash& transaction) { return "urn:agiddi:transaction:" + transaction.hex(); }
std::string payment_iri(const Hash& payment) { return "urn:agiddi:payment:" + payment.hex(); }
std::string integration_iri(const Hash& integration) { return "urn:agiddi:integration:" + integration.hex(); }

ledger::Coordinates coordinates() {
  return {ledger::Term::iri(std::string(ns::kGeo) + "lat"), ledger::Term::iri(std::string(ns::kGeo) + "long")};
}

Triples device_triples(const DeviceDescription& description, const DeviceIdentity& identity) {
  Triples triples = in_reading_order(description, identity);
  std::sort(triples.begin(), triples.end());
  triples.erase(std::unique(triples.begin(), triples.end()), triples.end());
  return triples;
}

Json device_metadata(const DeviceDescription& description, const DeviceIdentity& identity) {
  return metadata_from_triples(device_triples(description, identity), identity.device);
}

Json metadata_from_triples(const Triples& triples, const Hash& device) {
  std::vector<TripleView> views;
  views.reserve(triples.size());
  for (const ledger::Triple& triple : triples) views.push_back({&triple.subject, &triple.predicate, &triple.object});
  auto document = parse_json(metadata_text(views, device));
  AGIDDI_CHECK(document.has_value(), "what was written is JSON");
  return *std::move(document);
}

std::string metadata_text(std::vector<TripleView>& triples, const Hash& device) {
  put_in_document_order(triples);
  return write_jsonld(triples, device_urn(device));
}

}  // namespace agiddi::ontology
