#include "ledger/snapshot_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "protocol/limits.h"

namespace agiddi::ledger {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest";
constexpr const char* kCertificate = "certificate";
constexpr const char* kMemberChange = "member-change-";   // then the epoch
constexpr const char* kMaking = "making";
constexpr const char* kIncoming = "incoming";
constexpr std::size_t kIdDigits = 16;  // of the id in a folder's name

auto disk_error(const std::string& path, const char* what) {
  return fail(Status::internal, path + ": cannot be " + what + ": " + std::strerror(errno));
}

Result<void> sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return disk_error(path, "opened");
  const bool done = ::fsync(folder) == 0;
  ::close(folder);
  if (!done) return disk_error(path, "synced");
  return {};
}

// Under another name first, so that a file with its own name is whole.
Result<void> write_file(const std::string& path, BytesView bytes, bool sync) {
  const std::string part = path + ".part";
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (file < 0) return disk_error(part, "made");
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t n = ::write(file, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      auto failure = disk_error(part, "written");
      ::close(file);
      ::unlink(part.c_str());
      return failure;
    }
    written += static_cast<std::size_t>(n);
  }
  const bool synced = !sync || ::fsync(file) == 0;
  ::close(file);
  if (!synced) return disk_error(part, "synced");
  if (::rename(part.c_str(), path.c_str()) != 0) return disk_error(path, "put in place");
  return {};
}

Result<Bytes> read_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Status::not_found, path + ": cannot be read" + (path.ends_with("/manifest") ? " (a snapshot is a folder that holds one)" : ""));
  Bytes bytes;
  std::error_code failure;
  const auto size = fs::file_size(path, failure);
  if (failure || size > bytes_max) return fail(Status::invalid, path + ": is larger than such a file can be");
  bytes.resize(size);
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (in.gcount() != static_cast<std::streamsize>(size)) return fail(Status::invalid, path + ": cannot be read to its end");
  return bytes;
}

std::string chunk_path(const std::string& folder, const Hash& hash) { return folder + "/" + hash.hex(); }

Result<Bytes> read_chunk_file(const std::string& folder, const Hash& hash) {
  auto bytes = read_file(chunk_path(folder, hash), limits::kSnapshotChunkMax_bytes);
  if (bytes && blake2b(*bytes) != hash) return fail(Status::invalid, chunk_path(folder, hash) + ": does not have its hash; the file is damaged");
  return bytes;
}

Result<void> write_head(const std::string& folder, const SnapshotManifest& manifest, const QuorumCertificate& certificate) {
  if (auto done = write_file(folder + "/" + kCertificate, encode_certificate(certificate), true); !done) return done;
  return write_file(folder + "/" + kManifest, encode_manifest(manifest), true);
}

std::string member_change_path(const std::string& folder, std::uint64_t epoch) { return folder + "/" + kMemberChange + std::to_string(epoch); }

Result<void> write_member_changes(const std::string& folder, const std::vector<MemberChange>& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (auto done = write_file(member_change_path(folder, i + 1), encode_member_change(changes[i]), true); !done) return done;
  }
  return {};
}

Result<void> make_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) return fail(Status::internal, path + ": cannot be made: " + failure.message());
  return {};
}

void remove_folder(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string name_of(const SnapshotManifest& manifest, const Hash& id) {
  const std::string digits = std::to_string(manifest.height());
  return std::string(digits.size() < 12 ? 12 - digits.size() : 0, '0') + digits + "-" + id.hex().substr(0, kIdDigits);
}

}  // namespace

Result<StoredSnapshot> read_stored_snapshot(const std::string& path) {
  const auto head = read_file(path + "/" + kManifest, limits::kPeerFrameMax_bytes);
  if (!head) return tl::unexpected(head.error());
  auto manifest = decode_manifest(*head);
  if (!manifest) return fail(manifest.error().status, path + "/" + kManifest + ": " + manifest.error().detail);
  const auto signatures = read_file(path + "/" + kCertificate, limits::kPeerFrameMax_bytes);
  if (!signatures) return tl::unexpected(signatures.error());
  auto certificate = decode_certificate(*signatures);
  if (!certificate) return fail(certificate.error().status, path + "/" + kCertificate + ": " + certificate.error().detail);
  const Hash id = manifest->id();
  return StoredSnapshot{std::move(*manifest), std::move(*certificate), id, path};
}

Result<Bytes> read_stored_chunk(const StoredSnapshot& snapshot, const Hash& chunk) { return read_chunk_file(snapshot.path, chunk); }

ChunkSource chunks_of(const StoredSnapshot& snapshot) {
  return [&snapshot](const Hash& hash) { return read_stored_chunk(snapshot, hash); };
}

Result<std::vector<MemberChange>> read_stored_member_changes(const StoredSnapshot& snapshot) {
  std::vector<MemberChange> changes;
  while (changes.size() < kMemberChangesMax) {
    const std::string path = member_change_path(snapshot.path, changes.size() + 1);
    if (!fs::exists(path)) break;
    const auto bytes = read_file(path, kMemberChangeMax_bytes);
    if (!bytes) return tl::unexpected(bytes.error());
    auto change = decode_member_change(*bytes);
    if (!change) return fail(change.error().status, path + ": " + change.error().detail);
    changes.push_back(std::move(*change));
  }
  return changes;
}

SnapshotFolder::SnapshotFolder(std::string path, std::size_t chunk_bytes) : path_(std::move(path)), chunk_bytes_(chunk_bytes) {}

std::vector<StoredSnapshot> SnapshotFolder::list() const {
  std::vector<StoredSnapshot> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(path_, failure)) {
    const std::string name = entry.path().filename().string();
    if (name == kMaking || name == kIncoming || name.ends_with(".part")) continue;
    auto snapshot = read_stored_snapshot(entry.path().string());
    if (snapshot && name_of(snapshot->manifest, snapshot->id) == name) found.push_back(std::move(*snapshot));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.manifest.height() > b.manifest.height(); });
  return found;
}

Result<StoredSnapshot> SnapshotFolder::make(const LedgerSnapshot& at, const QuorumCertificate& certificate,
                                            const std::vector<MemberChange>& member_changes, const std::atomic<bool>& stop) {
  const std::string making = path_ + "/" + kMaking;
  remove_folder(making);
  if (auto done = make_folder(making); !done) return tl::unexpected(done.error());
  auto manifest = export_snapshot(at, [&](const Hash& hash, const Bytes& chunk) -> Result<void> {
    if (stop) return fail(Status::unavailable, "the node is stopping");
    return write_file(chunk_path(making, hash), chunk, true);
  }, chunk_bytes_);
  Result<void> done = manifest ? write_member_changes(making, member_changes) : tl::unexpected(manifest.error());
  if (done) done = write_head(making, *manifest, certificate);
  if (done) done = sync_folder(making);
  if (!done) {
    remove_folder(making);
    return tl::unexpected(done.error());
  }
  const Hash id = manifest->id();
  const std::string path = path_ + "/" + name_of(*manifest, id);
  if (fs::exists(path)) {
    remove_folder(making);
  } else {
    if (::rename(making.c_str(), path.c_str()) != 0) return disk_error(path, "put in place");
    if (auto synced = sync_folder(path_); !synced) return tl::unexpected(synced.error());
  }
  return StoredSnapshot{std::move(*manifest), certificate, id, path};
}

void SnapshotFolder::keep_latest(std::size_t count) {
  const auto all = list();
  for (std::size_t i = count; i < all.size(); ++i) remove(all[i]);
  remove_folder(path_ + "/" + kMaking);
}

void SnapshotFolder::remove(const StoredSnapshot& snapshot) {
  // The manifest first: what is half removed is no snapshot any more.
  ::unlink((snapshot.path + "/" + kManifest).c_str());
  remove_folder(snapshot.path);
}

std::uint64_t SnapshotFolder::bytes() const {
  std::uint64_t sum = 0;
  std::error_code failure;
  for (auto entry = fs::recursive_directory_iterator(path_, failure); entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
    if (failure) break;
    std::error_code gone;
    const auto size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

std::optional<SnapshotFolder::Incoming> SnapshotFolder::resume() const {
  const std::string folder = path_ + "/" + kIncoming;
  auto head = read_stored_snapshot(folder);
  if (!head) return std::nullopt;
  Incoming incoming{std::move(head->manifest), std::move(head->certificate), {}};
  for (const Hash& hash : incoming.manifest.chunks) {
    if (read_chunk_file(folder, hash)) incoming.chunks.insert(hash);
  }
  return incoming;
}

Result<SnapshotFolder::Incoming> SnapshotFolder::begin(const SnapshotManifest& manifest, const QuorumCertificate& certificate) {
  const std::string folder = path_ + "/" + kIncoming;
  if (auto done = make_folder(folder); !done) return tl::unexpected(done.error());
  if (auto done = write_head(folder, manifest, certificate); !done) return tl::unexpected(done.error());
  const std::set<Hash> wanted(manifest.chunks.begin(), manifest.chunks.end());
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name == kManifest || name == kCertificate) continue;
    const auto hash = Hash::from_hex(name);
    if (!hash || !wanted.contains(*hash)) remove_folder(entry.path().string());
  }
  auto incoming = resume();
  if (!incoming) return fail(Status::internal, folder + ": what was written cannot be read back");
  return std::move(*incoming);
}

Result<void> SnapshotFolder::put(const Hash& hash, BytesView chunk) {
  return write_file(chunk_path(path_ + "/" + kIncoming, hash), chunk, false);
}

Result<StoredSnapshot> SnapshotFolder::finish(const std::vector<MemberChange>& member_changes) {
  const std::string folder = path_ + "/" + kIncoming;
  auto snapshot = read_stored_snapshot(folder);
  if (!snapshot) return snapshot;
  for (const Hash& hash : snapshot->manifest.chunks) {
    if (!fs::exists(chunk_path(folder, hash))) return fail(Status::conflict, "the download of the snapshot is not complete");
  }
  if (auto done = write_member_changes(folder, member_changes); !done) return tl::unexpected(done.error());
  const std::string path = path_ + "/" + name_of(snapshot->manifest, snapshot->id);
  remove_folder(path);
  if (auto done = sync_folder(folder); !done) return tl::unexpected(done.error());
  if (::rename(folder.c_str(), path.c_str()) != 0) return disk_error(path, "put in place");
  if (auto done = sync_folder(path_); !done) return tl::unexpected(done.error());
  snapshot->path = path;
  return snapshot;
}

void SnapshotFolder::drop_incoming() { remove_folder(path_ + "/" + kIncoming); }

}  // namespace agiddi::ledger
