// MemoryStore on persistent treaps: a node that a snapshot can see is never changed, only copied, so a snapshot is ten references
// and stays valid for ever. Priorities are hashes of the keys: the shape depends on the content alone, so runs are reproducible.
#include <atomic>
#include <array>
#include <mutex>

#include "ledger/kv.h"

namespace agiddi::ledger {
namespace {

struct Entry {
  Bytes key, value;
};

class Node;

// A counted reference. The count is read with acquire when a writer asks whether it is alone, so that it sees all that the last reader did.
class Ref {
 public:
  Ref() = default;
  explicit Ref(Node* node) : node_(node) {}
  Ref(const Ref& other);
  Ref(Ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Ref();
  Node* operator->() const { return node_; }
  Node* get() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};

class Node {
 public:
  Node(std::shared_ptr<const Entry> e, std::uint64_t p, Ref l, Ref r)
      : entry(std::move(e)), priority(p), left(std::move(l)), right(std::move(r)) {}
  const Bytes& key() const { return entry->key; }

  std::atomic<std::uint32_t> count{1};
  std::shared_ptr<const Entry> entry;
  std::uint64_t priority;
  Ref left, right;
};

Ref::Ref(const Ref& other) : node_(other.node_) {
  if (node_) node_->count.fetch_add(1, std::memory_order_relaxed);
}

Ref::~Ref() {
  if (node_ && node_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
}

std::uint64_t priority_of(BytesView key) {
  std::uint64_t hash = 1469598103934665603u;
  for (unsigned char c : key) hash = (hash ^ c) * 1099511628211u;
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

// The node itself when nobody else can see it, else a copy.
Ref own(Ref node) {
  if (node->count.load(std::memory_order_acquire) == 1) return node;
  return Ref(new Node(node->entry, node->priority, node->left, node->right));
}

// Keys below and above `key`, which is not in the tree.
std::pair<Ref, Ref> split(Ref tree, BytesView key) {
  if (!tree) return {};
  tree = own(std::move(tree));
  if (BytesView(tree->key()) < key) {
    auto [low, high] = split(std::move(tree->right), key);
    tree->right = std::move(low);
    return {std::move(tree), std::move(high)};
  }
  auto [low, high] = split(std::move(tree->left), key);
  tree->left = std::move(high);
  return {std::move(low), std::move(tree)};
}

bool above(const Node& node, std::uint64_t priority, BytesView key) {
  return node.priority != priority ? node.priority > priority : BytesView(node.key()) < key;
}

Ref merge(Ref low, Ref high) {
  if (!low) return high;
  if (!high) return low;
  if (above(*low.get(), high->priority, high->key())) {
    low = own(std::move(low));
    low->right = merge(std::move(low->right), std::move(high));
    return low;
  }
  high = own(std::move(high));
  high->left = merge(std::move(low), std::move(high->left));
  return high;
}

Ref insert(Ref tree, std::shared_ptr<const Entry> entry, std::uint64_t priority) {
  if (tree && tree->key() == entry->key) {
    tree = own(std::move(tree));
    tree->entry = std::move(entry);
    return tree;
  }
  if (tree && above(*tree.get(), priority, entry->key)) {
    tree = own(std::move(tree));
    Ref& side = entry->key < tree->key() ? tree->left : tree->right;
    side = insert(std::move(side), std::move(entry), priority);
    return tree;
  }
  const BytesView key = entry->key;
  auto [low, high] = split(std::move(tree), key);
  return Ref(new Node(std::move(entry), priority, std::move(low), std::move(high)));
}

Ref erase(Ref tree, BytesView key) {
  if (!tree) return tree;
  if (tree->key() == key) {
    tree = own(std::move(tree));
    return merge(std::move(tree->left), std::move(tree->right));
  }
  tree = own(std::move(tree));
  Ref& side = key < BytesView(tree->key()) ? tree->left : tree->right;
  side = erase(std::move(side), key);
  return tree;
}

const Entry* find(const Node* node, BytesView key) {
  while (node) {
    const int order = key.compare(node->key());
    if (order == 0) return node->entry.get();
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return nullptr;
}

using Visit = std::function<bool(BytesView key, BytesView value)>;

// Both walks return false when the visitor has had enough.
bool walk_up(const Node* node, BytesView from, BytesView to, const Visit& visit) {
  if (!node) return true;
  const BytesView key = node->key();
  const bool not_below = key >= from;
  const bool below_end = to.empty() || key < to;
  if (not_below && !walk_up(node->left.get(), from, to, visit)) return false;
  if (not_below && below_end && !visit(key, node->entry->value)) return false;
  return !below_end || walk_up(node->right.get(), from, to, visit);
}

bool walk_down(const Node* node, BytesView from, BytesView to, const Visit& visit) {
  if (!node) return true;
  const BytesView key = node->key();
  const bool not_below = key >= from;
  const bool below_end = to.empty() || key < to;
  if (below_end && !walk_down(node->right.get(), from, to, visit)) return false;
  if (not_below && below_end && !visit(key, node->entry->value)) return false;
  return !not_below || walk_down(node->left.get(), from, to, visit);
}

using Roots = std::array<Ref, kColumns>;

class Snapshot final : public KvReader {
 public:
  explicit Snapshot(Roots roots) : roots_(std::move(roots)) {}

  std::optional<Bytes> get(Column column, BytesView key) const override {
    const Entry* entry = find(root(column), key);
    return entry ? std::optional<Bytes>(entry->value) : std::nullopt;
  }
  void scan(Column column, BytesView from, BytesView to, const Visit& visit) const override {
    walk_up(root(column), from, to, visit);
  }
  void scan_reverse(Column column, BytesView from, BytesView to, const Visit& visit) const override {
    walk_down(root(column), from, to, visit);
  }

 private:
  const Node* root(Column column) const { return roots_[static_cast<std::size_t>(column)].get(); }
  Roots roots_;
};

class TreapStore final : public MemoryStore {
 public:
  std::optional<Bytes> get(Column column, BytesView key) const override {
    std::lock_guard lock(mutex_);
    const Entry* entry = find(now_[static_cast<std::size_t>(column)].get(), key);
    return entry ? std::optional<Bytes>(entry->value) : std::nullopt;
  }
  void scan(Column column, BytesView from, BytesView to, const Visit& visit) const override {
    snapshot()->scan(column, from, to, visit);
  }
  void scan_reverse(Column column, BytesView from, BytesView to, const Visit& visit) const override {
    snapshot()->scan_reverse(column, from, to, visit);
  }
  void write(const KvBatch& batch, bool sync) override {
    std::lock_guard lock(mutex_);
    for (const auto& [column, key, value] : batch) {
      Ref& root = now_[static_cast<std::size_t>(column)];
      if (value) {
        root = insert(std::move(root), std::make_shared<const Entry>(Entry{key, *value}), priority_of(key));
      } else if (find(root.get(), key)) {
        root = erase(std::move(root), key);
      }
    }
    if (sync) synced_ = now_;
  }
  std::shared_ptr<const KvReader> snapshot() const override {
    std::lock_guard lock(mutex_);
    return std::make_shared<Snapshot>(now_);
  }
  void crash() override {
    std::lock_guard lock(mutex_);
    now_ = synced_;
  }

 private:
  mutable std::mutex mutex_;
  Roots now_, synced_;
};

}  // namespace

std::unique_ptr<MemoryStore> make_memory_store() { return std::make_unique<TreapStore>(); }

}  // namespace agiddi::ledger
