// Lies by silence: transactions that are never proposed, votes that reach only some, nothing at all.
#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class Censor final : public Behaviour {
 public:
  bool incoming(MemberIndex, PeerFrame& frame, Liar& liar) override {
    auto* gossip = std::get_if<Transactions>(&frame.content);
    if (gossip == nullptr || gossip->answer) return true;
    liar.lies += std::erase_if(gossip->items, [](const TransactionPtr& one) { return one->id.bytes[5] % 3 != 0; });
    return !gossip->items.empty();
  }
};

class Withhold final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    liar.lies += std::erase_if(messages, [&](const Addressed& one) {
      const bool counts = as<Vote>(one) || as<PrePrepare>(one) || as<HeaderVote>(one) || as<NewView>(one) || as<Transactions>(one);
      return counts && ((mask(liar) >> one.to & 1) != 0 || liar.random.chance(200));
    });
  }

 private:
  // Changes from time to time.
  std::uint32_t mask(Liar& liar) {
    if (liar.random.chance(5)) mask_ = static_cast<std::uint32_t>(liar.random.next() & liar.random.next());
    return mask_;
  }
  std::uint32_t mask_ = 2;
};

class Mute final : public Behaviour {
 public:
  void tick(Messages&, Liar& liar) override {
    if (liar.random.chance(100)) mute_ = !mute_;
  }
  void outgoing(Messages& messages, Liar& liar) override {
    if (!mute_) return;
    liar.lies += messages.size();
    messages.clear();
  }

 private:
  bool mute_ = true;
};

}  // namespace

std::unique_ptr<Behaviour> make_censor() { return std::make_unique<Censor>(); }
std::unique_ptr<Behaviour> make_withhold() { return std::make_unique<Withhold>(); }
std::unique_ptr<Behaviour> make_mute() { return std::make_unique<Mute>(); }

}  // namespace agiddi::tools
