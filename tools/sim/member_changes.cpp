#include "tools/sim/member_changes.h"

#include "protocol/encoding.h"

namespace agiddi::tools {
namespace {

struct Seated {
  Seat seat;
  unsigned generation;   // of its key
};

enum class Change { add, remove, rotate, address };

// Stories in which what is removed was outnumbered before.
const std::vector<std::vector<Change>>& stories() {
  using enum Change;
  static const std::vector<std::vector<Change>> table{{add}, {add, remove}, {rotate}, {address}, {rotate, add, remove}, {address, rotate}, {add, rotate, remove}, {rotate, rotate}};
  return table;
}

std::string possession(const Genesis& genesis, const Member& member, const KeyPair& key) {
  const Signature signature = key.sign(possession_bytes(genesis.network, member.id, member.key, member.sealing_key));
  return to_base64url(view(signature));
}

}  // namespace

std::vector<Transaction> member_changes(const Genesis& genesis, Random& random, const SignAs& sign) {
  std::vector<Seated> members;
  for (Seat seat = 0; seat < genesis.members.size(); ++seat) members.push_back({seat, 0});
  const Seat spare = genesis.members.size();
  std::vector<Transaction> story;
  const auto any = [&] { return static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(members.size()) - 1)); };
  const auto& changes = stories()[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(stories().size()) - 1))];
  for (const Change change : changes) {
    const std::vector<Seated> voters = members;
    Json body = Json::object();
    if (change == Change::add) {
      const Member member = seat_member(spare, 0);
      body.set("change", "add").set("id", member.id).set("did", member.did()).set("sealingKey", to_base64url(view(member.sealing_key)));
      body.set("address", member.address).set("possession", possession(genesis, member, *seat_key(spare, 0)));
      members.push_back({spare, 0});
    } else if (change == Change::remove) {
      const std::size_t which = any();
      body.set("change", "remove").set("id", seat_member(members[which].seat, 0).id);
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(which));
    } else if (change == Change::rotate) {
      Seated& one = members[any()];
      ++one.generation;
      const Member member = seat_member(one.seat, one.generation);
      body.set("change", "rotate").set("id", member.id).set("did", member.did()).set("sealingKey", to_base64url(view(member.sealing_key)));
      body.set("possession", possession(genesis, member, *seat_key(one.seat, one.generation)));
    } else {
      const Member member = seat_member(members[any()].seat, 0);
      body.set("change", "address").set("id", member.id).set("address", "127.0.0.2:" + std::to_string(random.between(1024, 65535)));
    }
    const std::size_t n = voters.size(), first = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(n) - 1));
    const std::size_t needed = (n + (n - 1) / 3 + 2) / 2;
    std::string proposal;
    for (std::size_t i = 0; i < needed; ++i) {
      const Seated& voter = voters[(first + i) % n];
      const auto key = seat_key(voter.seat, voter.generation);
      if (i == 0) {
        story.push_back(sign(*key, "governance.propose", body));
        proposal = story.back().id.hex();
      } else {
        story.push_back(sign(*key, "governance.vote", Json::object({{"proposal", proposal}, {"vote", "yes"}})));
      }
    }
  }
  return story;
}

}  // namespace agiddi::tools
