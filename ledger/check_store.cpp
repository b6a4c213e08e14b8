#include <map>

#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/ledger.h"

namespace agiddi::ledger {
namespace {

constexpr std::size_t kFindingsMax = 100;

class Checker {
 public:
  explicit Checker(const KvReader& reader) : reader_(reader) {}

  std::vector<std::string> run() {
    height_ = layout::meta_number(reader_, layout::kHeight);
    check_chain();
    check_state();
    check_triples();
    check_dictionary();
    return std::move(findings_);
  }

 private:
  bool found(std::string finding) {
    if (findings_.size() < kFindingsMax) findings_.push_back(std::move(finding));
    return findings_.size() < kFindingsMax;
  }

  void check_chain() {
    std::optional<BlockHeader> previous;
    for (std::uint64_t h = 0; h <= height_; ++h) {
      const std::string name = "block " + std::to_string(h);
      const auto raw = reader_.get(Column::blocks, layout::key(layout::kHeader, h));
      if (!raw) {
        if (!found(name + " has no header")) return;
        previous.reset();
        continue;
      }
      const auto header = decode_header(*raw);
      if (!header || header->height != h) {
        if (!found(name + " has a header that cannot be read")) return;
        previous.reset();
        continue;
      }
      if (previous && header->previous_hash != previous->hash()) found(name + " does not continue block " + std::to_string(h - 1));
      check_body(name, *header);
      previous = *header;
    }
    if (reader_.get(Column::blocks, layout::key(layout::kHeader, height_ + 1))) found("there is a block above the applied height");
    if (previous) last_ = previous;
  }

  void check_body(const std::string& name, const BlockHeader& header) {
    const auto raw = reader_.get(Column::blocks, layout::key(layout::kBatch, header.height));
    const auto batch = raw ? decode_batch(*raw) : fail(Status::internal, "missing");
    if (!batch || batch->digest() != header.batch_digest) {
      found(name + " has no batch, or another one than its header says");
      return;
    }
    std::vector<Bytes> ids, receipts;
    for (const Hash& id : batch->transactions) {
      ids.emplace_back(id.view());
      const auto stored = reader_.get(Column::transactions, layout::key(layout::kApplied, id.view()));
      const auto transaction = stored && stored->size() > 12 ? decode_transaction(BytesView(*stored).substr(12)) : fail(Status::internal, "missing");
      if (!transaction || transaction->id != id) found(name + " lacks the body of transaction " + id.hex());
    }
    const Bytes prefix = layout::key(layout::kReceipt, header.height);
    reader_.scan(Column::blocks, prefix, prefix_end(prefix), [&](BytesView, BytesView value) {
      receipts.emplace_back(value);
      return true;
    });
    if (merkle_root(ids) != header.transaction_root) found(name + " has another transaction root than its transactions give");
    if (receipts.size() != ids.size() || merkle_root(receipts) != header.receipt_root) {
      found(name + " has another receipt root than its receipts give");
    }
  }

  void check_state() {
    const auto raw = reader_.get(Column::meta, layout::kAccumulator);
    const auto stored = raw ? StateDigest::decode(*raw) : fail(Status::internal, "missing");
    const StateDigest counted = StateDigest::of(reader_);
    if (!stored || *stored != counted) found("the state accumulator is not that of the world state");
    if (last_ && last_->height == height_ && last_->state_digest != counted.digest()) {
      found("the world state does not have the digest that block " + std::to_string(height_) + " states");
    }
  }

  void check_triples() {
    std::map<TermId, std::uint64_t> by_predicate;
    std::uint64_t total = 0;
    const auto ids = [](BytesView key, TermId out[3]) {
      for (std::size_t i = 0; i < 3; ++i) out[i] = read_u64_be(key.substr(8 * i));
    };
    reader_.scan(Column::spo, {}, {}, [&](BytesView key, BytesView) {
      if (key.size() != 24) return found("the spo index has a key of " + std::to_string(key.size()) + " bytes");
      TermId t[3];
      ids(key, t);
      ++total;
      ++by_predicate[t[1]];
      if (!reader_.get(Column::pos, layout::triple(t[1], t[2], t[0]))) return found("a triple of the spo index is not in pos");
      if (!reader_.get(Column::osp, layout::triple(t[2], t[0], t[1]))) return found("a triple of the spo index is not in osp");
      return true;
    });
    for (const auto& [column, name] : {std::pair(Column::pos, "pos"), std::pair(Column::osp, "osp")}) {
      std::uint64_t count = 0;
      reader_.scan(column, {}, {}, [&](BytesView, BytesView) {
        ++count;
        return true;
      });
      if (count != total) found(std::string("the ") + name + " index has " + std::to_string(count) + " triples, spo has " + std::to_string(total));
    }
    if (layout::meta_number(reader_, layout::kTriples) != total) found("the count of triples is wrong");
    const Bytes prefix(layout::kPredicatePrefix);
    reader_.scan(Column::meta, prefix, prefix_end(prefix), [&](BytesView key, BytesView value) {
      const auto it = key.size() == prefix.size() + 8 ? by_predicate.find(read_u64_be(key.substr(prefix.size()))) : by_predicate.end();
      if (it == by_predicate.end() || value.size() != 8 || read_u64_be(value) != it->second) return found("the count of a predicate's triples is wrong");
      by_predicate.erase(it);
      return true;
    });
    if (!by_predicate.empty()) found("a predicate's triples are not counted");
  }

  void check_dictionary() {
    const std::uint64_t next = layout::meta_number(reader_, layout::kNextTerm);
    std::uint64_t terms = 0, keys = 0;
    const Bytes by_id(1, layout::kTermOfId), by_term(1, layout::kIdOfTerm);
    reader_.scan(Column::terms, by_id, prefix_end(by_id), [&](BytesView key, BytesView value) {
      ++terms;
      const TermId id = key.size() == 9 ? read_u64_be(key.substr(1)) : kNoTerm;
      if (id == kNoTerm || payload_of(id) >= next) return found("the dictionary has an id that was never given out");
      const auto back = reader_.get(Column::terms, term_key(value));
      if (!back || *back != layout::u64(id)) return found("a dictionary term does not lead back to its id");
      return true;
    });
    reader_.scan(Column::terms, by_term, prefix_end(by_term), [&](BytesView, BytesView) {
      ++keys;
      return true;
    });
    if (terms != keys) found("the dictionary has " + std::to_string(terms) + " ids and " + std::to_string(keys) + " terms");
    const auto known = [&](TermId id) { return is_inline(id) || reader_.get(Column::terms, layout::key(layout::kTermOfId, id)).has_value(); };
    TermId last = kNoTerm;
    reader_.scan(Column::osp, {}, {}, [&](BytesView key, BytesView) {
      if (key.size() != 24) return found("the osp index has a key of " + std::to_string(key.size()) + " bytes");
      const TermId object = read_u64_be(key);
      const bool sound = (object == last || known(object)) && known(read_u64_be(key.substr(8))) && known(read_u64_be(key.substr(16)));
      last = object;
      return sound || found("a triple names a term that the dictionary does not have");
    });
  }

  const KvReader& reader_;
  std::uint64_t height_ = 0;
  std::optional<BlockHeader> last_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> check_store(const KvReader& reader) { return Checker(reader).run(); }

}  // namespace agiddi::ledger
