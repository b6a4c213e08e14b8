#include "tools/benchmark/discovery/store.h"

#include "ledger/columns/store.h"

namespace agiddi::tools {
namespace {

class RocksBenchStore final : public BenchStore {
 public:
  RocksBenchStore(std::unique_ptr<ledger::KvStore> store, StoreKind kind)
      : store_(std::move(store)), cache_(ledger::make_term_cache()), writer_(*store_, cache_, indexes_for(kind)) {
    if (kind != StoreKind::columns) return;
    columns_ = std::make_shared<ledger::columns::Store>(*store_, height_);
    writer_.use_dictionary([&terms = columns_->terms()](BytesView encoded) { return terms.find(encoded); });
  }

  void apply(const ledger::TripleChanges& block) override {
    ledger::KvBatch batch;
    const ledger::TripleIdChanges changes = writer_.encode(block, batch);
    if (columns_) columns_->apply(++height_, changes);
    store_->write(batch, true);
  }

  std::shared_ptr<const ledger::TripleSource> view() const override {
    if (columns_) return ledger::columns::make_source(columns_, columns_->at(height_));
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
  static ledger::DiskIndexes indexes_for(StoreKind kind) { return kind == StoreKind::columns ? ledger::DiskIndexes::left_out : ledger::DiskIndexes::kept; }

  std::unique_ptr<ledger::KvStore> store_;
  std::shared_ptr<ledger::TermCache> cache_;
  ledger::TripleWriter writer_;
  std::shared_ptr<ledger::columns::Store> columns_;   // null: not wanted
  std::uint64_t height_ = 0;
};

}  // namespace

Outcome<std::unique_ptr<BenchStore>> open_bench_store(const std::string& folder, StoreKind kind) {
  auto opened = ledger::open_rocks_store(folder);
  if (!opened) return passed_on(opened.error());
  return std::make_unique<RocksBenchStore>(std::move(*opened), kind);
}

}  // namespace agiddi::tools
