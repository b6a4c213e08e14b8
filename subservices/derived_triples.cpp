#include "subservices/derived_triples.h"

#include "ontology/metadata.h"
#include "subservices/access/integration_records.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/registration/device_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

using Visit = std::function<void(const ledger::Triple&)>;

// Calls visit with id and record of every key of a kind: one letter and 32 bytes.
template <class Record>
void for_each_record(const StateView& state, const Bytes& prefix, const std::function<void(const Hash&, const Record&)>& visit) {
  state.scan(prefix, [&](BytesView key, BytesView value) {
    visit(hash_of(std::string(key.substr(prefix.size()))), parse_record<Record>(value));
    return true;
  });
}

void derive(const ledger::KvReader& reader, const Visit& visit) {
  const StateView state(reader);
  const auto all = [&](const ontology::Triples& triples) {
    for (const ledger::Triple& triple : triples) visit(triple);
  };
  for_each_record<records::DeviceHead>(state, keys::devices(), [&](const Hash& device, const records::DeviceHead& head) {
    if (head.retired()) return;
    const auto version = load_known<records::DeviceVersion>(state, keys::device_version(device, head.version()));
    all(ontology::device_triples(recorded_description(version), recorded_identity(device, version)));
  });
  for_each_record<records::Payment>(state, keys::payments(), [&](const Hash& payment, const records::Payment& record) {
    all(ontology::payment_triples(recorded_payment_facts(state, payment, record)));
  });
  for_each_record<records::Integration>(state, keys::integrations(), [&](const Hash& id, const records::Integration& integration) {
    for (const auto& facts : recorded_access_facts(state, id, integration)) all(ontology::data_access_triples(facts));
  });
}

}  // namespace

ledger::TripleRules triple_rules() {
  return {derive, [](const ledger::Term& subject) { return subject.is_iri() && ontology::is_usage_iri(subject.value); }};
}

}  // namespace agiddi::subservices
