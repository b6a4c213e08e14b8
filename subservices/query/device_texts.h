// Public metadata of devices as JSON text, kept from one answer to the next: making it of triples costs many times what copying it does.
//
// A text is kept by device and version, and nothing else alters it. A version is written once, by the one transaction that recorded it, and metadata is
// made of what is fixed then: the description, that transaction, its block, and the units and the vocabulary, which are built into the program. All triples
// about a device and its sensors come and go with a version (registration_rules.cpp); payments, accesses and usage speak of themselves; a key that is
// wrapped again for new members, and a change of members or rules, touches no triple of a version that stands. Retiring a device takes its triples away and
// leaves no version to ask for, and a retired device never comes back. So a state of any height that holds this version holds this text.
//
// Threads: any; a device belongs to one of several parts, each with a lock of its own that is held for one copy. Bounds: bytes of texts and what keeping
// them costs, over all parts; of each part those used longest ago go first. One ledger's devices only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/bytes.h"

namespace agiddi::subservices {

class DeviceTexts {
 public:
  static constexpr std::size_t kDefault_bytes = 64 * 1024 * 1024;   // some 16,000 of the devices that tools/bench makes, 3.8 KB each
  static constexpr std::size_t kParts = 16;                         // a part keeps no text that is longer than its share

  explicit DeviceTexts(std::size_t bytes_max = kDefault_bytes) : part_bytes_max_(bytes_max / kParts) {}
  DeviceTexts(const DeviceTexts&) = delete;
  DeviceTexts& operator=(const DeviceTexts&) = delete;

  // Appends the text; false, and nothing appended, when it is not here.
  bool append(const Hash& device, std::uint64_t version, std::string& out);
  bool has(const Hash& device, std::uint64_t version) const;         // is no use of it, and is not counted
  void keep(const Hash& device, std::uint64_t version, std::string_view text);

  std::size_t bytes() const;                                         // never above what the constructor was given
  std::uint64_t found() const { return found_.load(std::memory_order_relaxed); }     // calls of append that gave a text
  std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }   // and those that did not

 private:
  struct Key {
    Hash device;
    std::uint64_t version = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHasher {
    std::size_t operator()(const Key& key) const { return HashHasher{}(key.device) ^ (key.version * 0x9e3779b97f4a7c15u); }
  };
  struct Text { Key key; std::string text; };
  struct Part {
    mutable std::mutex mutex;
    std::list<Text> texts;                                           // the one used last first
    std::unordered_map<Key, std::list<Text>::iterator, KeyHasher> places;
    std::size_t bytes = 0;
  };
  static std::size_t cost(const Text& text);
  Part& part_of(const Hash& device) { return parts_[device.bytes.back() % kParts]; }
  const Part& part_of(const Hash& device) const { return parts_[device.bytes.back() % kParts]; }

  const std::size_t part_bytes_max_;
  std::array<Part, kParts> parts_;
  std::atomic<std::uint64_t> found_{0}, missed_{0};
};

}  // namespace agiddi::subservices
