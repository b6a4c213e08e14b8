#include "tools/sim/sim_snapshots.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi::tools {

using namespace consensus;

ledger::ChunkSource SimSnapshots::Stored::source() const {
  return [this](const Hash& hash) -> Result<Bytes> {
    const auto found = chunks.find(hash);
    if (found == chunks.end() || blake2b(found->second) != hash) return fail(Status::not_found, "a chunk is not here");
    return found->second;
  };
}

void SimSnapshots::keep(Stored one) {
  std::erase_if(stored_, [&](const Stored& other) { return other.id == one.id; });
  stored_.push_back(std::move(one));
  std::sort(stored_.begin(), stored_.end(), [](const Stored& a, const Stored& b) { return a.manifest.height() > b.manifest.height(); });
  if (stored_.size() > kSnapshotOffersMax) stored_.resize(kSnapshotOffersMax);
}

Hash SimSnapshots::make(const ledger::LedgerSnapshot& at, const QuorumCertificate& certificate, std::size_t chunk_bytes) {
  Stored one;
  auto manifest = ledger::export_snapshot(
      at,
      [&](const Hash& hash, const Bytes& chunk) -> Result<void> {
        one.chunks[hash] = chunk;
        return {};
      },
      chunk_bytes);
  AGIDDI_CHECK(manifest.has_value(), "an export into memory does not fail");
  one.manifest = std::move(*manifest);
  one.certificate = certificate;
  one.id = one.manifest.id();
  const Hash id = one.id;
  keep(std::move(one));
  return id;
}

std::vector<std::pair<Height, Hash>> SimSnapshots::list() const {
  std::vector<std::pair<Height, Hash>> names;
  for (const Stored& one : stored_) names.emplace_back(one.manifest.height(), one.id);
  return names;
}

const SimSnapshots::Stored* SimSnapshots::find(const Hash& id) const {
  const auto found = std::find_if(stored_.begin(), stored_.end(), [&](const Stored& one) { return one.id == id; });
  return found == stored_.end() ? nullptr : &*found;
}

void SimSnapshots::remove(const Hash& id) {
  std::erase_if(stored_, [&](const Stored& one) { return one.id == id; });
}

SnapshotPart SimSnapshots::read(const SnapshotRequest& request) const {
  SnapshotPart part{request.id, request.part, {}, false, {}};
  const Stored* one = find(request.id);
  if (one == nullptr || request.part > one->manifest.chunks.size()) return part;
  if (request.part == 0) {
    part.data = encode_manifest(one->manifest);
    part.certificate = one->certificate;
    return part;
  }
  const Hash& hash = one->manifest.chunks[request.part - 1];
  const auto chunk = one->chunks.find(hash);
  if (chunk != one->chunks.end() && blake2b(chunk->second) == hash) part.data = chunk->second;
  return part;
}

std::set<Hash> SimSnapshots::begin(const SnapshotBegin& step) {
  Stored one;
  one.manifest = step.manifest;
  one.certificate = step.certificate;
  one.id = step.manifest.id();
  const std::set<Hash> wanted(step.manifest.chunks.begin(), step.manifest.chunks.end());
  const auto take = [&](const Stored& from) {
    for (const auto& [hash, chunk] : from.chunks) {
      if (wanted.contains(hash) && blake2b(chunk) == hash) one.chunks.emplace(hash, chunk);
    }
  };
  if (incoming_) take(*incoming_);
  if (const Stored* whole = find(one.id)) take(*whole);
  std::set<Hash> here;
  for (const auto& [hash, chunk] : one.chunks) here.insert(hash);
  incoming_ = std::move(one);
  return here;
}

void SimSnapshots::put(const SnapshotStore& step) {
  if (incoming_) incoming_->chunks[step.hash] = step.chunk;
}

const SimSnapshots::Stored* SimSnapshots::finish(const Hash& id) {
  if (!incoming_ || incoming_->id != id) return nullptr;
  keep(std::move(*incoming_));
  incoming_.reset();
  return find(id);
}

void SimSnapshots::damage(Random& random) {
  if (stored_.empty()) return;
  auto& chunks = stored_[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(stored_.size()) - 1))].chunks;
  if (chunks.empty()) return;
  auto one = chunks.begin();
  std::advance(one, random.between(0, static_cast<std::int64_t>(chunks.size()) - 1));
  one->second.back() = static_cast<char>(one->second.back() ^ 1);
}

void SimSnapshots::wipe() {
  stored_.clear();
  incoming_.reset();
}

}  // namespace agiddi::tools
