#include "consensus/snapshot_sync.h"

#include <algorithm>
#include <numeric>

#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kAvoidFirst_ms = 1000, kAvoidMax_ms = 30'000;
constexpr std::int64_t kBusy_ms = 200;
constexpr std::size_t kRefusedMax = 64;

auto refuse_part(std::string what) { return fail(Status::invalid, std::move(what)); }

}  // namespace

SnapshotSync::SnapshotSync(SnapshotSyncConfig config, std::size_t members, std::size_t peer_slots, MemberIndex self)
    : config_(config), members_(members), faults_(config.believe_one ? 0 : (members - 1) / 3), self_(self), peers_(peer_slots), last_peer_(0) {}

void SnapshotSync::offered(MemberIndex peer, const SnapshotOffers& offers) { peers_[peer].offers = offers; }

void SnapshotSync::peer_gone(MemberIndex peer) {
  if (!current_) return;
  std::erase_if(current_->asked, [&](const auto& one) { return one.second.peer == peer; });
}

bool SnapshotSync::has(MemberIndex peer, const Hash& id) const {
  const auto& attestations = peers_[peer].offers.attestations;
  return std::any_of(attestations.begin(), attestations.end(), [&](const auto& one) { return one.id == id; });
}

bool SnapshotSync::attested(Height height, const Hash& id, bool by_self) const {
  std::size_t count = by_self ? 1 : 0;
  for (MemberIndex peer = 0; peer < members_; ++peer) {
    const auto& attestations = peers_[peer].offers.attestations;
    count += peer != self_ && std::any_of(attestations.begin(), attestations.end(),
                                          [&](const auto& one) { return one.height == height && one.id == id; });
  }
  return count > faults_;
}

bool SnapshotSync::contradicted(Height height, const Hash& own_id) const {
  std::map<Hash, std::size_t> others;
  for (MemberIndex peer = 0; peer < members_; ++peer) {
    if (peer == self_) continue;
    for (const SnapshotAttestation& one : peers_[peer].offers.attestations) {
      if (one.height == height && one.id != own_id && ++others[one.id] > faults_) return true;
    }
  }
  return false;
}

// The highest snapshot that f + 1 members attest.
std::optional<SnapshotSync::Download> SnapshotSync::choose(Height above) const {
  std::map<std::pair<Height, Hash>, std::size_t> counts;
  for (MemberIndex peer = 0; peer < members_; ++peer) {
    if (peer == self_) continue;
    for (const SnapshotAttestation& one : peers_[peer].offers.attestations) ++counts[{one.height, one.id}];
  }
  for (auto one = counts.rbegin(); one != counts.rend(); ++one) {
    const auto& [height, id] = one->first;
    if (height <= above || one->second <= faults_ || refused_.contains(id)) continue;
    // Who attested it may have dropped it since.
    const bool somewhere = std::any_of(peers_.begin(), peers_.end(), [&, &wanted = id](const Peer& peer) {
      const auto& attestations = peer.offers.attestations;
      return !peer.liar && !peer.lacks.contains(wanted) && std::any_of(attestations.begin(), attestations.end(), [&](const auto& own) { return own.id == wanted; });
    });
    if (!somewhere) continue;
    Download download;
    download.height = height;
    download.id = id;
    return download;
  }
  return std::nullopt;
}

void SnapshotSync::avoid(MemberIndex peer, std::int64_t now_ms) {
  Peer& one = peers_[peer];
  one.penalty_ms = std::clamp(2 * one.penalty_ms, kAvoidFirst_ms, kAvoidMax_ms);
  one.avoid_until_ms = now_ms + one.penalty_ms;
}

void SnapshotSync::expire(std::int64_t now_ms) {
  std::set<MemberIndex> late;
  std::erase_if(current_->asked, [&](const auto& one) {
    if (now_ms < one.second.deadline_ms) return false;
    late.insert(one.second.peer);
    return true;
  });
  for (const MemberIndex peer : late) avoid(peer, now_ms);
}

// The next member in turn that has the snapshot and may be asked for one part more.
std::optional<MemberIndex> SnapshotSync::pick(const std::vector<bool>& connected, std::int64_t now_ms) {
  const auto count = static_cast<MemberIndex>(peers_.size());
  for (MemberIndex step = 1; step <= count; ++step) {
    const MemberIndex peer = (last_peer_ + step) % count;
    const Peer& one = peers_[peer];
    if (peer == self_ || !connected[peer] || one.liar || one.lacks.contains(current_->id) || !has(peer, current_->id)) continue;
    if (one.avoid_until_ms > now_ms) {
      wake_at_ms_ = wake_at_ms_ == 0 ? one.avoid_until_ms : std::min(wake_at_ms_, one.avoid_until_ms);
      continue;
    }
    const auto asked = std::count_if(current_->asked.begin(), current_->asked.end(), [&](const auto& part) { return part.second.peer == peer; });
    if (static_cast<std::size_t>(asked) >= kPartsOfPeerMax) continue;
    last_peer_ = peer;
    return peer;
  }
  return std::nullopt;
}

std::vector<std::pair<MemberIndex, SnapshotRequest>> SnapshotSync::next(bool wanted, Height complete, const std::vector<bool>& connected,
                                                                        std::int64_t now_ms, Height gain) {
  wake_at_ms_ = 0;
  std::vector<std::pair<MemberIndex, SnapshotRequest>> requests;
  // Blocks came meanwhile. A finished one is the driver's, which looks at its height again.
  if (current_ && current_->phase != Phase::finished && current_->height <= complete) current_.reset();
  // Blocks are to be had again; what came of it stays on the disk.
  if (current_ && current_->phase != Phase::finished && !wanted) current_.reset();
  const Height above = complete + gain - 1;
  if (!current_) {
    if (wanted) current_ = choose(above);
    if (!current_) return requests;
  }
  if (current_->phase == Phase::beginning || current_->phase == Phase::finished) return requests;
  expire(now_ms);

  const auto ask = [&](std::uint32_t part) {
    const auto peer = pick(connected, now_ms);
    if (!peer) return false;
    current_->asked[part] = {*peer, now_ms + config_.timeout_ms};
    requests.emplace_back(*peer, SnapshotRequest{current_->id, part});
    return true;
  };
  if (current_->phase == Phase::manifest) {
    if (current_->asked.empty()) ask(0);
  } else {
    for (auto index = current_->missing.begin(); index != current_->missing.end() && current_->asked.size() + unwritten_.size() < kPartsMax; ++index) {
      if (!current_->asked.contains(*index + 1) && !ask(*index + 1)) break;
    }
  }
  // Nobody gives anything: after a while another snapshot, or blocks, if there are any.
  if (!current_->asked.empty() || !unwritten_.empty()) {
    current_->fruitless_since_ms = -1;
    for (const auto& [part, asked] : current_->asked) wake_at_ms_ = wake_at_ms_ == 0 ? asked.deadline_ms : std::min(wake_at_ms_, asked.deadline_ms);
    return requests;
  }
  if (current_->fruitless_since_ms < 0) current_->fruitless_since_ms = now_ms;
  const auto better = choose(above);
  const bool other = better && better->id != current_->id;
  if ((other && !attested(current_->height, current_->id, false)) || now_ms - current_->fruitless_since_ms >= config_.give_up_ms) {
    current_ = other ? better : std::nullopt;
    return current_ ? next(wanted, complete, connected, now_ms, gain) : requests;
  }
  const std::int64_t again = current_->fruitless_since_ms + config_.give_up_ms;
  wake_at_ms_ = wake_at_ms_ == 0 ? again : std::min(wake_at_ms_, again);
  return requests;
}

Result<void> SnapshotSync::received(MemberIndex peer, SnapshotPart& part, std::int64_t now_ms) {
  if (!current_ || part.id != current_->id) return refuse_part("a part of a snapshot that nobody asked for");
  if (const auto asked = current_->asked.find(part.part); asked != current_->asked.end() && asked->second.peer == peer) current_->asked.erase(asked);
  Peer& from = peers_[peer];
  if (part.busy) {
    from.avoid_until_ms = std::max(from.avoid_until_ms, now_ms + kBusy_ms);
    return {};
  }
  if (part.data.empty()) {
    from.lacks.insert(part.id);
    if (from.lacks.size() > kRefusedMax) from.lacks.erase(from.lacks.begin());
    return {};
  }
  const auto lie = [&](const char* what) {
    from.liar = true;
    std::erase_if(current_->asked, [&](const auto& one) { return one.second.peer == peer; });
    return refuse_part(what);
  };
  if (part.part == 0) {
    if (current_->phase != Phase::manifest) return {};
    auto manifest = decode_manifest(part.data);
    if (!manifest || manifest->id() != current_->id || manifest->height() != current_->height) return lie("a manifest that is not the attested one");
    from.penalty_ms = 0;
    current_->fetched_bytes += part.data.size();
    current_->manifest = std::move(*manifest);
    current_->phase = Phase::beginning;
    current_->asked.clear();
    steps_.push_back(SnapshotBegin{current_->manifest, std::move(part.certificate)});
    return {};
  }
  const std::uint32_t index = part.part - 1;
  if (current_->phase != Phase::chunks || !current_->missing.contains(index)) return {};  // late, and another one was quicker
  const Hash& hash = current_->manifest.chunks[index];
  if (blake2b(part.data) != hash && !config_.believe_chunks) return lie("a chunk of a snapshot that does not have its hash");
  from.penalty_ms = 0;
  current_->fetched_bytes += part.data.size();
  std::erase_if(current_->missing, [&](std::uint32_t one) { return current_->manifest.chunks[one] == hash; });
  current_->asked.erase(part.part);
  unwritten_.push_back(part.data.size());
  steps_.push_back(SnapshotStore{hash, std::move(part.data)});
  if (current_->missing.empty()) {
    current_->phase = Phase::finished;
    steps_.push_back(SnapshotFinish{current_->id});
  }
  return {};
}

void SnapshotSync::begun(const Hash& id, const std::set<Hash>& here) {
  if (!current_ || current_->id != id || current_->phase != Phase::beginning) return;
  for (std::uint32_t index = 0; index < current_->manifest.chunks.size(); ++index) {
    if (!here.contains(current_->manifest.chunks[index])) current_->missing.insert(index);
  }
  current_->phase = Phase::chunks;
  if (current_->missing.empty()) {
    current_->phase = Phase::finished;
    steps_.push_back(SnapshotFinish{id});
  }
}

void SnapshotSync::stored() {
  if (!unwritten_.empty()) unwritten_.pop_front();
}

void SnapshotSync::failed(const Hash& id) {
  refused_.insert(id);
  if (refused_.size() > kRefusedMax) refused_.erase(refused_.begin());
  if (current_ && current_->id == id) current_.reset();
}

std::optional<SnapshotProgress> SnapshotSync::progress() const {
  if (!current_) return std::nullopt;
  SnapshotProgress out;
  out.height = current_->height;
  out.chunks = current_->manifest.chunks.size();
  out.chunks_here = current_->phase == Phase::chunks || current_->phase == Phase::finished ? out.chunks - current_->missing.size() : 0;
  out.bytes = current_->manifest.total_bytes;
  out.bytes_fetched = current_->fetched_bytes;
  return out;
}

std::size_t SnapshotSync::liars() const {
  return static_cast<std::size_t>(std::count_if(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.liar; }));
}

std::size_t SnapshotSync::memory_bytes() const {
  std::size_t bytes = peers_.size() * sizeof(Peer) + refused_.size() * sizeof(Hash);
  if (current_) bytes += current_->manifest.chunks.size() * sizeof(Hash) + current_->missing.size() * 48;
  return std::accumulate(unwritten_.begin(), unwritten_.end(), bytes);
}

}  // namespace agiddi::consensus
