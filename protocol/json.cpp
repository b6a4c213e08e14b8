#include "protocol/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

#include "protocol/check.h"
#include "protocol/decimal.h"
#include "protocol/json_answer.h"
#include "protocol/limits.h"

namespace agiddi {

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  std::size_t plain = 0;   // where what needs no escape begins
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, at - plain);
    plain = at + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
        out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  out.append(text, plain, text.size() - plain);
  out.push_back('"');
}

namespace {

using ErrorCode = boost::json::error_code;

constexpr std::size_t kPointerMax_bytes = 1024;

// Any error stops the parser; which one it was stands in the handler's own error.
ErrorCode stop() { return ErrorCode(1, boost::system::generic_category()); }

// Builds a Json from the parser's events and refuses what the protocol forbids, with the pointer of the place.
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  Json root;
  Error error;                  // set when a handler stopped the parser
  bool bounded_numbers = true;

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode& ec) { return open(Json(Json::Object()), ec); }
  bool on_array_begin(ErrorCode& ec) { return open(Json(Json::Array()), ec); }
  bool on_array_end(std::size_t, ErrorCode&) { return close(); }

  bool on_object_end(std::size_t, ErrorCode& ec) {
    const Json::Object& members = frames_.back().container.members();
    std::vector<const std::string*> names;
    names.reserve(members.size());
    for (const auto& member : members) names.push_back(&member.first);
    std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
    const auto twin = std::adjacent_find(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a == *b; });
    if (twin != names.end()) {
      frames_.back().name = **twin;
      return refuse("this member's name stands twice in its object", ec);
    }
    return close();
  }

  bool on_key_part(boost::json::string_view part, std::size_t, ErrorCode&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, ErrorCode& ec) {
    text_.append(part.data(), part.size());
    if (text_.find('\0') != text_.npos) return refuse("a name holds the character U+0000", ec);
    frames_.back().name = std::move(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, ErrorCode&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(boost::json::string_view part, std::size_t, ErrorCode& ec) {
    text_.append(part.data(), part.size());
    if (text_.find('\0') != text_.npos) return refuse("a text holds the character U+0000", ec);
    Json value(std::move(text_));
    text_.clear();
    return add(std::move(value), ec);
  }
  bool on_number_part(boost::json::string_view part, ErrorCode&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, boost::json::string_view part, ErrorCode& ec) { return number(part, ec); }
  bool on_uint64(std::uint64_t, boost::json::string_view part, ErrorCode& ec) { return number(part, ec); }
  bool on_double(double, boost::json::string_view part, ErrorCode& ec) { return number(part, ec); }
  bool on_bool(bool value, ErrorCode& ec) { return add(Json(value), ec); }
  bool on_null(ErrorCode& ec) { return add(Json(), ec); }
  bool on_comment_part(boost::json::string_view, ErrorCode&) { return true; }
  bool on_comment(boost::json::string_view, ErrorCode&) { return true; }

  // Where the parser stands, for errors of its own about a number.
  std::string place() const {
    std::string pointer;
    for (const Frame& frame : frames_) {
      pointer = frame.container.is_array() ? pointer_index(pointer, frame.container.items().size())
                                           : pointer_member(pointer, frame.name.substr(0, kPointerMax_bytes));
      if (pointer.size() > kPointerMax_bytes) break;
    }
    return pointer;
  }

 private:
  struct Frame {
    Json container;
    std::string name;  // of the member being read
  };

  bool number(boost::json::string_view part, ErrorCode& ec) {
    text_.append(part.data(), part.size());
    if (bounded_numbers) {
      const auto decimal = Decimal::parse(text_);
      if (!decimal) return refuse(decimal.error().detail, ec);
    }
    Json value = Json::number(std::move(text_));
    text_.clear();
    return add(std::move(value), ec);
  }

  bool open(Json container, ErrorCode& ec) {
    if (frames_.size() >= limits::kJsonDepthMax) return refuse("JSON is nested deeper than 16 levels", ec);
    if (!count(ec)) return false;
    frames_.push_back({std::move(container), {}});
    return true;
  }

  bool close() {
    Json done = std::move(frames_.back().container);
    frames_.pop_back();
    put(std::move(done));
    return true;
  }

  bool add(Json value, ErrorCode& ec) {
    if (!count(ec)) return false;
    put(std::move(value));
    return true;
  }

  bool count(ErrorCode& ec) { return ++values_ <= limits::kJsonValuesMax || refuse("the document holds too many values", ec); }

  void put(Json value) {
    if (frames_.empty()) {
      root = std::move(value);
    } else if (frames_.back().container.is_array()) {
      frames_.back().container.items().push_back(std::move(value));
    } else {
      frames_.back().container.members().emplace_back(std::move(frames_.back().name), std::move(value));
    }
  }

  bool refuse(std::string detail, ErrorCode& ec) {
    error = Error{Status::invalid, detail, {FieldError{place(), detail}}};
    ec = stop();
    return false;
  }

  std::vector<Frame> frames_;
  std::string text_;
  std::size_t values_ = 0;
};

// indent < 0: compact.
void write(std::string& out, const Json& value, int indent, int level) {
  const auto line = [&](int at) {
    if (indent < 0) return;
    out.push_back('\n');
    out.append(static_cast<std::size_t>(indent * at), ' ');
  };
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_number()) {
    out += value.number_text();
  } else if (value.is_string()) {
    append_json_string(out, value.as_string());
  } else if (value.is_array()) {
    out.push_back('[');
    bool first = true;
    for (const Json& item : value.items()) {
      if (!first) out.push_back(',');
      first = false;
      line(level + 1);
      write(out, item, indent, level + 1);
    }
    if (!first) line(level);
    out.push_back(']');
  } else {
    out.push_back('{');
    bool first = true;
    for (const auto& [name, member] : value.members()) {
      if (!first) out.push_back(',');
      first = false;
      line(level + 1);
      append_json_string(out, name);
      out += indent < 0 ? ":" : ": ";
      write(out, member, indent, level + 1);
    }
    if (!first) line(level);
    out.push_back('}');
  }
}

}  // namespace

Json::Json() noexcept = default;
Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json::Json(int value) : value_(Number{std::to_string(value)}) {}
Json::Json(unsigned value) : value_(Number{std::to_string(value)}) {}
Json::Json(std::int64_t value) : value_(Number{std::to_string(value)}) {}
Json::Json(std::uint64_t value) : value_(Number{std::to_string(value)}) {}

const char* Json::type_name() const {
  constexpr const char* kNames[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return kNames[value_.index()];
}

const Json* Json::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  for (const auto& [key, value] : members()) {
    if (key == name) return &value;
  }
  return nullptr;
}

Json& Json::set(std::string name, Json value) {
  if (is_null()) value_ = Object();
  AGIDDI_CHECK(is_object(), "a member is set on a JSON value that is no object");
  for (auto& [key, old] : members()) {
    if (key == name) {
      old = std::move(value);
      return *this;
    }
  }
  members().emplace_back(std::move(name), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array();
  AGIDDI_CHECK(is_array(), "an item is added to a JSON value that is no array");
  items().push_back(std::move(value));
  return *this;
}

std::string Json::dump() const {
  std::string out;
  write(out, *this, -1, 0);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  write(out, *this, 2, 0);
  out.push_back('\n');
  return out;
}

namespace {

Result<Json> parse(std::string_view text, bool bounded_numbers) {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepthMax * 2;  // the builder's own bound comes first
  boost::json::basic_parser<Builder> parser(options);
  ErrorCode ec;
  parser.handler().bounded_numbers = bounded_numbers;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  Error& own = parser.handler().error;
  if (!own.fields.empty()) return tl::unexpected(std::move(own));
  if (ec == boost::json::error::exponent_overflow) {
    return fail_field(parser.handler().place(), "a number has at most 15 significant digits and an exponent within 15");
  }
  if (ec == boost::json::error::incomplete) return fail(Status::bad_request, "not JSON: it ends too early");
  if (ec) return fail(Status::bad_request, "not JSON: " + ec.message() + " at byte " + std::to_string(read));
  if (read != text.size()) return fail(Status::bad_request, "not JSON: more stands behind the document, at byte " + std::to_string(read));
  return std::move(parser.handler().root);
}

}  // namespace

Result<Json> parse_json(std::string_view text) { return parse(text, true); }
Result<Json> parse_json_answer(std::string_view text) { return parse(text, false); }

std::string pointer_member(std::string_view base, std::string_view name) {
  std::string pointer(base);
  pointer.push_back('/');
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer.push_back(c);
    }
  }
  return pointer;
}

std::string pointer_index(std::string_view base, std::size_t index) {
  return std::string(base) + "/" + std::to_string(index);
}

}  // namespace agiddi
