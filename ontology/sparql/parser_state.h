// The recursive-descent parser's state and productions; parser.cpp holds the query forms and clauses, parser_patterns.cpp graph patterns and
// paths, parser_expressions.cpp expressions. Internal.
//
// An error is sticky: the first one is kept, the current token becomes the end, and every loop ends by itself. Productions
// therefore always return something that is safe to hold.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/lexer.h"
#include "ontology/sparql/parser.h"

namespace agiddi::ontology::sparql {

class Parser {
 public:
  Parser(std::string_view text, std::string_view base, const ParseLimits& limits);
  Result<Query> run();

 private:
  // A query or sub-select: the names of its variables, and what grouping needs to know.
  struct Scope {
    std::unordered_map<std::string, Slot> names;
    std::vector<Aggregate> aggregates;
    bool allow_aggregates = false;
    bool in_aggregate = false;
  };
  struct SelectClause {
    bool star = false, distinct = false, reduced = false;
    struct Item {
      std::string name;
      Slot slot = kNoSlot;
      ExprPtr expression;  // null for a plain variable
      std::size_t position = 0;
    };
    std::vector<Item> items;
  };
  struct Modifiers {
    bool grouped = false;
    std::vector<GroupKey> keys;
    std::vector<ExprPtr> having;
    std::vector<OrderKey> order;
    std::optional<std::uint64_t> limit;
    std::uint64_t offset = 0;
  };
  class Deeper {  // one level of nesting, as long as it lives
   public:
    explicit Deeper(Parser& parser);
    ~Deeper() { --parser_.depth_; }

   private:
    Parser& parser_;
  };

  // Tokens.
  void advance();
  void fail_at(std::size_t position, const std::string& reason);
  void fail_here(const std::string& reason) { fail_at(token_.begin, reason); }
  bool failed() const { return error_.has_value(); }
  bool is_symbol(std::string_view symbol) const { return token_.kind == TokenKind::symbol && token_.text == symbol; }
  bool is_word(std::string_view upper) const;
  bool accept_symbol(std::string_view symbol);
  bool accept_word(std::string_view upper);
  void expect_symbol(std::string_view symbol);
  void expect_word(std::string_view upper);
  Token peek();
  std::string describe_token() const;

  // Names and terms.
  std::string resolve_iri(const std::string& reference, std::size_t position);
  std::string expand(const Token& name);
  bool at_iri() const { return token_.kind == TokenKind::iri || token_.kind == TokenKind::prefixed_name || token_.kind == TokenKind::prefix_only; }
  std::string parse_iri();
  bool at_literal() const;
  ledger::Term parse_literal();  // the sign of a number included
  Slot new_slot(std::string name);
  Slot variable(const std::string& name);
  Slot parse_variable();
  Slot blank_slot(const std::string& label);
  bool count_pattern();

  // Query forms and clauses.
  void parse_prologue();
  void refuse_update();
  NodePtr parse_select(bool nested, std::vector<std::pair<std::string, Slot>>* columns);
  SelectClause parse_select_clause();
  void parse_dataset_clauses();
  NodePtr parse_where();
  Modifiers parse_modifiers();
  NodePtr parse_values_clause();
  NodePtr apply_grouping(NodePtr pattern, const Modifiers& modifiers, const SelectClause* select);
  NodePtr apply_order_and_slice(NodePtr pattern, const Modifiers& modifiers, bool slice);
  void check_projection(const SelectClause& select, const Modifiers& modifiers, const std::set<Slot>& visible);
  std::uint64_t parse_count();
  void parse_construct();
  void parse_describe();
  void parse_ask();

  // Graph patterns.
  NodePtr parse_group();
  NodePtr parse_group_body();
  NodePtr parse_group_or_union();
  NodePtr parse_inline_data();
  void parse_filter(std::vector<ExprPtr>& filters);
  NodePtr parse_bind(const NodePtr& group);
  NodePtr parse_graph();
  void parse_triples(std::vector<PatternTriple>& out, bool paths);
  void parse_triples_same_subject(std::vector<PatternTriple>& out, bool paths);
  void parse_property_list(const Atom& subject, std::vector<PatternTriple>& out, bool paths, bool required);
  void parse_object_list(const Atom& subject, const Atom& predicate, const PathPtr& path, std::vector<PatternTriple>& out, bool paths);
  Atom parse_graph_node(std::vector<PatternTriple>& out, bool paths);
  Atom parse_collection(std::vector<PatternTriple>& out, bool paths);
  Atom parse_blank_property_list(std::vector<PatternTriple>& out, bool paths);
  Atom parse_var_or_term();
  Atom fresh_blank();
  bool at_graph_node() const;
  void add_triple(std::vector<PatternTriple>& out, Atom s, Atom p, PathPtr path, Atom o);
  PathPtr parse_path();
  PathPtr parse_path_sequence();
  PathPtr parse_path_element();
  PathPtr parse_path_negated();
  PathPtr make_path(Path path);

  // Expressions.
  ExprPtr parse_constraint();
  ExprPtr parse_bracketted();
  ExprPtr parse_expression();
  ExprPtr parse_and();
  ExprPtr parse_relational();
  ExprPtr parse_additive();
  ExprPtr parse_multiplicative();
  ExprPtr parse_unary();
  ExprPtr parse_primary();
  ExprPtr parse_call_or_iri();
  ExprPtr parse_word_call();
  ExprPtr parse_aggregate(Aggregate::Kind kind);
  ExprPtr parse_exists(bool negated);
  std::vector<ExprPtr> parse_arguments(bool* distinct = nullptr);
  void check_regex(const std::vector<ExprPtr>& args, std::size_t flags_at, std::size_t position);
  ExprPtr make_expr(Expr expr);
  ExprPtr constant(ledger::Term term);
  ExprPtr operation(Expr::Kind kind, std::vector<ExprPtr> args);
  bool at_constraint() const;
  NodePtr make_node(Node node);

  std::string_view text_;
  ParseLimits limits_;
  Lexer lexer_;
  Token token_;
  std::optional<Error> error_;
  std::string base_;
  std::map<std::string, std::string> prefixes_;
  std::vector<std::string> slot_names_;
  std::set<std::pair<std::string, std::string>> regexes_checked_;   // pattern and flags
  Scope* scope_ = nullptr;
  std::map<std::string, std::pair<Slot, std::uint64_t>> blanks_;  // label -> slot and the basic graph pattern it belongs to
  std::uint64_t bgp_ = 0, bgp_count_ = 0;
  std::uint64_t blank_count_ = 0;
  bool in_template_ = false;
  bool in_values_ = false;
  std::size_t depth_ = 0, patterns_ = 0;
  QueryBody body_;
};

// The variables that a solution of the pattern may bind (section 18.2.1).
std::set<Slot> visible_slots(const Node& node);

}  // namespace agiddi::ontology::sparql
