// From facts on the ledger to RDF: a device's metadata (triples of the default graph and JSON-LD), its measurement template, and the
// stars of payments, accesses and usage reports. Never holds a secret: of the sealed access only its digest is shown.
//
// Threads: pure functions of values; deterministic (validators write these triples). Errors: none, the input was validated before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/term.h"
#include "ledger/triple_store.h"
#include "ontology/device.h"
#include "ontology/rdf_io.h"
#include "protocol/time.h"

namespace agiddi::ontology {

struct DeviceIdentity {
  Hash device;
  std::uint64_t version = 1;
  std::string provider;                       // DID
  Hash transaction;                           // that recorded this version
  std::optional<std::uint64_t> height;        // nothing while it is not in a block
  std::optional<TimeMs> timestamp;            // of that block
  std::optional<TimeMs> registered_at;        // of version 1's block; by default `timestamp`
};

using Triples = std::vector<ledger::Triple>;

std::string sensor_iri(const Hash& device, std::string_view sensor_name);   // "urn:agiddi:device:…/sensor/roof%20top"
std::string template_iri(const Hash& device);
std::string version_iri(const Hash& device, std::uint64_t version);         // "urn:agiddi:device:…?version=1"
std::string transaction_iri(const Hash& transaction);                       // "urn:agiddi:transaction:…"
std::string payment_iri(const Hash& payment);
std::string integration_iri(const Hash& integration);

// Which predicates say where a device is: geo:lat and geo:long.
ledger::Coordinates coordinates();

// The triples of one device version, sorted and unique. The current version's stand in the default graph; the same function
// rebuilds them when they are to be erased.
Triples device_triples(const DeviceDescription& description, const DeviceIdentity& identity);
// The same as one JSON-LD document with its context inline; sensors are nested under "hosts".
Json device_metadata(const DeviceDescription& description, const DeviceIdentity& identity);
// The document again from triples, as a query finds them (subject: the device's URN).
Json metadata_from_triples(const Triples& triples, const Hash& device);
// Its compact text, made in less time; puts the triples into the document's order.
std::string metadata_text(std::vector<TripleView>& triples, const Hash& device);

// The unified measurement template: {"@context","@id","@type":"MeasurementTemplate","device","deviceVersion","observations":[one
// sosa:Observation for each sensor, numericValue and resultTime null]}.
Json measurement_template(const DeviceDescription& description, const DeviceIdentity& identity);
Triples template_triples(const DeviceDescription& description, const DeviceIdentity& identity);
// The "@context" of a measurement and of a template.
const Json& measurement_context();
const std::string& measurement_context_id();   // 32 hexadecimal digits of its BLAKE2b-256: whoever links to it says which

// Payments and accesses. Times are block times.
struct PaymentItemFacts {
  Hash device;
  std::uint64_t device_version = 1;
  std::string payee;                          // DID or address
  MicroUnits amount = 0;
  std::optional<Decimal> minutes, kilobytes;
};
struct PaymentFacts {
  Hash payment;
  std::string payer;                          // DID
  std::string currency;
  std::string method;
  MicroUnits total = 0;
  TimeMs timestamp = 0;
  Hash transaction;
  std::vector<PaymentItemFacts> items;
};
// agiddi:Payment (payer, payee, device, amount, priceCurrency, paymentMethod, generatedAtTime, recordedIn, item) and one
// agiddi:PaymentItem for each item.
// sorted: and each once.
enum class TripleOrder : std::uint8_t { sorted, as_made };
Triples payment_triples(const PaymentFacts& facts, TripleOrder order = TripleOrder::sorted);

struct DataAccessFacts {
  Hash integration;
  Hash device;
  std::uint64_t device_version = 1;
  std::string application;                    // DID
  Hash payment;
  TimeMs start = 0;
  std::optional<std::int64_t> limit_ms, limit_bytes;
  std::string node;                           // serving member's id; empty while unclaimed
  std::uint64_t epoch = 1;
  Hash transaction;
};
std::string data_access_iri(const Hash& integration, const Hash& device);
Triples data_access_triples(const DataAccessFacts& facts);   // agiddi:DataAccess, at most 12

struct UsageFacts {
  Hash integration;
  Hash device;
  std::uint64_t epoch = 1, sequence = 1;
  std::uint64_t bytes = 0, active_ms = 0, readings = 0;      // cumulative, as reported
  std::optional<std::uint64_t> measurements;                 // of integrations where others count them too
  bool final = false;
  std::string node;
  TimeMs timestamp = 0;
  Hash transaction;
};
bool is_usage_iri(std::string_view iri);
std::string usage_iri(const Hash& integration, const Hash& device, std::uint64_t epoch, std::uint64_t sequence);
Triples usage_triples(const UsageFacts& facts);              // agiddi:UsageReport, at most 13

struct CountFacts {
  Hash integration;
  Hash device;
  bool by_provider = false;                                  // else by the application
  std::string by;                                            // DID
  std::uint64_t sequence = 1;
  std::uint64_t measurements = 0;                            // cumulative, as counted
  std::optional<std::uint64_t> bytes, active_ms;
  TimeMs timestamp = 0;
  Hash transaction;
};
std::string count_iri(const CountFacts& facts);              // a usage IRI
Triples count_triples(const CountFacts& facts);              // agiddi:UsageCount, at most 10

}  // namespace agiddi::ontology
