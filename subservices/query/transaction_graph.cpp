#include "subservices/query/transaction_graph.h"

#include <algorithm>
#include <iterator>

#include "ontology/provenance.h"
#include "ontology/vocabulary.h"
#include "protocol/transaction.h"
#include "subservices/access/integration_records.h"
#include "subservices/executor.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/registration/device_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

using ledger::TermId;
using ontology::Triples;

constexpr std::string_view kTransaction = "urn:agiddi:transaction:";

class GraphOfTransaction {
 public:
  GraphOfTransaction(const ledger::LedgerSnapshot& snapshot, const ledger::TransactionRecord& record)
      : snapshot_(snapshot), state_(snapshot.state()), record_(record), id_(record.transaction.id) {}

  Triples make() {
    const Status status = record_.receipt.status;
    facts_.transaction = id_;
    facts_.action = record_.transaction.header.action;
    facts_.signer = record_.transaction.header.kid;
    facts_.height = record_.height;
    facts_.timestamp = record_.timestamp;
    facts_.committed = status == Status::ok || status == Status::created;
    if (facts_.committed) {
      recorded();
    } else {
      facts_.reason = error_from_receipt(record_.receipt).detail;
    }
    add(ontology::transaction_triples(facts_));
    std::sort(triples_.begin(), triples_.end());
    triples_.erase(std::unique(triples_.begin(), triples_.end()), triples_.end());
    return std::move(triples_);
  }

 private:
  void add(Triples more) { triples_.insert(triples_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end())); }

  void recorded() {
    const auto result = parse_json(record_.receipt.result);
    AGIDDI_CHECK(result && result->is_object(), "a receipt's result is a JSON object");
    const std::string& action = facts_.action;
    if (action == "device.register" || action == "device.update") {
      for (const Json& entry : result->find("devices")->items()) device(version_of(entry));
    } else if (action == "device.retire") {
      facts_.invalidated.push_back(version_of(*result));
    } else if (action == "payment.create") {
      payment(payment_id(id_));
    } else if (action == "integration.create") {
      integration(integration_id(id_));
    } else if (action == "usage.report" || action == "usage.count") {
      usage();
    }
  }

  static ontology::DeviceVersionFacts version_of(const Json& entry) {
    const auto device = device_from_urn(entry.find("id")->as_string());
    const auto version = Decimal::parse(entry.find("version")->number_text());
    AGIDDI_CHECK(device && version, "a receipt of ours names a device and a version");
    return {*device, static_cast<std::uint64_t>(version->mantissa())};
  }

  void device(const ontology::DeviceVersionFacts& version) {
    const auto record = load_known<records::DeviceVersion>(state_, keys::device_version(version.device, static_cast<std::uint32_t>(version.version)));
    add(ontology::device_triples(recorded_description(record), recorded_identity(version.device, record)));
    facts_.generated.push_back(version);
    if (version.version > 1) facts_.invalidated.push_back({version.device, version.version - 1});
  }

  void payment(const Hash& payment) {
    const auto record = load<records::Payment>(state_, keys::payment(payment));
    if (!record) return;
    add(ontology::payment_triples(recorded_payment_facts(state_, payment, *record)));
    facts_.activities.push_back(ontology::payment_iri(payment));
  }

  void integration(const Hash& integration) {
    const auto record = load<records::Integration>(state_, keys::integration(integration));
    if (!record) return;
    for (auto facts : recorded_access_facts(state_, integration, *record)) {
      // Who serves it, and in which epoch, comes from later claims.
      facts.node.clear();
      facts.epoch = 1;
      add(ontology::data_access_triples(facts));
      facts_.activities.push_back(ontology::data_access_iri(integration, facts.device));
    }
  }

  // Reports and counts are kept as triples only.
  void usage() {
    const auto& store = snapshot_.triples();
    const TermId recorded_in = store.find(ledger::Term::iri(std::string(ontology::ns::kAgiddi) + "recordedIn"));
    const TermId self = store.find(ledger::Term::iri(ontology::transaction_iri(id_)));
    if (recorded_in == ledger::kNoTerm || self == ledger::kNoTerm) return;
    std::vector<TermId> subjects;
    store.scan({ledger::kNoTerm, recorded_in, self}, [&](TermId subject, TermId, TermId) {
      subjects.push_back(subject);
      return true;
    });
    for (const TermId subject : subjects) {
      const ledger::Term report = store.term(subject);
      if (!report.is_iri() || !ontology::is_usage_iri(report.value)) continue;
      facts_.entities.push_back(report.value);
      store.scan({subject, ledger::kNoTerm, ledger::kNoTerm}, [&](TermId, TermId predicate, TermId object) {
        triples_.push_back({report, store.term(predicate), store.term(object)});
        return true;
      });
    }
  }

  const ledger::LedgerSnapshot& snapshot_;
  const StateView state_;
  const ledger::TransactionRecord& record_;
  const Hash id_;
  ontology::TransactionFacts facts_;
  Triples triples_;
};

}  // namespace

std::optional<Hash> transaction_of(std::string_view graph_iri) {
  if (!graph_iri.starts_with(kTransaction)) return std::nullopt;
  const auto id = Hash::from_hex(graph_iri.substr(kTransaction.size()));
  return id ? std::optional<Hash>(*id) : std::nullopt;
}

Triples transaction_graph(const ledger::LedgerSnapshot& snapshot, const Hash& transaction) {
  const auto record = snapshot.transaction(transaction);
  if (!record) return {};
  return GraphOfTransaction(snapshot, *record).make();
}

}  // namespace agiddi::subservices
