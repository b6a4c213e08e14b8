// Reads a Thing Description as the device that it describes: names are taken through the prefixes of its own context, and then read strictly.
#include <algorithm>
#include <map>
#include <set>

#include "ontology/thing_description.h"
#include "ontology/thing_terms.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

constexpr std::size_t kContextsMax = 16;
constexpr std::size_t kPrefixesMax = 64;
constexpr std::size_t kShown_bytes = 128;
constexpr std::size_t kMembersMax = 100;   // of one object whose names may have prefixes
constexpr std::size_t kFormsMax = 16;
constexpr std::size_t kLinksMax = 16;
constexpr std::size_t kDefinitionsMax = 16;
constexpr std::size_t kTextMax = 2048;     // of what is checked and not kept

// Terms of the TD 1.1 and discovery contexts that a prefix must not redefine.
constexpr std::string_view kTerms[] = {
    "id", "title", "titles", "description", "descriptions", "version", "created", "modified", "support", "base", "properties", "actions", "events", "links", "forms",
    "security", "securityDefinitions", "profile", "schemaDefinitions", "uriVariables", "registration", "unit", "type", "minimum", "maximum", "readOnly", "writeOnly",
    "observable", "href", "op", "contentType", "subprotocol", "scheme", "name", "in", "rel", "instance", "model", "expires", "ttl", "retrieved", "members", "next", "total",
};

constexpr const char* kLost = "is not kept in this directory, so it is refused rather than lost: leave it out";
constexpr const char* kEndpoint =
    "leads elsewhere than to the readings of a paid device: an endpoint is never on the ledger in clear; seal it into agiddi:access and let the form's href be "
    "v1/integrations/{integration}/stream";

std::string shown(std::string_view text) { return text.size() <= kShown_bytes ? std::string(text) : std::string("a very long text"); }

bool is_prefix_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= 64 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

class ThingReader {
 public:
  ThingReader(bool update, std::string_view signer, std::vector<FieldError>& errors) : update_(update), signer_(signer), errors_(errors) {}

  ThingDevice read(const Json& thing) {
    read_context(*thing.find("@context"));
    const Json known = with_known_names(thing, "");
    FieldReader reader(known, "", errors_);
    reader.optional("@context");
    put("id", "/id");
    put("version", "/version/instance");
    if (update_) read_target(reader);
    else if (reader.optional("id")) reader.error("id", "is made from the signed registration here, so a new Thing has none: leave it out; a known Thing is changed by PUT /things/{id}");
    if (auto title = text(reader, "title")) device().set("name", std::move(*title));
    put("name", "/title");
    read_type(reader);
    if (const Json* description = reader.optional("description")) device().set("description", *description);
    put("description", "/description");
    read_place(reader);
    read_properties(reader);
    read_offer(reader);
    if (const Json* access = reader.required("agiddi:access")) device().set("access", *access);
    put("access", "/agiddi:access");
    check_stated(reader);
    refuse_lost(reader);
    reader.finish();
    for (FieldError& one : errors_) one.pointer = original(std::move(one.pointer));
    return std::move(out_);
  }

 private:
  Json& device() { return out_.device; }
  void error(std::string pointer, std::string detail) {
    if (errors_.size() < limits::kFieldErrorsMax) errors_.push_back({std::move(pointer), std::move(detail)});
  }
  void put(std::string_view field, std::string pointer) { out_.pointers.emplace_back("/" + std::string(field), original(std::move(pointer))); }

  // Errors are found under our own names; a client sees the name that it wrote.
  std::string original(std::string pointer) const {
    for (auto one = renamed_.rbegin(); one != renamed_.rend(); ++one) {   // inner names first: their places are told with our outer ones
      const auto& [ours, theirs] = *one;
      if (pointer.starts_with(ours) && (pointer.size() == ours.size() || pointer[ours.size()] == '/')) pointer = theirs + pointer.substr(ours.size());
    }
    return pointer;
  }

  void read_context(const Json& context) {
    if (context.is_string()) return read_context_entry(context, "/@context", true);
    if (!context.is_array() || context.items().empty() || context.items().size() > kContextsMax) {
      return error("/@context", "must be the TD 1.1 context, or an array of up to 16 contexts that begins with it: " + std::string(kThingContext));
    }
    for (std::size_t i = 0; i < context.items().size(); ++i) read_context_entry(context.items()[i], pointer_index("/@context", i), i == 0);
  }

  void read_context_entry(const Json& entry, const std::string& pointer, bool first) {
    if (entry.is_string()) {
      const std::string& iri = entry.as_string();
      if (iri == kThingContext) {
        prefixes_.try_emplace("schema", ns::kSchema);   // of that context itself
        return;
      }
      if (first) return error(pointer, "must be " + std::string(kThingContext));
      if (iri != kDiscoveryContext) error(pointer, "is a context that is not known here, and none is ever fetched: name what you use by prefixes in an object, or by full IRIs");
      return;
    }
    if (first || !entry.is_object()) return error(pointer, first ? "must be " + std::string(kThingContext) : std::string("must be a string or an object, not ") + entry.type_name());
    for (const auto& [name, value] : entry.members()) {
      const std::string at = name.size() <= kShown_bytes ? pointer_member(pointer, name) : pointer;
      if (!is_prefix_name(name) || std::find(std::begin(kTerms), std::end(kTerms), name) != std::end(kTerms)) {
        error(at, "is no prefix: a context of your own may only declare prefixes, which are no terms of the TD context and no keywords");
      } else if (!value.is_string() || !is_full_iri(value.as_string()) || std::string_view("#/?:").find(value.as_string().back()) == std::string_view::npos) {
        error(at, "must be the IRI that the prefix stands for, which ends with #, /, ? or :");
      } else if (prefixes_.size() >= kPrefixesMax) {
        error(at, "is one prefix too many: 64 may be declared");
      } else {
        prefixes_[name] = value.as_string();   // a later declaration wins, as in JSON-LD
      }
    }
  }

  // The IRI that a name with a prefix stands for; nothing for a term without one.
  std::optional<std::string> full(std::string_view name) const {
    const std::size_t colon = name.find(':');
    if (colon == std::string_view::npos || name.starts_with('@')) return std::nullopt;
    const auto prefix = prefixes_.find(name.substr(0, colon));
    if (prefix == prefixes_.end() || name.substr(colon).starts_with("://")) return std::string(name);
    return prefix->second + std::string(name.substr(colon + 1));
  }

  // A member's name as this file writes it: through the client's prefix to ours. What is no known IRI keeps a form that no reader asks for.
  std::string known(const std::string& name) const {
    const auto iri = full(name);
    if (!iri) return name;
    for (const thing::Prefix& prefix : thing::kPrefixes) {
      if (iri->starts_with(prefix.iri)) return std::string(prefix.name) + ":" + iri->substr(prefix.iri.size());
    }
    return "<" + *iri + ">";
  }

  // The object with its own members' names made ours.
  Json with_known_names(const Json& object, const std::string& pointer) {
    if (!object.is_object()) return object;
    Json out = Json::object();
    if (object.members().size() > kMembersMax) {
      error(pointer, "must have at most " + std::to_string(kMembersMax) + " members");
      return out;
    }
    std::set<std::string, std::less<>> seen;
    for (const auto& [name, value] : object.members()) {
      std::string ours = known(name);
      if (ours.starts_with('<')) {
        error(name.size() <= kShown_bytes ? pointer_member(pointer, name) : pointer, std::string(kLost) + " (or declare its prefix in @context)");
        continue;
      }
      if (!seen.insert(ours).second) {
        error(pointer_member(pointer, name), "stands twice, under two prefixes");
        continue;
      }
      if (ours != name) renamed_.emplace_back(pointer_member(pointer, ours), pointer_member(pointer, name));
      out.members().emplace_back(std::move(ours), value);
    }
    return out;
  }

  std::optional<std::string> text(FieldReader& reader, std::string_view name) { return reader.required_string(name, kTextMax, 0); }

  void read_target(FieldReader& reader) {
    if (const auto id = reader.required_string("id", kTextMax)) {
      if (!device_from_urn(*id)) {
        reader.error("id", "is none of this directory's: a Thing gets its id (urn:agiddi:device:…) from its registration, POST /things without an id");
      }
      device().set("id", *id);
    }
    const Json* version = reader.required_object("version");
    if (!version) return;
    FieldReader inner(*version, "/version", errors_);
    const auto instance = inner.required_string("instance", 16);
    if (!instance) return;
    const bool digits = !instance->empty() && instance->size() <= 10 && (*instance)[0] != '0' &&
                        std::all_of(instance->begin(), instance->end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return inner.error("instance", "must be the version that this document replaces, such as \"1\"");
    device().set("version", Json::number(*instance));
    inner.finish();
  }

  // One type IRI of "@type", which may be a string or an array; "Thing" says nothing.
  std::optional<std::string> one_type(const Json* json, const std::string& pointer, const char* what) {
    std::vector<std::string> types;
    const auto add = [&](const Json& one) {
      if (!one.is_string()) return error(pointer, std::string("must be a string or an array of strings, not ") + one.type_name());
      if (one.as_string() != "Thing" && one.as_string() != "td:Thing") types.push_back(one.as_string());
    };
    if (json && json->is_array() && json->items().size() <= kContextsMax) {
      for (const Json& one : json->items()) add(one);
    } else if (json) {
      add(*json);
    }
    if (types.size() != 1) {
      error(pointer, std::string("must name exactly one ") + what + ", such as " + (what[0] == 'd' ? "agiddi:WeatherStation" : "agiddi:Temperature"));
      return std::nullopt;
    }
    const auto iri = full(types[0]);
    if (!iri) {
      error(pointer, shown(types[0]) + " is no term of a known context: give a full IRI, or a name with a prefix such as agiddi:" + shown(types[0]));
      return std::nullopt;
    }
    return iri;
  }

  void read_type(FieldReader& reader) {
    if (const auto iri = one_type(reader.optional("@type"), "/@type", "device type")) device().set("type", *iri);
    put("type", "/@type");
  }

  void read_place(FieldReader& reader) {
    Json location = Json::object();
    const std::pair<const char*, const char*> members[] = {
        {"latitude", "geo:lat"}, {"longitude", "geo:long"}, {"altitude", "geo:alt"}, {"place", "agiddi:place"}};
    for (const auto& [field, name] : members) {
      if (const Json* value = reader.optional(name)) location.set(field, *value);
      put("location/" + std::string(field), pointer_member("", name));
    }
    device().set("location", std::move(location));
  }

  void read_properties(FieldReader& reader) {
    const Json* properties = reader.required_object("properties");
    if (!properties) return;
    if (properties->members().size() > limits::kSensorsPerDeviceMax) {
      return reader.error("properties", "must have at most " + std::to_string(limits::kSensorsPerDeviceMax) + " members: a device's sensors");
    }
    Json sensors = Json::array();
    for (const auto& [name, property] : properties->members()) sensors.push(read_property(name, property, sensors_++));
    put("sensors", "/properties");
    device().set("sensors", std::move(sensors));
  }

  Json read_property(const std::string& name, const Json& json, std::size_t index) {
    const std::string pointer = pointer_member("/properties", name), at = "sensors/" + std::to_string(index);
    const Json known = with_known_names(json, pointer);
    FieldReader reader(known, pointer, errors_);
    Json sensor = Json::object({{"name", name}});
    if (const auto iri = one_type(reader.optional("@type"), pointer + "/@type", "observed property")) sensor.set("observedProperty", *iri);
    if (const Json* unit = reader.required("unit")) sensor.set("unit", unit->is_string() ? Json(unit_name(unit->as_string())) : *unit);
    Json range = Json::object();
    for (const auto& [field, member] : {std::pair<const char*, const char*>{"min", "minimum"}, {"max", "maximum"}}) {
      if (const Json* value = reader.optional(member)) range.set(field, *value);
      put(at + "/range/" + field, pointer_member(pointer, member));
    }
    sensor.set("range", std::move(range));
    for (const char* field : {"accuracy", "samplingSeconds"}) {
      const std::string member = "agiddi:" + std::string(field);
      if (const Json* value = reader.optional(member)) sensor.set(field, *value);
      put(at + "/" + field, pointer_member(pointer, member));
    }
    put(at + "/unit", pointer + "/unit");
    put(at + "/observedProperty", pointer + "/@type");
    put(at + "/name", pointer);
    put(at, pointer);
    check_property(reader, pointer);
    reader.finish();
    return sensor;
  }

  // A unit is an IRI, a name with the client's prefix, or a UCUM code as it is.
  std::string unit_name(const std::string& unit) const {
    const std::size_t colon = unit.find(':');
    return colon != std::string::npos && prefixes_.contains(unit.substr(0, colon)) ? *full(unit) : unit;
  }

  void must_be(FieldReader& reader, const char* name, bool wanted) {
    const Json* value = reader.optional(name);
    if (value && (!value->is_bool() || value->as_bool() != wanted)) reader.error(name, wanted ? "must be true: a sensor is observed" : "must be false: a sensor is observed");
  }

  void check_property(FieldReader& reader, const std::string& pointer) {
    const Json* type = reader.optional("type");
    if (type && (!type->is_string() || (type->as_string() != "number" && type->as_string() != "integer"))) reader.error("type", "must be \"number\": a sensor measures");
    must_be(reader, "readOnly", true);
    must_be(reader, "observable", true);
    must_be(reader, "writeOnly", false);
    if (const Json* variables = reader.optional("uriVariables")) {
      const std::string at = pointer + "/uriVariables";
      if (!variables->is_object() || variables->members().size() > 1 || (!variables->members().empty() && !variables->find("integration"))) error(at, kLost);
    }
    const auto* forms = reader.optional_array("forms", 1, kFormsMax);
    for (std::size_t i = 0; forms && i < forms->size(); ++i) check_form((*forms)[i], pointer_index(pointer + "/forms", i));
  }

  void check_form(const Json& form, const std::string& pointer) {
    FieldReader reader(form, pointer, errors_);
    const auto href = reader.required_string("href", kTextMax);
    if (href && *href != thing::kStreamHref && *href != "/" + std::string(thing::kStreamHref)) reader.error("href", kEndpoint);
    for (const char* name : {"op", "contentType", "subprotocol"}) reader.optional(name);
    reader.finish();
  }

  void read_offer(FieldReader& reader) {
    const Json* json = reader.required("schema:offers");
    if (!json) return;
    std::string pointer = "/schema:offers";
    if (json->is_array() && json->items().size() == 1) {
      json = &json->items()[0];
      pointer += "/0";
    }
    const Json known = with_known_names(*json, pointer);
    FieldReader offer(known, pointer, errors_);
    check_type(offer, "Offer");
    Json payment = Json::object(), cost = Json::object();
    if (const Json* methods = offer.required("schema:acceptedPaymentMethod")) payment.set("methods", methods->is_string() ? Json::array({*methods}) : *methods);
    if (const Json* to = offer.optional("agiddi:payTo")) payment.set("address", *to);
    if (const Json* seller = offer.optional("schema:seller")) check_seller(*seller, pointer + "/schema:seller");
    if (const Json* prices = offer.required("schema:priceSpecification")) read_prices(*prices, pointer + "/schema:priceSpecification", cost);
    put("payment/methods", pointer + "/schema:acceptedPaymentMethod");
    put("payment/address", pointer + "/agiddi:payTo");
    put("payment", pointer);
    put("cost", pointer + "/schema:priceSpecification");
    device().set("cost", std::move(cost));
    device().set("payment", std::move(payment));
    offer.finish();
  }

  void check_type(FieldReader& reader, std::string_view wanted) {
    const Json* type = reader.optional("@type");
    if (!type) return;
    const auto iri = type->is_string() ? full(type->as_string()) : std::nullopt;
    if (iri != std::string(ns::kSchema) + std::string(wanted)) reader.error("@type", "must be schema:" + std::string(wanted));
  }

  void check_seller(const Json& seller, const std::string& pointer) {
    const Json* id = seller.is_string() ? &seller : seller.find("@id");
    if (!id || !id->is_string() || id->as_string() != signer_) error(pointer, "must be the account that signs, or be left out");
  }

  void read_prices(const Json& json, const std::string& pointer, Json& cost) {
    if (!json.is_array()) return read_price(json, pointer, cost);
    if (json.items().empty() || json.items().size() > 2) return error(pointer, "must have one or two prices: for a time, for an amount of data");
    for (std::size_t i = 0; i < json.items().size(); ++i) read_price(json.items()[i], pointer_index(pointer, i), cost);
  }

  void read_price(const Json& json, const std::string& pointer, Json& cost) {
    const Json known = with_known_names(json, pointer);
    FieldReader price(known, pointer, errors_);
    check_type(price, "UnitPriceSpecification");
    if (const Json* currency = price.required("schema:priceCurrency")) {
      const Json* other = cost.find("currency");
      if (other && other->dump() != currency->dump()) price.error("schema:priceCurrency", "must be the currency of the other price");
      else cost.set("currency", *currency);
      put("cost/currency", pointer + "/schema:priceCurrency");
    }
    const auto code = price.required_string("schema:unitCode", 16);
    const Json* amount = price.required("schema:price");
    price.finish();
    if (!code || !amount) return;
    for (const thing::PriceUnit& unit : thing::kPriceUnits) {
      if (unit.code != *code) continue;
      if (cost.find(unit.field)) price.error("schema:unitCode", "stands twice");
      cost.set(std::string(unit.field), *amount);
      return put("cost/" + std::string(unit.field), pointer + "/schema:price");
    }
    price.error("schema:unitCode", "must be a UN/CEFACT code: MIN, HUR or DAY for time, 2P (kilobyte) or 4L (megabyte) for data");
  }

  // What the directory states of a Thing: of the right kind, and not read.
  void check_stated(FieldReader& reader) {
    for (const char* name : {"created", "modified", "agiddi:accessProtocol", "agiddi:sealedAccess"}) reader.optional_string(name, kTextMax);
    reader.optional("agiddi:recordedIn");
    if (!update_) {
      const Json* version = reader.optional("version");
      if (version && !version->is_object()) reader.error("version", "must be an object");
    }
    check_base(reader);
    check_security(reader);
    if (const Json* registration = reader.optional("registration")) {
      FieldReader inner(*registration, "/registration", errors_);
      for (const char* name : {"created", "modified", "retrieved"}) inner.optional_string(name, kTextMax);
      for (const char* name : {"expires", "ttl"}) {
        if (inner.optional(name)) inner.error(name, "is not supported: a registration stands until its provider retires it");
      }
      inner.finish();
    }
    if (const auto* links = reader.optional_array("links", 0, kLinksMax)) {
      for (std::size_t i = 0; i < links->size(); ++i) check_link((*links)[i], pointer_index("/links", i));
    }
  }

  void check_base(FieldReader& reader) {
    const auto base = reader.optional_string("base", kTextMax);
    if (!base) return;
    const bool http = base->starts_with("http://") || base->starts_with("https://");
    if (!http || base->find('@') != std::string::npos) reader.error("base", "must be the http URL of a node, without credentials, or be left out: a device's own address is never in clear");
  }

  void check_link(const Json& link, const std::string& pointer) {
    const Json* href = link.find("href");
    const bool ours = href && href->is_string() && (href->as_string().starts_with(thing::kDevicesHref) || href->as_string().starts_with("/" + std::string(thing::kDevicesHref)));
    if (!ours) error(pointer, kLost);
  }

  // The security of a Thing here is always the same, so it may be left out, or be any well-formed one without a form of its own.
  void check_security(FieldReader& reader) {
    const Json* definitions = reader.optional("securityDefinitions");
    const Json* security = reader.optional("security");
    if (definitions && (!definitions->is_object() || definitions->members().size() > kDefinitionsMax)) {
      return reader.error("securityDefinitions", "must be an object of at most 16 definitions");
    }
    for (std::size_t i = 0; definitions && i < definitions->members().size(); ++i) {
      const auto& [name, definition] = definitions->members()[i];
      const Json* scheme = definition.find("scheme");
      if (!scheme || !scheme->is_string()) error(pointer_member("/securityDefinitions", shown(name)), "must be an object with a scheme");
    }
    const auto names_one = [&](const Json& name) { return name.is_string() && definitions && definitions->find(name.as_string()); };
    const bool fits = !security || names_one(*security) ||
                      (security->is_array() && !security->items().empty() && std::all_of(security->items().begin(), security->items().end(), names_one));
    if (!fits) reader.error("security", "must name members of securityDefinitions");
  }

  void refuse_lost(FieldReader& reader) {
    for (const char* name : {"actions", "events", "forms", "titles", "descriptions", "support", "profile", "schemaDefinitions", "uriVariables"}) {
      if (reader.optional(name)) reader.error(name, kLost);
    }
  }

  const bool update_;
  const std::string_view signer_;
  std::vector<FieldError>& errors_;
  std::map<std::string, std::string, std::less<>> prefixes_;
  std::vector<std::pair<std::string, std::string>> renamed_;   // pointers: our name, the client's
  std::size_t sensors_ = 0;
  ThingDevice out_{Json::object(), {}};
};

}  // namespace

std::optional<ThingDevice> device_from_thing(const Json& thing, bool update, std::string_view signer, std::vector<FieldError>& errors) {
  const std::size_t before = errors.size();
  if (!is_thing_description(thing)) {
    errors.push_back({"", "must be a Thing Description: a JSON object with \"@context\""});
    return std::nullopt;
  }
  ThingDevice device = ThingReader(update, signer, errors).read(thing);
  if (errors.size() != before) return std::nullopt;
  return device;
}

std::vector<FieldError> ThingDevice::at_thing(std::vector<FieldError> errors) const {
  for (FieldError& error : errors) {
    std::size_t longest = 0;
    std::string moved;
    for (const auto& [ours, theirs] : pointers) {
      const bool inside = error.pointer.starts_with(ours) && (error.pointer.size() == ours.size() || error.pointer[ours.size()] == '/');
      if (!inside || ours.size() < longest) continue;
      longest = ours.size();
      moved = theirs + error.pointer.substr(ours.size());
    }
    if (longest > 0) error.pointer = std::move(moved);
  }
  return errors;
}

}  // namespace agiddi::ontology
