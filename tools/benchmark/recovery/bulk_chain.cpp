#include "tools/benchmark/recovery/bulk_chain.h"

#include <cstdlib>
#include <filesystem>

#include "node/node_store.h"
#include "protocol/transaction.h"
#include "subservices/executor.h"
#include "tools/benchmark/devices/own_form.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/footprint.h"
#include "tools/cli/cluster/broker_config.h"
#include "tools/cli/cluster/ports.h"
#include "tools/cli/files.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kDocumentDevices = 100, kBlockDevices = 1'000;

class ChainMaker {
 public:
  ChainMaker(node::NodeStore& open, const KeyPair& key) : open_(open), genesis_(open.keys->genesis()), executor_(genesis_), key_(key) {}

  Outcome<void> fill(const DeviceGenerator& generator) {
    each_registration(generator, {genesis_.members[0].id}, kDocumentDevices, [&](std::uint64_t provider, std::size_t count, const Json& body) {
      waiting_.push_back(make_transaction(provider_key(generator, provider), genesis_.network, "device.register", time() / 1000, body.dump()));
      if ((devices_ += count) >= kBlockDevices) apply();
      return refused_.empty() && !interrupted();
    });
    if (!waiting_.empty()) apply();
    if (!refused_.empty()) return failed("a generated registration was refused: " + refused_);
    if (interrupted()) return failed("interrupted");
    open_.ledger->sync();
    return {};
  }

 private:
  // Blocks lie a millisecond apart from genesis on, so that the chain lies in the past when it is done.
  TimeMs time() const { return genesis_.created + static_cast<TimeMs>(open_.ledger->height()) + 1; }

  void apply() {
    Batch batch{open_.ledger->height() + 1, 0, time(), {}};
    for (const Transaction& transaction : waiting_) batch.transactions.push_back(transaction.id);
    const auto executed = executor_.execute(batch, std::move(waiting_), *open_.ledger->snapshot());
    for (const Receipt& receipt : executed.apply.block.receipts) {
      if (receipt.status != Status::created) refused_ = receipt.result;
    }
    open_.ledger->apply(executed.apply, ledger::Ledger::Sync::later);
    const std::string& id = genesis_.members[0].id;
    open_.ledger->store_certificate(batch.height, {{{id, key_.sign(header_vote_bytes(executed.apply.block.header, id))}}});
    waiting_.clear();
    devices_ = 0;
  }

  node::NodeStore& open_;
  const Genesis& genesis_;
  const subservices::Executor executor_;
  const KeyPair& key_;
  std::vector<Transaction> waiting_;
  std::size_t devices_ = 0;
  std::string refused_;
};

}  // namespace

Outcome<BulkChain> make_bulk_chain(const std::string& folder, std::uint64_t devices) {
  auto base = free_base_port(1);
  if (!base) return tl::unexpected(base.error());
  auto plugin = find_broker_plugin();
  if (!plugin) return tl::unexpected(plugin.error());
  BulkChain made;
  made.plan = plan_cluster(folder, 1, *base);
  if (auto done = make_files(made.plan, *plugin); !done) return tl::unexpected(done.error());
  const std::string node_folder = made.plan.node_folder(made.plan.nodes[0]);
  const auto config = node::load_config(node_folder + "/node.toml");
  if (!config) return passed_on(config.error());
  auto key = load_key_file(node_folder + "/node.jwk");
  if (!key) return passed_on(key.error());
  auto open = node::open_node_store(*config);
  if (!open) return passed_on(open.error());
  const auto begin = BenchClock::now();
  if (auto filled = ChainMaker(*open, *key).fill(DeviceGenerator(1, devices)); !filled) return tl::unexpected(filled.error());
  made.seconds = seconds_since(begin);
  made.blocks = open->ledger->height();
  open->ledger.reset();
  open->store.reset();
  made.disk_mib = folder_bytes(config->data_folder) / (1024 * 1024);
  return made;
}

Outcome<BulkChain> kept_bulk_chain(const std::string& folder, std::uint64_t devices) {
  const std::string note = folder + "/made.json";
  if (!std::filesystem::exists(note)) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return failed("cannot make the folder " + folder + ": " + error.message());
    auto made = make_bulk_chain(folder + "/cluster", devices);
    if (!made) return made;
    const Json text = Json::object({{"blocks", made->blocks}, {"seconds", rounded(made->seconds, 1)}, {"disk_mib", rounded(made->disk_mib, 1)}});
    if (auto written = write_file(note, text.pretty()); !written) return passed_on(written.error());
    return made;
  }
  const auto told = read_json_file(note);
  if (!told) return passed_on(told.error());
  auto plan = read_plan(folder + "/cluster");
  if (!plan) return tl::unexpected(plan.error());
  const auto number = [&told](const char* name) {
    const Json* value = told->find(name);
    return value && value->is_number() ? std::strtod(value->number_text().c_str(), nullptr) : 0.0;
  };
  return BulkChain{*std::move(plan), static_cast<std::uint64_t>(number("blocks")), number("seconds"), number("disk_mib")};
}

}  // namespace agiddi::tools
