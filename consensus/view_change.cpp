// Asking for a later view (section 4.4 of the PBFT paper): what was prepared is carried along, f + 1 others are joined.
#include <algorithm>

#include "consensus/replica.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

// Members are followed by at most so many views at a time without the proof of a NewView. Views only grow when a quorum asks for them, so
// honest members are never further apart.
constexpr View kViewJumpMax = 10'000;

}  // namespace

ViewChange Replica::make_view_change(View view) const {
  ViewChange message{view, config_.self, stable_, {}, {}};
  if (!config_.test_faults.forget_prepared) {
    for (auto slot = slots_.upper_bound(stable()); slot != slots_.end() && slot->first <= window_end(); ++slot) {
      if (slot->second.best) message.prepared.push_back(*slot->second.best);
    }
  }
  message.signature = authenticator_->sign(signing_bytes(config_.context, message));
  return message;
}

void Replica::start_view_change(View view, Now now) {
  AGIDDI_CHECK(view > view_ && is_voting(), "views only grow, and only members ask for them");
  view_ = view;
  active_ = false;
  new_view_.reset();
  planned_.clear();
  plan_last_ = 0;
  sent_ = make_view_change(view);
  view_changes_.insert_or_assign(config_.self, *sent_);
  if (!config_.test_faults.view_not_logged) ready_.persist.push_back(log_view({view_, false, sent_, config_.context.members.epoch()}));
  ready_.messages.push_back({std::nullopt, {*sent_}});
  ready_.view_change_started = true;
  consider_joining(now);
  try_new_view(now);
}

void Replica::receive(const ViewChange& message, Now now) {
  if (message.view < view_ || (message.view == view_ && active_)) {
    if (active_ && new_view_ && message.sender != config_.self) ready_.messages.push_back({message.sender, {*new_view_}});
    return;
  }
  const auto known = view_changes_.find(message.sender);
  if (known != view_changes_.end() && known->second.view >= message.view) return;
  view_changes_.insert_or_assign(message.sender, message);
  consider_joining(now);
  try_new_view(now);
}

// The highest view that f + 1 others ask for, so that at least one honest member does.
void Replica::consider_joining(Now now) {
  std::vector<View> asked;
  for (const auto& [sender, message] : view_changes_) {
    if (sender != config_.self && message.view > view_ && message.view <= view_ + kViewJumpMax) asked.push_back(message.view);
  }
  if (asked.size() <= faults()) return;
  std::sort(asked.begin(), asked.end(), std::greater<>());
  start_view_change(asked[faults()], now);
}

bool Replica::view_change_quorum() const {
  const auto count = std::count_if(view_changes_.begin(), view_changes_.end(), [&](const auto& one) { return one.second.view >= view_; });
  return !active_ && static_cast<std::size_t>(count) >= quorum();
}

std::optional<View> Replica::view_change_of(MemberIndex member) const {
  const auto known = view_changes_.find(member);
  return known == view_changes_.end() ? std::nullopt : std::optional<View>(known->second.view);
}

}  // namespace agiddi::consensus
