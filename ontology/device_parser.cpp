#include <algorithm>
#include <set>

#include "ontology/device.h"
#include "ontology/units.h"
#include "ontology/vocabulary.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"
#include "protocol/limits.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {
namespace {

constexpr std::size_t kNameMax = 200;
constexpr std::size_t kDescriptionMax = 2000;
constexpr std::size_t kIriMax = 512;
constexpr std::size_t kAddressMax = 200;
constexpr std::size_t kMethodsMax = 16;
constexpr std::size_t kNonce_bytes = 24;
constexpr std::size_t kSealedKey_bytes = 80;
constexpr std::size_t kCiphertextMax_bytes = 4096;

// Control characters have no place in a name; a description may have lines.
bool has_control(std::string_view text, bool lines) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f;
  });
}

std::optional<std::string> clean(FieldReader& reader, const char* field, std::optional<std::string> text, bool lines = false) {
  if (text && has_control(*text, lines)) {
    reader.error(field, "must not hold control characters");
    return std::nullopt;
  }
  return text;
}

class DeviceParser {
 public:
  DeviceParser(const DeviceContext& context, std::vector<FieldError>& errors) : context_(context), errors_(errors) {}

  DeviceDescription read(const Json& json, const std::string& pointer) {
    DeviceDescription out;
    FieldReader reader(json, pointer, errors_);
    if (context_.update) read_target(reader, out);
    out.name = clean(reader, "name", reader.required_string("name", kNameMax)).value_or("");
    out.type = read_type(reader);
    out.description = clean(reader, "description", reader.optional_string("description", kDescriptionMax, 0), true).value_or("");
    if (const Json* location = reader.required_object("location")) read_location(*location, reader.pointer("location"), out);
    if (const auto* sensors = reader.required_array("sensors", 1, limits::kSensorsPerDeviceMax)) {
      read_sensors(*sensors, reader.pointer("sensors"), out);
    }
    if (const Json* cost = reader.required_object("cost")) read_cost(*cost, reader.pointer("cost"), out.cost);
    if (const Json* payment = reader.required_object("payment")) read_payment(*payment, reader.pointer("payment"), out);
    if (const Json* access = reader.required_object("access")) read_access(*access, reader.pointer("access"), out);
    reader.finish();
    return out;
  }

 private:
  static void read_target(FieldReader& reader, DeviceDescription& out) {
    if (auto id = reader.required_string("id", kNameMax)) {
      if (!device_from_urn(*id)) reader.error("id", "must be a device id: urn:agiddi:device: and 64 lower-case hex digits");
      out.id = std::move(*id);
    }
    if (const auto version = reader.required_integer("version", 1, 4'000'000'000)) out.version = static_cast<std::uint64_t>(*version);
  }

  static std::string read_type(FieldReader& reader) {
    const auto name = reader.required_string("type", kIriMax);
    if (!name) return {};
    if (const DeviceType* type = vocabulary().device_type(*name)) return type->iri;
    if (is_full_iri(*name) && !name->starts_with(ns::kAgiddi)) return *name;
    reader.error("type", "is no device type of the ontology (see /ontology) and no full IRI");
    return {};
  }

  static std::optional<Decimal> degrees(FieldReader& reader, const char* field, int bound) {
    const auto value = reader.required_number(field);
    if (value && (*value < Decimal(-bound, 0) || *value > Decimal(bound, 0))) {
      reader.error(field, "must lie within -" + std::to_string(bound) + " and " + std::to_string(bound) + " degrees");
      return std::nullopt;
    }
    return value;
  }

  void read_location(const Json& json, const std::string& pointer, DeviceDescription& out) {
    FieldReader reader(json, pointer, errors_);
    out.latitude = degrees(reader, "latitude", 90).value_or(Decimal());
    out.longitude = degrees(reader, "longitude", 180).value_or(Decimal());
    out.altitude = reader.optional_number("altitude");
    out.place = clean(reader, "place", reader.optional_string("place", kNameMax)).value_or("");
    reader.finish();
  }

  void read_sensors(const Json::Array& sensors, const std::string& pointer, DeviceDescription& out) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < sensors.size(); ++i) {
      const std::string at = pointer_index(pointer, i);
      SensorDescription sensor = read_sensor(sensors[i], at);
      if (!sensor.name.empty() && !names.insert(sensor.name).second) {
        errors_.push_back({pointer_member(at, "name"), "is the name of another sensor of this device"});
      }
      out.sensors.push_back(std::move(sensor));
    }
  }

  SensorDescription read_sensor(const Json& json, const std::string& pointer) {
    SensorDescription out;
    FieldReader reader(json, pointer, errors_);
    out.name = clean(reader, "name", reader.required_string("name", kNameMax)).value_or("");
    const ObservedProperty* property = nullptr;
    if (const auto name = reader.required_string("observedProperty", kIriMax)) {
      property = vocabulary().observed_property(*name);
      if (property) {
        out.observed_property = property->iri;
      } else if (is_full_iri(*name) && !name->starts_with(ns::kAgiddi)) {
        out.observed_property = *name;
      } else {
        reader.error("observedProperty", "is no observable property of the ontology (see /ontology) and no full IRI");
      }
    }
    if (const auto name = reader.required_string("unit", kIriMax)) {
      if (const Unit* unit = units().find(*name)) {
        out.unit = unit->iri;
        if (property) check_dimension(reader, *unit, *property);
      } else {
        reader.error("unit", "is no unit that is known here: give a QUDT unit IRI or its UCUM code");
      }
    }
    if (const Json* range = reader.required_object("range")) read_range(*range, reader.pointer("range"), out);
    out.accuracy = reader.optional_number("accuracy");
    if (out.accuracy && out.accuracy->is_negative()) reader.error("accuracy", "must be at least 0");
    out.sampling_s = reader.optional_number("samplingSeconds");
    if (out.sampling_s && *out.sampling_s <= Decimal()) reader.error("samplingSeconds", "must be above 0");
    reader.finish();
    return out;
  }

  static void check_dimension(FieldReader& reader, const Unit& unit, const ObservedProperty& property) {
    bool known = false;
    for (const std::string& kind : property.quantity_kinds) {
      const auto dimension = units().dimension_of_kind(kind);
      if (dimension == unit.dimension) return;
      known = known || dimension;
    }
    if (!known) return;
    reader.error("unit", unit.label + " is no unit of " + property.name);
  }

  void read_range(const Json& json, const std::string& pointer, SensorDescription& out) {
    FieldReader reader(json, pointer, errors_);
    const auto min = reader.required_number("min");
    const auto max = reader.required_number("max");
    if (min && max && !(*min < *max)) reader.error("max", "must be above min");
    out.min = min.value_or(Decimal());
    out.max = max.value_or(Decimal());
    reader.finish();
  }

  // The one price among `fields` that is given; several are an error at the later one.
  template <class Unit>
  std::optional<std::pair<MicroUnits, Unit>> read_price(FieldReader& reader, std::initializer_list<Unit> choices) {
    std::optional<std::pair<MicroUnits, Unit>> price;
    const char* first = nullptr;
    for (const Unit unit : choices) {
      const char* field = field_name(unit);
      if (!reader.optional(field)) continue;
      const auto text = reader.optional_string(field, 32);
      if (first) reader.error(field, std::string("stands beside ") + first + ": give one of them");
      if (!first) first = field;
      if (!text) continue;
      const auto amount = money_from_text(*text);
      if (!amount) {
        reader.error(field, amount.error().detail);
      } else if (!price) {
        price = {*amount, unit};
      }
    }
    any_price_ = any_price_ || first;
    return price;
  }

  void read_cost(const Json& json, const std::string& pointer, Cost& out) {
    FieldReader reader(json, pointer, errors_);
    if (auto currency = reader.required_string("currency", kNameMax)) {
      if (!is_currency(*currency)) reader.error("currency", "must be 3 to 12 capital letters");
      out.currency = std::move(*currency);
    }
    any_price_ = false;
    if (const auto price = read_price(reader, {TimeUnit::minute, TimeUnit::hour, TimeUnit::day})) out.time = {price->first, price->second};
    if (const auto price = read_price(reader, {DataUnit::kilobyte, DataUnit::megabyte})) out.data = {price->first, price->second};
    if (!any_price_ && json.is_object()) {
      errors_.push_back({pointer, "needs a price: one of perMinute, perHour, perDay and/or one of perKilobyte, perMegabyte"});
    }
    reader.finish();
  }

  void read_payment(const Json& json, const std::string& pointer, DeviceDescription& out) {
    FieldReader reader(json, pointer, errors_);
    if (const auto* methods = reader.required_array("methods", 1, kMethodsMax)) {
      for (std::size_t i = 0; i < methods->size(); ++i) read_method((*methods)[i], pointer_index(reader.pointer("methods"), i), out);
    }
    const auto address = clean(reader, "address", reader.optional_string("address", kAddressMax));
    const auto& methods = out.payment_methods;
    if (address && std::find(methods.begin(), methods.end(), "credit") != methods.end() && !key_from_did(*address)) {
      reader.error("address", "must be a did:key of an Ed25519 key: credit is paid to it");
    }
    out.pay_to = address.value_or(context_.signer);
    reader.finish();
  }

  void read_method(const Json& json, const std::string& pointer, DeviceDescription& out) {
    if (!json.is_string()) {
      errors_.push_back({pointer, std::string("must be a string, not ") + json.type_name()});
      return;
    }
    const std::string& method = json.as_string();
    const auto& known = context_.authorities;
    if (method != "credit" && std::find(known.begin(), known.end(), method) == known.end()) {
      errors_.push_back({pointer, "is no payment method of this network: \"credit\" or the id of a payment authority"});
    } else if (std::find(out.payment_methods.begin(), out.payment_methods.end(), method) != out.payment_methods.end()) {
      errors_.push_back({pointer, "stands twice in the list"});
    } else {
      out.payment_methods.push_back(method);
    }
  }

  void read_access(const Json& json, const std::string& pointer, DeviceDescription& out) {
    FieldReader reader(json, pointer, errors_);
    if (auto protocol = reader.required_string("protocol", kNameMax)) {
      if (*protocol != "mqtt") reader.error("protocol", "must be \"mqtt\"");
      out.access_protocol = std::move(*protocol);
    }
    if (const Json* sealed = reader.required_object("sealed")) read_sealed(*sealed, reader.pointer("sealed"), out.sealed);
    reader.finish();
  }

  static Bytes read_binary(FieldReader& reader, const char* field, std::size_t min, std::size_t max) {
    const auto text = reader.required_string(field, max * 4 / 3 + 4);
    if (!text) return {};
    auto bytes = from_base64url(*text);
    if (!bytes) {
      reader.error(field, "must be base64url without padding");
      return {};
    }
    if (bytes->size() < min || bytes->size() > max) {
      reader.error(field, min == max ? "must be " + std::to_string(min) + " bytes long"
                                     : "must be " + std::to_string(min) + " to " + std::to_string(max) + " bytes long");
      return {};
    }
    return std::move(*bytes);
  }

  void read_sealed(const Json& json, const std::string& pointer, SealedAccess& out) {
    FieldReader reader(json, pointer, errors_);
    constexpr std::size_t kTag_bytes = 16;
    out.ciphertext = read_binary(reader, "ciphertext", kTag_bytes + 1, kCiphertextMax_bytes);
    out.nonce = read_binary(reader, "nonce", kNonce_bytes, kNonce_bytes);
    if (const auto* recipients = reader.required_array("recipients", 1, limits::kMembersMax)) {
      read_recipients(*recipients, reader.pointer("recipients"), out);
    }
    reader.finish();
  }

  void read_recipients(const Json::Array& recipients, const std::string& pointer, SealedAccess& out) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      FieldReader reader(recipients[i], pointer_index(pointer, i), errors_);
      SealedRecipient recipient;
      if (auto member = reader.required_string("member", kNameMax)) {
        const auto& members = context_.members;
        if (std::find(members.begin(), members.end(), *member) == members.end()) {
          reader.error("member", "is no member of the network in force (see /v1/validators)");
        } else if (!seen.insert(*member).second) {
          reader.error("member", "stands twice among the recipients");
        }
        recipient.member = std::move(*member);
      }
      recipient.key = read_binary(reader, "key", kSealedKey_bytes, kSealedKey_bytes);
      reader.finish();
      out.recipients.push_back(std::move(recipient));
    }
    for (const std::string& member : context_.members) {
      if (!seen.count(member)) {
        errors_.push_back({pointer, "must be exactly the members in force: " + member + " is missing (see /v1/validators)"});
        return;
      }
    }
  }

  const DeviceContext& context_;
  std::vector<FieldError>& errors_;
  bool any_price_ = false;
};

}  // namespace

std::optional<DeviceDescription> parse_device(const Json& json, const std::string& pointer, const DeviceContext& context,
                                              std::vector<FieldError>& errors) {
  const std::size_t before = errors.size();
  auto device = DeviceParser(context, errors).read(json, pointer);
  if (errors.size() != before) return std::nullopt;
  return device;
}

Result<std::vector<DeviceDescription>> parse_registration(const Json& body, const DeviceContext& context) {
  std::vector<FieldError> errors;
  std::vector<DeviceDescription> devices;
  FieldReader reader(body, "", errors);
  if (const auto* list = reader.required_array("devices", 1, limits::kDevicesPerRequestMax)) {
    for (std::size_t i = 0; i < list->size() && errors.size() < limits::kFieldErrorsMax; ++i) {
      if (auto device = parse_device((*list)[i], pointer_index("/devices", i), context, errors)) devices.push_back(std::move(*device));
    }
  }
  reader.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return devices;
}

Result<DeviceDescription> parse_update(const Json& body, DeviceContext context) {
  context.update = true;
  std::vector<FieldError> errors;
  auto device = parse_device(body, "", context, errors);
  if (!device) return tl::unexpected(invalid_fields(std::move(errors)));
  return std::move(*device);
}

}  // namespace agiddi::ontology
