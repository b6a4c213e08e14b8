// Reads the measurements of a running integration until it ends, through restarts of its node and its broker.
//
// A connection that breaks is taken up again with growing pauses, for at most `patience` at a stretch; credentials that are refused are renewed. Only
// the node's word that the integration has ended, the user, or patience ends it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/cli/contact.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct Follower {
  std::string node;                                      // address of the serving node, for messages
  std::function<bool(const std::string&)> measurement;   // one line of JSON; false: nobody reads the output any more
  std::function<Outcome<bool>()> ended;                  // asks the node, for some seconds at most; a failure: it does not answer
  std::function<Outcome<Json>()> renew;                  // new delivery credentials; the former end
  std::function<bool()> move;                            // the node does not answer: true when another one goes on; nothing: there is no other
  std::function<bool()> interrupted;                     // by the user
  Contact::Say say;
  std::chrono::milliseconds patience{60'000};
};

enum class FollowEnd { ended, interrupted, moved };

// delivery: the member of the integration's answer ({"broker","topic","username","password"} or {"url"}).
Outcome<FollowEnd> follow_mqtt(const Json& delivery, const Follower& follower);
Outcome<FollowEnd> follow_stream(const Json& delivery, const Follower& follower);

// New credentials after the old ones were refused, as both ways of delivery ask for them. Two followers with one key would push each other out for
// ever: who was pushed out soon after its own renewal stops.
class Renewal {
 public:
  explicit Renewal(const Follower& follower) : follower_(follower) {}
  // Nothing: not now, but it may work later (reason() says why). A failure: it will not.
  Outcome<std::optional<Json>> ask(Contact::Clock::time_point now);
  const std::string& reason() const { return reason_; }

 private:
  const Follower& follower_;
  std::optional<Contact::Clock::time_point> renewed_;
  std::string reason_;
};

// Waits, and looks at `interrupted` meanwhile.
void pause_for(std::chrono::milliseconds time, const Follower& follower);
// Whether a call that was refused so may be answered otherwise in a moment: no answer at all, 404 (a node that has just started), 429, 5xx.
bool may_pass(const Failure& failure);
std::string detail_of(const Failure& failure);

}  // namespace agiddi::tools
