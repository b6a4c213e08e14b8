#include "protocol/spelling.h"

#include <algorithm>
#include <array>

namespace agiddi {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters without their case.
std::size_t distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, Spelling::kSpelledMax_bytes + 1>;
  Row before{}, last{}, row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto same = [&](std::size_t x, std::size_t y) { return lower(a[x - 1]) == lower(b[y - 1]); };
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(i, j) ? 0 : 1)});
      if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

void Spelling::offer(std::string_view name, std::string_view shown) {
  if (given_.empty() || given_.size() > kSpelledMax_bytes || name.size() > kSpelledMax_bytes) return;
  const std::size_t found = distance(given_, name);
  if (found > std::min(given_.size(), name.size()) / 3) return;   // a third of it is wrong: that is another word
  if (!best_.empty() && found >= distance_) return;
  best_ = shown.empty() ? name : shown;
  distance_ = found;
}

}  // namespace agiddi
