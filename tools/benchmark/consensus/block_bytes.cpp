#include "tools/benchmark/consensus/block_bytes.h"

#include <cstdlib>

#include "protocol/proof.h"
#include "tools/cli/files.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

Outcome<std::vector<Hash>> block_transactions(const Json& block) {
  const Json* ids = block.find("transactions");
  if (!ids || !ids->is_array()) return failed("a block came without its transactions");
  std::vector<Hash> out;
  for (const Json& id : ids->items()) {
    auto hash = Hash::from_hex(id.is_string() ? id.as_string() : "");
    if (!hash) return passed_on(hash.error());
    out.push_back(*hash);
  }
  return out;
}

Outcome<BlockBytes> bytes_of(NodeClient& node, const Genesis& genesis, const std::vector<Hash>& ids) {
  auto proof = node.get_json("/v1/transactions/" + ids.front().hex() + "/proof");
  if (!proof) return tl::unexpected(proof.error());
  const auto summary = verify_proof(genesis, *proof);
  if (!summary) return passed_on(summary.error());
  // A batch that was proposed again keeps its first view, which no one shows; that is a byte or two.
  const Batch batch{summary->header.height, summary->header.view, summary->header.timestamp, ids};
  BlockBytes bytes;
  bytes.height = batch.height;
  bytes.transactions = ids.size();
  bytes.header = encode_header(summary->header).size();
  bytes.certificate = encode_certificate(summary->proof.certificate).size();
  bytes.batch = encode_batch(batch).size();
  bytes.transaction = encode_transaction(summary->transaction).size();
  bytes.receipt = encode_receipt(summary->receipt).size();
  return bytes;
}

}  // namespace

double BlockBytes::share() const {
  const double own = static_cast<double>(overhead());
  return own / (own + static_cast<double>(transactions * (transaction + receipt)));
}

Outcome<BlockBytes> nearest_block(const BenchCluster& cluster, std::size_t transactions, std::size_t count) {
  auto file = read_file(cluster.folder() + "/genesis.json");
  if (!file) return passed_on(file.error());
  const auto genesis = parse_genesis(*file);
  if (!genesis) return passed_on(genesis.error());
  NodeClient node(cluster.urls()[0]);
  const auto distance = [transactions](std::size_t size) { return size > transactions ? size - transactions : transactions - size; };
  std::vector<Hash> nearest;
  std::string name = "latest";
  for (std::size_t seen = 0; seen < count; ++seen) {
    auto block = node.get_json("/v1/blocks/" + name);
    if (!block) return tl::unexpected(block.error());
    auto ids = block_transactions(*block);
    if (!ids) return tl::unexpected(ids.error());
    if (!ids->empty() && (nearest.empty() || distance(ids->size()) < distance(nearest.size()))) nearest = *std::move(ids);
    const Json* height = block->find("height");
    const std::uint64_t own = height && height->is_number() ? std::strtoull(height->number_text().c_str(), nullptr, 10) : 0;
    if (own <= 1 || nearest.size() == transactions) break;
    name = std::to_string(own - 1);
  }
  if (nearest.empty()) return failed("none of the latest blocks holds a transaction");
  return bytes_of(node, *genesis, nearest);
}

}  // namespace agiddi::tools
