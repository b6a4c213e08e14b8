#include "tools/benchmark/discovery/own_devices.h"

#include <filesystem>
#include <functional>
#include <optional>

#include "ontology/metadata.h"
#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/transaction.h"
#include "subservices/executor.h"
#include "subservices/genesis_state.h"
#include "subservices/query/conditions.h"
#include "subservices/query/query_service.h"
#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/discovery/engine.h"
#include "tools/benchmark/footprint.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kBatchDevices = 100, kOwnBlockDevices = 1000;
constexpr TimeMs kStart = 1'672'531'200'000, kBetweenBlocks = 60'000;
constexpr std::uint64_t kWantedProvider = 40;   // its rank

struct Condition { std::string name, body; bool selective = false; };

std::vector<Condition> conditions(const DeviceGenerator& generator) {
  const std::string provider = did_from_key(provider_key(generator, kWantedProvider).public_key());
  return {
      {"type + range + cost",
       R"({"conditions":{"type":"WeatherStation","sensor.observedProperty":"Temperature","sensor.range":">100","cost.perMinute":"<0.5"}})", true},
      {"provider", R"({"conditions":{"provider":")" + provider + R"("}})", true},
      {"price", R"({"conditions":{"cost.perMinute":"<0.05"}})", true},
      {"radius 10 km", R"({"conditions":{"sensor.observedProperty":"PM2_5","near":{"latitude":48.8566,"longitude":2.3522,"km":10}}})"},
      {"top-k by price", R"({"conditions":{"sensor.observedProperty":"Temperature"},"orderBy":"cost.perMinute"})"},
  };
}

constexpr const char* kAggregate = R"(PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
PREFIX sosa: <http://www.w3.org/ns/sosa/>
SELECT ?property (COUNT(?sensor) AS ?sensors) (MIN(?cost) AS ?cheapest)
WHERE { ?sensor sosa:observes ?property . ?device sosa:hosts ?sensor . ?device agiddi:costPerMinute ?cost } GROUP BY ?property)";

// The figures of a text; a problem stands where the plan would.
void measure_text(ConditionFigures& figures, const std::function<std::string()>& text, const ledger::TripleSource& triples, const Effort& effort) {
  const auto first = run_query(text(), triples);
  if (!first) {
    figures.plan = first.error().detail;
    return;
  }
  figures.devices = first->rows.size();
  figures.plan = plan_of(text(), triples);
  figures.query_ms = measure_ms(effort.repetitions, effort.budget_ms, [&] { (void)run_query(text(), triples); });
}

std::vector<ConditionFigures> measure_conditions(const DeviceGenerator& generator, const ledger::TripleSource& triples, const Effort& effort) {
  std::vector<ConditionFigures> out;
  subservices::DeviceTexts texts;
  const subservices::QueryService service({}, &texts), forgetful;
  for (const Condition& condition : conditions(generator)) {
    const Json body = *parse_json(condition.body);
    ConditionFigures figures;
    figures.name = condition.name;
    measure_text(figures, [&body] { return subservices::plan_search(body)->sparql; }, triples, effort);
    figures.answer_ms = measure_ms(effort.repetitions, effort.budget_ms, [&] { (void)service.search(body, triples); });
    figures.made_ms = measure_ms(effort.repetitions, effort.budget_ms, [&] { (void)forgetful.search(body, triples); });
    out.push_back(std::move(figures));
  }
  ConditionFigures global;
  global.name = "global aggregate";
  measure_text(global, [] { return std::string(kAggregate); }, triples, effort);
  out.push_back(std::move(global));
  return out;
}

// A network of one member that nobody runs: the executor needs to know to whom access is sealed.
Genesis lone_genesis() {
  const KeyPair key = KeyPair::generate();
  Genesis genesis;
  genesis.name = "bench";
  genesis.created = kStart;
  genesis.members.push_back({});
  genesis.members[0].id = "node-1";
  genesis.members[0].key = key.public_key();
  genesis.members[0].sealing_key = SealingKey::generate().public_key;
  genesis.members[0].address = "127.0.0.1:1";
  genesis.units_digest = ontology::units_digest();
  auto read = parse_genesis(write_genesis(genesis));
  AGIDDI_CHECK(read.has_value(), "the benchmark's genesis is valid");
  return std::move(*read);
}

}  // namespace

Outcome<OwnFigures> bench_own_bulk(const DeviceGenerator& generator, const std::string& folder, StoreKind kind, const Effort& effort) {
  const Genesis genesis = lone_genesis();
  auto store = ledger::open_rocks_store(folder);
  if (!store) return passed_on(store.error());
  auto initial = subservices::genesis_state(genesis);
  AGIDDI_CHECK(initial.has_value(), "a genesis without accounts has a state");
  ledger::LedgerOptions options;
  options.columns = kind == StoreKind::columns;
  options.coordinates = ontology::coordinates();
  auto ledger = ledger::Ledger::open(**store, genesis, *initial, options);
  if (!ledger) return passed_on(ledger.error());
  const subservices::Executor executor(genesis);

  OwnFigures figures;
  figures.how = "bulk: documents of " + std::to_string(kBatchDevices) + " devices by the executor, " + std::to_string(kOwnBlockDevices) +
                " devices a block; no consensus, no signature checks";
  const auto begin = BenchClock::now();
  std::vector<Transaction> waiting;
  std::size_t devices = 0;
  std::string refused;
  const auto apply = [&] {
    const std::uint64_t height = (*ledger)->height() + 1;
    Batch batch{height, 0, kStart + static_cast<TimeMs>(height) * kBetweenBlocks, {}};
    for (const Transaction& transaction : waiting) batch.transactions.push_back(transaction.id);
    const auto executed = executor.execute(batch, std::move(waiting), *(*ledger)->snapshot());
    for (const Receipt& receipt : executed.apply.block.receipts) {
      if (receipt.status != Status::created) refused = receipt.result;
    }
    (*ledger)->apply(executed.apply);
    waiting.clear();
    devices = 0;
  };
  each_registration(generator, {"node-1"}, kBatchDevices, [&](std::uint64_t provider, std::size_t count, const Json& body) {
    const TimeMs time = kStart + static_cast<TimeMs>((*ledger)->height() + 1) * kBetweenBlocks;
    waiting.push_back(make_transaction(provider_key(generator, provider), genesis.network, "device.register", time / 1000, body.dump()));
    ++figures.documents;
    if ((devices += count) >= kOwnBlockDevices) apply();
    return refused.empty() && !interrupted();
  });
  if (!waiting.empty()) apply();
  if (!refused.empty()) return failed("a generated registration was refused: " + refused);
  figures.load_s = seconds_since(begin);
  figures.triples = ledger::triple_count(**store);
  // As a node starts: nothing of the load is in memory any more.
  ledger->reset();
  store->reset();
  const double before_mib = process_mib();
  const auto opening = BenchClock::now();
  store = ledger::open_rocks_store(folder);
  if (!store) return passed_on(store.error());
  ledger = ledger::Ledger::open(**store, genesis, *initial, options);
  if (!ledger) return passed_on(ledger.error());
  figures.open_s = seconds_since(opening);
  figures.columns_mib = static_cast<double>((*ledger)->columns_bytes()) / (1024 * 1024);
  figures.memory_mib = process_mib() - before_mib;
  figures.disk_mib = folder_bytes(folder) / (1024 * 1024);
  const auto snapshot = (*ledger)->snapshot();
  figures.conditions = measure_conditions(generator, snapshot->triples(), effort);
  return figures;
}

Outcome<OwnFigures> bench_own_http(const DeviceGenerator& generator, const Effort& effort) {
  auto cluster = BenchCluster::start(4);
  if (!cluster) return tl::unexpected(cluster.error());
  NodeClient node((*cluster)->urls()[0]);
  auto validators = node.validators();
  if (!validators) return tl::unexpected(validators.error());
  std::vector<std::string> members;
  for (const Json& member : validators->find("validators")->items()) members.push_back(member.find("id")->as_string());

  OwnFigures figures;
  figures.how = "HTTP: signed documents of at most " + std::to_string(kBatchDevices) + " devices, one after the other, four daemons";
  std::optional<Failure> problem;
  const auto begin = BenchClock::now();
  each_registration(generator, members, kBatchDevices, [&](std::uint64_t provider, std::size_t, const Json& body) {
    auto registered = node.write("POST", "/v1/devices", "device.register", provider_key(generator, provider), body);
    if (!registered) problem = registered.error();
    ++figures.documents;
    return registered.has_value() && !interrupted();
  });
  if (problem) return tl::unexpected(*problem);
  figures.load_s = seconds_since(begin);

  std::vector<std::string> selective;
  for (const Condition& condition : conditions(generator)) {
    const Json body = *parse_json(condition.body);
    ConditionFigures one;
    one.name = condition.name;
    auto answer = node.post_json("/v1/query", body);
    if (!answer) return tl::unexpected(answer.error());
    one.devices = answer->find("devices")->items().size();
    one.answer_ms = measure_ms(effort.repetitions, effort.budget_ms, [&] { (void)node.post_json("/v1/query", body); });
    figures.conditions.push_back(std::move(one));
    if (condition.selective) {
      selective.push_back("POST /v1/query HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: " +
                          std::to_string(condition.body.size()) + "\r\n\r\n" + condition.body);
    }
  }
  std::size_t next = 0;
  const LoadResult load =
      run_load({{(*cluster)->targets()[0]}, 8, 0, std::chrono::milliseconds(effort.budget_ms), [&] { return selective[next++ % selective.size()]; }});
  figures.http_per_second = load.seconds > 0 ? static_cast<double>(load.done()) / load.seconds : 0;
  figures.http_p50_ms = percentile(load.latencies_ms, 0.5);
  figures.http_p99_ms = percentile(load.latencies_ms, 0.99);
  return figures;
}

}  // namespace agiddi::tools
