// How fast triples reach the disk and come back: blocks of device-like stars, each one synced batch, as Ledger::apply writes them.
//   ledger_bench FOLDER|memory [DEVICES per block] [BLOCKS]
// Prints figures for people; asserts no times.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ledger/triple_store.h"
#include "protocol/crypto/crypto.h"

using namespace agiddi;
using namespace agiddi::ledger;

namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

constexpr int kPropertiesOfSensor = 6;

// 25 triples: a device with ten of its own and two sensors.
void add_device(TripleChanges& changes, std::uint64_t number) {
  static const std::string ns = "https://w3id.org/agiddi/ontology#";
  const Term device = Term::iri("urn:agiddi:device:" + blake2b(std::to_string(number)).hex());
  const auto add = [&](const Term& s, const std::string& p, Term o) { changes.push_back({{s, Term::iri(ns + p), std::move(o)}, true}); };
  const auto decimal = [](std::uint64_t milli) {
    const std::string rest = std::to_string(1000 + milli % 1000).substr(1);
    return Term::typed(std::to_string(milli / 1000) + "." + rest, xsd::decimal);
  };
  add(device, "type", Term::iri(ns + "WeatherStation"));
  add(device, "name", Term::literal("Station number " + std::to_string(number)));
  add(device, "lat", decimal(number * 37 % 180'000));
  add(device, "long", decimal(number * 91 % 360'000));
  add(device, "provider", Term::iri("did:key:z6Mk" + std::to_string(number % 50)));
  add(device, "costPerMinute", decimal(number * 13 % 9'000));
  add(device, "currency", Term::literal("EUR"));
  add(device, "version", Term::typed("1", xsd::integer));
  add(device, "registeredAt", Term::typed("2026-01-31T08:00:00.000Z", xsd::date_time));
  for (int k = 0; k < 2; ++k) {
    const Term sensor = Term::iri(device.value + "#sensor" + std::to_string(k));
    add(device, "hosts", sensor);
    add(sensor, "type", Term::iri(ns + "Sensor"));
    add(sensor, "observes", Term::iri(ns + (k ? "Humidity" : "Temperature")));
    add(sensor, "unit", Term::iri(ns + (k ? "PERCENT" : "DEG_C")));
    for (int i = 3; i < kPropertiesOfSensor + 1; ++i) add(sensor, "value" + std::to_string(i), decimal(number * static_cast<std::uint64_t>(i) % 200'000));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: ledger_bench FOLDER|memory [DEVICES per block] [BLOCKS]\n");
    return 2;
  }
  crypto_init();
  const std::uint64_t devices = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
  const std::uint64_t blocks = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 20;
  std::unique_ptr<KvStore> store;
  if (std::string(argv[1]) == "memory") {
    store = make_memory_store();
  } else {
    auto opened = open_rocks_store(argv[1]);
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
      return 1;
    }
    store = *std::move(opened);
  }

  const auto cache = make_term_cache();
  TripleWriter writer(*store, cache);
  double encode_ms = 0, write_ms = 0;
  std::vector<double> block_ms;
  std::uint64_t triples = 0;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    TripleChanges changes;
    for (std::uint64_t d = 0; d < devices; ++d) add_device(changes, b * devices + d);
    triples += changes.size();
    const auto start = Clock::now();
    KvBatch batch;
    writer.encode(changes, batch);
    const double encoded = ms_since(start);
    store->write(batch, true);
    block_ms.push_back(ms_since(start));
    encode_ms += encoded;
    write_ms += block_ms.back() - encoded;
  }
  std::sort(block_ms.begin(), block_ms.end());
  std::printf("%llu triples in %llu blocks: %.0f triples/s (encode %.0f ms, write %.0f ms); block p50 %.1f ms, max %.1f ms\n",
              static_cast<unsigned long long>(triples), static_cast<unsigned long long>(blocks), 1000.0 * static_cast<double>(triples) / (encode_ms + write_ms),
              encode_ms, write_ms, block_ms[block_ms.size() / 2], block_ms.back());

  const auto snapshot = store->snapshot();
  const auto source = make_triple_source(*snapshot, cache);
  const TermId cost = source->find(Term::iri("https://w3id.org/agiddi/ontology#costPerMinute"));
  const TermId type = source->find(Term::iri("https://w3id.org/agiddi/ontology#type"));
  const Term low = Term::typed("1.0", xsd::decimal), high = Term::typed("2.0", xsd::decimal);
  const auto measure = [&](const char* name, int rounds, const auto& run) {
    const auto start = Clock::now();
    std::uint64_t rows = 0;
    for (int i = 0; i < rounds; ++i) rows += run();
    const double ms = ms_since(start);
    std::printf("%-44s %9.2f us a call, %.2f us a row\n", name, 1000 * ms / rounds, rows ? 1000 * ms / static_cast<double>(rows) : 0.0);
  };
  measure("price range, first 100 in order", 200, [&] {
    std::uint64_t rows = 0;
    source->scan_range(cost, {ValueRange::Kind::number, &low, &high}, [&](TermId, TermId) { return ++rows < 100; });
    return rows;
  });
  std::vector<TermId> subjects;
  source->scan({kNoTerm, type, kNoTerm}, [&](TermId s, TermId, TermId) {
    subjects.push_back(s);
    return subjects.size() < 5000;
  });
  std::size_t at = 0;
  measure("all triples of a subject", 2000, [&] {
    std::uint64_t rows = 0;
    source->scan({subjects[at++ % subjects.size()], kNoTerm, kNoTerm}, [&](TermId, TermId, TermId) { return ++rows > 0; });
    return rows;
  });
  measure("probe of one subject and predicate", 5000, [&] {
    std::uint64_t rows = 0;
    source->scan({subjects[at++ % subjects.size()], type, kNoTerm}, [&](TermId, TermId, TermId) { return ++rows > 0; });
    return rows;
  });
  measure("term of an id", 20000, [&] { return source->term(subjects[at++ % subjects.size()]).value.empty() ? 0u : 1u; });
  const TermId station = source->find(Term::iri("https://w3id.org/agiddi/ontology#WeatherStation"));
  measure("estimate of a long run", 200, [&] { return source->estimate({kNoTerm, type, station}) > 0 ? 1u : 0u; });
  measure("snapshot of the store", 2000, [&] { return store->snapshot() ? 1u : 0u; });
  return 0;
}
