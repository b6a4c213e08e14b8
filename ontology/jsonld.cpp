#include <algorithm>
#include <bitset>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "ontology/rdf_io.h"
#include "ontology/vocabulary.h"

namespace agiddi::ontology {
namespace {

using ledger::Term;
using ledger::Triple;

const std::string kType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

enum class Coercion { none, reference, decimal, date_time };

// A short name of the context: its IRI, and what its values are read as.
struct ContextTerm {
  std::string_view name, space, local;
  Coercion coercion;
};

constexpr ContextTerm kTerms[] = {
    {"name", ns::kSchema, "name", Coercion::none},
    {"description", ns::kSchema, "description", Coercion::none},
    {"priceCurrency", ns::kSchema, "priceCurrency", Coercion::none},
    {"lat", ns::kGeo, "lat", Coercion::decimal},
    {"long", ns::kGeo, "long", Coercion::decimal},
    {"alt", ns::kGeo, "alt", Coercion::decimal},
    {"hosts", ns::kSosa, "hosts", Coercion::reference},
    {"observes", ns::kSosa, "observes", Coercion::reference},
    {"madeBySensor", ns::kSosa, "madeBySensor", Coercion::reference},
    {"observedProperty", ns::kSosa, "observedProperty", Coercion::reference},
    {"hasResult", ns::kSosa, "hasResult", Coercion::reference},
    {"resultTime", ns::kSosa, "resultTime", Coercion::date_time},
    {"unit", ns::kQudt, "hasUnit", Coercion::reference},
    {"quantityKind", ns::kQudt, "hasQuantityKind", Coercion::reference},
    {"numericValue", ns::kQudt, "numericValue", Coercion::none},
    {"wasAttributedTo", ns::kProv, "wasAttributedTo", Coercion::reference},
    {"wasRevisionOf", ns::kProv, "wasRevisionOf", Coercion::reference},
    {"generatedAtTime", ns::kProv, "generatedAtTime", Coercion::date_time},
    {"startedAtTime", ns::kProv, "startedAtTime", Coercion::date_time},
    {"registeredAt", ns::kAgiddi, "registeredAt", Coercion::date_time},
    {"recordedIn", ns::kAgiddi, "recordedIn", Coercion::reference},
    {"recordedAtHeight", ns::kAgiddi, "recordedAtHeight", Coercion::none},
    {"version", ns::kAgiddi, "version", Coercion::none},
    {"place", ns::kAgiddi, "place", Coercion::none},
    {"rangeMin", ns::kAgiddi, "rangeMin", Coercion::decimal},
    {"rangeMax", ns::kAgiddi, "rangeMax", Coercion::decimal},
    {"accuracy", ns::kAgiddi, "accuracy", Coercion::decimal},
    {"rangeMinSI", ns::kAgiddi, "rangeMinSI", Coercion::decimal},
    {"rangeMaxSI", ns::kAgiddi, "rangeMaxSI", Coercion::decimal},
    {"accuracySI", ns::kAgiddi, "accuracySI", Coercion::decimal},
    {"samplingSeconds", ns::kAgiddi, "samplingSeconds", Coercion::decimal},
    {"costPerMinute", ns::kAgiddi, "costPerMinute", Coercion::decimal},
    {"costPerHour", ns::kAgiddi, "costPerHour", Coercion::decimal},
    {"costPerDay", ns::kAgiddi, "costPerDay", Coercion::decimal},
    {"costPerKilobyte", ns::kAgiddi, "costPerKilobyte", Coercion::decimal},
    {"costPerMegabyte", ns::kAgiddi, "costPerMegabyte", Coercion::decimal},
    {"paymentMethod", ns::kAgiddi, "paymentMethod", Coercion::none},
    {"payTo", ns::kAgiddi, "payTo", Coercion::none},
    {"accessProtocol", ns::kAgiddi, "accessProtocol", Coercion::none},
    {"sealedAccess", ns::kAgiddi, "sealedAccess", Coercion::none},
    {"measurementTemplate", ns::kAgiddi, "measurementTemplate", Coercion::reference},
    {"observations", ns::kAgiddi, "observation", Coercion::reference},
    {"device", ns::kAgiddi, "device", Coercion::reference},
    {"deviceVersion", ns::kAgiddi, "deviceVersion", Coercion::none},
};

const std::unordered_map<std::string, const ContextTerm*>& terms_by_iri() {
  static const auto kMap = [] {
    std::unordered_map<std::string, const ContextTerm*> map;
    for (const ContextTerm& term : kTerms) map[std::string(term.space) + std::string(term.local)] = &term;
    return map;
  }();
  return kMap;
}

bool fits(const ContextTerm& term, const Term& object) {
  switch (term.coercion) {
    case Coercion::reference: return !object.is_literal();
    case Coercion::decimal: return object.is_literal() && object.datatype == ledger::xsd::decimal;
    case Coercion::date_time: return object.is_literal() && object.datatype == ledger::xsd::date_time;
    case Coercion::none: return object.is_literal();
  }
  return false;
}

std::string compact_name(const std::string& iri) {
  std::string compact = compact_iri(iri);
  return compact.front() == '<' ? iri : compact;
}

// Integers whose canonical text survives JSON readers that use doubles.
bool is_native_integer(const Term& literal) {
  if (literal.datatype != ledger::xsd::integer) return false;
  std::string_view text = literal.value;
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool canonical = text == "0" || (!text.empty() && text.front() != '0');
  return canonical && literal.value != "-0" && text.size() <= 15 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A term's entry of a context, and the prefixes that it needs.
struct ContextEntry {
  std::string name;
  Json value;
  std::vector<std::string> prefixes;
};

ContextEntry entry_of(const ContextTerm& term) {
  const std::string id = compact_name(std::string(term.space) + std::string(term.local));
  ContextEntry entry{std::string(term.name), id, {id.substr(0, id.find(':'))}};
  switch (term.coercion) {
    case Coercion::none: break;
    case Coercion::reference: entry.value = Json::object({{"@id", id}, {"@type", "@id"}}); break;
    case Coercion::decimal: entry.value = Json::object({{"@id", id}, {"@type", "xsd:decimal"}}); break;
    case Coercion::date_time: entry.value = Json::object({{"@id", id}, {"@type", "xsd:dateTime"}}); break;
  }
  if (term.coercion == Coercion::decimal || term.coercion == Coercion::date_time) entry.prefixes.push_back("xsd");
  return entry;
}

const std::vector<ContextEntry>& context_entries() {
  static const std::vector<ContextEntry> kEntries = [] {
    std::vector<ContextEntry> entries;
    for (const ContextTerm& term : kTerms) entries.push_back(entry_of(term));
    return entries;
  }();
  return kEntries;
}

// What a document uses of our tables.
struct Used {
  std::bitset<std::size(kTerms)> terms;
  std::set<std::string, std::less<>> prefixes;

  // The prefixes that the terms' own entries need too.
  void close() {
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (!terms[i]) continue;
      for (const std::string& prefix : context_entries()[i].prefixes) prefixes.insert(prefix);
    }
  }
};

// The context of what is used, closed, in the order of our tables.
Json make_context(const Used& used) {
  Json context = Json::object({{"@vocab", ns::kAgiddi}});
  for (const Prefix& prefix : prefixes()) {
    if (used.prefixes.count(prefix.name)) context.set(std::string(prefix.name), prefix.iri);
  }
  for (std::size_t i = 0; i < used.terms.size(); ++i) {
    if (used.terms[i]) context.set(context_entries()[i].name, context_entries()[i].value);
  }
  return context;
}

// The same written at once, of entries that were written before: the context is half of a device's document.
void append_context(std::string& out, const Used& used) {
  struct Texts {
    std::string vocabulary;
    std::vector<std::string> prefixes, terms;   // as in prefixes() and kTerms, each behind a comma
  };
  static const Texts kTexts = [] {
    const auto member = [](std::string_view name, const Json& value) {
      std::string text;
      append_json_string(text, name);
      return text + ":" + value.dump();
    };
    Texts texts{member("@vocab", ns::kAgiddi), {}, {}};
    for (const Prefix& prefix : prefixes()) texts.prefixes.push_back("," + member(prefix.name, prefix.iri));
    for (const ContextEntry& entry : context_entries()) texts.terms.push_back("," + member(entry.name, entry.value));
    return texts;
  }();
  out += '{' + kTexts.vocabulary;
  for (std::size_t i = 0; i < prefixes().size(); ++i) {
    if (used.prefixes.count(prefixes()[i].name)) out += kTexts.prefixes[i];
  }
  for (std::size_t i = 0; i < used.terms.size(); ++i) {
    if (used.terms[i]) out += kTexts.terms[i];
  }
  out.push_back('}');
}

std::string node_id(const Term& term) { return term.is_iri() ? term.value : "_:" + term.value; }

class JsonLdWriter {
 public:
  explicit JsonLdWriter(const std::vector<TripleView>& triples) {
    auto star = stars_.end();
    const Term* last = nullptr;
    for (const TripleView& triple : triples) {
      // As a rule a subject's triples stand together.
      if (last == nullptr || (triple.subject != last && *triple.subject != *last)) {
        bool fresh = false;
        std::tie(star, fresh) = stars_.try_emplace(node_id(*triple.subject));
        if (fresh) order_.push_back(star->first);
      }
      star->second.push_back(&triple);
      last = triple.subject;
    }
  }

  Json run(std::string_view root) {
    Json rest = body(root);
    Json document = Json::object({{"@context", make_context(used_)}});
    for (auto& [name, value] : rest.members()) document.set(name, std::move(value));
    return document;
  }

  std::string text(std::string_view root) {
    const Json rest = body(root);
    std::string out = "{\"@context\":";
    append_context(out, used_);
    for (const auto& [name, value] : rest.members()) {
      out.push_back(',');
      append_json_string(out, name);
      out.push_back(':');
      out += value.dump();
    }
    out.push_back('}');
    return out;
  }

 private:
  static constexpr int kDepthMax = 4;

  // The members behind the context; what they use is known then.
  Json body(std::string_view root) {
    std::vector<Json> nodes;
    if (const auto found = stars_.find(root); found != stars_.end()) nodes.push_back(node(found->first, kDepthMax));
    for (const std::string& id : order_) {
      if (!written_.count(id)) nodes.push_back(node(id, 0));
    }
    used_.close();
    if (nodes.size() == 1 && !root.empty()) return std::move(nodes.front());
    return Json::object({{"@graph", Json(std::move(nodes))}});
  }

  Json node(const std::string& id, int depth) {
    written_.insert(id);
    Json out = Json::object({{"@id", id}});
    std::vector<std::pair<std::string, std::vector<Json>>> members;
    const auto add = [&](const std::string& key, Json value) {
      const auto found = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.first == key; });
      if (found != members.end()) {
        found->second.push_back(std::move(value));
      } else {
        members.emplace_back(key, std::vector<Json>()).second.push_back(std::move(value));
      }
    };
    for (const TripleView* triple : stars_.at(id)) {
      const std::string& predicate = triple->predicate->value;
      const Term& object = *triple->object;
      if (predicate == kType && !object.is_literal()) {
        add("@type", type_name(object));
        continue;
      }
      const auto known = terms_by_iri().find(predicate);
      const ContextTerm* term = known != terms_by_iri().end() && fits(*known->second, object) ? known->second : nullptr;
      if (term) used_.terms.set(static_cast<std::size_t>(term - kTerms));
      add(term ? std::string(term->name) : short_name(predicate), value(object, term, depth));
    }
    // The type reads best first.
    std::stable_partition(members.begin(), members.end(), [](const auto& member) { return member.first == "@type"; });
    for (auto& [key, values] : members) out.set(key, values.size() == 1 ? std::move(values.front()) : Json(std::move(values)));
    return out;
  }

  // Types are relative to @vocab, our namespace: "WeatherStation".
  Json type_name(const Term& type) {
    if (!type.is_iri()) return node_id(type);
    const std::string compact = compact_name(type.value);
    return compact.starts_with("agiddi:") ? compact.substr(7) : short_name(type.value);
  }

  // A prefixed name, whose prefix then stands in the context, or the whole IRI.
  std::string short_name(const std::string& iri) {
    std::string compact = compact_name(iri);
    if (compact != iri) used_.prefixes.insert(compact.substr(0, compact.find(':')));
    return compact;
  }

  Json literal_value(const Term& literal) {
    if (!literal.language.empty()) return Json::object({{"@value", literal.value}, {"@language", literal.language}});
    if (literal.datatype.empty()) return literal.value;
    if (is_native_integer(literal)) return Json::number(literal.value);
    if (literal.datatype == ledger::xsd::boolean && (literal.value == "true" || literal.value == "false")) return literal.value == "true";
    return Json::object({{"@value", literal.value}, {"@type", short_name(literal.datatype)}});
  }

  Json value(const Term& object, const ContextTerm* term, int depth) {
    if (object.is_literal()) {
      if (term && term->coercion != Coercion::none) return object.value;
      return literal_value(object);
    }
    const std::string id = node_id(object);
    if (depth > 0 && stars_.count(id) && !written_.count(id)) return node(id, depth - 1);
    if (term) return id;
    return Json::object({{"@id", id}});
  }

  std::map<std::string, std::vector<const TripleView*>, std::less<>> stars_;
  std::vector<std::string> order_;
  std::set<std::string> written_;
  Used used_;
};

}  // namespace

const Json& jsonld_context() {
  static const Json kContext = [] {
    Used all;
    all.terms.set();
    for (const Prefix& prefix : prefixes()) all.prefixes.insert(std::string(prefix.name));
    return make_context(all);
  }();
  return kContext;
}

Json write_jsonld(const std::vector<TripleView>& triples, std::string_view root) { return JsonLdWriter(triples).run(root); }
std::string write_jsonld_text(const std::vector<TripleView>& triples, std::string_view root) { return JsonLdWriter(triples).text(root); }

Json write_jsonld(const std::vector<Triple>& triples, std::string_view root) {
  std::vector<TripleView> views;
  views.reserve(triples.size());
  for (const Triple& triple : triples) views.push_back({&triple.subject, &triple.predicate, &triple.object});
  return write_jsonld(views, root);
}

}  // namespace agiddi::ontology
