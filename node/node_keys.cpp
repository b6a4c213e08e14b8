#include "node/node_keys.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "node/log.h"

namespace agiddi::node {
namespace {

Result<Bytes> read_file(const std::string& path, std::size_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Status::not_found, path + ": cannot be read");
  Bytes content{std::istreambuf_iterator<char>(in), {}};
  if (content.size() > max_bytes) return fail(Status::invalid, path + ": larger than " + std::to_string(max_bytes) + " bytes");
  return content;
}

}  // namespace

NodeKeys::NodeKeys(Genesis genesis, KeyPair key, SealingKey sealing_key, std::string key_file, std::string sealing_key_file)
    : genesis_(std::move(genesis)), key_file_(std::move(key_file)), sealing_key_file_(std::move(sealing_key_file)),
      keys_{std::make_shared<const KeyPair>(std::move(key))}, current_(keys_.front()), sealing_keys_{sealing_key} {}

std::shared_ptr<const KeyPair> NodeKeys::key() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::optional<OwnPlace> NodeKeys::place(const MemberSet& members) {
  const std::lock_guard lock(mutex_);
  const auto find = [&]() -> std::optional<OwnPlace> {
    for (const auto& key : keys_) {
      const int index = members.index_of(key->public_key());
      if (index >= 0) return OwnPlace{static_cast<std::size_t>(index), key};
    }
    return std::nullopt;
  };
  auto found = find();
  if (!found && !key_file_.empty()) {
    if (auto next = load_key_file(key_file_ + ".next")) {
      keys_.push_back(std::make_shared<const KeyPair>(std::move(*next)));
      found = find();
      if (!found) keys_.pop_back();
    }
  }
  return found;
}

void NodeKeys::use(const OwnPlace& place) {
  const std::lock_guard lock(mutex_);
  current_ = place.key;
}

Result<Bytes> NodeKeys::open(BytesView sealed) {
  const std::lock_guard lock(mutex_);
  for (auto key = sealing_keys_.rbegin(); key != sealing_keys_.rend(); ++key) {
    if (auto clear = open_sealed(*key, sealed)) return clear;
  }
  if (!sealing_key_file_.empty()) {
    if (auto next = load_sealing_key_file(sealing_key_file_ + ".next")) {
      const bool known = std::any_of(sealing_keys_.begin(), sealing_keys_.end(), [&](const SealingKey& one) { return one.public_key == next->public_key; });
      if (!known) {
        sealing_keys_.push_back(*next);
        return open_sealed(*next, sealed);
      }
    }
  }
  return fail(Status::forbidden, "none of this node's sealing keys opens it");
}

Result<std::unique_ptr<NodeKeys>> load_node_keys(const NodeConfig& config) {
  const auto file = read_file(config.genesis_file, 4 * 1024 * 1024);
  if (!file) return tl::unexpected(file.error());
  auto genesis = parse_genesis(*file);
  if (!genesis) return fail(Status::invalid, config.genesis_file + ": " + genesis.error().detail);
  auto key = load_key_file(config.key_file);
  if (!key) return tl::unexpected(key.error());
  auto sealing_key = load_sealing_key_file(config.sealing_key_file);
  if (!sealing_key) return tl::unexpected(sealing_key.error());
  const int self = genesis->member_set().index_of(key->public_key());
  if (self >= 0 && genesis->members[static_cast<std::size_t>(self)].sealing_key != sealing_key->public_key) {
    log_warn("the sealing key is not the one that genesis names for this node: it opens nothing unless governance rotated it",
             {{"file", config.sealing_key_file}});
  }
  return std::make_unique<NodeKeys>(std::move(*genesis), std::move(*key), *sealing_key, config.key_file, config.sealing_key_file);
}

}  // namespace agiddi::node
