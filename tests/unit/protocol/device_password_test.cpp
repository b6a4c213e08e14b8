#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "protocol/device_password.h"

using namespace agiddi;

TEST_CASE("a device password has 12 to 128 characters") {
  CHECK(check_device_password("correct horse"));
  CHECK(check_device_password(std::string(12, 'x')));
  CHECK(check_device_password(std::string(128, 'x')));
  CHECK_FALSE(check_device_password(std::string(11, 'x')));
  CHECK_FALSE(check_device_password(std::string(129, 'x')));
  CHECK_FALSE(check_device_password(""));
  CHECK_FALSE(check_device_password("with a\ttab in it"));
  CHECK_FALSE(check_device_password(std::string("with a zero\0in it", 17)));
  CHECK_FALSE(check_device_password("no UTF-8: \xff\xfe and more"));
  std::string wide;
  for (int i = 0; i < 12; ++i) wide += "ß";
  CHECK(check_device_password(wide));
  CHECK_FALSE(check_device_password(wide.substr(2)));   // characters are counted, not bytes
  const auto refused = check_device_password("hunter2");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.find("hunter2") == std::string::npos);
}

TEST_CASE("the proof of a password depends on key, user and password, and on where each ends") {
  const Hash proof = device_password_proof("key-0123456789abcdef", "i-1", "correct horse");
  CHECK(proof == device_password_proof("key-0123456789abcdef", "i-1", "correct horse"));
  CHECK(proof != device_password_proof("key-0123456789abcdeg", "i-1", "correct horse"));
  CHECK(proof != device_password_proof("key-0123456789abcdef", "i-2", "correct horse"));
  CHECK(proof != device_password_proof("key-0123456789abcdef", "i-1", "correct horses"));
  CHECK(proof != device_password_proof("key-0123456789abcdefi", "-1", "correct horse"));
}

TEST_CASE("a password file holds one line, and is nobody else's") {
  char path[] = "/tmp/agiddi-password-XXXXXX";
  const int file = ::mkstemp(path);
  REQUIRE(file >= 0);
  ::close(file);
  const auto with = [&](const std::string& text) {
    std::ofstream(path) << text;
    return load_device_password(path);
  };
  CHECK(with("correct horse\n").value() == "correct horse");
  CHECK(with("correct horse\r\nmore\n").value() == "correct horse");
  CHECK(with("correct horse").value() == "correct horse");
  const auto refused = with("short-one\n");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.find("short-one") == std::string::npos);
  CHECK(refused.error().detail.find(path) != std::string::npos);
  CHECK_FALSE(with(std::string(100'000, 'x')));
  with("correct horse\n");
  ::chmod(path, 0644);
  CHECK_FALSE(load_device_password(path));
  ::unlink(path);
  CHECK_FALSE(load_device_password(path));
}
