#include "tools/cli/follow.h"

#include <thread>

#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr auto kOwnRenewalHolds = std::chrono::seconds(30);
constexpr auto kSlice = std::chrono::milliseconds(50);

}  // namespace

void pause_for(std::chrono::milliseconds time, const Follower& follower) {
  for (const auto until = Contact::Clock::now() + time; Contact::Clock::now() < until && !follower.interrupted();) std::this_thread::sleep_for(kSlice);
}

bool may_pass(const Failure& failure) {
  const Json* status = failure.problem.find("status");
  if (!status || !status->is_number()) return true;
  const std::string& code = status->number_text();
  return code == "404" || code == "429" || code.starts_with('5');
}

std::string detail_of(const Failure& failure) { return text_member(failure.problem, "detail").value_or("no reason was given"); }

Outcome<std::optional<Json>> Renewal::ask(Contact::Clock::time_point now) {
  if (renewed_ && now - *renewed_ < kOwnRenewalHolds) {
    return failed("somebody else who holds the key has renewed the credentials and receives the readings now");
  }
  auto fresh = follower_.renew();
  if (fresh) {
    renewed_ = now;
    follower_.say("the credentials were not valid any more; the node gave new ones");
    return std::optional<Json>(std::move(*fresh));
  }
  if (!may_pass(fresh.error())) return tl::unexpected(fresh.error());
  reason_ = "the credentials are refused, and new ones are not to be had yet: " + detail_of(fresh.error());
  return std::optional<Json>();
}

}  // namespace agiddi::tools
