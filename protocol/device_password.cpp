#include "protocol/device_password.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "protocol/encoding.h"

namespace agiddi {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

tl::unexpected<Error> refuse_file(const std::string& path, const std::string& why) { return fail(Status::invalid, "the password file " + path + " " + why); }

}  // namespace

Result<std::string> load_device_password(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return refuse_file(path, "cannot be read");
  if ((info.st_mode & 077) != 0) return refuse_file(path, "can be read by others: chmod 600");
  std::ifstream file(path);
  Bytes line(4 * kDevicePasswordMax + 2, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(file.gcount()));
  line.resize(std::min(line.size(), line.find('\n')));
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (const auto fits = check_device_password(line); !fits) return refuse_file(path, "holds no device password, which " + fits.error().detail);
  return line;
}

Result<void> check_device_password(std::string_view password) {
  const auto characters = static_cast<std::size_t>(std::count_if(password.begin(), password.end(), begins_character));
  if (characters < kDevicePasswordMin || characters > kDevicePasswordMax || password.size() > 4 * kDevicePasswordMax) {
    return fail(Status::invalid, "must have 12 to 128 characters");
  }
  if (!is_utf8(password)) return fail(Status::invalid, "must be UTF-8");
  if (std::any_of(password.begin(), password.end(), is_control)) return fail(Status::invalid, "must not hold control characters");
  return {};
}

Hash device_password_proof(std::string_view key, std::string_view username, std::string_view password) {
  const std::string_view end("\0", 1);
  return tagged_hash("agiddi/device-password/1", {key, end, username, end, password});
}

}  // namespace agiddi
