#include "consensus/verify.h"

#include <algorithm>
#include <set>

namespace agiddi::consensus {
namespace {

auto bad_signature(std::string what) { return fail(Status::unauthorized, "the signature of " + std::move(what) + " is not valid"); }
auto malformed(std::string what) { return fail(Status::invalid, std::move(what)); }

const EpochKeys* epoch_at(const SigningContext& context, Height height) {
  if (!context.epochs) return nullptr;
  const EpochKeys* found = nullptr;
  for (const EpochKeys& epoch : *context.epochs) {
    if (epoch.from <= height) found = &epoch;
  }
  return found;
}

struct Verifier {
  const SigningContext& context;
  const Authenticator& authenticator;

  template <class SignedMessage>
  Result<void> signature(const SignedMessage& message, const char* what) const {
    if (message.sender >= context.members.size()) return malformed(std::string(what) + " from an unknown member");
    if (!authenticator.verify(message.sender, signing_bytes(context, message), message.signature)) return bad_signature(what);
    return {};
  }

  Result<void> header_fits(const BlockHeader& header, const MemberSet& members) const {
    if (header.network != context.network) return malformed("a header of another network");
    if (header.members_digest != members.digest()) return malformed("a header of other members");
    if (header.height == 0) return malformed("a header of height 0");
    return {};
  }

  // A block is certified by the members that were in force at its height.
  Result<void> certified(const CertifiedHeader& certified) const {
    const EpochKeys* epoch = epoch_at(context, certified.header.height);
    if (context.epochs && epoch == nullptr) return malformed("a certificate of members before those that are known here");
    const MemberSet& members = epoch ? epoch->members : context.members;
    const Authenticator& signers = epoch ? *epoch->authenticator : authenticator;
    if (auto ok = header_fits(certified.header, members); !ok) return ok;
    const auto& signatures = certified.certificate.signatures;
    if (signatures.size() < members.quorum() - context.votes_short) return malformed("a certificate without a quorum");
    if (signatures.size() > members.size()) return malformed("a certificate with too many signatures");
    for (std::size_t i = 0; i < signatures.size(); ++i) {
      if (i > 0 && signatures[i].validator <= signatures[i - 1].validator) return malformed("a certificate that is not in order");
      const int member = members.index_of(signatures[i].validator);
      if (member < 0) return malformed("a certificate signed by a stranger");
      if (!signers.verify(static_cast<MemberIndex>(member), header_vote_bytes(certified.header, signatures[i].validator),
                                signatures[i].signature)) {
        return bad_signature("a certificate");
      }
    }
    return {};
  }

  Result<void> prepared(const PreparedCertificate& certificate) const {
    if (certificate.prepares.size() < context.quorum()) return malformed("a prepared certificate without a quorum");
    if (certificate.batch && (certificate.batch->height != certificate.height || certificate.batch->digest() != certificate.digest)) {
      return malformed("a prepared certificate with another batch");
    }
    if (certificate.batch && certificate.batch->view > certificate.view) return malformed("a batch that is younger than its certificate");
    for (std::size_t i = 0; i < certificate.prepares.size(); ++i) {
      const MemberSignature& one = certificate.prepares[i];
      if (i > 0 && one.sender <= certificate.prepares[i - 1].sender) return malformed("a prepared certificate that is not in order");
      Vote vote{Phase::prepare, certificate.view, certificate.height, certificate.digest, one.sender, one.signature};
      if (auto ok = signature(vote, "a prepared certificate"); !ok) return ok;
    }
    return {};
  }

  Result<void> view_change(const ViewChange& message, bool with_batches) const {
    if (message.view == 0) return malformed("a ViewChange to view 0");
    if (auto ok = signature(message, "a ViewChange"); !ok) return ok;
    if (message.stable) {
      if (auto ok = certified(*message.stable); !ok) return ok;
    }
    Height last = message.stable_height();
    for (const PreparedCertificate& certificate : message.prepared) {
      if (certificate.height <= last) return malformed("a ViewChange whose certificates are not in order");
      last = certificate.height;
      if (certificate.height > message.stable_height() + limits::kWindowHeights) return malformed("a prepared certificate beyond the window");
      if (certificate.view >= message.view) return malformed("a prepared certificate of the asked view or a later one");
      if (certificate.batch.has_value() != with_batches) return malformed("a prepared certificate with its batch in the wrong place");
      if (auto ok = prepared(certificate); !ok) return ok;
    }
    return {};
  }

  Result<void> operator()(const Transactions&) const { return {}; }
  Result<void> operator()(const FetchTransactions&) const { return {}; }
  Result<void> operator()(const SyncRequest&) const { return {}; }
  Result<void> operator()(const Notice&) const { return {}; }
  Result<void> operator()(const EpochRequest&) const { return {}; }
  // Each proof stands on the one before it, so the Engine checks them, with the members that it knows when they come.
  Result<void> operator()(const EpochProofs&) const { return {}; }
  Result<void> operator()(const Vote& vote) const {
    if (context.test_faults.signatures_unchecked) return {};
    return signature(vote, "a vote");
  }

  Result<void> operator()(const PrePrepare& message) const {
    const Vote& vote = message.vote;
    if (vote.phase != Phase::prepare || vote.height != message.batch.height || vote.sender != primary_of(vote.view, context.members.size())) {
      return malformed("a PrePrepare that is not its primary's");
    }
    if (message.batch.view > vote.view) return malformed("a PrePrepare whose batch is of a later view");
    if (vote.digest != message.batch.digest()) return malformed("a PrePrepare with another digest");
    return signature(vote, "a PrePrepare");
  }

  Result<void> operator()(const HeaderVote& message) const {
    if (auto ok = header_fits(message.header, context.members); !ok) return ok;
    return signature(message, "a header vote");
  }

  Result<void> operator()(const ViewChange& message) const { return view_change(message, true); }

  Result<void> operator()(const NewView& message) const {
    if (message.view == 0 || message.sender != primary_of(message.view, context.members.size())) {
      return malformed("a NewView that is not its primary's");
    }
    if (auto ok = signature(message, "a NewView"); !ok) return ok;
    if (message.view_changes.size() < context.quorum()) return malformed("a NewView without a quorum");
    for (std::size_t i = 0; i < message.view_changes.size(); ++i) {
      const ViewChange& one = message.view_changes[i];
      if (one.view != message.view) return malformed("a NewView made of another view's messages");
      if (i > 0 && one.sender <= message.view_changes[i - 1].sender) return malformed("a NewView that is not in order");
      if (auto ok = view_change(one, false); !ok) return ok;
    }
    std::set<Hash> named;
    for (const ViewChange& one : message.view_changes) {
      for (const PreparedCertificate& certificate : one.prepared) named.insert(certificate.digest);
    }
    for (const Batch& batch : message.batches) {
      if (named.erase(batch.digest()) == 0) return malformed("a NewView with a batch that no certificate names");
    }
    for (std::size_t i = 0; i < message.prepares.size(); ++i) {
      const Vote& vote = message.prepares[i];
      if (vote.phase != Phase::prepare || vote.view != message.view || vote.sender != message.sender) {
        return malformed("a NewView with a foreign vote");
      }
      if (i > 0 && vote.height != message.prepares[i - 1].height + 1) return malformed("a NewView with a gap");
      if (auto ok = signature(vote, "a NewView's vote"); !ok) return ok;
    }
    return {};
  }

  Result<void> operator()(const MemberStatus& message) const {
    if (auto ok = signature(message, "a status"); !ok) return ok;
    return message.stable ? certified(*message.stable) : Result<void>{};
  }

  Result<void> operator()(const SnapshotRequest&) const { return {}; }

  Result<void> operator()(const SnapshotOffers& message) const {
    for (std::size_t i = 0; i < message.attestations.size(); ++i) {
      const SnapshotAttestation& one = message.attestations[i];
      if (i > 0 && (one.height >= message.attestations[i - 1].height || one.sender != message.attestations[i - 1].sender)) {
        return malformed("snapshots that are not in order");
      }
      if (auto ok = signature(one, "a snapshot's attestation"); !ok) return ok;
    }
    return {};
  }

  // Whether a part is what was asked for is SnapshotSync's to say: it knows the hashes.
  Result<void> operator()(const SnapshotPart& message) const {
    if (message.part != 0 || message.data.empty()) return {};
    const auto manifest = decode_manifest(message.data);
    if (!manifest) return malformed(manifest.error().detail);
    return certified({manifest->header, message.certificate});
  }

  Result<void> operator()(const SyncResponse& message) const {
    Height expected = message.from;
    for (const SyncBlock& block : message.blocks) {
      if (block.header.height != expected++ || block.batch.height != block.header.height) return malformed("synced blocks that are not in order");
      if (block.batch.digest() != block.header.batch_digest) return malformed("a synced block with another batch");
      if (block.transactions.size() != block.batch.transactions.size()) return malformed("a synced block with other transactions");
      for (std::size_t i = 0; i < block.transactions.size(); ++i) {
        if (block.transactions[i].id != block.batch.transactions[i]) return malformed("a synced block with other transactions");
      }
    }
    return context.test_faults.sync_unverified ? Result<void>{} : proven(message);
  }

  // From the last header downwards: each has a certificate, or its hash stands in the one above it.
  Result<void> proven(const SyncResponse& message) const {
    std::optional<Hash> bound;
    const auto& chain = message.chain.headers;
    if (!chain.empty()) {
      if (message.blocks.empty() || !message.blocks.back().certificate.signatures.empty()) return malformed("headers that prove nothing");
      if (auto ok = check_chain(message.blocks.back().header, chain); !ok) return malformed(ok.error().detail);
      if (auto ok = certified({chain.back(), message.chain.certificate}); !ok) return ok;
      bound = chain.front().previous_hash;
    }
    for (auto block = message.blocks.rbegin(); block != message.blocks.rend(); ++block) {
      if (!block->certificate.signatures.empty()) {
        if (auto ok = certified({block->header, block->certificate}); !ok) return ok;
      } else if (!bound || block->header.hash() != *bound) {
        return malformed("a synced block that nothing proves");
      }
      bound = block->header.previous_hash;
    }
    return {};
  }
};

}  // namespace

Result<void> verify_frame(const PeerFrame& frame, const SigningContext& context, const Authenticator& authenticator) {
  return std::visit(Verifier{context, authenticator}, frame.content);
}
Result<void> verify_certified(const CertifiedHeader& certified, const SigningContext& context, const Authenticator& authenticator) {
  return Verifier{context, authenticator}.certified(certified);
}
Result<void> verify_prepared(const PreparedCertificate& certificate, const SigningContext& context, const Authenticator& authenticator) {
  return Verifier{context, authenticator}.prepared(certificate);
}

void drop_unknown_epochs(SyncResponse& message, const SigningContext& context) {
  if (!context.epochs) return;
  const auto unknown = [&](const BlockHeader& header) {
    const EpochKeys* epoch = epoch_at(context, header.height);
    return epoch == nullptr || header.members_digest != epoch->members.digest();
  };
  auto& blocks = message.blocks;
  const auto first = std::find_if(blocks.begin(), blocks.end(), [&](const SyncBlock& block) { return unknown(block.header); });
  if (first == blocks.end() && (message.chain.headers.empty() || !unknown(message.chain.headers.back()))) return;
  blocks.erase(first, blocks.end());
  // What proved the last ones is cut off.
  while (!blocks.empty() && blocks.back().certificate.signatures.empty()) blocks.pop_back();
  message.chain = {};
  message.cut = true;
}

bool for_each_transaction(const PeerFrame& frame, const std::function<bool(const Transaction&)>& visit) {
  if (const auto* gossip = std::get_if<Transactions>(&frame.content)) {
    for (const TransactionPtr& transaction : gossip->items) {
      if (!visit(*transaction)) return false;
    }
  } else if (const auto* sync = std::get_if<SyncResponse>(&frame.content)) {
    for (const SyncBlock& block : sync->blocks) {
      for (const Transaction& transaction : block.transactions) {
        if (!visit(transaction)) return false;
      }
    }
  } else if (const auto* proofs = std::get_if<EpochProofs>(&frame.content)) {
    for (const MemberChange& change : proofs->changes) {
      if (!visit(change.transaction)) return false;
    }
  }
  return true;
}

}  // namespace agiddi::consensus
