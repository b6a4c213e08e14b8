// Discovery over generated devices: loads our store and measures the query set on it, then our own conditions, then the same queries on other stores.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "protocol/crypto/crypto.h"
#include "tools/benchmark/footprint.h"
#include "tools/benchmark/discovery/report.h"
#include "tools/benchmark/discovery/store.h"
#include "tools/benchmark/discovery/timing.h"

namespace agiddi::tools {
namespace {

constexpr std::uint64_t kBlockDevices = 1000, kParts = 4;
constexpr std::int64_t kCheckedDevicesMax = 10'000;   // the reference holds everything in ordered maps
constexpr std::int64_t kMix_ms = 4'000;

class Folder {
 public:
  static Outcome<Folder> make() {
    std::string path = (std::filesystem::temp_directory_path() / "agiddi-discovery-XXXXXX").string();
    if (!::mkdtemp(path.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
    return Folder(std::move(path));
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Only the store's own time counts, not the making of devices.
Outcome<LoadFigures> load(const DeviceGenerator& generator, const std::string& folder, StoreKind kind) {
  LoadFigures figures;
  figures.devices = generator.count();
  figures.memory_before_mib = process_mib();
  auto store = open_bench_store(folder, kind);
  if (!store) return tl::unexpected(store.error());
  ledger::TripleChanges block;
  for (std::uint64_t index = 0; index < generator.count() && !interrupted(); ++index) {
    for (ledger::Triple& triple : peer_triples(generator.device(index))) block.push_back({std::move(triple), true});
    if ((index + 1) % kBlockDevices != 0 && index + 1 != generator.count()) continue;
    const auto start = BenchClock::now();
    (*store)->apply(block);
    figures.seconds += seconds_since(start);
    block.clear();
    ++figures.blocks;
  }
  figures.triples = (*store)->triples();
  return figures;
}

// The same devices as files of N-Triples, for those that read files.
std::vector<std::string> write_parts(const DeviceGenerator& generator, const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::vector<std::string> parts;
  for (std::uint64_t part = 0; part < kParts; ++part) {
    parts.push_back(folder + "/part-" + std::to_string(part) + ".nt");
    std::ofstream file(parts.back(), std::ios::binary);
    for (std::uint64_t index = generator.count() * part / kParts; index < generator.count() * (part + 1) / kParts; ++index) {
      for (const ledger::Triple& triple : peer_triples(generator.device(index))) file << ledger::ntriples(triple) << "\n";
    }
  }
  return parts;
}

// Nothing, or what is wrong with our rows.
std::string check_rows(const DeviceGenerator& generator, const std::vector<QueryFigures>& measured) {
  std::vector<ledger::Triple> triples;
  for (std::uint64_t index = 0; index < generator.count(); ++index) {
    for (ledger::Triple& triple : peer_triples(generator.device(index))) triples.push_back(std::move(triple));
  }
  const auto reference = ledger::make_memory_triples(triples);
  std::string faults;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const std::string fault = fault_of(peer_queries()[i], measured[i], *reference);
    if (!fault.empty()) faults += (faults.empty() ? "" : "; ") + fault;
  }
  return faults;
}

Outcome<void> measure_store(const DeviceGenerator& generator, const std::string& folder, StoreKind kind, const Effort& effort, DiscoveryFigures& figures) {
  const auto start = BenchClock::now();
  auto store = open_bench_store(folder, kind);
  if (!store) return tl::unexpected(store.error());
  const auto triples = (*store)->view();
  figures.load.open_ms = 1000 * seconds_since(start);
  const auto first = BenchClock::now();
  if (const auto answer = run_query(peer_queries().back().text, *triples); !answer) return passed_on(answer.error());
  figures.load.first_query_ms = 1000 * seconds_since(first);
  std::vector<PeerQuery> mix;
  for (const PeerQuery& query : peer_queries()) {
    figures.queries.push_back(measure_query(query, *triples, effort));
    static constexpr std::string_view kMixed[] = {"q1", "q3", "q4", "q5", "q8"};
    if (std::find(std::begin(kMixed), std::end(kMixed), query.name) != std::end(kMixed)) mix.push_back(query);
  }
  for (const int threads : {1, 2}) figures.mixes.push_back(measure_mix(mix, *triples, threads, std::min(kMix_ms, effort.budget_ms)));
  figures.load.disk_bytes = folder_bytes(folder);   // what was only in the log has reached the tables when the store was opened again
  figures.load.memory_mib = process_mib();
  if (figures.load.devices > kCheckedDevicesMax) return {};
  if (const std::string faults = check_rows(generator, figures.queries); !faults.empty()) return failed(faults);
  figures.checked = true;
  return {};
}

}  // namespace

Outcome<Answer> bench_discovery(const DiscoveryOptions& options) {
  const std::vector<std::string> peers = options.no_peers ? std::vector<std::string>{} : options.peers.empty() ? peer_names() : options.peers;
  for (const std::string& peer : peers) {
    if (std::find(peer_names().begin(), peer_names().end(), peer) == peer_names().end()) return wrong_usage("there is no peer " + peer);
  }
  crypto_init();
  const Interruption interruption;
  auto folder = Folder::make();
  if (!folder) return tl::unexpected(folder.error());
  const DeviceGenerator generator(static_cast<std::uint64_t>(options.seed), static_cast<std::uint64_t>(options.devices));
  Effort effort;
  effort.repetitions = options.repetitions;
  effort.tiny_repetitions = 5 * options.repetitions;
  effort.budget_ms = std::min<std::int64_t>(effort.budget_ms, 20 * options.repetitions);

  const StoreKind kind = options.store == "disk" ? StoreKind::disk : StoreKind::columns;
  DiscoveryFigures figures;
  auto loaded = load(generator, *folder / "store", kind);
  if (!loaded) return tl::unexpected(loaded.error());
  if (interrupted()) return failed("interrupted");
  figures.load = *loaded;
  if (auto measured = measure_store(generator, *folder / "store", kind, effort, figures); !measured) return tl::unexpected(measured.error());

  if (options.own != "none" && !interrupted()) {
    auto own = options.own == "bulk" ? bench_own_bulk(generator, *folder / "own", kind, effort) : bench_own_http(generator, effort);
    if (!own) return tl::unexpected(own.error());
    figures.own = std::move(*own);
  }
  if (!peers.empty() && !interrupted()) {
    const std::vector<std::string> parts = write_parts(generator, *folder / "parts");
    for (const std::string& peer : peers) {
      if (!interrupted()) figures.peers.push_back(run_peer(peer, *folder / peer, parts, peer_queries(), figures.load.triples, effort));
    }
  }
  if (interrupted()) return failed("interrupted");
  Answer answer = report(options, figures);
  if (options.figures.empty()) return answer;
  std::ofstream file(options.figures);
  file << answer.document.pretty() << "\n";
  if (!file.flush()) return failed("cannot write " + options.figures);
  return answer;
}

}  // namespace agiddi::tools
