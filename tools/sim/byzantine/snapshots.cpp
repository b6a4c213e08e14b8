// Lies about what leads to the present state: snapshots of states that never were, parts that are not what was attested, proofs of member sets that
// nobody decided, and silence.
#include <algorithm>

#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class LyingSnapshots final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    std::erase_if(messages, [&](Addressed& one) {
      if (const auto* offers = as<SnapshotOffers>(one)) {
        if (!offers->attestations.empty()) true_ = *offers;
        if (liar.random.chance(500)) one.frame = changed(*offers, [&](SnapshotOffers& copy) { spoil(copy, liar); });
      } else if (const auto* part = as<SnapshotPart>(one)) {
        ++liar.lies;
        const auto kind = liar.random.between(0, 12);   // above 8: as it should be
        if (kind == 0) return true;   // never answered
        one.frame = changed(*part, [&](SnapshotPart& copy) { spoil(copy, kind, liar); });
      } else if (const auto* proofs = as<EpochProofs>(one)) {
        ++liar.lies;
        const auto kind = liar.random.between(0, 6);
        if (kind == 0) return true;
        one.frame = changed(*proofs, [&](EpochProofs& copy) { spoil(copy, kind, liar); });
      }
      return false;
    });
  }

  // Offers that nobody can check at once: far heights with states that never were, and parts that nobody asked for.
  void tick(Messages& messages, Liar& liar) override {
    ++liar.lies;
    SnapshotOffers offers = true_;
    spoil(offers, liar);
    offers.attestations.insert(offers.attestations.begin(), attest(liar.engine->replica().stable() + static_cast<Height>(liar.random.between(1, 5000)), liar.false_hash(), liar));
    if (offers.attestations.size() > kSnapshotOffersMax) offers.attestations.resize(kSnapshotOffersMax);
    liar.broadcast(messages, {offers});
    liar.broadcast(messages, {SnapshotPart{liar.false_hash(), 0, Bytes(100, 'x'), false, {}}});
    if (!true_.attestations.empty()) {
      const Hash& id = true_.attestations.front().id;
      liar.broadcast(messages, {SnapshotPart{id, static_cast<std::uint32_t>(liar.random.between(0, 9)), Bytes(100, 'x'), false, {}}});
      liar.broadcast(messages, {SnapshotRequest{id, static_cast<std::uint32_t>(liar.random.between(0, 1000))}});
    }
  }

 private:
  static SnapshotAttestation attest(Height height, const Hash& id, Liar& liar) {
    SnapshotAttestation one{height, id, liar.self, {}};
    liar.sign(one);
    return one;
  }

  static void spoil(SnapshotOffers& offers, Liar& liar) {
    ++liar.lies;
    if (liar.random.chance(300)) offers.first_block = static_cast<Height>(liar.random.between(1, 1'000'000));
    for (SnapshotAttestation& one : offers.attestations) {
      // All liars of a network name the same false state.
      Hash id = one.id;
      id.bytes[0] ^= 1;
      one = attest(one.height, id, liar);
    }
  }

  static void spoil(SnapshotPart& part, std::int64_t kind, Liar& liar) {
    switch (kind) {
      case 1: part.data.clear(); break;
      case 2: part.busy = true; break;
      case 3: part.certificate.signatures.clear(); break;
      case 4: part.part += 1; break;
      case 5:
      case 6:
      case 7:
      case 8: {   // one letter of some text is another one: everything else about the part is right
        if (part.part == 0 || part.data.empty()) break;
        auto letter = part.data.begin() + static_cast<std::ptrdiff_t>(liar.random.next() % part.data.size());
        letter = std::find_if(letter, part.data.end(), [](char c) { return c >= 'a' && c <= 'z'; });
        if (letter != part.data.end()) *letter = static_cast<char>(*letter ^ 0x20);
        break;
      }
      default: break;
    }
  }

  // Members that were never decided: the liar alone, if it is believed.
  static void spoil(EpochProofs& proofs, std::int64_t kind, Liar& liar) {
    if (kind == 1) proofs.changes.clear();
    if (kind == 2 && proofs.head) proofs.head->header.height += static_cast<Height>(liar.random.between(1, 1000));
    if (kind == 3 && proofs.head) proofs.head->certificate.signatures.resize(1);
    if (proofs.changes.empty()) return;
    MemberChange& change = proofs.changes[static_cast<std::size_t>(liar.random.between(0, static_cast<std::int64_t>(proofs.changes.size()) - 1))];
    if (kind == 4) change.proof.certificate.signatures.resize(1);
    if (kind == 5) {   // a proof that holds in itself, under a block that nobody certified
      const auto port = change.receipt.find("127.0.0.1:7");
      if (port != Bytes::npos) change.receipt[port + 8] = '9';
      change.header.receipt_root = merkle_root({change.receipt});
      change.receipt_path = {};
      change.transaction_path = {};
      change.header.transaction_root = merkle_root({Bytes(change.transaction.id.view())});
    }
    if (kind == 6) change.header.state_digest = liar.false_hash();
  }

  SnapshotOffers true_;
};

}  // namespace

std::unique_ptr<Behaviour> make_lying_snapshots() { return std::make_unique<LyingSnapshots>(); }

}  // namespace agiddi::tools
