#include "subservices/payment/payment_history.h"

#include "ontology/sparql/parser.h"
#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"
#include "subservices/payment/payment_service.h"

namespace agiddi::subservices {
namespace {

constexpr std::string_view kPaymentIri = "urn:agiddi:payment:";

struct Shown {
  std::string payment, role;   // hex; "payer" or "payee"
  TimeMs time = 0;
};

// What a page's last entry leaves for the next one, bound to the account.
std::string write_cursor(std::string_view did, const Shown& last) {
  return to_base64url(Json::array({did, time_text(last.time), last.payment, last.role}).dump());
}

std::optional<Shown> read_cursor(std::string_view did, std::string_view cursor) {
  const auto raw = from_base64url(cursor);
  const auto json = raw ? parse_json(*raw) : Result<Json>(fail(Status::invalid, ""));
  if (!json || !json->is_array() || json->items().size() != 4) return std::nullopt;
  for (const Json& part : json->items()) {
    if (!part.is_string()) return std::nullopt;
  }
  const auto& parts = json->items();
  const auto time = time_from_text(parts[1].as_string());
  const std::string &payment = parts[2].as_string(), &role = parts[3].as_string();
  if (parts[0].as_string() != did || !time || !Hash::from_hex(payment) || (role != "payer" && role != "payee")) return std::nullopt;
  return Shown{payment, role, *time};
}

// One role after the other, for an account may pay itself.
std::string query_text(std::string_view did, std::int64_t limit, const std::optional<Shown>& after) {
  std::string text = "PREFIX agiddi: <https://w3id.org/agiddi/ontology#> PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"
                     "SELECT ?payment ?time ?role WHERE {\n";
  const std::string iri = "<" + std::string(did) + ">";
  text += "  { ?payment agiddi:payer " + iri + " BIND(\"payer\" AS ?role) } UNION { ?payment agiddi:payee " + iri + " ; a agiddi:Payment BIND(\"payee\" AS ?role) }\n";
  text += "  ?payment prov:generatedAtTime ?time\n";
  if (after) {
    const std::string time = "\"" + time_text(after->time) + "\"^^xsd:dateTime", payment = "\"" + std::string(kPaymentIri) + after->payment + "\"";
    text += "  FILTER(?time < " + time + " || (?time = " + time + " && (STR(?payment) > " + payment + " || (STR(?payment) = " + payment + " && ?role > \"" + after->role + "\"))))\n";
  }
  return text + "} ORDER BY DESC(?time) STR(?payment) ?role LIMIT " + std::to_string(limit + 1);
}

}  // namespace

Result<Json> payment_history(const ledger::LedgerSnapshot& snapshot, std::string_view did, std::int64_t limit, std::string_view cursor,
                             const ontology::sparql::Limits& limits) {
  if (!key_from_did(did)) return fail(Status::not_found, "an account is the did:key of an Ed25519 key");
  std::optional<Shown> after;
  if (!cursor.empty()) {
    after = read_cursor(did, cursor);
    if (!after) return fail_field("/cursor", "is not one that this account's list gave");
  }
  const auto query = ontology::sparql::parse_query(query_text(did, limit, after));
  if (!query) return fail(Status::internal, "the query of an account's payments is not valid: " + query.error().detail);
  const auto result = ontology::sparql::evaluate(*query, ontology::sparql::Dataset(snapshot.triples()), limits);
  if (!result) return tl::unexpected(result.error());

  const PaymentService service(snapshot);
  Json payments = Json::array();
  Shown last;
  std::int64_t count = 0;
  for (const auto& row : result->rows) {
    if (count++ == limit) break;
    const auto time = time_from_text(row[1]->value);
    AGIDDI_CHECK(row[0]->value.starts_with(kPaymentIri) && time, "a payment's triples name it and its time");
    last = {row[0]->value.substr(kPaymentIri.size()), row[2]->value, *time};
    auto payment = service.payment(last.payment);
    if (!payment) return tl::unexpected(payment.error());
    Json entry = Json::object({{"role", last.role}});
    for (auto& [name, value] : payment->members()) entry.set(name, std::move(value));
    payments.push(std::move(entry));
  }
  Json out = Json::object({{"did", did}, {"payments", std::move(payments)}});
  if (count > limit) out.set("next", write_cursor(did, last));
  return out;
}

}  // namespace agiddi::subservices
