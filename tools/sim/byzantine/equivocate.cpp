// A primary that proposes one batch to some and another one to others. All liars of the network vote for whichever batch a member was shown.
#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class Equivocate final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    Messages more;
    for (Addressed& one : messages) {
      if (const auto* proposal = as<PrePrepare>(one)) {
        const Addressed first = one;
        propose(one, *proposal, liar);
        if (one.frame != first.frame && liar.random.chance(300)) more.push_back(first);   // some see both
      }
      if (const auto* vote = as<Vote>(one)) follow(one, *vote, liar);
    }
    messages.insert(messages.end(), more.begin(), more.end());
  }

 private:
  void propose(Addressed& one, const PrePrepare& message, Liar& liar) {
    if (message.vote.sender != liar.self || message.batch.view != message.vote.view) return;
    auto [entry, fresh] = liar.conspiracy->splits.try_emplace({message.vote.view, message.vote.height});
    Conspiracy::Split& split = entry->second;
    if (fresh) {
      split.first = message.vote.digest;
      split.second_for = static_cast<std::uint32_t>(liar.random.next());
      variant_ = message;
      const bool fewer = message.batch.transactions.size() > 1 && liar.random.chance(500);
      if (fewer) {
        variant_.batch.transactions.pop_back();
      } else {
        variant_.batch.timestamp += 1;
      }
      variant_.vote.digest = split.second = variant_.batch.digest();
      liar.sign(variant_.vote);
    }
    const bool second = (split.second_for >> one.to & 1) != 0;
    if (!second || split.second != variant_.vote.digest) return;
    one.frame = std::make_shared<const PeerFrame>(PeerFrame{variant_});
    ++liar.lies;
  }

  void follow(Addressed& one, const Vote& vote, Liar& liar) {
    const auto split = liar.conspiracy->splits.find({vote.view, vote.height});
    if (split == liar.conspiracy->splits.end() || vote.sender != liar.self) return;
    const Hash& wanted = (split->second.second_for >> one.to & 1) != 0 ? split->second.second : split->second.first;
    if (vote.digest == wanted) return;
    one.frame = changed(vote, [&](Vote& copy) {
      copy.digest = wanted;
      liar.sign(copy);
    });
    ++liar.lies;
  }

  PrePrepare variant_;   // of the latest height
};

}  // namespace

std::unique_ptr<Behaviour> make_equivocate() { return std::make_unique<Equivocate>(); }

}  // namespace agiddi::tools
