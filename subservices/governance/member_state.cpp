#include "subservices/governance/member_state.h"

#include <algorithm>

#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

records::Network network_record(const StateView& state) { return load_known<records::Network>(state, keys::network()); }

template <std::size_t N>
std::array<std::uint8_t, N> array_of(const std::string& raw) {
  AGIDDI_CHECK(raw.size() == N, "a recorded key has its length");
  std::array<std::uint8_t, N> out;
  std::copy(raw.begin(), raw.end(), out.begin());
  return out;
}

Member member_of(const records::MemberEntry& entry) {
  return {entry.id(), array_of<32>(entry.key()), array_of<32>(entry.sealing_key()), entry.address()};
}

}  // namespace

std::uint64_t latest_epoch(const StateView& state) { return network_record(state).epoch(); }

records::MemberEpoch epoch_entry(const StateView& state, std::uint64_t epoch) {
  return load_known<records::MemberEpoch>(state, keys::member_epoch(epoch));
}

MemberEpoch epoch_record(const StateView& state, std::uint64_t epoch) {
  const auto entry = epoch_entry(state, epoch);
  std::vector<Member> members;
  for (const auto& member : entry.members()) members.push_back(member_of(member));
  return {entry.from_height(), MemberSet(std::move(members), epoch)};
}

MemberEpoch members_at(const StateView& state, std::uint64_t height) {
  for (std::uint64_t epoch = latest_epoch(state);; --epoch) {
    MemberEpoch record = epoch_record(state, epoch);
    if (record.from_height <= height) return record;
    AGIDDI_CHECK(epoch > 0, "the members of genesis are in force from height 0");
  }
}

std::optional<MemberEpoch> decided_after(const StateView& state, std::uint64_t height) {
  MemberEpoch record = epoch_record(state, latest_epoch(state));
  if (record.from_height <= height) return std::nullopt;
  return record;
}

std::uint32_t rules_at(const StateView& state, std::uint64_t height) {
  const auto network = network_record(state);
  std::uint32_t version = network.rules_version();
  for (const auto& activation : network.rules()) {
    if (activation.from_height() <= height) version = activation.version();
  }
  return version;
}

std::optional<records::RulesActivation> rules_after(const StateView& state, std::uint64_t height) {
  const auto network = network_record(state);
  if (network.rules().empty() || network.rules().rbegin()->from_height() <= height) return std::nullopt;
  return *network.rules().rbegin();
}

std::vector<Member> former_members(const StateView& state, std::size_t max) {
  constexpr std::uint64_t kEpochsBack = 64;
  std::vector<Member> former;
  const std::uint64_t latest = latest_epoch(state);
  const MemberSet now = epoch_record(state, latest).members;
  for (std::uint64_t back = 1; back <= std::min(latest, kEpochsBack); ++back) {
    const MemberSet before = epoch_record(state, latest - back).members;
    for (const Member& member : before.all()) {
      if (former.size() >= max) return former;
      const bool known = now.index_of(member.key) >= 0 ||
                         std::any_of(former.begin(), former.end(), [&](const Member& one) { return one.key == member.key; });
      if (!known) former.push_back(member);
    }
  }
  return former;
}

std::vector<Member> proposed_members(const StateView& state) {
  std::vector<Member> out;
  const Bytes prefix = keys::open_proposals();
  state.scan(prefix, [&](BytesView key, BytesView) {
    const auto proposal = load_known<records::Proposal>(state, keys::proposal(*Hash::from_bytes(key.substr(prefix.size()))));
    if (proposal.change() == "add" || proposal.change() == "rotate") out.push_back(member_of(proposal.member()));
    return true;
  });
  return out;
}

}  // namespace agiddi::subservices
