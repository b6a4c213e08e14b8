#include "tools/sim/seats.h"

#include "protocol/crypto/crypto.h"
#include "protocol/encoding.h"

namespace agiddi::tools {
namespace {

std::string id_of(Seat seat) { return "node-" + std::string(seat < 9 ? "0" : "") + std::to_string(seat + 1); }

}  // namespace

std::shared_ptr<const KeyPair> key_of(std::uint32_t number) {
  Bytes text;
  append_u32_be(text, number);
  auto key = KeyPair::from_seed(tagged_hash("sim/seed", {text}).view());
  AGIDDI_CHECK(key.has_value(), "32 bytes are a seed");
  return std::make_shared<const KeyPair>(std::move(*key));
}

std::shared_ptr<const KeyPair> seat_key(Seat seat, unsigned generation) { return key_of(static_cast<std::uint32_t>(100 * generation + seat)); }

Member seat_member(Seat seat, unsigned generation) {
  Member member;
  member.id = id_of(seat);
  member.key = seat_key(seat, generation)->public_key();
  member.sealing_key.fill(static_cast<std::uint8_t>(100 * generation + seat + 1));
  member.address = "127.0.0.1:" + std::to_string(7001 + 100 * generation + seat);
  return member;
}

Seat seat_of(const Member& member) { return static_cast<Seat>(std::stoul(member.id.substr(5))) - 1; }

std::optional<std::size_t> index_in(const MemberSet& members, Seat seat) {
  const int index = members.index_of(id_of(seat));
  if (index < 0) return std::nullopt;
  return static_cast<std::size_t>(index);
}

}  // namespace agiddi::tools
