#include "tools/sim/byzantine.h"

namespace agiddi::tools {

using namespace consensus;

Signature Liar::false_signature() {
  Signature out{};
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random.between(0, 255));
  return out;
}

Hash Liar::false_hash() {
  Hash out;
  for (auto& byte : out.bytes) byte = static_cast<std::uint8_t>(random.between(0, 255));
  return out;
}

void Liar::broadcast(Messages& messages, PeerFrame frame) const {
  const auto shared = std::make_shared<const PeerFrame>(std::move(frame));
  for (MemberIndex to = 0; to < members(); ++to) {
    if (to != self) messages.push_back({to, shared});
  }
}

std::unique_ptr<Behaviour> make_behaviour(const std::string& name) {
  static const std::map<std::string, std::unique_ptr<Behaviour> (*)()> table{
      {"equivocate", make_equivocate}, {"censor", make_censor},         {"forge", make_forge},
      {"withhold", make_withhold},     {"mute", make_mute},             {"stale", make_stale},
      {"invalid-batch", make_invalid_batch}, {"wrong-digest", make_wrong_digest}, {"lying-sync", make_lying_sync},
      {"lying-snapshots", make_lying_snapshots},
      {"bad-view-change", make_bad_view_change}, {"flood", make_flood}, {"overrun", make_overrun}};
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second();
}

}  // namespace agiddi::tools
