#include "tools/authority/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace agiddi::tools {
namespace {

constexpr std::size_t kSlack = 1000;            // orders written for nothing, besides as many as there are, before the file is written anew
constexpr std::size_t kOrdersOfLine = 500;

std::string system_reason() { return std::generic_category().message(errno); }

[[noreturn]] void give_up(const std::string& what, const std::string& path) {
  std::fprintf(stderr, "agiddi-authority: cannot %s %s: %s; nothing more is answered, start again when the disk works and has room\n", what.c_str(), path.c_str(),
               system_reason().c_str());
  std::abort();
}

void write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno != EINTR) give_up("write", path);
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void sync_file(int file, const std::string& path) {
  if (::fsync(file) != 0) give_up("sync", path);
}

void sync_folder(const std::string& folder) {
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) give_up("open", folder);
  sync_file(handle, folder);
  ::close(handle);
}

}  // namespace

Result<std::unique_ptr<OrderJournal>> OrderJournal::open(const std::string& folder, const Json& owner, Orders& orders) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return fail(Status::invalid, "cannot make the data_folder " + folder + ": " + failure.message());
  std::unique_ptr<OrderJournal> journal(new OrderJournal(folder, owner.dump() + "\n"));
  journal->lock_ = ::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (journal->lock_ < 0) return fail(Status::invalid, "cannot write in the data_folder " + folder + ": " + system_reason());
  if (::flock(journal->lock_, LOCK_EX | LOCK_NB) != 0) return fail(Status::conflict, "the data_folder " + folder + " is in use by another agiddi-authority");
  if (auto done = journal->replay(orders); !done) return tl::unexpected(done.error());
  return journal;
}

OrderJournal::~OrderJournal() {
  if (file_ >= 0) ::close(file_);
  if (lock_ >= 0) ::close(lock_);
}

Result<void> OrderJournal::replay(Orders& orders) {
  std::ifstream in(path(), std::ios::binary);
  std::string line;
  off_t whole_bytes = 0;
  std::size_t number = 0;
  bool torn = false;
  while (in && !torn && std::getline(in, line)) {
    ++number;
    const auto refuse = [&](const std::string& why) {
      return fail(Status::invalid, path() + ":" + std::to_string(number) + ": " + why + "; restore the file from a backup");
    };
    torn = in.eof();                                          // its line feed is missing
    const bool last = torn || in.peek() == std::ifstream::traits_type::eof();
    auto json = torn ? Result<Json>(refuse("is torn")) : parse_json(line);
    if (!json) {
      if (!last) return refuse("is not a line of the journal (" + json.error().detail + ")");
      torn = true;
      break;
    }
    if (number == 1) {
      if (line + "\n" != head_) return fail(Status::conflict, path() + " belongs to another authority (" + line + "); give this one a data_folder of its own");
    } else {
      const Json* list = json->find("orders");
      if (!list || !list->is_array()) return refuse("has no \"orders\"");
      for (const Json& entry : list->items()) {
        auto order = order_from_journal(entry);
        if (!order) return refuse("holds no order: " + order.error().detail);
        std::string id = order->id;
        orders.insert_or_assign(std::move(id), std::move(*order));
        ++written_;
      }
    }
    whole_bytes += static_cast<off_t>(line.size() + 1);
  }
  in.close();

  file_ = ::open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file_ < 0) return fail(Status::invalid, "cannot write " + path() + ": " + system_reason());
  if (::ftruncate(file_, whole_bytes) != 0) return fail(Status::invalid, "cannot write " + path() + ": " + system_reason());
  if (whole_bytes == 0) write_all(file_, head_, path());
  sync_file(file_, path());
  sync_folder(folder_);
  return {};
}

void OrderJournal::write(std::span<const Order> changed) {
  while (!changed.empty()) {
    const auto part = changed.first(std::min(changed.size(), kOrdersOfLine));
    Json list = Json::array();
    for (const Order& order : part) list.push(journal_json(order));
    write_all(file_, Json::object({{"orders", std::move(list)}}).dump() + "\n", path());
    sync_file(file_, path());
    written_ += part.size();
    changed = changed.subspan(part.size());
  }
}

void OrderJournal::compact(const Orders& orders) {
  if (written_ <= 2 * orders.size() + kSlack) return;
  const std::string beside = path() + ".new";
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) give_up("write", beside);
  write_all(file, head_, beside);
  for (const auto& [id, order] : orders) write_all(file, Json::object({{"orders", Json::array({journal_json(order)})}}).dump() + "\n", beside);
  sync_file(file, beside);
  if (::rename(beside.c_str(), path().c_str()) != 0) give_up("rename", beside);
  sync_folder(folder_);
  ::close(file_);
  file_ = file;
  written_ = orders.size();
}

}  // namespace agiddi::tools
