#include "deploy/broker_plugin/login_guard.h"

namespace agiddi::broker {

bool LoginGuard::Tries::take(std::int64_t now_ms) {
  const std::int64_t more = (now_ms - since_ms) / kOneMoreEvery_ms;
  if (left + more >= kTries) {
    left = kTries;
    since_ms = now_ms;
  } else {
    left += more;
    since_ms += more * kOneMoreEvery_ms;
  }
  if (left == 0) return false;
  --left;
  return true;
}

bool LoginGuard::may_try(std::string_view address, std::int64_t now_ms) {
  const bool known = !address.empty() && address == known_;
  return (known ? known_tries_ : others_).take(now_ms);
}

void LoginGuard::let_in(std::string_view address) {
  if (address == known_) {
    ++known_tries_.left;   // the one it took
    return;
  }
  known_ = address;
  known_tries_ = {};
}

}  // namespace agiddi::broker
