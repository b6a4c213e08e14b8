// A set of slots. Internal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ontology/sparql/algebra.h"

namespace agiddi::ontology::sparql {

class SlotSet {
 public:
  SlotSet() = default;
  SlotSet(std::initializer_list<Slot> slots) {
    for (Slot slot : slots) add(slot);
  }
  void add(Slot slot) {
    const std::size_t word = slot / 64;
    if (word >= words_.size()) words_.resize(word + 1, 0);
    words_[word] |= std::uint64_t{1} << (slot % 64);
  }
  void remove(Slot slot) {
    if (slot / 64 < words_.size()) words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  bool has(Slot slot) const { return slot / 64 < words_.size() && (words_[slot / 64] >> (slot % 64) & 1) != 0; }
  bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](std::uint64_t w) { return w == 0; });
  }
  bool within(const SlotSet& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if ((words_[i] & ~other.word(i)) != 0) return false;
    }
    return true;
  }
  bool meets(const SlotSet& other) const { return !(*this & other).empty(); }
  std::vector<Slot> slots() const {
    std::vector<Slot> out;
    for (std::size_t i = 0; i < words_.size() * 64; ++i) {
      if (has(static_cast<Slot>(i))) out.push_back(static_cast<Slot>(i));
    }
    return out;
  }
  SlotSet& operator|=(const SlotSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size(), 0);
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  friend SlotSet operator|(SlotSet a, const SlotSet& b) { return a |= b; }
  friend SlotSet operator&(const SlotSet& a, const SlotSet& b) {
    SlotSet out;
    out.words_.resize(std::min(a.words_.size(), b.words_.size()));
    for (std::size_t i = 0; i < out.words_.size(); ++i) out.words_[i] = a.words_[i] & b.words_[i];
    return out;
  }
  friend SlotSet operator-(SlotSet a, const SlotSet& b) {
    for (std::size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= ~b.word(i);
    return a;
  }

 private:
  std::uint64_t word(std::size_t i) const { return i < words_.size() ? words_[i] : 0; }
  std::vector<std::uint64_t> words_;
};

}  // namespace agiddi::ontology::sparql
