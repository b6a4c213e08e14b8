#include "subservices/query/cursor.h"

#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/time.h"
#include "protocol/transaction.h"
#include "subservices/query/comparison.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kCursorMax_bytes = 8 * 1024;
constexpr std::size_t kNumberMax_bytes = 100;

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (point == std::string_view::npos) return digits(text);
  return digits(text.substr(0, point)) && digits(text.substr(point + 1));
}

// The canonical form of an xsd:double: "1.25E1".
bool is_real(std::string_view text) {
  const auto exponent = text.find('E');
  if (exponent == std::string_view::npos) return false;
  const auto power = text.substr(exponent + 1);
  return is_decimal(text.substr(0, exponent)) && is_decimal(power) && power.find('.') == std::string_view::npos;
}

bool is_valid(const std::string& value, KeyForm form) {
  switch (form) {
    case KeyForm::decimal: return value.size() <= kNumberMax_bytes && is_decimal(value);
    case KeyForm::real: return value.size() <= kNumberMax_bytes && is_real(value);
    case KeyForm::time: return time_from_text(value).has_value();
    case KeyForm::string:
    case KeyForm::iri: return true;
  }
  return false;
}

std::string operand(const SortKey& key) { return key.form == KeyForm::iri ? "STR(?" + key.variable + ")" : "?" + key.variable; }

std::string constant(const std::string& value, KeyForm form) {
  switch (form) {
    case KeyForm::decimal:
    case KeyForm::real: return value;
    case KeyForm::time: return sparql_time(value);
    case KeyForm::string:
    case KeyForm::iri: break;
  }
  return sparql_literal(value);
}

std::string after_from(const Position& position, const std::vector<SortKey>& order, std::size_t at) {
  if (at == order.size()) return "STR(?device) > " + sparql_literal(position.device);
  const SortKey& key = order[at];
  const std::string rest = after_from(position, order, at + 1);
  const auto& value = position.keys[at];
  if (!value) return "(!BOUND(?" + key.variable + ") && " + rest + ")";
  const std::string left = operand(key), right = constant(*value, key.form);
  return "(" + (key.optional ? "!BOUND(?" + key.variable + ") || " : std::string()) + left + (key.descending ? " < " : " > ") + right + " || (" +
         left + " = " + right + " && " + rest + "))";
}

tl::unexpected<Error> bad_cursor() { return fail_field("/cursor", "is no cursor of this search: begin again without one"); }

}  // namespace

std::string write_cursor(const std::string& fingerprint, const Position& position) {
  Json keys = Json::array();
  for (const auto& key : position.keys) keys.push(key ? Json(*key) : Json());
  return to_base64url(Json::object({{"f", fingerprint}, {"k", std::move(keys)}, {"d", position.device}}).dump());
}

Result<Position> read_cursor(std::string_view cursor, const std::string& fingerprint, const std::vector<SortKey>& order) {
  if (cursor.size() > kCursorMax_bytes) return bad_cursor();
  const auto bytes = from_base64url(cursor);
  if (!bytes) return bad_cursor();
  const auto json = parse_json(*bytes);
  if (!json || !json->is_object() || json->members().size() != 3) return bad_cursor();
  const Json* made_for = json->find("f");
  const Json* keys = json->find("k");
  const Json* device = json->find("d");
  if (!made_for || !made_for->is_string() || made_for->as_string() != fingerprint) return bad_cursor();
  if (!keys || !keys->is_array() || keys->items().size() != order.size()) return bad_cursor();
  if (!device || !device->is_string() || !device_from_urn(device->as_string())) return bad_cursor();
  Position position{{}, device->as_string()};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Json& key = keys->items()[i];
    if (key.is_null() && order[i].optional) {
      position.keys.emplace_back();
    } else if (key.is_string() && is_valid(key.as_string(), order[i].form)) {
      position.keys.emplace_back(key.as_string());
    } else {
      return bad_cursor();
    }
  }
  return position;
}

std::string after(const Position& position, const std::vector<SortKey>& order) { return after_from(position, order, 0); }

std::string order_clause(const std::vector<SortKey>& order) {
  std::string out;
  for (const SortKey& key : order) {
    const std::string variable = "?" + key.variable;
    if (key.optional) out += "(!BOUND(" + variable + ")) ";
    out += (key.descending ? "DESC(" + variable + ")" : variable) + " ";
  }
  return out + "?device";
}

}  // namespace agiddi::subservices
