#include "tools/cli/contact.h"

#include <algorithm>

namespace agiddi::tools {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPauseFirst{200}, kPauseMax{5'000};
constexpr milliseconds kStable{3'000};        // up for so long: the next loss is a new one
constexpr milliseconds kTellEvery{5'000};     // the same reason is said again after that

std::string seconds_text(milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "") + " s";
}

}  // namespace

Contact::Contact(std::string what, milliseconds patience, Say say)
    : what_(std::move(what)), patience_(patience), pause_(kPauseFirst), say_(std::move(say)) {}

void Contact::up(Clock::time_point now) {
  if (is_up_) return;
  if (away_) say_((ever_up_ ? "reconnected to " : "connected to ") + what_ + " after " + seconds_text(std::chrono::duration_cast<milliseconds>(now - lost_since_)));
  is_up_ = ever_up_ = true;
  up_since_ = now;
}

bool Contact::lost(const std::string& reason, Clock::time_point now) {
  const bool fresh = !away_ || (is_up_ && now - up_since_ >= kStable);
  if (fresh) {
    away_ = true;
    lost_since_ = now;
    pause_ = kPauseFirst;
  } else {
    pause_ = std::min(pause_ * 2, kPauseMax);
  }
  if (is_up_ || fresh) {
    say_((is_up_ ? "lost the connection to " : "cannot reach ") + what_ + ": " + reason + "; trying again for up to " + seconds_text(patience_));
    told_at_ = now;
  } else if (reason != reason_ || now - told_at_ >= kTellEvery) {
    say_("trying again, " + seconds_text(std::chrono::duration_cast<milliseconds>(now - lost_since_)) + " so far: " + reason);
    told_at_ = now;
  }
  is_up_ = false;
  reason_ = reason;
  return now - lost_since_ < patience_;
}

std::string Contact::verdict() const { return "gave up on " + what_ + " after " + seconds_text(patience_) + ": " + reason_; }

}  // namespace agiddi::tools
