#include "subservices/forwarding/payload_json.h"

#include <algorithm>
#include <charconv>

#include "protocol/encoding.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kMembersMax = 32;
constexpr std::size_t kStringMax = 256;
constexpr int kExponentMax = 30;

class Scanner {
 public:
  explicit Scanner(BytesView text) : text_(text) {}

  bool payload(Payload& out) {
    space();
    bool good = false;
    if (peek() == '{') {
      out.form = Payload::Form::object;
      good = object(out.objects.emplace_back());
    } else if (peek() == '[') {
      out.form = Payload::Form::array;
      good = array(out.objects);
    } else {
      out.form = Payload::Form::number;
      good = number(out.number);
    }
    space();
    return good && at_ == text_.size();
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  bool digits() {
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > from;
  }

  bool array(std::vector<PayloadObject>& objects) {
    take('[');
    space();
    if (take(']')) return true;
    do {
      space();
      if (objects.size() >= kReadingRecordsMax || !object(objects.emplace_back())) return false;
      space();
    } while (take(','));
    return take(']');
  }

  bool object(PayloadObject& out) {
    if (!take('{')) return false;
    space();
    if (take('}')) return true;
    out.reserve(4);
    do {
      space();
      PayloadMember member;
      if (out.size() >= kMembersMax || !string(member.name) || find_member(out, member.name) != nullptr) return false;
      space();
      if (!take(':')) return false;
      space();
      if (!value(member.value)) return false;
      out.push_back(std::move(member));
      space();
    } while (take(','));
    return take('}');
  }

  bool value(PayloadValue& out) {
    switch (peek()) {
      case '"': out.kind = PayloadValue::Kind::string; return string(out.text);
      case 't': out.kind = PayloadValue::Kind::boolean; out.text = "true"; return word("true");
      case 'f': out.kind = PayloadValue::Kind::boolean; out.text = "false"; return word("false");
      case 'n': out.kind = PayloadValue::Kind::null; return word("null");
      default: out.kind = PayloadValue::Kind::number; return number(out.text);
    }
  }

  bool number(std::string& out) {
    const std::size_t from = at_;
    take('-');
    const std::size_t whole = at_;
    if (!digits() || (text_[whole] == '0' && at_ - whole > 1)) return false;
    std::size_t count = at_ - whole;
    if (take('.')) {
      const std::size_t fraction = at_;
      if (!digits()) return false;
      count += at_ - fraction;
    }
    if (count > kReadingDigitsMax) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      const bool negative = peek() == '-';
      if (!take('-')) take('+');
      const std::size_t exponent = at_;
      int power = 0;
      if (!digits() || at_ - exponent > 3) return false;
      std::from_chars(text_.data() + exponent, text_.data() + at_, power);
      if ((negative ? -power : power) < -kExponentMax || power > kExponentMax) return false;
    }
    out.assign(text_.substr(from, at_ - from));
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (at_ < text_.size() && out.size() <= kStringMax) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = text_[at_++];
    if (const std::size_t found = kNames.find(c); found != std::string_view::npos) {
      out += kValues[found];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex4(code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      std::uint32_t low = 0;
      if (!word("\\u") || !hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    utf8(out, code);
    return true;
  }

  bool hex4(std::uint32_t& code) {
    if (text_.size() - at_ < 4) return false;
    const char* from = text_.data() + at_;
    const auto parsed = std::from_chars(from, from + 4, code, 16);
    at_ += 4;
    return parsed.ec == std::errc{} && parsed.ptr == from + 4;
  }

  static void utf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | (code >> 6)), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | (code >> 12)), put(0x80 | ((code >> 6) & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | (code >> 18)), put(0x80 | ((code >> 12) & 0x3F)), put(0x80 | ((code >> 6) & 0x3F)), put(0x80 | (code & 0x3F));
    }
  }

  BytesView text_;
  std::size_t at_ = 0;
};

}  // namespace

const PayloadValue* find_member(const PayloadObject& object, std::string_view name) {
  const auto found = std::find_if(object.begin(), object.end(), [&](const PayloadMember& member) { return member.name == name; });
  return found == object.end() ? nullptr : &found->value;
}

Result<Payload> parse_payload(BytesView text) {
  if (text.size() > kReadingMax_bytes) return fail(Status::too_large, "a reading has at most 64 KiB");
  Payload payload;
  if (!is_utf8(text) || !Scanner(text).payload(payload)) return fail(Status::invalid, "not a number, an object or a list of objects in JSON");
  return payload;
}

}  // namespace agiddi::subservices
