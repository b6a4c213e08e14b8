#include "tools/benchmark/discovery/store.h"

namespace agiddi::tools {
namespace {

class RocksBenchStore final : public BenchStore {
 public:
  explicit RocksBenchStore(std::unique_ptr<ledger::KvStore> store)
      : store_(std::move(store)), cache_(ledger::make_term_cache()), writer_(*store_, cache_) {}

  void apply(const ledger::TripleChanges& block) override {
    ledger::KvBatch batch;
    writer_.encode(block, batch);
    store_->write(batch, true);
  }

  std::shared_ptr<const ledger::TripleSource> view() const override {
    struct View {
      std::shared_ptr<const ledger::KvReader> reader;
      std::unique_ptr<const ledger::TripleSource> source;
    };
    auto view = std::make_shared<View>();
    view->reader = store_->snapshot();
    view->source = ledger::make_triple_source(*view->reader, cache_);
    return {view, view->source.get()};
  }

  std::uint64_t triples() const override { return ledger::triple_count(*store_); }

 private:
  std::unique_ptr<ledger::KvStore> store_;
  std::shared_ptr<ledger::TermCache> cache_;
  ledger::TripleWriter writer_;
};

}  // namespace

Outcome<std::unique_ptr<BenchStore>> open_bench_store(const std::string& folder) {
  auto opened = ledger::open_rocks_store(folder);
  if (!opened) return passed_on(opened.error());
  return std::make_unique<RocksBenchStore>(std::move(*opened));
}

}  // namespace agiddi::tools
