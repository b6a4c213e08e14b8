// The parts that the rules of integrations share: reading the target of a document, and ending a device or a whole integration.
#pragma once

#include "ontology/metadata.h"
#include "protocol/field_reader.h"
#include "subservices/records.h"
#include "subservices/rule_context.h"

namespace agiddi::subservices {

namespace ended {
inline constexpr std::string_view kTime = "time used up";
inline constexpr std::string_view kData = "data used up";
inline constexpr std::string_view kClosed = "closed";
inline constexpr std::string_view kLapsed = "lapsed";
inline constexpr std::string_view kByNode = "ended by its node";
inline constexpr std::string_view kReversed = "its payment was reversed";
inline constexpr std::string_view kDisputed = "disputed";   // the application's count stayed behind what its node delivered
}  // namespace ended

// An id of 64 hexadecimal digits; the error is collected.
std::optional<Hash> read_hash(FieldReader& fields, const char* name);
Result<records::Integration> find_integration(const StateView& state, const Hash& id);

struct IndexedDevice {
  std::uint32_t index = 0;
  records::IntegrationDevice record;
};
// In the order of the request.
std::vector<IndexedDevice> devices_of(const StateView& state, const Hash& integration);

// Settles the device's payment item by its recorded usage. The caller ends the integration when no device is open.
void end_device(RuleContext& context, const Hash& id, records::Integration& integration, std::uint32_t index, records::IntegrationDevice& device,
                std::string_view because, const Hash& transaction);
// When its last device has ended: out of the indexes, and no more heartbeats for it. Stores the integration.
void end_integration(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction);
// Ends all devices that are left, and the integration.
void end_all(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction);

// Before its end: at once when nobody serves it; else the serving node owes a last report, for which there is a time. Nothing when that is so already.
void close_integration(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction);

// What the access notification of each device (agiddi:DataAccess) says, as the records tell it.
std::vector<ontology::DataAccessFacts> recorded_access_facts(const StateView& state, const Hash& id, const records::Integration& integration);
void change_access_triples(RuleContext& context, const Hash& id, const records::Integration& integration, bool added);
void emit_integration(RuleContext& context, const Hash& id, const records::Integration& integration, std::string_view state, const Hash& transaction);

}  // namespace agiddi::subservices
