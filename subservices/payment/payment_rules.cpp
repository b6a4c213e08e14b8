#include "subservices/payment/payment_rules.h"

#include <algorithm>
#include <limits>

#include "ontology/metadata.h"
#include "protocol/limits.h"
#include "subservices/payment/account_keys.h"
#include "subservices/payment/accounts.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/payment/payment_fields.h"
#include "subservices/payment/quote_items.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

struct PaymentRequest {
  std::string payer, currency, method, authorization;
  std::optional<records::Authority> authority;   // of the method, unless that is credit
  MicroUnits total = 0;
  bool starts_with_integration = false;
  std::vector<QuoteRequest> items;
  std::vector<MicroUnits> amounts;
};

std::string known_methods(const StateView& state) {
  std::string text = "\"credit\"";
  for (const auto& [id, authority] : authorities_in_force(state)) text += ", \"" + id + "\"";
  return text;
}

// The method, and what a payment authority says to it. Before rules version 5 there was none.
void read_method(const RuleContext& context, FieldReader& fields, PaymentRequest& request) {
  request.method = fields.required_string("method", 64).value_or("");
  if (context.rules_version < kRulesWithAuthorities) {
    if (!request.method.empty() && request.method != "credit") {
      fields.error("method", "this network knows no payment authority of that name: use \"credit\"");
    }
    if (fields.optional("authorization") && request.method == "credit") {
      fields.error("authorization", "belongs to a payment authority: credit is authorised by the payer's signature");
    }
    return;
  }
  if (request.method == "credit") {
    if (fields.optional("authorization")) fields.error("authorization", "belongs to a payment authority: credit is authorised by the payer's signature");
    return;
  }
  request.authorization = fields.optional_string("authorization", kReceiptMax_bytes).value_or("");
  if (request.method.empty()) return;
  request.authority = find_authority(context.state, request.method);
  if (!request.authority || request.authority->removed()) {
    fields.error("method", "is no method of this network; there are " + known_methods(context.state));
  } else if (const auto& currencies = request.authority->currencies(); std::find(currencies.begin(), currencies.end(), request.currency) == currencies.end()) {
    fields.error("currency", "is none that " + request.method + " takes: see /v1/authorities");
  }
}

Result<PaymentRequest> read_payment(const RuleContext& context, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  PaymentRequest request;
  request.payer = read_did(fields, "payer").value_or("");
  request.currency = read_currency(fields).value_or("");
  request.total = read_money(fields, "total").value_or(0);
  read_method(context, fields, request);
  if (const auto starts = fields.optional_string("starts", 32)) {
    request.starts_with_integration = *starts == "integration";
    if (*starts != "integration" && *starts != "payment") fields.error("starts", "must be \"payment\" or \"integration\"");
  }
  if (const auto* items = fields.required_array("items", 1, limits::kItemsPerPaymentMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader item((*items)[i], "/items/" + std::to_string(i), errors);
      QuoteRequest quote;
      read_quote_request(item, quote);
      quote.version = static_cast<std::uint32_t>(item.required_integer("version", 1, UINT32_MAX).value_or(0));
      request.amounts.push_back(read_money(item, "amount").value_or(0));
      request.items.push_back(std::move(quote));
      item.finish();
    }
    refuse_repeated_devices(request.items, errors);
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return request;
}

// Every amount that the payer signed is the one that the ledger computes, and every device takes the method.
std::vector<FieldError> compare_with_quote(const PaymentRequest& request, const Quote& quote) {
  std::vector<FieldError> errors;
  for (std::size_t i = 0; i < quote.items.size(); ++i) {
    const auto& item = quote.items[i];
    const std::string pointer = "/items/" + std::to_string(i);
    if (item.amount() != request.amounts[i]) errors.push_back({pointer + "/amount", "is not the quoted amount, " + money_text(item.amount())});
    if (std::find(item.methods.begin(), item.methods.end(), request.method) == item.methods.end()) {
      errors.push_back({pointer + "/device", "does not take payment by " + request.method});
    }
  }
  if (request.currency != quote.currency) errors.push_back({"/currency", "the devices cost " + quote.currency});
  if (request.total != quote.total) errors.push_back({"/total", "is not the sum of the quoted amounts, " + money_text(quote.total)});
  return errors;
}

void set_price(records::Price& record, const UnitPrice& price) {
  record.set_micro(price.micro);
  record.set_unit(price.unit);
}

records::PaymentItem make_item(const QuotedItem& quoted) {
  records::PaymentItem item;
  item.set_device(Bytes(quoted.device.view()));
  item.set_version(quoted.version);
  item.set_provider(quoted.provider);
  item.set_payee(quoted.payee);
  if (quoted.minutes_milli) {
    item.set_minutes_milli(*quoted.minutes_milli);
    item.set_minutes_amount(quoted.minutes_amount);
    item.set_limit_ms(limit_for(quoted.time_price, quoted.minutes_amount, *quoted.minutes_milli * 60));
    set_price(*item.mutable_time_price(), quoted.time_price);
  }
  if (quoted.kilobytes_milli) {
    item.set_kilobytes_milli(*quoted.kilobytes_milli);
    item.set_kilobytes_amount(quoted.kilobytes_amount);
    item.set_limit_bytes(limit_for(quoted.data_price, quoted.kilobytes_amount, *quoted.kilobytes_milli));
    set_price(*item.mutable_data_price(), quoted.data_price);
  }
  return item;
}

// When an item that nobody integrated goes back to its payer.
TimeMs first_due(const RuleContext& context, const PaymentRequest& request, const records::PaymentItem& item) {
  const bool time_runs = item.minutes_milli() > 0 && !request.starts_with_integration;
  return context.timestamp + (time_runs ? item.limit_ms() : kDataLapse_ms);
}

}  // namespace

ontology::PaymentFacts recorded_payment_facts(const StateView& state, const Hash& payment, const records::Payment& record) {
  ontology::PaymentFacts facts;
  facts.payment = payment;
  facts.payer = record.payer();
  facts.currency = record.currency();
  facts.method = record.method();
  facts.total = record.total();
  facts.timestamp = record.timestamp_ms();
  facts.transaction = hash_of(record.transaction());
  for (std::uint32_t i = 0; i < record.item_count(); ++i) {
    const auto item = load_known<records::PaymentItem>(state, keys::payment_item(payment, i));
    ontology::PaymentItemFacts fact;
    fact.device = hash_of(item.device());
    fact.device_version = item.version();
    fact.payee = item.payee();
    fact.amount = item.minutes_amount() + item.kilobytes_amount();
    if (item.minutes_milli() > 0) fact.minutes = Decimal(item.minutes_milli(), 3);
    if (item.kilobytes_milli() > 0) fact.kilobytes = Decimal(item.kilobytes_milli(), 3);
    facts.items.push_back(std::move(fact));
  }
  return facts;
}

Result<RuleOutcome> payment_create(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto request = read_payment(context, body);
  if (!request) return tl::unexpected(request.error());
  if (request->payer != transaction.header.kid) return fail(Status::forbidden, "a payment is signed by its payer");
  const auto quote = make_quote(context.state, request->items);
  if (!quote) return tl::unexpected(quote.error());
  if (auto errors = compare_with_quote(*request, *quote); !errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  std::string receipt;
  if (!request->authorization.empty()) {
    auto accepted = accept_receipt(context, request->method, *request->authority, request->authorization, {request->payer, *quote});
    if (!accepted) return tl::unexpected(accepted.error());
    receipt = *std::move(accepted);
  }
  const std::string purse = purse_of(quote->currency, request->method);
  if (!to_escrow(context.state, request->payer, purse, quote->total)) {
    return tl::unexpected(lack_of_funds(context.state, request->payer, purse, quote->total));
  }

  const Hash id = payment_id(transaction.id);
  records::Payment record;
  record.set_payer(request->payer);
  record.set_currency(quote->currency);
  record.set_total(quote->total);
  record.set_method(request->method);
  record.set_starts_with_integration(request->starts_with_integration);
  record.set_transaction(Bytes(transaction.id.view()));
  record.set_height(context.height);
  record.set_timestamp_ms(context.timestamp);
  record.set_item_count(static_cast<std::uint32_t>(quote->items.size()));
  record.set_receipt(receipt);
  store(context.state, keys::payment(id), record);
  if (!receipt.empty()) record_receipt(context, request->method, receipt, id, *quote);

  Json items = Json::array();
  for (std::uint32_t i = 0; i < quote->items.size(); ++i) {
    auto item = make_item(quote->items[i]);
    reschedule_item(context, id, i, item, first_due(context, *request, item));
    if (quote->items.size() > 1 || context.rules_version < kRulesWithFewerKeys) {
      Bytes index;
      append_u32_be(index, i);
      context.state.put(keys::paid_device(id, quote->items[i].device), std::move(index));
    }
    items.push(to_json(quote->items[i]));
  }
  count_open(context.state, static_cast<int>(quote->items.size()), 0);

  if (!context.only_checks) {
    const auto facts = recorded_payment_facts(context.state, id, record);
    // The order decides which ids the dictionary gives to new terms, and so belongs to the rules; no order costs less.
    const auto order = context.rules_version >= kRulesWithFewerKeys ? ontology::TripleOrder::as_made : ontology::TripleOrder::sorted;
    for (auto& triple : ontology::payment_triples(facts, order)) context.triples.push_back({std::move(triple), true});
  }
  context.events.push_back({"payment", id, transaction.id,
                            Json::object({{"payment", id.hex()},
                                          {"state", "created"},
                                          {"payer", request->payer},
                                          {"currency", quote->currency},
                                          {"total", money_text(quote->total)}})});
  return RuleOutcome{Status::created, Json::object({{"payment", id.hex()},
                                                    {"payer", request->payer},
                                                    {"currency", quote->currency},
                                                    {"total", money_text(quote->total)},
                                                    {"method", request->method},
                                                    {"starts", request->starts_with_integration ? "integration" : "payment"},
                                                    {"items", std::move(items)}})};
}

namespace {

// Sums for people: at the end of the numbers they stay there.
void add_up(std::int64_t& sum, std::int64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = std::numeric_limits<std::int64_t>::max();
}

void add_earnings(RuleContext& context, const records::PaymentItem& item, const std::string& currency, std::int64_t active_ms, std::int64_t bytes) {
  const Bytes key = keys::earnings(hash_of(item.device()), currency);
  auto record = load<records::DeviceEarnings>(context.state, key).value_or(records::DeviceEarnings{});
  std::int64_t earned = record.earned(), refunded = record.refunded(), sum_bytes = record.bytes(), sum_ms = record.active_ms();
  add_up(earned, item.earned());
  add_up(refunded, item.refunded());
  if (item.kilobytes_milli() > 0) add_up(sum_bytes, bytes);
  if (item.minutes_milli() > 0) add_up(sum_ms, active_ms);
  record.set_items(record.items() + 1);
  record.set_earned(earned);
  record.set_refunded(refunded);
  record.set_bytes(sum_bytes);
  record.set_active_ms(sum_ms);
  store(context.state, key, record);
}

}  // namespace

void settle_item(RuleContext& context, const Hash& payment, std::uint32_t index, records::PaymentItem& item, std::int64_t active_ms,
                 std::int64_t bytes, std::string_view because, const Hash& transaction) {
  AGIDDI_CHECK(item.state() != records::ITEM_SETTLED, "an item settles once");
  const auto record = load_known<records::Payment>(context.state, keys::payment(payment));
  MicroUnits earned = 0;
  if (item.minutes_milli() > 0) {
    earned += earned_of({item.time_price().micro(), item.time_price().unit()}, item.minutes_amount(), active_ms, item.limit_ms());
  }
  if (item.kilobytes_milli() > 0) {
    earned += earned_of({item.data_price().micro(), item.data_price().unit()}, item.kilobytes_amount(), bytes, item.limit_bytes());
  }
  const MicroUnits amount = item.minutes_amount() + item.kilobytes_amount();
  const std::string purse = purse_of(record.currency(), record.method());
  from_escrow(context.state, record.payer(), account_to_credit(context.state, item.payee()), purse, amount, earned);
  if (record.reversed()) {
    const bool burned = burn(context.state, record.payer(), purse, amount - earned);
    AGIDDI_CHECK(burned, "what has just come back is there");
  }

  item.set_state(records::ITEM_SETTLED);
  item.set_earned(earned);
  const MicroUnits refunded = record.reversed() ? 0 : amount - earned;
  item.set_refunded(refunded);
  item.set_ended_because(std::string(because));
  item.set_settled_ms(context.timestamp);
  if (context.rules_version >= kRulesWithEarnings) add_earnings(context, item, record.currency(), active_ms, bytes);
  reschedule_item(context, payment, index, item, 0);
  count_open(context.state, -1, 0);
  context.events.push_back({"payment", payment, transaction,
                            Json::object({{"payment", payment.hex()},
                                          {"state", "itemSettled"},
                                          {"device", device_urn(hash_of(item.device()))},
                                          {"currency", record.currency()},
                                          {"earned", money_text(earned)},
                                          {"refunded", money_text(refunded)},
                                          {"because", because}})});
}

void add_counts(RuleContext& context, const Hash& payment, const records::IntegrationDevice& device) {
  const Bytes key = keys::earnings(hash_of(device.device()), load_known<records::Payment>(context.state, keys::payment(payment)).currency());
  auto record = load_known<records::DeviceEarnings>(context.state, key);
  std::int64_t bytes = record.node_bytes(), measurements = record.node_measurements();
  add_up(bytes, device.bytes_used() - device.bytes_lost());
  add_up(measurements, device.measurements());
  record.set_counted_items(record.counted_items() + 1);
  record.set_node_bytes(bytes);
  record.set_node_measurements(measurements);
  if (device.has_application()) {
    std::int64_t received = record.application_measurements();
    add_up(received, device.application().measurements());
    record.set_application_items(record.application_items() + 1);
    record.set_application_measurements(received);
  }
  if (device.has_provider()) {
    std::int64_t sent = record.provider_measurements();
    add_up(sent, device.provider().measurements());
    record.set_provider_items(record.provider_items() + 1);
    record.set_provider_measurements(sent);
  }
  store(context.state, key, record);
}

void reschedule_item(RuleContext& context, const Hash& payment, std::uint32_t index, records::PaymentItem& item, TimeMs due) {
  if (item.due_ms() != 0) context.state.erase(keys::expiry({item.due_ms(), keys::ExpiryKind::payment_item, payment, index}));
  if (due != 0) context.state.put(keys::expiry({due, keys::ExpiryKind::payment_item, payment, index}), {});
  item.set_due_ms(due);
  store(context.state, keys::payment_item(payment, index), item);
}

}  // namespace agiddi::subservices
