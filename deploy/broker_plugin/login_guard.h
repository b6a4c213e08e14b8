// LoginGuard: how often somebody may try to log in with a password that a person chose. Five tries at once, then one each ten seconds, for all the world together; who is turned
// away learns nothing, for the password is not looked at. The address that was last let in has tries of its own, so that a stranger who guesses does not keep out the device.
//
// Threads: one, the broker's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace agiddi::broker {

class LoginGuard {
 public:
  static constexpr std::int64_t kTries = 5, kOneMoreEvery_ms = 10'000;

  // Takes a try. now_ms: of the steady clock, not before that of a former call.
  bool may_try(std::string_view address, std::int64_t now_ms);
  void let_in(std::string_view address);      // it has tries of its own from now on; its try is given back

 private:
  struct Tries {
    std::int64_t left = kTries, since_ms = 0;
    bool take(std::int64_t now_ms);
  };
  std::string known_;                         // address that was last let in
  Tries known_tries_, others_;
};

}  // namespace agiddi::broker
