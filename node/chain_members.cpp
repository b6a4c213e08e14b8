// The part of ChainDriver that knows who speaks with whom: members, guests and links of an epoch, and the change from one to the next.
#include <algorithm>

#include "node/chain_driver.h"
#include "node/chain_duties.h"
#include "node/clocks.h"
#include "node/log.h"
#include "protocol/identity.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kFormerMembersMax = 16;   // whose links are still taken

}  // namespace

std::string ChainDriver::EpochView::name_of(const PublicKey& key) const {
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == key; });
  return found == peers.end() ? did_from_key(key) : found->name;
}

std::optional<consensus::MemberIndex> ChainDriver::index_of(const PublicKey& peer) const {
  if (peer == keys_->key()->public_key()) return std::nullopt;   // another process with this node's key: nothing of it is heard
  const MemberSet& members = engine_->signing_context().members;
  if (const int member = members.index_of(peer); member >= 0) return static_cast<consensus::MemberIndex>(member);
  const auto guest = std::find(epoch_->guests.begin(), epoch_->guests.end(), peer);
  if (guest == epoch_->guests.end()) return std::nullopt;
  return static_cast<consensus::MemberIndex>(members.size() + static_cast<std::size_t>(guest - epoch_->guests.begin()));
}

std::optional<PublicKey> ChainDriver::key_at(consensus::MemberIndex peer, std::uint64_t epoch) const {
  for (const auto& view : {epoch_, former_epoch_}) {
    if (!view || view->context.members.epoch() != epoch) continue;
    const MemberSet& members = view->context.members;
    if (peer < members.size()) return members[peer].key;
    if (peer - members.size() < view->guests.size()) return view->guests[peer - members.size()];
  }
  return std::nullopt;
}

// What decided the next member set, before its block can be dropped.
void ChainDriver::keep_proofs() {
  const auto kept = keep_member_changes(ledger_, *snapshot(), proven_epoch_);
  for (const MemberEpoch& epoch : kept) {
    proven_epoch_ = epoch.members.epoch();
    engine_->epoch_proven(epoch);
  }
  if (!kept.empty()) refresh_snapshot();
}

void ChainDriver::begin_epoch() {
  former_epoch_ = epoch_;
  const MemberSet& members = engine_->signing_context().members;
  const auto place = keys_->place(members);
  const bool was_member = engine_->signing_context().epochs != nullptr && former_epoch_->context.members.index_of(self_.id) >= 0;
  if (place) keys_->use(*place);
  refresh_epoch_view();
  std::string ids;
  for (const Member& member : members.all()) ids += (ids.empty() ? "" : " ") + member.id;
  log_info("epoch begun", {{"epoch", members.epoch()}, {"members", ids}});
  if (place && members[place->index].id != self_.id) {
    log_error("governance calls this node otherwise than its configuration does: set id and restart", {{"id", self_.id}, {"member", members[place->index].id}});
  }
  if (!place && members.index_of(self_.id) >= 0) {
    log_error("this member's key was rotated and the new one is not here: put it beside the present key file with the ending .next and restart",
              {{"member", self_.id}});
  } else if (!place && was_member) {
    log_warn("this node is no member any more: it follows the chain, votes on nothing and takes no writes", {{"member", self_.id}, {"epoch", members.epoch()}});
  }
  if (!place) refuse_waiters(Error{Status::unavailable, "This node is no member of the network any more; ask a member.", {}});
}

// The members in force, those that are decided or proposed, and former ones, which still follow. A member that rotates its key is dialled
// with the one in force and with the decided one; a proposed or former key is taken when it dials.
std::vector<Peer> ChainDriver::wanted_peers(const MemberSet& members) const {
  const auto view = snapshot();
  const subservices::StateView state(view->state());
  std::vector<Peer> peers;
  const PublicKey own = keys_->key()->public_key();
  const auto add = [&](const Member& member, bool decided) {
    const bool is_other_key = !decided && members.index_of(member.id) >= 0;
    const bool known = member.key == own || std::any_of(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == member.key; });
    if (!known && peers.size() < members.size() + consensus::kGuestsMax) {
      const auto instead = peer_addresses_.find(member.id);
      const std::string address = instead == peer_addresses_.end() ? member.address : instead->second.text();
      peers.push_back({member.key, member.id, is_other_key || member.id == self_.id ? std::string() : address, {}});
    }
  };
  for (const Member& member : members.all()) add(member, true);
  for (const consensus::EpochKeys& epoch : *engine_->signing_context().epochs) {   // learned ones, that the state does not know yet
    if (epoch.members.epoch() <= members.epoch()) continue;
    for (const Member& member : epoch.members.all()) add(member, true);
  }
  // Present members by name: whoever knows only genesis may know none of them.
  for (const BootstrapPeer& one : bootstrap_) {
    if (one.key == own) continue;
    const auto known = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == one.key; });
    if (known == peers.end()) {
      peers.push_back({one.key, did_from_key(one.key), one.address.text(), {}});
    } else if (known->address.empty()) {
      known->address = one.address.text();
    } else if (known->address != one.address.text()) {
      known->other_address = one.address.text();
    }
  }
  if (const auto next = subservices::decided_after(state, view->height())) {
    for (const Member& member : next->members.all()) add(member, true);
  }
  const MemberSet latest = subservices::epoch_record(state, subservices::latest_epoch(state)).members;
  for (const Member& member : latest.all()) add(member, true);
  for (const Member& member : subservices::proposed_members(state)) add(member, false);
  for (const Member& member : subservices::former_members(state, kFormerMembersMax)) add(member, false);
  return peers;
}

void ChainDriver::refresh_epoch_view() {
  const consensus::SigningContext& context = engine_->signing_context();
  auto fresh = std::make_shared<EpochView>(EpochView{context, engine_->authenticator(), wanted_peers(context.members), {}});
  const bool same_epoch = epoch_ && epoch_->context.members.epoch() == context.members.epoch();
  if (same_epoch) fresh->guests = epoch_->guests;
  const auto is_wanted_guest = [&](const PublicKey& key) {
    return context.members.index_of(key) < 0 && std::any_of(fresh->peers.begin(), fresh->peers.end(), [&](const Peer& peer) { return peer.key == key; });
  };
  // A guest keeps its number while it is one.
  for (std::size_t guest = 0; guest < fresh->guests.size(); ++guest) {
    if (fresh->guests[guest] == PublicKey{} || is_wanted_guest(fresh->guests[guest])) continue;
    engine_->peer_disconnected(static_cast<consensus::MemberIndex>(context.members.size() + guest), clocks());
    fresh->guests[guest] = PublicKey{};
  }
  for (const Peer& peer : fresh->peers) {
    if (!is_wanted_guest(peer.key) || std::find(fresh->guests.begin(), fresh->guests.end(), peer.key) != fresh->guests.end()) continue;
    const auto free = std::find(fresh->guests.begin(), fresh->guests.end(), PublicKey{});
    if (free != fresh->guests.end()) {
      *free = peer.key;
    } else if (fresh->guests.size() < consensus::kGuestsMax) {
      fresh->guests.push_back(peer.key);
    }
  }
  epoch_ = std::move(fresh);
  network_.set_peers(*keys_->key(), self_.id, epoch_->peers);
}

}  // namespace agiddi::node
