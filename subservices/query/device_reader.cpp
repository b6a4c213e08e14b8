#include "subservices/query/device_reader.h"

#include <algorithm>
#include <charconv>

#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "protocol/transaction.h"

namespace agiddi::subservices {

using ledger::Term;
using ledger::TermId;

namespace {

std::uint64_t version_number(std::string_view version) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  AGIDDI_CHECK(error == std::errc() && end == version.data() + version.size(), "a device of the default graph has a version");
  return number;
}

}  // namespace

DeviceReader::DeviceReader(const ledger::TripleSource& triples, DeviceTexts* texts)
    : triples_(triples),
      texts_(texts),
      hosts_(triples.find(Term::iri(std::string(ontology::ns::kSosa) + "hosts"))),
      version_(triples.find(Term::iri(std::string(ontology::ns::kAgiddi) + "version"))) {}

DeviceStar DeviceReader::star(const std::string& urn) const {
  const TermId device = triples_.find(Term::iri(urn));
  return device == ledger::kNoTerm ? DeviceStar{} : read(device);
}

void DeviceReader::keep_text(const Hash& device, DeviceStar& star) const {
  if (!texts_ || version_ == ledger::kNoTerm) return;
  const auto known = predicates_.find(version_);
  if (known == predicates_.end()) return;
  const auto version = std::find_if(star.triples.begin(), star.triples.end(), [&](const auto& one) { return one.predicate == &known->second; });
  if (version == star.triples.end()) return;
  const std::uint64_t number = version_number(version->object->value);
  if (!texts_->has(device, number)) texts_->keep(device, number, ontology::metadata_text(star.triples, device));
}

bool DeviceReader::append_entry(std::string& out, const std::string& urn, const std::optional<std::string>& distance_km) const {
  const auto hash = device_from_urn(urn);
  AGIDDI_CHECK(hash.has_value(), "a device of the default graph has a device's id");
  const TermId device = triples_.find(Term::iri(urn));
  const std::string version = version_of(device);
  if (version.empty()) return false;
  const std::uint64_t number = version_number(version);

  out += "{\"id\":";
  append_json_string(out, urn);
  out += ",\"version\":" + version + ",\"metadata\":";
  if (!texts_ || !texts_->append(*hash, number, out)) {
    DeviceStar star = read(device);
    const std::string metadata = ontology::metadata_text(star.triples, *hash);
    if (texts_) texts_->keep(*hash, number, metadata);
    out += metadata;
  }
  if (distance_km) out += ",\"distanceKm\":" + *distance_km;
  out.push_back('}');
  return true;
}

std::string DeviceReader::version_of(TermId device) const {
  TermId version = ledger::kNoTerm;
  if (device != ledger::kNoTerm && version_ != ledger::kNoTerm) {
    triples_.scan({device, version_, ledger::kNoTerm}, [&](TermId, TermId, TermId object) {
      version = object;
      return false;
    });
  }
  return version == ledger::kNoTerm ? std::string() : triples_.term(version).value;
}

DeviceStar DeviceReader::read(TermId device) const {
  DeviceStar star;
  std::vector<TermId> sensors;
  read(device, star, &sensors);
  for (const TermId sensor : sensors) read(sensor, star, nullptr);
  return star;
}

void DeviceReader::read(TermId subject, DeviceStar& out, std::vector<TermId>* hosted) const {
  const Term* node = nullptr;
  triples_.scan({subject, ledger::kNoTerm, ledger::kNoTerm}, [&](TermId, TermId predicate, TermId object) {
    if (!node) node = &out.terms.emplace_back(triples_.term(subject));
    const auto [known, fresh] = predicates_.try_emplace(predicate);
    if (fresh) known->second = triples_.term(predicate);
    out.triples.push_back({node, &known->second, &out.terms.emplace_back(triples_.term(object))});
    if (hosted && predicate == hosts_) hosted->push_back(object);
    return true;
  });
}

}  // namespace agiddi::subservices
