// Votes on headers after execution: block certificates, which are PBFT's stable checkpoints (section 4.3 of the paper).
#include <algorithm>

#include "consensus/replica.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::size_t kOwnHeaderVotesMax = 64;    // kept for members that missed them
constexpr Height kCertificatesAheadMax = 1024;    // certificates kept while some below are missing; the Engine gives those up long before

}  // namespace

HeaderVote Replica::own_header_vote(const BlockHeader& header) const {
  HeaderVote vote{header, config_.self, {}};
  vote.signature = authenticator_->sign(signing_bytes(config_.context, vote));
  return vote;
}

void Replica::executed(const BlockHeader& header, Now now) {
  AGIDDI_CHECK(header.height == executed_ + 1 && header.height <= handed_, "blocks are executed in the order in which they were handed over");
  executed_ = header.height;
  const auto known = certificates_.find(header.height);
  if (known != certificates_.end()) fail_if_different(header, known->second.certified.header);
  // A block of an earlier epoch is its members' to certify.
  const bool votes = is_voting() && header.members_digest == config_.context.members.digest();
  if (votes) {
    own_header_votes_[header.height] = {own_header_vote(header), now.monotonic_ms};
    if (own_header_votes_.size() > kOwnHeaderVotesMax) own_header_votes_.erase(own_header_votes_.begin());
  }
  if (votes && known == certificates_.end() && header.height > complete_) {
    const HeaderVote& vote = own_header_votes_.at(header.height).vote;
    header_votes_[header.height].insert_or_assign(config_.self, vote);
    ready_.messages.push_back({std::nullopt, {vote}});
    count_header_votes(header.height, now);
  }
  publish_certificates();
  advance(now);
}

bool Replica::useful(const HeaderVote& vote) const {
  const Height height = vote.header.height;
  const Height reach = 2 * limits::kWindowHeights;
  return height > complete_ && height + reach > stable() && height <= stable() + reach && !certificates_.contains(height);
}

void Replica::receive(const HeaderVote& message, Now now) {
  if (!useful(message)) return;
  const Height height = message.header.height;
  header_votes_[height].try_emplace(message.sender, message);
  count_header_votes(height, now);
}

void Replica::count_header_votes(Height height, Now now) {
  const auto votes = header_votes_.find(height);
  if (votes == header_votes_.end()) return;
  std::map<Hash, std::vector<const HeaderVote*>> by_header;
  for (const auto& [sender, vote] : votes->second) by_header[config_.test_faults.header_votes_mixed ? Hash{} : vote.header.hash()].push_back(&vote);
  for (const auto& [hash, same] : by_header) {
    if (same.size() < quorum()) continue;
    CertifiedHeader certified{same.front()->header, {}};
    for (const HeaderVote* vote : same) {
      certified.certificate.signatures.push_back({config_.context.members[vote->sender].id, vote->signature});
    }
    auto& signatures = certified.certificate.signatures;
    std::sort(signatures.begin(), signatures.end(), [](const auto& a, const auto& b) { return a.validator < b.validator; });
    adopt(certified, now);
    return;
  }
}

void Replica::learn(const CertifiedHeader& certified, Now now) { adopt(certified, now); }

void Replica::adopt(const CertifiedHeader& certified, Now now) {
  const Height height = certified.header.height;
  if (height <= complete_ || height > last_ || certificates_.contains(height)) return;
  if (const auto own = own_header_votes_.find(height); own != own_header_votes_.end()) {
    fail_if_different(own->second.vote.header, certified.header);
  }
  header_votes_.erase(height);
  if (height <= complete_ + kCertificatesAheadMax) certificates_[height] = {certified, false};
  if (height > stable()) {
    stable_ = certified;
    final_timestamps_[height] = certified.header.timestamp;
    next_proposal_ = std::max(next_proposal_, height + 1);
    const Height reach = 2 * limits::kWindowHeights;
    if (height > reach) header_votes_.erase(header_votes_.begin(), header_votes_.upper_bound(height - reach));
  }
  publish_certificates();
  advance(now);
}

void Replica::publish_certificates() {
  while (complete_ < handed_ && certificates_.contains(complete_ + 1)) ++complete_;
  for (auto known = certificates_.begin(); known != certificates_.end() && known->first <= executed_;) {
    if (!known->second.published) {
      known->second.published = true;
      ready_.certified.push_back(known->second.certified);
    }
    known = known->first <= complete_ ? certificates_.erase(known) : std::next(known);
  }
  header_votes_.erase(header_votes_.begin(), header_votes_.upper_bound(complete_));
}

Height Replica::uncertified_to(Height end) const {
  const auto next = certificates_.upper_bound(complete_);
  return next == certificates_.end() ? end : next->first - 1;
}

bool Replica::has_certificate(Height height) const { return height <= complete_ || certificates_.contains(height); }

Height Replica::certified_here() const {
  const auto above = certificates_.upper_bound(executed_);
  return above == certificates_.begin() ? complete_ : std::max(complete_, std::prev(above)->first);
}

std::optional<CertifiedHeader> Replica::skip_certificates(Now now) {
  const Height here = certified_here();
  if (here <= complete_) return std::nullopt;
  CertifiedHeader certified = certificates_.at(here).certified;
  complete_ = here;
  certificates_.erase(certificates_.begin(), certificates_.upper_bound(complete_));
  publish_certificates();
  advance(now);
  return certified;
}

void Replica::fail_if_different(const BlockHeader& own, const BlockHeader& certified) {
  if (own.hash() == certified.hash()) return;
  ready_.fatal = "block " + std::to_string(own.height) + " was executed differently here: certified " + certified.hash().hex() + ", own " + own.hash().hex();
}

void Replica::handed_by_sync(const CertifiedHeader& certified, Now now) {
  const Height height = certified.header.height;
  AGIDDI_CHECK(height == handed_ + 1, "synced blocks are handed over in order");
  handed_ = height;
  final_timestamps_[height] = certified.header.timestamp;
  if (const auto slot = slots_.find(height); slot != slots_.end()) slot->second.final_digest = certified.header.batch_digest;
  if (!certified.certificate.signatures.empty()) adopt(certified, now);
  publish_certificates();
  advance(now);
}

}  // namespace agiddi::consensus
