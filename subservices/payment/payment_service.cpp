#include "subservices/payment/payment_service.h"

#include "protocol/identity.h"
#include "protocol/limits.h"
#include "protocol/time.h"
#include "protocol/transaction.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/payment/accounts.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/payment/quote_items.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

const char* state_name(records::ItemState state) {
  switch (state) {
    case records::ITEM_OPEN: return "open";
    case records::ITEM_INTEGRATED: return "integrated";
    default: return "settled";
  }
}

Json item_json(const records::PaymentItem& item) {
  Json json = Json::object({{"device", device_urn(hash_of(item.device()))},
                            {"version", item.version()},
                            {"provider", item.provider()},
                            {"payee", item.payee()},
                            {"amount", money_text(item.minutes_amount() + item.kilobytes_amount())}});
  if (item.minutes_milli() > 0) {
    json.set("minutes", Json::number(thousandths_text(item.minutes_milli())));
    json.set("minutesAmount", money_text(item.minutes_amount()));
    json.set("seconds", Json::number(thousandths_text(item.limit_ms())));
  }
  if (item.kilobytes_milli() > 0) {
    json.set("kilobytes", Json::number(thousandths_text(item.kilobytes_milli())));
    json.set("kilobytesAmount", money_text(item.kilobytes_amount()));
    json.set("bytes", item.limit_bytes());
  }
  json.set("state", state_name(item.state()));
  if (!item.integration().empty()) json.set("integration", hash_of(item.integration()).hex());
  if (item.state() == records::ITEM_SETTLED) {
    json.set("earned", money_text(item.earned()));
    json.set("refunded", money_text(item.refunded()));
    json.set("endedBecause", item.ended_because());
    json.set("settled", time_text(item.settled_ms()));
  }
  return json;
}

Json counts_json(const records::DeviceEarnings& record) {
  Json counts = Json::object({{"items", record.counted_items()}, {"node", Json::object({{"bytes", record.node_bytes()}, {"measurements", record.node_measurements()}})}});
  if (record.application_items() > 0) counts.set("application", Json::object({{"items", record.application_items()}, {"measurements", record.application_measurements()}}));
  if (record.provider_items() > 0) counts.set("provider", Json::object({{"items", record.provider_items()}, {"measurements", record.provider_measurements()}}));
  return counts;
}

}  // namespace

Result<Json> PaymentService::quote(const Json& body) const {
  std::vector<FieldError> errors;
  std::vector<QuoteRequest> requests;
  FieldReader fields(body, "", errors);
  if (const auto* items = fields.required_array("items", 1, limits::kItemsPerPaymentMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader item((*items)[i], "/items/" + std::to_string(i), errors);
      read_quote_request(item, requests.emplace_back());
      item.finish();
    }
    refuse_repeated_devices(requests, errors);
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  const StateView state(snapshot_.state());
  const auto quote = make_quote(state, requests);
  if (!quote) return tl::unexpected(quote.error());
  Json items = Json::array();
  for (const auto& item : quote->items) items.push(to_json(item));
  return Json::object({{"items", std::move(items)}, {"total", money_text(quote->total)}, {"currency", quote->currency}});
}

Result<Json> PaymentService::payment(std::string_view id) const {
  const StateView state(snapshot_.state());
  const auto hash = Hash::from_hex(id);
  const auto record = hash ? load<records::Payment>(state, keys::payment(*hash)) : std::nullopt;
  if (!record) return fail(Status::not_found, "there is no such payment");
  Json items = Json::array();
  state.scan(keys::payment_items_of(*hash), [&](BytesView, BytesView value) {
    items.push(item_json(parse_record<records::PaymentItem>(value)));
    return true;
  });
  Json payment = Json::object({{"payment", hash->hex()},
                       {"transaction", hash_of(record->transaction()).hex()},
                       {"height", record->height()},
                       {"timestamp", time_text(record->timestamp_ms())},
                       {"payer", record->payer()},
                       {"currency", record->currency()},
                       {"total", money_text(record->total())},
                       {"method", record->method()},
                       {"starts", record->starts_with_integration() ? "integration" : "payment"},
                       {"items", std::move(items)}});
  if (!record->receipt().empty()) payment.set("receipt", record->receipt());
  if (record->reversed()) {
    const auto used = load_known<records::UsedReceipt>(state, keys::receipt(record->method(), record->receipt()));
    payment.set("reversedBecause", used.reason());
  }
  return payment;
}

Json PaymentService::authorities() const {
  Json list = Json::array();
  for (const auto& [id, authority] : authorities_in_force(StateView(snapshot_.state()))) list.push(authority_json(id, authority));
  return Json::object({{"authorities", std::move(list)}});
}

Result<Json> PaymentService::receipt(std::string_view authority, std::string_view id) const {
  const auto used = load<records::UsedReceipt>(StateView(snapshot_.state()), keys::receipt(authority, id));
  if (!used) return fail(Status::not_found, "no payment used such a receipt");
  Json out = Json::object({{"authority", authority}, {"receipt", id}, {"state", used->reversed() ? "reversed" : "used"}});
  if (!used->payment().empty()) {
    out.set("payment", hash_of(used->payment()).hex()).set("currency", used->currency()).set("total", money_text(used->total()));
  }
  if (used->reversed()) out.set("reason", used->reason());
  return out;
}

Result<Json> PaymentService::account(std::string_view did) const {
  if (!key_from_did(did)) return fail(Status::not_found, "an account is the did:key of an Ed25519 key");
  const StateView state(snapshot_.state());
  const Bytes prefix = keys::accounts_of(did);
  Json balances = Json::array(), purses = Json::array();
  state.scan(prefix, [&](BytesView key, BytesView value) {
    const auto record = parse_record<records::Account>(value);
    const auto [currency, authority] = read_purse(key.substr(prefix.size()));
    Json balance = Json::object({{"currency", currency}, {"available", money_text(record.available())}, {"escrow", money_text(record.escrow())}});
    if (authority.empty()) balances.push(std::move(balance));
    else purses.push(std::move(balance.set("authority", authority)));
    return true;
  });
  Json out = Json::object({{"did", did}, {"balances", std::move(balances)}});
  if (!purses.items().empty()) out.set("purses", std::move(purses));
  if (const auto policy = admission_of(state); policy && policy->listed()) out.set("admitted", state.contains(keys::admitted(did)));
  return out;
}

Result<Json> PaymentService::device_usage(std::string_view urn) const {
  const StateView state(snapshot_.state());
  const auto device = device_from_urn(urn);
  if (!device || !state.contains(keys::device(*device))) return fail(Status::not_found, "there is no such device");
  const Bytes prefix = keys::earnings_of(*device);
  Json usage = Json::array();
  state.scan(prefix, [&](BytesView key, BytesView value) {
    const auto record = parse_record<records::DeviceEarnings>(value);
    Json sums = Json::object({{"currency", key.substr(prefix.size())},
                              {"items", record.items()},
                              {"earned", money_text(record.earned())},
                              {"refunded", money_text(record.refunded())},
                              {"bytes", record.bytes()},
                              {"seconds", Json::number(thousandths_text(record.active_ms()))}});
    if (record.counted_items() > 0) sums.set("counts", counts_json(record));
    usage.push(std::move(sums));
    return true;
  });
  return Json::object({{"device", urn}, {"usage", std::move(usage)}});
}

}  // namespace agiddi::subservices
