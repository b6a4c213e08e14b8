// Lies about the past: blocks that never were, prepared batches that are kept back, new views that do not follow.
#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class LyingSync final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    std::erase_if(messages, [&](Addressed& one) {
      const auto* answer = as<SyncResponse>(one);
      if (answer == nullptr) return false;
      ++liar.lies;
      const auto kind = liar.random.between(0, 8);
      if (kind == 0) return true;   // never answered
      one.frame = changed(*answer, [&](SyncResponse& copy) { spoil(copy, kind, liar); });
      return false;
    });
  }

 private:
  static void spoil(SyncResponse& answer, std::int64_t kind, Liar& liar) {
    if (answer.blocks.empty() || kind == 1) {
      answer.blocks.clear();
      return;
    }
    SyncBlock& block = answer.blocks[static_cast<std::size_t>(liar.random.between(0, static_cast<std::int64_t>(answer.blocks.size()) - 1))];
    switch (kind) {
      case 2: block.certificate.signatures.resize(1); break;
      case 3: block.header.state_digest.bytes[3] ^= 1; break;
      case 4:  // another content, consistent in itself, under the old signatures
        block.batch.transactions.clear();
        block.transactions.clear();
        block.header.batch_digest = block.batch.digest();
        break;
      case 5:
        if (!block.transactions.empty()) block.transactions.front().signature[0] ^= 1;
        break;
      case 6: block.certificate = {}; break;   // true, and proven all the same unless it was the last one
      case 7:  // another content that only the header above could prove
        block.batch.transactions.clear();
        block.transactions.clear();
        block.header.batch_digest = block.batch.digest();
        block.certificate = {};
        answer.chain = {};
        break;
      default: answer.blocks.erase(answer.blocks.begin()); break;
    }
  }
};

class BadViewChange final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    for (Addressed& one : messages) {
      if (const auto* message = as<ViewChange>(one)) {
        ++liar.lies;
        one.frame = changed(*message, [&](ViewChange& copy) {
          if (liar.random.chance(300)) copy.stable.reset();
          if (!copy.prepared.empty() && liar.random.chance(200)) {
            copy.prepared.front().prepares.front().signature = liar.false_signature();
          } else {
            copy.prepared.clear();
          }
          liar.sign(copy);
        });
      }
      if (const auto* message = as<NewView>(one); message && message->sender == liar.self) {
        ++liar.lies;
        one.frame = changed(*message, [&](NewView& copy) { spoil(copy, liar); });
      }
    }
  }

 private:
  static void spoil(NewView& message, Liar& liar) {
    const auto kind = liar.random.between(0, 3);
    if (kind == 0 && !message.prepares.empty()) {
      message.prepares.pop_back();                         // the last batch is forgotten
    } else if (kind == 1 && message.view_changes.size() > 1) {
      message.view_changes.pop_back();
    } else {
      // Null batches in place of what was prepared; one where nothing was.
      Height height = 0;
      TimeMs previous = 0;
      for (const ViewChange& one : message.view_changes) {
        if (one.stable_height() < height || !one.stable) continue;
        height = one.stable_height();
        previous = one.stable->header.timestamp;
      }
      if (message.prepares.empty()) message.prepares.push_back({Phase::prepare, message.view, height + 1, {}, liar.self, {}});
      for (Vote& vote : message.prepares) {
        vote.digest = Batch{vote.height, message.view, previous, {}}.digest();
        liar.sign(vote);
      }
    }
    liar.sign(message);
  }
};

}  // namespace

std::unique_ptr<Behaviour> make_lying_sync() { return std::make_unique<LyingSync>(); }
std::unique_ptr<Behaviour> make_bad_view_change() { return std::make_unique<BadViewChange>(); }

}  // namespace agiddi::tools
