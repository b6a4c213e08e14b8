#include <algorithm>
#include <bitset>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

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

// Writes text at once: the values of an answer with many devices are never held as a tree.
class JsonLdWriter {
 public:
  explicit JsonLdWriter(std::span<const TripleView> triples) {
    std::size_t star = 0;
    const Term* last = nullptr;
    for (const TripleView& triple : triples) {
      // As a rule a subject's triples stand together.
      if (last == nullptr || (triple.subject != last && *triple.subject != *last)) {
        const auto [known, fresh] = (triple.subject->is_iri() ? iris_ : blanks_).try_emplace(triple.subject->value, stars_.size());
        if (fresh) stars_.push_back({triple.subject, {}, false});
        star = known->second;
      }
      stars_[star].triples.push_back(&triple);
      last = triple.subject;
    }
  }

  std::string text(std::string_view root) {
    std::string nodes;
    std::size_t count = 0;
    const auto add = [&](Star& star, int depth) {
      if (count++ > 0) nodes.push_back(',');
      node(nodes, star, depth);
    };
    if (const auto found = iris_.find(root); found != iris_.end()) add(stars_[found->second], kDepthMax);
    for (Star& star : stars_) {
      if (!star.written) add(star, 0);
    }
    used_.close();
    std::string out = "{\"@context\":";
    out.reserve(nodes.size() + 2'048);
    append_context(out, used_);
    out.push_back(',');
    if (count == 1 && !root.empty()) return out.append(nodes, 1);   // the members of the one node, and its end
    return out + "\"@graph\":[" + nodes + "]}";
  }

 private:
  static constexpr int kDepthMax = 4;

  struct Star {
    const Term* subject;
    std::vector<const TripleView*> triples;
    bool written;
  };
  // Under which names a predicate's values stand: that of the context if they fit it, else its own.
  struct Predicate {
    const ContextTerm* term = nullptr;
    bool is_type = false;
    std::string own_name;                        // made when it is needed
    std::size_t star = 0;                        // the node in which it was met last,
    std::size_t rank = 0, own_rank = 0;          // and there, from 1, which member each name is; 0: none
  };
  struct Member {
    std::size_t rank;
    std::string_view name;
    const ContextTerm* term;                     // null: its own name
    const Term* object;
  };

  Predicate& predicate(const std::string& iri) {
    const auto [entry, fresh] = predicates_.try_emplace(iri);
    if (fresh) {
      const auto known = terms_by_iri().find(iri);
      entry->second.term = known == terms_by_iri().end() ? nullptr : known->second;
      entry->second.is_type = iri == kType;
    }
    return entry->second;
  }

  // Members in the order of their first values; types read best first.
  std::vector<Member> members_of(const Star& star) {
    ++node_;
    std::size_t ranks = 0;
    std::vector<Member> members;
    members.reserve(star.triples.size());
    for (const TripleView* triple : star.triples) {
      const Term& object = *triple->object;
      Predicate& known = predicate(triple->predicate->value);
      if (known.is_type && !object.is_literal()) {
        members.push_back({0, "@type", nullptr, &object});
        continue;
      }
      if (std::exchange(known.star, node_) != node_) known.rank = known.own_rank = 0;
      const ContextTerm* term = known.term && fits(*known.term, object) ? known.term : nullptr;
      if (term) used_.terms.set(static_cast<std::size_t>(term - kTerms));
      else if (known.own_name.empty()) known.own_name = short_name(triple->predicate->value);
      std::size_t& rank = term ? known.rank : known.own_rank;
      if (rank == 0) rank = ++ranks;
      members.push_back({rank, term ? term->name : std::string_view(known.own_name), term, &object});
    }
    const auto before = [](const Member& a, const Member& b) { return a.rank < b.rank; };
    if (!std::is_sorted(members.begin(), members.end(), before)) std::stable_sort(members.begin(), members.end(), before);
    return members;
  }

  void node(std::string& out, Star& star, int depth) {
    star.written = true;
    const std::vector<Member> members = members_of(star);
    out += "{\"@id\":";
    append_json_string(out, node_id(*star.subject));
    for (auto first = members.begin(); first != members.end();) {
      const auto end = std::find_if(first, members.end(), [&](const Member& other) { return other.rank != first->rank; });
      const bool many = end - first > 1;
      out.push_back(',');
      append_json_string(out, first->name);
      out += many ? ":[" : ":";
      for (auto one = first; one != end; ++one) {
        if (one != first) out.push_back(',');
        if (one->rank == 0) append_json_string(out, type_name(*one->object));
        else value(out, *one->object, one->term, depth);
      }
      if (many) out.push_back(']');
      first = end;
    }
    out.push_back('}');
  }

  // Types are relative to @vocab, our namespace: "WeatherStation".
  std::string type_name(const Term& type) {
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

  void literal_value(std::string& out, const Term& literal) {
    if (literal.language.empty() && literal.datatype.empty()) return append_json_string(out, literal.value);
    const bool is_truth = literal.datatype == ledger::xsd::boolean && (literal.value == "true" || literal.value == "false");
    if (literal.language.empty() && (is_truth || is_native_integer(literal))) {
      out += literal.value;
      return;
    }
    out += "{\"@value\":";
    append_json_string(out, literal.value);
    out += literal.language.empty() ? ",\"@type\":" : ",\"@language\":";
    append_json_string(out, literal.language.empty() ? short_name(literal.datatype) : literal.language);
    out.push_back('}');
  }

  void value(std::string& out, const Term& object, const ContextTerm* term, int depth) {
    if (object.is_literal()) {
      if (term && term->coercion != Coercion::none) return append_json_string(out, object.value);
      return literal_value(out, object);
    }
    if (depth > 0) {
      const auto& known = object.is_iri() ? iris_ : blanks_;
      const auto found = known.find(object.value);
      if (found != known.end() && !stars_[found->second].written) return node(out, stars_[found->second], depth - 1);
    }
    if (!term) out += "{\"@id\":";
    append_json_string(out, node_id(object));
    if (!term) out.push_back('}');
  }

  std::vector<Star> stars_;                                                    // in the order of their first triples
  std::unordered_map<std::string_view, std::size_t> iris_, blanks_;            // stars by the text of their subject
  std::unordered_map<std::string_view, Predicate> predicates_;
  std::size_t node_ = 0;                                                       // counts them
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

std::string write_jsonld(std::span<const TripleView> triples, std::string_view root) { return JsonLdWriter(triples).text(root); }

std::string write_jsonld(const std::vector<Triple>& triples, std::string_view root) {
  std::vector<TripleView> views;
  views.reserve(triples.size());
  for (const Triple& triple : triples) views.push_back({&triple.subject, &triple.predicate, &triple.object});
  return write_jsonld(views, root);
}

}  // namespace agiddi::ontology
