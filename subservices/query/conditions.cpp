#include "subservices/query/conditions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <set>

#include "ontology/vocabulary.h"
#include "protocol/crypto/crypto.h"
#include "protocol/field_reader.h"
#include "protocol/rational.h"
#include "protocol/spelling.h"
#include "subservices/query/comparison.h"
#include "subservices/query/cursor.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kLimitDefault = 100;
constexpr std::int64_t kLimitMax = 1000;
constexpr std::size_t kConditionsMax = 64;
constexpr std::size_t kQueryMax_bytes = 60'000;   // of the query that is made

const char* comparison_symbol(Operator op) {
  switch (op) {
    case Operator::equal: return " = ";
    case Operator::not_equal: return " != ";
    case Operator::less: return " < ";
    case Operator::less_equal: return " <= ";
    case Operator::greater: return " > ";
    case Operator::greater_equal: return " >= ";
    case Operator::between: break;
  }
  return "";
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

KeyForm form_of(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::price: return KeyForm::decimal;
    case AttributeKind::time: return KeyForm::time;
    case AttributeKind::near: return KeyForm::real;
    case AttributeKind::type:
    case AttributeKind::provider: return KeyForm::iri;
    default: return KeyForm::string;
  }
}

// Between which longitudes all lie that are within so many degrees (of a great circle) of a place; nothing near a pole or the 180th meridian.
std::optional<std::pair<Decimal, Decimal>> longitudes(double latitude, double longitude, double reach) {
  constexpr double kDegree = std::numbers::pi / 180, kScale = 10'000;
  const double farthest = std::abs(latitude) + reach;
  if (farthest > 85) return std::nullopt;
  const double middle = longitude, width = reach / std::cos(farthest * kDegree);   // wider than the circle: its meridians touch it nearer to the equator
  const double west = std::floor((middle - width) * kScale) - 1, east = std::ceil((middle + width) * kScale) + 1;
  if (west < -180 * kScale || east > 180 * kScale) return std::nullopt;
  return std::pair(Decimal(static_cast<std::int64_t>(west), 4), Decimal(static_cast<std::int64_t>(east), 4));
}

// Writes the WHERE part, a condition at a time.
class Builder {
 public:
  void add(const Attribute& attribute, const std::vector<Comparison>& comparisons) {
    if (attribute.of_sensor && !has_sensor_) {
      use("sosa");
      line("?device sosa:hosts ?sensor .");
      has_sensor_ = distinct_ = true;
    }
    switch (attribute.kind) {
      case AttributeKind::text: return add_text(comparisons);
      case AttributeKind::type:
      case AttributeKind::property:
      case AttributeKind::unit:
      case AttributeKind::provider:
      case AttributeKind::string: return add_term(attribute, comparisons);
      default: return add_number(attribute, comparisons);
    }
  }

  void add_near(const Decimal& latitude, const Decimal& longitude, const Decimal& km) {
    // A degree of latitude is 111.19 km on the sphere that distanceKm measures on; the band only spares the engine far devices.
    const Rational reach = Rational(km) / Rational(110);
    line("?device geo:lat ?lat .");
    line("?device geo:long ?long .");
    const auto number = [](const Decimal& value) { return std::stod(value.text()); };
    const Rational south = Rational(latitude) - reach, north = Rational(latitude) + reach;
    filter("?lat >= " + south.floor_text(4));
    filter("?lat <= " + (north + Rational(BigInt(1), BigInt(10000))).floor_text(4));
    if (const auto band = longitudes(number(latitude), number(longitude), number(km) / 110)) {
      filter("?long >= " + band->first.text());
      filter("?long <= " + band->second.text());
    }
    line("BIND(agiddi:distanceKm(?lat, ?long, " + latitude.text() + ", " + longitude.text() + ") AS ?distance)");
    filter("?distance <= " + km.text());
    use("geo");
    has_distance_ = true;
  }

  // Makes a variable for sorting, where no condition has made it.
  SortKey sort_key(const Attribute& attribute, bool descending) {
    const std::string variable(attribute.variable);
    const bool bound = attribute.kind == AttributeKind::near || bound_.count(variable);
    SortKey key{variable, form_of(attribute.kind), descending, attribute.optional && !bound};
    if (bound) return key;
    if (attribute.kind == AttributeKind::type) {
      // The declared type, not the general one that every device has.
      key.optional = true;
      line("OPTIONAL { ?device rdf:type ?type . FILTER(?type != agiddi:Device) }");
    } else {
      const std::string pattern = "?device " + predicate(attribute) + " ?" + variable;
      line(attribute.optional ? "OPTIONAL { " + pattern + " }" : pattern + " .");
    }
    bound_.insert(variable);
    return key;
  }

  void continue_after(const Position& position, const std::vector<SortKey>& order) {
    for (const SortKey& key : order) {
      if (key.form == KeyForm::time) use("xsd");
    }
    filter(after(position, order));
  }

  std::string text(const std::vector<SortKey>& order, std::size_t limit) const {
    std::set<std::string, std::less<>> used = prefixes_;
    std::string out;
    for (const ontology::Prefix& prefix : ontology::prefixes()) {
      if (used.count(prefix.name)) out += "PREFIX " + std::string(prefix.name) + ": <" + std::string(prefix.iri) + ">\n";
    }
    out += std::string("SELECT ") + (distinct_ ? "DISTINCT " : "") + "?device";
    for (const SortKey& key : order) out += " ?" + key.variable;
    const auto is_distance = [](const SortKey& key) { return key.variable == "distance"; };
    if (has_distance_ && std::none_of(order.begin(), order.end(), is_distance)) out += " ?distance";
    out += "\nWHERE {\n  ?device rdf:type agiddi:Device .\n";
    for (const std::string& entry : lines_) out += "  " + entry + "\n";
    out += "}\nORDER BY " + order_clause(order) + "\nLIMIT " + std::to_string(limit) + "\n";
    return out;
  }

 private:
  void use(std::string_view prefix) { prefixes_.emplace(prefix); }
  // Notes the prefix of a name that stands in the query.
  std::string name(std::string_view prefixed) {
    if (!prefixed.starts_with('<') && !prefixed.starts_with('"')) use(prefixed.substr(0, prefixed.find(':')));
    if (prefixed.ends_with("^^xsd:dateTime")) use("xsd");
    return std::string(prefixed);
  }
  std::string predicate(const Attribute& attribute) { return name(attribute.predicate); }

  void line(std::string text) {
    if (std::find(lines_.begin(), lines_.end(), text) != lines_.end()) return;
    lines_.push_back(std::move(text));
  }

  void filter(const std::string& condition) { line("FILTER(" + condition + ")"); }

  static const char* subject(const Attribute& attribute) { return attribute.of_sensor ? "?sensor" : "?device"; }

  void bind(const char* node, const std::string& property, const std::string& variable) {
    bound_.insert(variable);
    line(std::string(node) + " " + property + " ?" + variable + " .");
  }

  // Any of them must hold; one alone becomes a filter for each of its parts.
  void filter_any(const std::vector<std::vector<std::string>>& alternatives) {
    if (alternatives.size() == 1) {
      for (const std::string& part : alternatives.front()) filter(part);
      return;
    }
    std::vector<std::string> any;
    for (const auto& parts : alternatives) any.push_back(parts.size() == 1 ? parts.front() : "(" + joined(parts, " && ") + ")");
    filter(joined(any, " || "));
  }

  // Names and strings: equal ones become patterns, which the engine finds by index.
  void add_term(const Attribute& attribute, const std::vector<Comparison>& comparisons) {
    const std::string node = subject(attribute), property = predicate(attribute), variable(attribute.variable);
    const auto equal = [](const Comparison& c) { return c.op == Operator::equal; };
    if (comparisons.size() == 1 && equal(comparisons.front())) {
      return line(node + " " + property + " " + name(comparisons.front().value->text) + " .");
    }
    if (std::all_of(comparisons.begin(), comparisons.end(), equal)) {
      std::string values;
      for (const Comparison& comparison : comparisons) values += name(comparison.value->text) + " ";
      // A device may have several of the values: its types and their superclasses, its payment methods.
      distinct_ = true;
      line("VALUES ?" + variable + "Listed { " + values + "}");
      return line(node + " " + property + " ?" + variable + "Listed .");
    }
    std::vector<std::vector<std::string>> alternatives;
    bool has_value = false;
    for (const Comparison& comparison : comparisons) {
      const std::string pattern = "EXISTS { " + node + " " + property + " " + name(comparison.value->text) + " }";
      if (equal(comparison)) {
        alternatives.push_back({pattern});
      } else {
        alternatives.push_back({"NOT " + pattern});
        has_value = true;
      }
    }
    // "Not this one" is said of devices that have a value.
    if (attribute.optional && has_value) bind(node.c_str(), property, variable);
    filter_any(alternatives);
  }

  void add_text(const std::vector<Comparison>& comparisons) {
    use("schema");
    bind("?device", "schema:name", "name");
    line("OPTIONAL { ?device schema:description ?description }");
    std::vector<std::vector<std::string>> alternatives;
    for (const Comparison& comparison : comparisons) {
      const std::string wanted = "LCASE(" + comparison.value->text + ")";
      alternatives.push_back({"CONTAINS(LCASE(?name), " + wanted + ") || CONTAINS(LCASE(COALESCE(?description, \"\")), " + wanted + ")"});
    }
    filter_any(alternatives);
  }

  void add_number(const Attribute& attribute, const std::vector<Comparison>& comparisons) {
    std::set<std::string> kinds;
    const auto note = [&](const std::optional<Operand>& operand) {
      if (operand) kinds.insert(operand->quantity_kind);
    };
    for (const Comparison& comparison : comparisons) note(comparison.value), note(comparison.min), note(comparison.max);
    // With one quantity kind for all, the kind is a pattern; with several, each alternative names its own.
    const bool one_kind = kinds.size() == 1;
    if (one_kind && !kinds.begin()->empty()) {
      use("qudt");
      line("?sensor qudt:hasQuantityKind " + name(*kinds.begin()) + " .");
    } else if (!one_kind) {
      use("qudt");
      line("?sensor qudt:hasQuantityKind ?quantityKind .");
    }
    std::vector<std::vector<std::string>> alternatives;
    for (const Comparison& comparison : comparisons) {
      std::vector<std::string> parts;
      const auto with_kind = [&](const std::optional<Operand>& operand) {
        if (operand && !one_kind && !operand->quantity_kind.empty()) parts.push_back("?quantityKind = " + name(operand->quantity_kind));
      };
      with_kind(comparison.value), with_kind(comparison.min), with_kind(comparison.max);
      if (attribute.kind == AttributeKind::range) {
        range_parts(comparison, parts);
      } else {
        number_parts(attribute, comparison, parts);
      }
      parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
      alternatives.push_back(std::move(parts));
    }
    filter_any(alternatives);
  }

  void number_parts(const Attribute& attribute, const Comparison& comparison, std::vector<std::string>& parts) {
    const std::string variable(attribute.variable);
    const auto part = [&](const char* op, const Operand& operand) {
      const bool si = !operand.quantity_kind.empty();
      const std::string own = variable + (si ? "SI" : "");
      bind(subject(attribute), predicate(attribute) + (si ? "SI" : ""), own);
      parts.push_back("?" + own + op + name_of_value(operand));
    };
    if (comparison.value) part(comparison_symbol(comparison.op), *comparison.value);
    if (comparison.min) part(" >= ", *comparison.min);
    if (comparison.max) part(" <= ", *comparison.max);
  }

  // "> x": measures beyond x; "< x": measures below x; x or {min,max}: the range covers it.
  void range_parts(const Comparison& comparison, std::vector<std::string>& parts) {
    const auto end = [&](const char* which, const Operand& operand) {
      const std::string variable = std::string(which) + (operand.quantity_kind.empty() ? "" : "SI");
      bind("?sensor", "agiddi:" + variable, variable);
      return "?" + variable;
    };
    const auto& value = comparison.value;
    switch (comparison.op) {
      case Operator::greater:
      case Operator::greater_equal: parts.push_back(end("rangeMax", *value) + comparison_symbol(comparison.op) + value->text); return;
      case Operator::less:
      case Operator::less_equal: parts.push_back(end("rangeMin", *value) + comparison_symbol(comparison.op) + value->text); return;
      case Operator::equal:
        parts.push_back(end("rangeMin", *value) + " <= " + value->text);
        parts.push_back(end("rangeMax", *value) + " >= " + value->text);
        return;
      case Operator::not_equal: {
        const std::string low = end("rangeMin", *value), high = end("rangeMax", *value);
        parts.push_back("(" + low + " > " + value->text + " || " + high + " < " + value->text + ")");
        return;
      }
      case Operator::between:
        if (comparison.min) parts.push_back(end("rangeMin", *comparison.min) + " <= " + comparison.min->text);
        if (comparison.max) parts.push_back(end("rangeMax", *comparison.max) + " >= " + comparison.max->text);
        return;
    }
  }

  std::string name_of_value(const Operand& operand) {
    if (operand.text.ends_with("^^xsd:dateTime")) use("xsd");
    return operand.text;
  }

  std::vector<std::string> lines_;
  std::set<std::string, std::less<>> prefixes_{"agiddi", "rdf"};
  std::set<std::string> bound_;
  bool has_sensor_ = false;
  bool has_distance_ = false;
  bool distinct_ = false;
};

struct Request {
  std::vector<std::pair<const Attribute*, std::vector<Comparison>>> conditions;
  std::optional<std::array<Decimal, 3>> near;   // latitude, longitude, km
  const Attribute* order = nullptr;
  bool descending = false;
};

void read_near(const Json& json, const std::string& pointer, Request& request, std::vector<FieldError>& errors) {
  const std::size_t before = errors.size();
  FieldReader reader(json, pointer, errors);
  const auto bounded = [&](const char* field, const Decimal& low, const Decimal& high) {
    const auto value = reader.required_number(field);
    if (value && (*value < low || *value > high)) reader.error(field, "must lie within " + low.text() + " and " + high.text());
    return value.value_or(Decimal());
  };
  const Decimal latitude = bounded("latitude", Decimal(-90, 0), Decimal(90, 0));
  const Decimal longitude = bounded("longitude", Decimal(-180, 0), Decimal(180, 0));
  const Decimal km = bounded("km", Decimal(), Decimal(50'000, 0));
  reader.finish();
  if (errors.size() == before) request.near = {latitude, longitude, km};
}

void read_conditions(const Json& json, Request& request, std::vector<FieldError>& errors) {
  const std::string pointer = "/conditions";
  if (json.members().size() > kConditionsMax) errors.push_back({pointer, "must have at most " + std::to_string(kConditionsMax) + " conditions"});
  for (const auto& [name, value] : json.members()) {
    const std::string at = pointer_member(pointer, name);
    const Attribute* attribute = find_attribute(name);
    if (!attribute) {
      Spelling spelling(name);
      for (const Attribute& known : attributes()) spelling.offer(known.name);
      errors.push_back({name.size() <= 100 ? at : pointer, "is no condition that is known here (see /v1/query/attributes)" + spelling.question()});
    } else if (attribute->kind == AttributeKind::near) {
      read_near(value, at, request, errors);
    } else {
      request.conditions.push_back({attribute, read_comparisons(*attribute, value, at, errors)});
    }
    if (errors.size() >= 100) return;
  }
}

void read_order(const std::string& text, bool near, Request& request, std::vector<FieldError>& errors) {
  std::string_view name = text;
  request.descending = name.starts_with('-');
  if (request.descending) name.remove_prefix(1);
  if (name == "distance") {
    if (!near) errors.push_back({"/orderBy", "distance needs the condition near"});
    request.order = find_attribute("near");
    return;
  }
  request.order = find_attribute(name);
  if (!request.order || !request.order->orderable) {
    errors.push_back({"/orderBy", "must be distance or a single-valued name (see orderBy in /v1/query/attributes), - before it for descending"});
  }
}

std::vector<SortKey> sort_keys(Builder& builder, const Request& request) {
  if (request.order) return {builder.sort_key(*request.order, request.descending)};
  if (request.near) return {builder.sort_key(*find_attribute("near"), false)};
  return {builder.sort_key(*find_attribute("cost.perMinute"), false), builder.sort_key(*find_attribute("cost.perKilobyte"), false)};
}

}  // namespace

Result<SearchPlan> plan_search(const Json& body) {
  std::vector<FieldError> errors;
  Request request;
  FieldReader reader(body, "", errors);
  const Json* conditions = reader.required_object("conditions");
  if (conditions) read_conditions(*conditions, request, errors);
  const auto order = reader.optional_string("orderBy", 100);
  if (order) read_order(*order, conditions && conditions->find("near"), request, errors);
  const auto limit = reader.optional_integer("limit", 1, kLimitMax);
  const auto cursor = reader.optional_string("cursor", 10'000);
  const Json* watch = reader.optional("watch");
  if (watch && !watch->is_bool()) reader.error("watch", "must be true or false");
  if (cursor && watch && watch->is_bool() && watch->as_bool()) reader.error("cursor", "goes on with a page of a search; a standing query has none (leave out cursor or watch)");
  reader.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  SearchPlan plan;
  plan.limit = limit ? static_cast<std::size_t>(*limit) : kLimitDefault;
  plan.watch = watch && watch->as_bool();
  plan.has_distance = request.near.has_value();
  plan.fingerprint = tagged_hash("agiddi/search/1", {conditions->dump(), "\n", order.value_or("")}).hex().substr(0, 16);
  Builder builder;
  for (const auto& [attribute, comparisons] : request.conditions) builder.add(*attribute, comparisons);
  if (request.near) builder.add_near((*request.near)[0], (*request.near)[1], (*request.near)[2]);
  plan.order = sort_keys(builder, request);
  if (cursor) {
    const auto position = read_cursor(*cursor, plan.fingerprint, plan.order);
    if (!position) return tl::unexpected(position.error());
    builder.continue_after(*position, plan.order);
  }
  plan.sparql = builder.text(plan.order, plan.limit);
  plan.probe = builder.text(plan.order, plan.limit + 1);
  if (plan.sparql.size() > kQueryMax_bytes) return fail_field("/conditions", "are too many or too long");
  return plan;
}

}  // namespace agiddi::subservices
