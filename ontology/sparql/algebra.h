// The algebra of a parsed query (SPARQL 1.1 section 18), made by the parser and read by the planner. Internal to the engine.
//
// A variable is a slot: a column of the one wide row in which a query binds values. Every (sub-)query has slots of its own, so a name
// that a sub-select does not project can never meet the same name outside; Node::projection says which inner slot feeds which
// outer one. Blank nodes of patterns are slots without a name. Nodes are immutable once parsed and are shared by threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/term.h"
#include "ontology/sparql/query.h"

namespace agiddi::ontology::sparql {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xffffffff;
inline constexpr std::size_t kSlotsMax = 2048;        // variables of a query, the unnamed ones included
inline constexpr std::size_t kTreeDepthMax = 300;     // of the algebra and of an expression: what the recursive passes may go down

struct Node;
struct Expr;
struct Path;
using NodePtr = std::shared_ptr<const Node>;
using ExprPtr = std::shared_ptr<const Expr>;
using PathPtr = std::shared_ptr<const Path>;

// A variable, or a term.
struct Atom {
  Slot slot = kNoSlot;
  ledger::Term term;
  bool is_variable() const { return slot != kNoSlot; }
  static Atom variable(Slot slot) { return {slot, {}}; }
  static Atom constant(ledger::Term term) { return {kNoSlot, std::move(term)}; }
};

struct Path {
  enum class Kind : std::uint8_t { link, inverse, sequence, alternative, zero_or_one, zero_or_more, one_or_more, negated };
  Kind kind = Kind::link;
  std::string iri;                             // link
  std::vector<PathPtr> parts;                  // the operands
  std::vector<std::string> forward, backward;  // negated: !(a | ^b)
  std::size_t depth = 1;
};

// Predicate or path between two nodes.
struct PatternTriple {
  Atom subject, predicate, object;
  PathPtr path;  // null for a plain triple pattern
};

enum class Builtin : std::uint8_t {
  str, lang, langmatches, datatype, bound, iri, bnode, rand, abs, ceil, floor, round, concat, strlen, ucase, lcase, encode_for_uri,
  contains, strstarts, strends, strbefore, strafter, year, month, day, hours, minutes, seconds, timezone, tz, now, uuid, struuid, md5,
  sha1, sha256, sha384, sha512, coalesce, if_, strlang, strdt, same_term, is_iri, is_blank, is_literal, is_numeric, regex, substr, replace,
};

struct Expr {
  enum class Kind : std::uint8_t {
    constant, variable, or_, and_, not_, equal, not_equal, less, less_equal, greater, greater_equal, in, not_in, add, subtract, multiply,
    divide, negate, plus, builtin, function, exists, not_exists,
  };
  Kind kind = Kind::constant;
  Builtin builtin = Builtin::str;
  Slot slot = kNoSlot;         // variable
  ledger::Term term;           // constant
  std::string function;        // IRI of a cast or an extension function
  std::vector<ExprPtr> args;   // or_ and and_ are n-ary; in: the value, then the list
  NodePtr pattern;             // exists
  std::size_t depth = 1;
};

struct Aggregate {
  enum class Kind : std::uint8_t { count, sum, min, max, avg, sample, group_concat };
  Kind kind = Kind::count;
  bool distinct = false;
  ExprPtr argument;            // null: COUNT(*)
  std::string separator = " ";
  Slot output = kNoSlot;
};

struct GroupKey {
  ExprPtr expression;
  Slot output = kNoSlot;
};

struct OrderKey {
  ExprPtr expression;
  bool descending = false;
};

struct Node {
  enum class Kind : std::uint8_t {
    bgp, join, left_join, union_, minus, filter, extend, graph, values, group, project, distinct, reduced, order, slice,
  };
  Kind kind = Kind::bgp;
  std::vector<NodePtr> children;                                  // join and union_ are n-ary; left_join and minus have two
  std::vector<PatternTriple> triples;                             // bgp
  std::vector<ExprPtr> conditions;                                // filter, left_join: all must hold
  Slot slot = kNoSlot;                                            // extend
  ExprPtr expression;                                             // extend
  Atom graph;                                                     // graph
  std::vector<Slot> columns;                                      // values
  std::vector<std::vector<std::optional<ledger::Term>>> rows;     // values
  std::vector<GroupKey> keys;                                     // group
  std::vector<Aggregate> aggregates;                              // group
  std::vector<std::pair<Slot, Slot>> projection;                  // project: inner slot -> outer slot
  std::vector<OrderKey> order;                                    // order
  std::uint64_t offset = 0;                                       // slice
  std::optional<std::uint64_t> limit;                             // slice
  std::size_t depth = 1;
};

struct QueryBody {
  QueryForm form = QueryForm::select;
  NodePtr pattern;                                     // modifiers included
  std::vector<std::pair<std::string, Slot>> columns;   // SELECT: name and slot in the final row
  std::vector<PatternTriple> construct;                // template; blank nodes stand as terms
  std::vector<Atom> describe;
  std::vector<std::string> from, from_named;
  std::vector<std::string> slot_names;                 // by slot; empty for unnamed
};

}  // namespace agiddi::ontology::sparql
