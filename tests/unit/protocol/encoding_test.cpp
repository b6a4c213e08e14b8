#include <catch2/catch.hpp>

#include "protocol/encoding.h"

using namespace agiddi;

TEST_CASE("hexadecimal text") {
  CHECK(to_hex(std::string("\x00\xab\xff", 3)) == "00abff");
  CHECK(from_hex("00abff").value() == std::string("\x00\xab\xff", 3));
  CHECK(from_hex("").value().empty());
  for (const char* bad : {"0", "0g", "AB", "0x", " 0", "00 "}) CHECK_FALSE(from_hex(bad));
  const std::string digits(64, 'a');
  CHECK(Hash::from_hex(digits).value().hex() == digits);
  CHECK_FALSE(Hash::from_hex(digits + "aa"));
  CHECK_FALSE(Hash::from_hex(std::string(64, 'A')));
  CHECK_FALSE(Hash::from_bytes("short"));
}

TEST_CASE("base64url as in RFC 4648 section 10, without padding") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [raw, text] : vectors) {
    CHECK(to_base64url(raw) == text);
    CHECK(from_base64url(text).value() == raw);
  }
  CHECK(to_base64url("\xfb\xff") == "-_8");
  for (const char* bad : {"Zg==", "Zg=", "Z", "Zh", "Zm9", "+_8", "-/8", "Zm 8", "Zm8\n", "Zg.."}) CHECK_FALSE(from_base64url(bad));
  CHECK_FALSE(from_base64url(std::string("Zg\0A", 4)));
}

TEST_CASE("base58btc, draft-msporny-base58 section 5") {
  CHECK(to_base58("Hello World!") == "2NEpo7TZRRrLZSi2U");
  CHECK(to_base58("The quick brown fox jumps over the lazy dog.") == "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
  CHECK(to_base58(from_hex("0000287fb4cd").value()) == "11233QC4");
  CHECK(from_base58("11233QC4").value() == from_hex("0000287fb4cd").value());
  CHECK(from_base58("2NEpo7TZRRrLZSi2U").value() == "Hello World!");
  // Every length to 64 bytes, with bytes at the edges of limbs.
  for (std::size_t size = 0; size <= 64; ++size) {
    for (const int step : {0, 1, 37, 255}) {
      Bytes raw;
      for (std::size_t i = 0; i < size; ++i) raw.push_back(static_cast<char>(step == 0 ? 0 : 255 - (i * static_cast<std::size_t>(step)) % 256));
      CHECK(from_base58(to_base58(raw)).value() == raw);
      raw.insert(0, 3, '\0');
      CHECK(from_base58(to_base58(raw)).value() == raw);
    }
  }
  CHECK(to_base58("").empty());
  CHECK(from_base58("").value().empty());
  CHECK(from_base58("1").value() == std::string(1, '\0'));
  for (const char* bad : {"0", "O", "I", "l", "a b", "\xc3\xa9"}) CHECK_FALSE(from_base58(bad));
  CHECK(from_base58(std::string(128, '2')));
  CHECK_FALSE(from_base58(std::string(129, '2')));
}

TEST_CASE("well-formed UTF-8 and nothing else") {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\xa1", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xe2\x28\xa1", "a\xf0\x9f\x8c"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("big-endian numbers") {
  Bytes out;
  append_u32_be(out, 0x01020304u);
  append_u64_be(out, 0xfffefdfcfbfaf9f8u);
  CHECK(to_hex(out) == "01020304fffefdfcfbfaf9f8");
  CHECK(read_u32_be(out) == 0x01020304u);
  CHECK(read_u64_be(BytesView(out).substr(4)) == 0xfffefdfcfbfaf9f8u);
}
