// "Did you mean …?": of the names that are known, the one that a wrong name was probably meant to be.
//
// Any thread; pure. Cost: given.size() * name.size() for each name offered, given.size() of at most kSpelledMax_bytes.
#pragma once

#include <string>
#include <string_view>

namespace agiddi {

class Spelling {
 public:
  static constexpr std::size_t kSpelledMax_bytes = 64;   // of a name; none is looked for beyond

  explicit Spelling(std::string_view given) : given_(given) {}
  // Offers a name: at best other letter cases, else few letters more, less, other or exchanged (optimal string alignment distance).
  // What is to be shown, where that is another word for the same, is `shown`.
  void offer(std::string_view name, std::string_view shown = {});
  const std::string& best() const { return best_; }      // empty: none is near
  // "; did you mean Temperature?" or nothing.
  std::string question() const { return best_.empty() ? std::string() : "; did you mean " + best_ + "?"; }

 private:
  std::string_view given_;
  std::string best_;
  std::size_t distance_ = 0;                             // of the best
};

}  // namespace agiddi
