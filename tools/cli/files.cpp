#include "tools/cli/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace agiddi::tools {
namespace {

constexpr std::size_t kFileMax_bytes = 64 * 1024 * 1024;

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

Result<Bytes> read_file(const std::string& path) {
  const int file = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(Status::not_found, "cannot read " + path + ": " + reason());
  Bytes content;
  char part[64 * 1024];
  ssize_t count;
  while ((count = ::read(file, part, sizeof part)) != 0 && content.size() <= kFileMax_bytes) {
    if (count > 0) {
      content.append(part, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      break;
    }
  }
  const std::string why = count < 0 ? reason() : "";
  if (file != STDIN_FILENO) ::close(file);
  if (count < 0) return fail(Status::invalid, "cannot read " + path + ": " + why);
  if (content.size() > kFileMax_bytes) return fail(Status::too_large, path + " is larger than 64 MiB");
  return content;
}

Result<Json> read_json_file(const std::string& path) {
  auto content = read_file(path);
  if (!content) return tl::unexpected(content.error());
  auto json = parse_json(*content);
  if (!json) return tl::unexpected(Error{json.error().status, path + ": " + json.error().detail, json.error().fields});
  return json;
}

Result<void> write_file(const std::string& path, std::string_view content, unsigned mode) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return fail(Status::invalid, "cannot write " + path + ": " + reason());
  while (!content.empty()) {
    const ssize_t count = ::write(file, content.data(), content.size());
    if (count > 0) content.remove_prefix(static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) break;
  }
  const bool done = content.empty();
  const std::string why = done ? "" : reason();
  ::close(file);
  if (!done || ::rename(beside.c_str(), path.c_str()) != 0) {
    const std::string rename_why = done ? reason() : why;
    ::unlink(beside.c_str());
    return fail(Status::invalid, "cannot write " + path + ": " + rename_why);
  }
  return {};
}

std::string absolute_path(const std::string& path) {
  std::string text = std::filesystem::absolute(path).lexically_normal().string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace agiddi::tools
