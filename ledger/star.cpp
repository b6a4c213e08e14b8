#include "ledger/star.h"

#include <bit>

#include "ledger/layout.h"
#include "ledger/varint.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

constexpr std::uint64_t kZero = std::uint64_t{1} << 59;   // the payload of 0 as an integer or a decimal
constexpr std::size_t kNumberMax_bytes = 8;
constexpr int kPredicateMax_bytes = 8;    // of a varint: 56 bits

bool is_centred(TermTag tag) { return tag == TermTag::integer || tag == TermTag::decimal6 || tag == TermTag::decimal9; }
bool is_stored(TermTag tag) { return tag >= TermTag::iri && tag <= TermTag::date_time; }

void append_object(Bytes& out, TermId object) {
  const TermTag tag = tag_of(object);
  std::uint64_t number = payload_of(object);
  if (is_centred(tag)) number ^= kZero;
  const auto length = static_cast<int>((std::bit_width(number) + 7) / 8);
  out.push_back(static_cast<char>(static_cast<int>(tag) << 4 | length));
  for (int i = length - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i)));
}

}  // namespace

Bytes pack_star(const Star& star) {
  Bytes packed;
  packed.reserve(8 * star.size());
  for (const auto& [predicate, object] : star) {
    append_varint(packed, payload_of(predicate));
    append_object(packed, object);
  }
  return packed;
}

bool StarWalk::fail() {
  damaged_ = true;
  rest_ = {};
  return false;
}

bool StarWalk::next() {
  if (rest_.empty()) return false;
  std::uint64_t predicate = 0, number = 0;
  if (!take_varint(rest_, predicate, kPredicateMax_bytes) || rest_.empty()) return fail();
  const auto head = static_cast<unsigned char>(rest_.front());
  const auto tag = static_cast<TermTag>(head >> 4);
  const std::size_t length = head & 15;
  if (!is_stored(tag) || length > kNumberMax_bytes || rest_.size() <= length) return fail();
  for (std::size_t i = 1; i <= length; ++i) number = number << 8 | static_cast<unsigned char>(rest_[i]);
  rest_.remove_prefix(1 + length);
  if (is_centred(tag)) number ^= kZero;
  if (number > kPayloadMask) return fail();
  const PredicateObject found{make_id(TermTag::iri, predicate), make_id(tag, number)};
  if (here_.predicate != kNoTerm && found <= here_) return fail();
  here_ = found;
  return true;
}

Star read_star(const KvReader& reader, TermId subject) {
  Star star;
  const auto packed = reader.get(Column::stars, layout::u64(subject));
  if (!packed) return star;
  StarWalk at(*packed);
  while (at.next()) star.push_back(at.here());
  AGIDDI_CHECK(!at.damaged() && !star.empty(), "a stored star is whole");
  return star;
}

void scan_stars(const KvReader& reader, const std::function<bool(TermId, TermId, TermId)>& visit) {
  reader.scan(Column::stars, {}, {}, [&](BytesView key, BytesView packed) {
    AGIDDI_CHECK(key.size() == 8, "the key of a star is a term id");
    const TermId subject = read_u64_be(key);
    StarWalk at(packed);
    while (at.next()) {
      if (!visit(subject, at.here().predicate, at.here().object)) return false;
    }
    AGIDDI_CHECK(!at.damaged(), "a stored star is whole");
    return true;
  });
}

}  // namespace agiddi::ledger
