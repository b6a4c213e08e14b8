#include "subservices/forwarding/reading.h"

#include <charconv>

#include "subservices/forwarding/payload_json.h"

namespace agiddi::subservices {
namespace {

constexpr TimeMs kTimeMax_ms = 253'402'300'799'999;   // the end of year 9999
const std::int64_t kRelativeBelow_s = 1 << 28;        // RFC 8428 section 4.5.3: smaller times are relative to now
const int kSenmlVersionMax = 10;

BigInt power_of_ten(int exponent) {
  BigInt power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

auto garbage(const char* why) { return fail(Status::invalid, why); }

std::optional<TimeMs> to_time_ms(const Rational& seconds) {
  const BigInt ms = (seconds * Rational(1000)).floor();
  if (ms < 0 || ms > kTimeMax_ms) return std::nullopt;
  return static_cast<TimeMs>(ms);
}

// Seconds as most devices write them: whole, or with at most three decimals. Nothing: it takes exact arithmetic.
std::optional<TimeMs> plain_seconds(std::string_view text) {
  constexpr std::size_t kWholeMax = 12;
  const std::size_t point = std::min(text.find('.'), text.size());
  TimeMs whole = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + point, whole);
  if (failure != std::errc{} || end != text.data() + point || point == 0 || point > kWholeMax || text[0] == '-') return std::nullopt;
  whole *= 1000;
  if (point == text.size()) return whole;
  const std::string_view decimals = text.substr(point + 1);
  if (decimals.empty() || decimals.size() > 3) return std::nullopt;
  TimeMs part = 100;
  for (const char c : decimals) {
    if (c < '0' || c > '9') return std::nullopt;
    whole += (c - '0') * part;
    part /= 10;
  }
  return whole;
}

bool is_number(const PayloadValue* value) { return value != nullptr && value->kind == PayloadValue::Kind::number; }
bool is_string(const PayloadValue* value) { return value != nullptr && value->kind == PayloadValue::Kind::string; }

Result<Reading> plain_reading(const PayloadObject& object) {
  const PayloadValue* sensor = find_member(object, "sensor");
  const PayloadValue* value = find_member(object, "value");
  const PayloadValue* time = find_member(object, "time");
  if (!is_string(sensor) || !is_number(value) || object.size() != (time == nullptr ? 2U : 3U)) {
    return garbage("a reading has \"sensor\", \"value\" and, if it likes, \"time\"");
  }
  Reading reading;
  reading.name = sensor->text;
  reading.value = value->text;
  if (is_string(time)) {
    const auto parsed = time_from_text(time->text);
    if (!parsed) return garbage("\"time\" is not RFC 3339");
    reading.time = *parsed;
  } else if (is_number(time)) {
    reading.time = plain_seconds(time->text);
    if (!reading.time) reading.time = to_time_ms(reading_rational(time->text));
    if (reading.time && *reading.time > kTimeMax_ms) reading.time.reset();
    if (!reading.time) return garbage("\"time\" is not in the years 1970 to 9999");
  } else if (time != nullptr) {
    return garbage("\"time\" is neither RFC 3339 nor Unix seconds");
  }
  return reading;
}

// RFC 8428: the base fields hold from the record that names them on.
struct SenmlBase {
  std::string name, unit;
  Rational time, value;
  bool has_value = false;
};

struct SenmlRecord {
  std::string name, unit;
  std::optional<Rational> time;
  std::optional<std::string> value;
  bool has_any_value = false;
};

bool take_number(const PayloadValue& value, std::optional<Rational>& out) {
  if (value.kind != PayloadValue::Kind::number) return false;
  out = reading_rational(value.text);
  return true;
}

bool take_string(const PayloadValue& value, std::string& out) {
  if (value.kind != PayloadValue::Kind::string) return false;
  out = value.text;
  return true;
}

// False when a field is of the wrong type, or must be understood and is not (its name ends in "_").
bool read_senml_field(const PayloadMember& field, SenmlBase& base, SenmlRecord& record) {
  const std::string& name = field.name;
  std::optional<Rational> number;
  if (name == "bn") return take_string(field.value, base.name);
  if (name == "bu") return take_string(field.value, base.unit);
  if (name == "n") return take_string(field.value, record.name);
  if (name == "u") return take_string(field.value, record.unit);
  if (name == "t") return take_number(field.value, record.time);
  if (name == "bt") {
    if (!take_number(field.value, number)) return false;
    base.time = *number;
  } else if (name == "bv") {
    if (!take_number(field.value, number)) return false;
    base.value = *number;
    base.has_value = !number->is_zero();
  } else if (name == "v") {
    if (!take_number(field.value, number)) return false;
    record.value = field.value.text;
    record.has_any_value = true;
  } else if (name == "vs" || name == "vd" || name == "vb") {
    record.has_any_value = true;
  } else if (name == "bver") {
    return take_number(field.value, number) && *number <= Rational(kSenmlVersionMax) && !number->is_negative();
  } else if (!name.empty() && name.back() == '_') {
    return false;
  }
  return true;
}

std::string sum_text(const Rational& sum) {
  // Both parts have at most 34 digits and an exponent within ±30, so the sum is a finite decimal of less than 130 digits.
  return sum.decimal_text(70);
}

std::optional<TimeMs> senml_time(const SenmlBase& base, const SenmlRecord& record, TimeMs now) {
  const Rational seconds = base.time + record.time.value_or(Rational(0));
  if (seconds < Rational(kRelativeBelow_s)) return to_time_ms(Rational(now) / Rational(1000) + seconds);
  return to_time_ms(seconds);
}

Result<std::vector<Reading>> senml_readings(const std::vector<PayloadObject>& records, TimeMs now) {
  std::vector<Reading> readings;
  SenmlBase base;
  for (const PayloadObject& object : records) {
    SenmlRecord record;
    for (const PayloadMember& field : object) {
      if (!read_senml_field(field, base, record)) return garbage("not a SenML record that can be understood");
    }
    // A record without any value resolves bv alone when there is one; otherwise it only sets the base or holds a sum.
    if (!record.value && (record.has_any_value || !base.has_value)) continue;
    Reading reading;
    reading.base_name = base.name;
    reading.name = base.name + record.name;
    reading.unit = record.unit.empty() ? base.unit : record.unit;
    if (!base.has_value) {
      reading.value = *record.value;
    } else {
      reading.value = sum_text(base.value + (record.value ? reading_rational(*record.value) : Rational(0)));
    }
    reading.time = senml_time(base, record, now);
    if (!reading.time) return garbage("a SenML time outside the years 1970 to 9999");
    readings.push_back(std::move(reading));
  }
  if (readings.empty()) return garbage("a SenML pack without a numeric value");
  return readings;
}

}  // namespace

Rational reading_rational(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (!power.empty() && power.front() == '+') power.remove_prefix(1);
    std::from_chars(power.data(), power.data() + power.size(), exponent);
    text = text.substr(0, e);
  }
  BigInt digits = 0;
  bool fraction = false;
  for (const char c : text) {
    if (c == '.') {
      fraction = true;
    } else {
      digits = digits * 10 + (c - '0');
      if (fraction) --exponent;
    }
  }
  if (negative) digits = -digits;
  return exponent >= 0 ? Rational(digits * power_of_ten(exponent), 1) : Rational(digits, power_of_ten(-exponent));
}

Result<std::vector<Reading>> parse_readings(BytesView text, TimeMs now) {
  const auto payload = parse_payload(text);
  if (!payload) return tl::unexpected(payload.error());
  switch (payload->form) {
    case Payload::Form::number: {
      Reading reading;
      reading.value = payload->number;
      return std::vector<Reading>{reading};
    }
    case Payload::Form::object: {
      auto reading = plain_reading(payload->objects.front());
      if (!reading) return tl::unexpected(reading.error());
      return std::vector<Reading>{std::move(*reading)};
    }
    case Payload::Form::array: break;
  }
  return senml_readings(payload->objects, now);
}

}  // namespace agiddi::subservices
