#include "tools/cli/purchase.h"

#include "protocol/decimal.h"
#include "tools/cli/files.h"
#include "tools/cli/ids.h"

namespace agiddi::tools {

void PurchaseArguments::declare(Command& command) {
  command.options("--device", devices, "Id of a device (urn:agiddi:device:…); may be repeated");
  command.option("--minutes", minutes, "Minutes of each device, above 0, at most 3 decimals");
  command.option("--kilobytes", kilobytes, "Kilobytes (1000 bytes) of each device, above 0, at most 3 decimals");
  command.option("--items", items_file, "JSON file of items instead: [{\"device\",\"minutes\"?,\"kilobytes\"?}]");
}

Outcome<Json> quote_body(const PurchaseArguments& arguments) {
  if (!arguments.items_file.empty()) {
    if (!arguments.devices.empty() || !arguments.minutes.empty() || !arguments.kilobytes.empty()) {
      return wrong_usage("--items stands alone, without --device, --minutes and --kilobytes");
    }
    auto json = read_json_file(arguments.items_file);
    if (!json) return passed_on(json.error());
    const Json* items = json->is_array() ? &*json : json->find("items");
    if (!items || !items->is_array() || items->items().empty()) return failed(arguments.items_file + ": needs an array of items");
    return Json::object({{"items", *items}});
  }
  if (arguments.devices.empty()) return wrong_usage("give at least one --device, or --items FILE");
  if (arguments.minutes.empty() && arguments.kilobytes.empty()) return wrong_usage("give --minutes, --kilobytes or both");
  if (auto fit = check_device_ids("--device", arguments.devices); !fit) return tl::unexpected(fit.error());
  Json items = Json::array();
  for (const std::string& device : arguments.devices) {
    Json item = Json::object({{"device", device}});
    for (const auto& [name, text] : {std::pair<const char*, const std::string&>("minutes", arguments.minutes), {"kilobytes", arguments.kilobytes}}) {
      if (text.empty()) continue;
      const auto number = Decimal::parse(text);
      if (!number || number->is_zero() || number->is_negative() || number->scale() > 3) {
        return wrong_usage(std::string("--") + name + " takes a number above 0 with at most 3 decimals, not '" + text + "'");
      }
      item.set(name, Json::number(number->text()));
    }
    items.push(std::move(item));
  }
  return Json::object({{"items", std::move(items)}});
}

Outcome<Json> payment_body(const Json& quoted, const Json& quote, const std::string& payer, const std::string& method, const std::string& starts) {
  const Json *asked = quoted.find("items"), *priced = quote.find("items");
  const Json *total = quote.find("total"), *currency = quote.find("currency");
  if (!asked || !priced || !priced->is_array() || priced->items().size() != asked->items().size() || !total || !currency) {
    return failed("the node's quote does not fit what was asked");
  }
  Json items = Json::array();
  for (std::size_t i = 0; i < priced->items().size(); ++i) {
    const Json &want = asked->items()[i], &price = priced->items()[i];
    const Json *device = price.find("device"), *version = price.find("version"), *amount = price.find("amount");
    const Json* wanted = want.find("device");
    if (!device || !version || !amount || !wanted || device->dump() != wanted->dump()) return failed("the node's quote does not fit what was asked");
    Json item = Json::object({{"device", *device}, {"version", *version}});
    for (const char* name : {"minutes", "kilobytes"}) {
      if (const Json* value = want.find(name)) item.set(name, *value);
    }
    item.set("amount", *amount);
    items.push(std::move(item));
  }
  Json body = Json::object({{"payer", payer}, {"items", std::move(items)}, {"currency", *currency}, {"total", *total}, {"method", method}});
  if (!starts.empty()) body.set("starts", starts);
  return body;
}

std::string quote_text(const Json& quote) {
  std::string out;
  if (const Json* items = quote.find("items"); items && items->is_array()) {
    for (const Json& item : items->items()) {
      out += shown(item, "device") + "  version " + shown(item, "version") + "  " + shown(item, "amount") + " " + shown(quote, "currency") + "\n";
    }
  }
  return out + "total " + shown(quote, "total") + " " + shown(quote, "currency") + "\n";
}

}  // namespace agiddi::tools
