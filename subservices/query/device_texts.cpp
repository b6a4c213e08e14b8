#include "subservices/query/device_texts.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kPlace_bytes = 256;   // list node, hash table node, bucket and what the allocator adds to each

}  // namespace

std::size_t DeviceTexts::cost(const Text& text) { return text.text.capacity() + kPlace_bytes; }

bool DeviceTexts::append(const Hash& device, std::uint64_t version, std::string& out) {
  Part& part = part_of(device);
  {
    const std::lock_guard lock(part.mutex);
    const auto place = part.places.find({device, version});
    if (place != part.places.end()) {
      part.texts.splice(part.texts.begin(), part.texts, place->second);
      out += place->second->text;
      found_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }
  missed_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool DeviceTexts::has(const Hash& device, std::uint64_t version) const {
  const Part& part = part_of(device);
  const std::lock_guard lock(part.mutex);
  return part.places.contains({device, version});
}

void DeviceTexts::keep(const Hash& device, std::uint64_t version, std::string_view text) {
  std::list<Text> fresh;
  fresh.push_back({{device, version}, std::string(text)});
  const std::size_t needed = cost(fresh.front());
  if (needed > part_bytes_max_) return;
  std::list<Text> dropped;   // goes without the lock
  Part& part = part_of(device);
  const std::lock_guard lock(part.mutex);
  if (!part.places.try_emplace({device, version}, fresh.begin()).second) return;   // another thread made it as well
  while (part.bytes + needed > part_bytes_max_) {
    const auto last = std::prev(part.texts.end());
    part.bytes -= cost(*last);
    part.places.erase(last->key);
    dropped.splice(dropped.begin(), part.texts, last);
  }
  part.texts.splice(part.texts.begin(), fresh);
  part.bytes += needed;
}

std::size_t DeviceTexts::bytes() const {
  std::size_t sum = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    sum += part.bytes;
  }
  return sum;
}

}  // namespace agiddi::subservices
