#include <algorithm>
#include <numeric>

#include "ontology/metadata.h"
#include "ontology/star.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

// By their places: a triple is nine texts, and is moved once.
Triples sorted(Triples triples) {
  std::vector<std::size_t> order(triples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return triples[a] < triples[b]; });
  order.erase(std::unique(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return triples[a] == triples[b]; }), order.end());
  Triples out;
  out.reserve(order.size());
  for (const std::size_t place : order) out.push_back(std::move(triples[place]));
  return out;
}

// A payee is a DID, or the address of an authority, which is no IRI.
void write_payee(Star& star, const std::string& payee) {
  if (is_full_iri(payee)) {
    star.iri(ns::kAgiddi, "payee", payee);
  } else {
    star.text(ns::kAgiddi, "payee", payee);
  }
}

std::string integration_device_iri(const Hash& integration, const Hash& device) { return integration_iri(integration) + "/device/" + device.hex(); }

}  // namespace

Triples payment_triples(const PaymentFacts& facts, TripleOrder order) {
  Triples out;
  out.reserve(7 + 11 * facts.items.size());
  const std::string id = payment_iri(facts.payment);
  Star payment(out, id);
  payment.iri(ns::kRdf, "type", ns::kAgiddi, "Payment");
  payment.iri(ns::kAgiddi, "payer", facts.payer);
  payment.decimal(ns::kAgiddi, "amount", money_text(facts.total));
  payment.text(ns::kSchema, "priceCurrency", facts.currency);
  payment.text(ns::kAgiddi, "paymentMethod", facts.method);
  payment.time(ns::kProv, "generatedAtTime", facts.timestamp);
  payment.iri(ns::kAgiddi, "recordedIn", transaction_iri(facts.transaction));
  for (std::size_t k = 0; k < facts.items.size(); ++k) {
    const PaymentItemFacts& item = facts.items[k];
    const std::string item_id = id + "/item/" + std::to_string(k);
    payment.iri(ns::kAgiddi, "device", device_urn(item.device));
    write_payee(payment, item.payee);
    payment.iri(ns::kAgiddi, "item", item_id);
    Star star(out, item_id);
    star.iri(ns::kRdf, "type", ns::kAgiddi, "PaymentItem");
    star.iri(ns::kAgiddi, "device", device_urn(item.device));
    star.integer(ns::kAgiddi, "deviceVersion", item.device_version);
    write_payee(star, item.payee);
    star.decimal(ns::kAgiddi, "amount", money_text(item.amount));
    if (item.minutes) star.decimal(ns::kAgiddi, "minutes", item.minutes->text());
    if (item.kilobytes) star.decimal(ns::kAgiddi, "kilobytes", item.kilobytes->text());
  }
  if (order == TripleOrder::sorted) out = sorted(std::move(out));
  return out;
}

std::string data_access_iri(const Hash& integration, const Hash& device) { return integration_device_iri(integration, device); }

Triples data_access_triples(const DataAccessFacts& facts) {
  Triples out;
  Star star(out, data_access_iri(facts.integration, facts.device));
  star.iri(ns::kRdf, "type", ns::kAgiddi, "DataAccess");
  star.iri(ns::kAgiddi, "integration", integration_iri(facts.integration));
  star.iri(ns::kAgiddi, "application", facts.application);
  star.iri(ns::kAgiddi, "device", device_urn(facts.device));
  star.integer(ns::kAgiddi, "deviceVersion", facts.device_version);
  star.iri(ns::kAgiddi, "payment", payment_iri(facts.payment));
  star.time(ns::kProv, "startedAtTime", facts.start);
  if (facts.limit_ms) star.integer(ns::kAgiddi, "limitMilliseconds", static_cast<std::uint64_t>(*facts.limit_ms));
  if (facts.limit_bytes) star.integer(ns::kAgiddi, "limitBytes", static_cast<std::uint64_t>(*facts.limit_bytes));
  if (!facts.node.empty()) star.text(ns::kAgiddi, "servingNode", facts.node);
  star.integer(ns::kAgiddi, "epoch", facts.epoch);
  star.iri(ns::kAgiddi, "recordedIn", transaction_iri(facts.transaction));
  return sorted(std::move(out));
}

std::string usage_iri(const Hash& integration, const Hash& device, std::uint64_t epoch, std::uint64_t sequence) {
  return integration_device_iri(integration, device) + "/usage/" + std::to_string(epoch) + "/" + std::to_string(sequence);
}

bool is_usage_iri(std::string_view iri) {
  const std::string_view beginning = "urn:agiddi:integration:";
  return iri.starts_with(beginning) && iri.find("/usage/") != std::string_view::npos;
}

Triples usage_triples(const UsageFacts& facts) {
  Triples out;
  Star star(out, usage_iri(facts.integration, facts.device, facts.epoch, facts.sequence));
  star.iri(ns::kRdf, "type", ns::kAgiddi, "UsageReport");
  star.iri(ns::kAgiddi, "integration", integration_iri(facts.integration));
  star.iri(ns::kAgiddi, "device", device_urn(facts.device));
  star.integer(ns::kAgiddi, "epoch", facts.epoch);
  star.integer(ns::kAgiddi, "sequence", facts.sequence);
  star.integer(ns::kAgiddi, "bytes", facts.bytes);
  star.integer(ns::kAgiddi, "activeMilliseconds", facts.active_ms);
  star.integer(ns::kAgiddi, "readings", facts.readings);
  if (facts.measurements) star.integer(ns::kAgiddi, "measurements", *facts.measurements);
  star.boolean(ns::kAgiddi, "final", facts.final);
  star.text(ns::kAgiddi, "servingNode", facts.node);
  star.time(ns::kProv, "generatedAtTime", facts.timestamp);
  star.iri(ns::kAgiddi, "recordedIn", transaction_iri(facts.transaction));
  return sorted(std::move(out));
}

std::string count_iri(const CountFacts& facts) {
  return integration_device_iri(facts.integration, facts.device) + "/usage/" + (facts.by_provider ? "provider/" : "application/") + std::to_string(facts.sequence);
}

Triples count_triples(const CountFacts& facts) {
  Triples out;
  Star star(out, count_iri(facts));
  star.iri(ns::kRdf, "type", ns::kAgiddi, "UsageCount");
  star.iri(ns::kAgiddi, "integration", integration_iri(facts.integration));
  star.iri(ns::kAgiddi, "device", device_urn(facts.device));
  star.iri(ns::kAgiddi, "countedBy", facts.by);
  star.integer(ns::kAgiddi, "sequence", facts.sequence);
  star.integer(ns::kAgiddi, "measurements", facts.measurements);
  if (facts.bytes) star.integer(ns::kAgiddi, "bytes", *facts.bytes);
  if (facts.active_ms) star.integer(ns::kAgiddi, "activeMilliseconds", *facts.active_ms);
  star.time(ns::kProv, "generatedAtTime", facts.timestamp);
  star.iri(ns::kAgiddi, "recordedIn", transaction_iri(facts.transaction));
  return sorted(std::move(out));
}

}  // namespace agiddi::ontology
