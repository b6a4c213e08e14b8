#include "ledger/check_store.h"

#include <algorithm>
#include <array>
#include <map>

#include "ledger/columns/term_table.h"
#include "ledger/dictionary.h"
#include "ledger/disk_indexes.h"
#include "ledger/layout.h"
#include "ledger/receipts.h"
#include "ledger/star.h"
#include "ledger/state_digest.h"
#include "protocol/proof.h"

namespace agiddi::ledger {
namespace {

constexpr std::size_t kFindingsMax = 100;

class Checker {
 public:
  Checker(const KvReader& reader, const TripleRules& rules) : reader_(reader), rules_(rules) {}

  std::vector<std::string> run() {
    height_ = layout::meta_number(reader_, layout::kHeight);
    first_ = layout::first_block(reader_);
    if (reader_.get(Column::meta, layout::kInstalling)) {
      found("the installation of a snapshot is not finished: start the node, which finishes it");
      return std::move(findings_);
    }
    check_chain();
    check_member_changes();
    check_state();
    if (check_dictionary() && check_triples() && rules_.derive) check_derived();
    return std::move(findings_);
  }

 private:
  bool found(std::string finding) {
    if (findings_.size() < kFindingsMax) findings_.push_back(std::move(finding));
    return findings_.size() < kFindingsMax;
  }

  std::optional<BlockHeader> read_header(std::uint64_t height) {
    const auto raw = reader_.get(Column::blocks, layout::key(layout::kHeader, height));
    const std::string name = "block " + std::to_string(height);
    if (!raw) {
      found(name + " has no header");
      return std::nullopt;
    }
    auto header = decode_header(*raw);
    if (header && header->height == height) return std::move(*header);
    found(name + " has a header that cannot be read");
    return std::nullopt;
  }

  void check_chain() {
    if (const auto genesis = read_header(0)) check_body("block 0", *genesis);
    std::optional<BlockHeader> previous;
    // Where the chain does not begin with block 1, the header below its first block is there only after a snapshot was installed.
    const bool has_base = first_ == 1 || first_ == height_ + 1 || reader_.get(Column::blocks, layout::key(layout::kHeader, first_ - 1)).has_value();
    if (has_base) previous = read_header(first_ - 1);
    if (previous) last_ = previous;
    for (std::uint64_t h = first_; h <= height_ && findings_.size() < kFindingsMax; ++h) {
      const std::string name = "block " + std::to_string(h);
      auto header = read_header(h);
      if (header) {
        if (previous && header->previous_hash != previous->hash()) found(name + " does not continue block " + std::to_string(h - 1));
        check_body(name, *header);
        last_ = header;
      }
      previous = std::move(header);
    }
    if (reader_.get(Column::blocks, layout::key(layout::kHeader, height_ + 1))) found("there is a block above the applied height");
    if (first_ > 2) {
      std::size_t left = 0;
      for (const char kind : {layout::kHeader, layout::kBatch, layout::kCertificate, layout::kReceipt, layout::kRepeated}) {
        reader_.scan(Column::blocks, layout::key(kind, std::uint64_t{1}), layout::key(kind, first_ - 1), [&](BytesView, BytesView) {
          ++left;
          return true;
        });
      }
      if (left > 0) found(std::to_string(left) + " records of blocks below the first block, " + std::to_string(first_) + ", were left behind");
    }
  }

  // Each decided its own epoch by the members that the one before decided; who the members of epoch 0 are is genesis's to say.
  void check_member_changes() {
    std::optional<MemberEpoch> before;
    const Bytes prefix(1, layout::kMemberChange);
    reader_.scan(Column::blocks, prefix, prefix_end(prefix), [&](BytesView key, BytesView value) {
      const std::uint64_t epoch = key.size() == 9 ? read_u64_be(key.substr(1)) : 0;
      const std::string name = "the change of members to epoch " + std::to_string(epoch);
      const auto change = decode_member_change(value);
      const auto receipt = change ? decode_receipt(change->receipt) : fail(Status::invalid, "");
      const auto result = receipt ? parse_json(receipt->result) : fail(Status::invalid, "");
      const Json* decided = result ? result->find("decided") : nullptr;
      auto next = decided != nullptr ? member_epoch_from_json(*decided) : fail(Status::invalid, "");
      const bool holds = next && next->members.epoch() == epoch &&
                         (!before || before->members.epoch() + 1 != epoch || verify_member_change(*change, *before, change->header.network));
      if (!holds) found(name + " does not hold");
      before = next ? std::optional(std::move(*next)) : std::nullopt;
      return findings_.size() < kFindingsMax;
    });
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
      const auto repeated = reader_.get(Column::blocks, layout::repeated(header.height, static_cast<std::uint32_t>(ids.size())));
      ids.emplace_back(id.view());
      const auto stored = reader_.get(Column::transactions, layout::key(layout::kApplied, id.view()));
      const auto transaction = repeated                         ? decode_transaction(*repeated)
                               : stored && stored->size() > 12 ? decode_transaction(BytesView(*stored).substr(12))
                                                               : fail(Status::internal, "missing");
      if (!transaction || transaction->id != id) found(name + " lacks the body of transaction " + id.hex());
    }
    const bool whole = visit_receipts(reader_, header.height, [&](BytesView value) { receipts.emplace_back(value); });
    if (merkle_root(ids) != header.transaction_root) found(name + " has another transaction root than its transactions give");
    if (!whole || receipts.size() != ids.size() || merkle_root(receipts) != header.receipt_root) {
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

  // Whether all of them could be read.
  bool check_triples() {
    std::map<TermId, std::uint64_t> by_predicate;
    std::uint64_t total = 0;
    bool whole = true;
    const bool indexed = has_disk_indexes(reader_);
    reader_.scan(Column::stars, {}, {}, [&](BytesView key, BytesView packed) {
      whole = whole && key.size() == 8 && known(read_u64_be(key));
      if (key.size() != 8) return found("the column of stars has a key of " + std::to_string(key.size()) + " bytes");
      const TermId subject = read_u64_be(key);
      if (!known(subject) || tag_of(subject) > TermTag::blank) return found("a star's subject is not in the dictionary");
      const std::uint64_t before = total;
      StarWalk at(packed);
      while (at.next()) {
        const auto& [predicate, object] = at.here();
        ++total;
        ++by_predicate[predicate];
        if (!known(predicate) || !known(object)) return found("a triple names a term that the dictionary does not have");
        if (indexed && !reader_.get(Column::pos, layout::triple(predicate, object, subject))) return found("a triple is not in the pos index");
      }
      if (!at.damaged() && total > before) return true;
      whole = false;
      return found("the star of " + decode_term(terms_.encoded(payload_of(subject))).value + " cannot be read");
    });
    std::uint64_t count = 0;
    reader_.scan(Column::pos, {}, {}, [&](BytesView, BytesView) {
      ++count;
      return true;
    });
    if (indexed && count != total) found("the pos index has " + std::to_string(count) + " triples, the stars have " + std::to_string(total));
    if (layout::meta_number(reader_, layout::kTriples) != total) found("the count of triples is wrong");
    const Bytes prefix(layout::kPredicatePrefix);
    reader_.scan(Column::meta, prefix, prefix_end(prefix), [&](BytesView key, BytesView value) {
      const auto it = key.size() == prefix.size() + 8 ? by_predicate.find(read_u64_be(key.substr(prefix.size()))) : by_predicate.end();
      if (it == by_predicate.end() || value.size() != 8 || read_u64_be(value) != it->second) return found("the count of a predicate's triples is wrong");
      by_predicate.erase(it);
      return true;
    });
    if (!by_predicate.empty()) found("a predicate's triples are not counted");
    return whole;
  }

  // Read into memory, so that what follows finds terms and numbers. Whether it is whole.
  bool check_dictionary() {
    const std::uint64_t next = std::max<std::uint64_t>(1, layout::meta_number(reader_, layout::kNextTerm));
    std::vector<bool> seen(next);
    std::uint64_t terms = 0, keys = 0;
    const bool indexed = has_disk_indexes(reader_);
    const Bytes by_id(1, layout::kTermOfId), by_term(1, layout::kIdOfTerm);
    terms_.reserve(next);
    std::optional<columns::TermTable::Filler> filler(std::in_place, terms_);
    reader_.scan(Column::terms, by_id, prefix_end(by_id), [&](BytesView key, BytesView value) {
      const TermId id = key.size() == 9 ? read_u64_be(key.substr(1)) : kNoTerm;
      const std::uint64_t number = payload_of(id);
      if (number == 0 || number >= next || seen[number]) return found("the dictionary has an id that was never given out, or twice");
      if (!is_encoded_term(value) || tag_of_encoded(value) != tag_of(id)) return found("a dictionary term is of another kind than its id says");
      seen[number] = true;
      ++terms;
      filler->put(number, value);
      if (!indexed) return true;
      const auto back = reader_.get(Column::terms, term_key(value));
      return (back && *back == layout::u64(id)) || found("a dictionary term does not lead back to its id");
    });
    filler.reset();
    if (terms + 1 != next) {
      found("the dictionary has " + std::to_string(terms) + " terms, and " + std::to_string(next - 1) + " were given out");
      return false;
    }
    terms_.filled(terms);
    if (!indexed) return true;
    reader_.scan(Column::terms, by_term, prefix_end(by_term), [&](BytesView, BytesView) {
      ++keys;
      return true;
    });
    if (terms != keys) found("the dictionary has " + std::to_string(terms) + " ids and " + std::to_string(keys) + " terms");
    return true;
  }

  bool known(TermId id) const {
    if (is_inline(id)) return true;
    const std::uint64_t number = payload_of(id);
    return number > 0 && number <= terms_.size() && terms_.id_of(number) == id;
  }
  TermId id_of(const Term& term) const {
    const TermId id = inline_id(term);
    return id != kNoTerm ? id : terms_.find(encode_term(term));
  }

  // Every triple that the rules derive from the world state must be there, and every other one must belong to a record of the past.
  void check_derived() {
    std::vector<std::array<TermId, 3>> derived;
    std::size_t missing = 0;
    TermId last = kNoTerm;
    Star star;
    rules_.derive(reader_, [&](const Triple& triple) {
      const std::array<TermId, 3> ids{id_of(triple.subject), id_of(triple.predicate), id_of(triple.object)};
      if (ids[0] != last || last == kNoTerm) star = ids[0] == kNoTerm ? Star() : read_star(reader_, ids[0]);
      last = ids[0];
      if (!std::binary_search(star.begin(), star.end(), PredicateObject{ids[1], ids[2]})) {
        if (++missing == 1) found("a triple that the world state implies is not there, of subject " + triple.subject.value);
      } else {
        derived.push_back(ids);
      }
    });
    if (missing > 1) found(std::to_string(missing) + " triples that the world state implies are not there");
    std::sort(derived.begin(), derived.end());
    TermId subject = kNoTerm;
    bool record = false;
    std::size_t surplus = 0;
    scan_stars(reader_, [&](TermId s, TermId p, TermId o) {
      if (std::binary_search(derived.begin(), derived.end(), std::array<TermId, 3>{s, p, o})) return true;
      if (s != subject) {
        subject = s;
        record = rules_.is_record(decode_term(terms_.encoded(payload_of(s))));
      }
      if (!record && ++surplus == 1) found("there is a triple that nothing on the ledger implies");
      return true;
    });
    if (surplus > 1) found(std::to_string(surplus) + " triples are there that nothing on the ledger implies");
  }

  const KvReader& reader_;
  const TripleRules& rules_;
  columns::TermTable terms_;
  std::uint64_t height_ = 0, first_ = 1;
  std::optional<BlockHeader> last_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> check_store(const KvReader& reader, const TripleRules& rules) { return Checker(reader, rules).run(); }

}  // namespace agiddi::ledger
