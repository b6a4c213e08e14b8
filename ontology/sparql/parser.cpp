#include "ontology/sparql/parser.h"

#include <algorithm>

#include "ontology/sparql/iri.h"
#include "ontology/sparql/parser_state.h"
#include "ontology/sparql/utf8.h"
#include "protocol/encoding.h"

namespace agiddi::ontology::sparql {

namespace {

std::string upper_ascii(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

// \uXXXX and \UXXXXXXXX anywhere in the text (section 19.2). A pair of backslashes is left alone. Returns the offset of a bad escape.
std::optional<std::size_t> resolve_codepoint_escapes(std::string_view text, std::string& out) {
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\' || i + 1 >= text.size() || (text[i + 1] != 'u' && text[i + 1] != 'U')) {
      const std::size_t length = text[i] == '\\' && i + 1 < text.size() ? 2 : 1;
      out.append(text.substr(i, length));
      i += length;
      continue;
    }
    const std::size_t digits = text[i + 1] == 'u' ? 4 : 8;
    if (i + 2 + digits > text.size()) return i;
    char32_t code = 0;
    for (std::size_t k = 0; k < digits; ++k) {
      const char c = text[i + 2 + k];
      const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (value < 0 || code > 0x10FFFF) return i;
      code = code * 16 + static_cast<char32_t>(value);
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return i;
    utf8_append(out, code);
    i += 2 + digits;
  }
  return std::nullopt;
}

Error error_at(std::string_view text, std::size_t position, const std::string& reason) {
  position = std::min(position, text.size());
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i < position; ++i) {
    if (text[i] == '\n') {
      ++line;
      start = i + 1;
    }
  }
  const std::size_t column = utf8_length(text.substr(start, position - start)) + 1;
  return Error{Status::bad_request, "SPARQL, line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + reason, {}};
}

}  // namespace

QueryForm Query::form() const { return body_->form; }

std::vector<std::string> Query::variables() const {
  std::vector<std::string> names;
  for (const auto& column : body_->columns) names.push_back(column.first);
  return names;
}

Result<Query> parse_query(std::string_view text, std::string_view base_iri, const ParseLimits& limits) {
  if (text.size() > limits.text_bytes) {
    return fail(Status::bad_request, "SPARQL: the query is longer than " + std::to_string(limits.text_bytes) + " bytes");
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) return tl::unexpected(error_at(text, nul, "a NUL byte"));
  if (!is_utf8(text)) return fail(Status::bad_request, "SPARQL: the query is not valid UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string resolved;
  if (text.find("\\u") != std::string_view::npos || text.find("\\U") != std::string_view::npos) {
    if (const auto bad = resolve_codepoint_escapes(text, resolved)) return tl::unexpected(error_at(text, *bad, "a bad code point escape"));
    text = resolved;
  }
  return Parser(text, base_iri, limits).run();
}

Parser::Deeper::Deeper(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > parser_.limits_.depth) {
    parser_.fail_here("nested deeper than " + std::to_string(parser_.limits_.depth) + " levels");
  }
}

Parser::Parser(std::string_view text, std::string_view base, const ParseLimits& limits)
    : text_(text), limits_(limits), lexer_(text), base_(base) {
  advance();
}

void Parser::advance() {
  if (failed()) return;
  token_ = lexer_.next();
  if (token_.kind == TokenKind::error) fail_at(token_.begin, token_.text);
}

void Parser::fail_at(std::size_t position, const std::string& reason) {
  if (!error_) error_ = error_at(text_, position, reason);
  token_ = Token{};
  token_.begin = token_.end = text_.size();
  lexer_.seek(text_.size());
}

bool Parser::is_word(std::string_view upper) const { return token_.kind == TokenKind::word && upper_ascii(token_.text) == upper; }

bool Parser::accept_symbol(std::string_view symbol) {
  if (!is_symbol(symbol)) return false;
  advance();
  return true;
}

bool Parser::accept_word(std::string_view upper) {
  if (!is_word(upper)) return false;
  advance();
  return true;
}

void Parser::expect_symbol(std::string_view symbol) {
  if (!accept_symbol(symbol)) fail_here("expected '" + std::string(symbol) + "', found " + describe_token());
}

void Parser::expect_word(std::string_view upper) {
  if (!accept_word(upper)) fail_here("expected " + std::string(upper) + ", found " + describe_token());
}

Token Parser::peek() {
  if (failed()) return Token{};
  Lexer ahead = lexer_;
  return ahead.next();
}

std::string Parser::describe_token() const {
  if (token_.kind == TokenKind::end) return "the end of the query";
  std::size_t length = std::min<std::size_t>(token_.end - token_.begin, 40);
  while (length < token_.end - token_.begin && length > 0 && (static_cast<unsigned char>(text_[token_.begin + length]) & 0xC0) == 0x80) --length;
  return "'" + std::string(text_.substr(token_.begin, length)) + "'";
}

std::string Parser::resolve_iri(const std::string& reference, std::size_t position) {
  if (has_scheme(reference) || base_.empty()) return reference;
  std::string out = resolve(base_, reference);
  if (out.size() > 8192) fail_at(position, "the IRI is too long");
  return out;
}

std::string Parser::expand(const Token& name) {
  const auto found = prefixes_.find(name.prefix);
  if (found == prefixes_.end()) {
    fail_at(name.begin, "the prefix '" + name.prefix + ":' is not declared");
    return {};
  }
  return found->second + name.text;
}

std::string Parser::parse_iri() {
  if (!at_iri()) {
    fail_here("expected an IRI, found " + describe_token());
    return {};
  }
  std::string iri = token_.kind == TokenKind::iri ? resolve_iri(token_.text, token_.begin) : expand(token_);
  advance();
  return iri;
}

Slot Parser::new_slot(std::string name) {
  if (slot_names_.size() >= kSlotsMax) {
    fail_here("more than " + std::to_string(kSlotsMax) + " variables");
    return 0;
  }
  slot_names_.push_back(std::move(name));
  return static_cast<Slot>(slot_names_.size() - 1);
}

Slot Parser::variable(const std::string& name) {
  const auto found = scope_->names.find(name);
  if (found != scope_->names.end()) return found->second;
  const Slot slot = new_slot(name);
  scope_->names.emplace(name, slot);
  return slot;
}

Slot Parser::parse_variable() {
  if (token_.kind != TokenKind::variable) {
    fail_here("expected a variable, found " + describe_token());
    return 0;
  }
  const Slot slot = variable(token_.text);
  advance();
  return slot;
}

bool Parser::count_pattern() {
  if (++patterns_ <= limits_.patterns) return true;
  fail_here("more than " + std::to_string(limits_.patterns) + " patterns");
  return false;
}

NodePtr Parser::make_node(Node node) {
  for (const NodePtr& child : node.children) node.depth = std::max(node.depth, child->depth + 1);
  if (node.depth > kTreeDepthMax) {
    fail_here("the query is too deep");
    node = Node{};
  }
  return std::make_shared<const Node>(std::move(node));
}

Result<Query> Parser::run() {
  Scope scope;
  scope_ = &scope;
  parse_prologue();
  if (is_word("SELECT")) {
    body_.form = QueryForm::select;
    body_.pattern = parse_select(false, &body_.columns);
  } else if (is_word("CONSTRUCT")) {
    parse_construct();
  } else if (is_word("DESCRIBE")) {
    parse_describe();
  } else if (is_word("ASK")) {
    parse_ask();
  } else {
    refuse_update();
  }
  if (!failed() && token_.kind != TokenKind::end) {
    if (is_symbol(";")) fail_here("a ';' after the query: only one query at a time, and no update");
    fail_here("unexpected " + describe_token() + " after the end of the query");
  }
  if (error_) return tl::unexpected(std::move(*error_));
  body_.slot_names = slot_names_;
  return Query(std::make_shared<const QueryBody>(std::move(body_)));
}

void Parser::refuse_update() {
  for (std::string_view word : {"INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"}) {
    if (is_word(word)) {
      fail_here("this is a SPARQL update (" + std::string(word) + "); only queries are answered, the ledger changes by transactions");
      return;
    }
  }
  fail_here("expected SELECT, ASK, CONSTRUCT or DESCRIBE, found " + describe_token());
}

void Parser::parse_prologue() {
  while (!failed()) {
    if (accept_word("BASE")) {
      if (token_.kind != TokenKind::iri) {
        fail_here("expected an IRI in '<' and '>' after BASE");
        return;
      }
      base_ = resolve_iri(token_.text, token_.begin);
      advance();
    } else if (accept_word("PREFIX")) {
      if (token_.kind != TokenKind::prefix_only) {
        fail_here("expected a prefix and a colon after PREFIX, found " + describe_token());
        return;
      }
      const std::string prefix = token_.prefix;
      advance();
      if (token_.kind != TokenKind::iri) {
        fail_here("expected an IRI in '<' and '>' for the prefix, found " + describe_token());
        return;
      }
      prefixes_[prefix] = resolve_iri(token_.text, token_.begin);
      advance();
    } else {
      return;
    }
  }
}

void Parser::parse_dataset_clauses() {
  while (accept_word("FROM")) {
    const bool named = accept_word("NAMED");
    auto& list = named ? body_.from_named : body_.from;
    list.push_back(parse_iri());
    if (list.size() > 256) fail_here("too many FROM clauses");
  }
}

NodePtr Parser::parse_where() {
  accept_word("WHERE");
  return parse_group();
}

Parser::SelectClause Parser::parse_select_clause() {
  SelectClause clause;
  expect_word("SELECT");
  if (accept_word("DISTINCT")) {
    clause.distinct = true;
  } else if (accept_word("REDUCED")) {
    clause.reduced = true;
  }
  if (accept_symbol("*")) {
    clause.star = true;
    return clause;
  }
  scope_->allow_aggregates = true;
  while (!failed()) {
    SelectClause::Item item;
    item.position = token_.begin;
    if (token_.kind == TokenKind::variable) {
      item.name = token_.text;
      item.slot = parse_variable();
    } else if (accept_symbol("(")) {
      item.expression = parse_expression();
      expect_word("AS");
      item.position = token_.begin;
      item.name = token_.text;
      item.slot = parse_variable();
      expect_symbol(")");
    } else {
      break;
    }
    clause.items.push_back(std::move(item));
  }
  scope_->allow_aggregates = false;
  if (clause.items.empty()) fail_here("expected what to select: '*', variables or expressions");
  return clause;
}

std::uint64_t Parser::parse_count() {
  if (token_.kind != TokenKind::integer || token_.text.size() > 18) {
    fail_here("expected a whole number, found " + describe_token());
    return 0;
  }
  const std::uint64_t value = std::stoull(token_.text);
  advance();
  return value;
}

Parser::Modifiers Parser::parse_modifiers() {
  Modifiers modifiers;
  if (accept_word("GROUP")) {
    expect_word("BY");
    modifiers.grouped = true;
    while (!failed()) {
      GroupKey key;
      if (token_.kind == TokenKind::variable) {
        Expr variable_expr;
        variable_expr.kind = Expr::Kind::variable;
        variable_expr.slot = key.output = parse_variable();
        key.expression = make_expr(std::move(variable_expr));
      } else if (accept_symbol("(")) {
        key.expression = parse_expression();
        if (accept_word("AS")) {
          key.output = parse_variable();
        } else {
          key.output = new_slot({});
        }
        expect_symbol(")");
      } else if (at_constraint()) {
        key.expression = parse_constraint();
        key.output = new_slot({});
      } else {
        break;
      }
      modifiers.keys.push_back(std::move(key));
    }
    if (modifiers.keys.empty()) fail_here("expected what to group by, found " + describe_token());
  }
  scope_->allow_aggregates = true;
  if (accept_word("HAVING")) {
    while (!failed() && at_constraint()) modifiers.having.push_back(parse_constraint());
    if (modifiers.having.empty()) fail_here("expected a condition after HAVING, found " + describe_token());
  }
  if (accept_word("ORDER")) {
    expect_word("BY");
    while (!failed()) {
      OrderKey key;
      if (is_word("ASC") || is_word("DESC")) {
        key.descending = is_word("DESC");
        advance();
        key.expression = parse_bracketted();
      } else if (token_.kind == TokenKind::variable) {
        Expr variable_expr;
        variable_expr.kind = Expr::Kind::variable;
        variable_expr.slot = parse_variable();
        key.expression = make_expr(std::move(variable_expr));
      } else if (at_constraint()) {
        key.expression = parse_constraint();
      } else {
        break;
      }
      modifiers.order.push_back(std::move(key));
    }
    if (modifiers.order.empty()) fail_here("expected what to order by, found " + describe_token());
  }
  scope_->allow_aggregates = false;
  bool have_limit = false, have_offset = false;
  while (!failed()) {
    if (!have_limit && accept_word("LIMIT")) {
      modifiers.limit = parse_count();
      have_limit = true;
    } else if (!have_offset && accept_word("OFFSET")) {
      modifiers.offset = parse_count();
      have_offset = true;
    } else {
      break;
    }
  }
  return modifiers;
}

NodePtr Parser::parse_values_clause() {
  if (!accept_word("VALUES")) return nullptr;
  return parse_inline_data();
}

namespace {

void collect_free_variables(const Expr& expr, std::set<Slot>& out) {
  if (expr.kind == Expr::Kind::variable) out.insert(expr.slot);
  for (const ExprPtr& arg : expr.args) collect_free_variables(*arg, out);
}

NodePtr finish(Node node) {
  for (const NodePtr& child : node.children) node.depth = std::max(node.depth, child->depth + 1);
  return std::make_shared<const Node>(std::move(node));
}

}  // namespace

void Parser::check_projection(const SelectClause& select, const Modifiers& modifiers, const std::set<Slot>& visible) {
  const bool grouped = modifiers.grouped || !scope_->aggregates.empty();
  if (grouped && select.star) {
    fail_here("SELECT * cannot be used with GROUP BY or an aggregate: name what to select");
    return;
  }
  std::set<Slot> known;  // what an expression of a grouped query may use
  if (grouped) {
    for (const GroupKey& key : modifiers.keys) known.insert(key.output);
    for (const Aggregate& aggregate : scope_->aggregates) known.insert(aggregate.output);
  }
  std::set<Slot> assigned;
  for (const auto& item : select.items) {
    std::set<Slot> used;
    if (item.expression) {
      collect_free_variables(*item.expression, used);
      if ((!grouped && visible.contains(item.slot)) || (grouped && known.contains(item.slot)) || assigned.contains(item.slot)) {
        fail_at(item.position, "?" + item.name + " has a value already and cannot be assigned again");
        return;
      }
      if (grouped && visible.contains(item.slot)) {
        fail_at(item.position, "?" + item.name + " is a variable of the pattern and cannot be assigned again");
        return;
      }
    } else {
      used.insert(item.slot);
    }
    if (grouped) {
      for (Slot slot : used) {
        if (!known.contains(slot)) {
          fail_at(item.position, "?" + slot_names_[slot] + " is neither grouped by nor inside an aggregate");
          return;
        }
      }
      known.insert(item.slot);
    }
    if (item.expression) assigned.insert(item.slot);
  }
}

NodePtr Parser::apply_grouping(NodePtr pattern, const Modifiers& modifiers, const SelectClause* select) {
  if (modifiers.grouped || !scope_->aggregates.empty()) {
    Node group;
    group.kind = Node::Kind::group;
    group.keys = modifiers.keys;
    group.aggregates = scope_->aggregates;
    group.children.push_back(std::move(pattern));
    pattern = finish(std::move(group));
  }
  if (!modifiers.having.empty()) {
    Node filter;
    filter.kind = Node::Kind::filter;
    filter.conditions = modifiers.having;
    filter.children.push_back(std::move(pattern));
    pattern = finish(std::move(filter));
  }
  if (NodePtr values = parse_values_clause()) {
    Node join;
    join.kind = Node::Kind::join;
    join.children = {std::move(pattern), std::move(values)};
    pattern = finish(std::move(join));
  }
  if (select != nullptr) {
    for (const auto& item : select->items) {
      if (!item.expression) continue;
      Node extend;
      extend.kind = Node::Kind::extend;
      extend.slot = item.slot;
      extend.expression = item.expression;
      extend.children.push_back(std::move(pattern));
      pattern = make_node(std::move(extend));
    }
  }
  return pattern;
}

NodePtr Parser::apply_order_and_slice(NodePtr pattern, const Modifiers& modifiers, bool slice) {
  if (!modifiers.order.empty()) {
    Node order;
    order.kind = Node::Kind::order;
    order.order = modifiers.order;
    order.children.push_back(std::move(pattern));
    pattern = finish(std::move(order));
  }
  if (slice && (modifiers.limit || modifiers.offset > 0)) {
    Node node;
    node.kind = Node::Kind::slice;
    node.offset = modifiers.offset;
    node.limit = modifiers.limit;
    node.children.push_back(std::move(pattern));
    pattern = finish(std::move(node));
  }
  return pattern;
}

NodePtr Parser::parse_select(bool nested, std::vector<std::pair<std::string, Slot>>* columns) {
  Scope* outer = scope_;
  Scope own;
  if (nested) scope_ = &own;
  const SelectClause select = parse_select_clause();
  if (!nested) parse_dataset_clauses();
  NodePtr pattern = parse_where();
  const std::set<Slot> visible = visible_slots(*pattern);
  const Modifiers modifiers = parse_modifiers();
  if (!failed()) check_projection(select, modifiers, visible);
  pattern = apply_grouping(std::move(pattern), modifiers, &select);

  pattern = apply_order_and_slice(std::move(pattern), modifiers, false);
  Node project;
  project.kind = Node::Kind::project;
  std::vector<std::pair<std::string, Slot>> chosen;
  if (select.star) {
    for (Slot slot : visible_slots(*pattern)) {
      if (!slot_names_[slot].empty()) chosen.emplace_back(slot_names_[slot], slot);
    }
  } else {
    for (const auto& item : select.items) {
      if (std::none_of(chosen.begin(), chosen.end(), [&](const auto& c) { return c.second == item.slot; })) chosen.emplace_back(item.name, item.slot);
    }
  }
  scope_ = outer;
  for (const auto& [name, slot] : chosen) project.projection.emplace_back(slot, nested ? variable(name) : slot);
  if (columns != nullptr) *columns = chosen;
  project.children.push_back(std::move(pattern));
  pattern = make_node(std::move(project));
  if (select.distinct || select.reduced) {
    Node distinct;
    distinct.kind = select.distinct ? Node::Kind::distinct : Node::Kind::reduced;
    distinct.children.push_back(std::move(pattern));
    pattern = finish(std::move(distinct));
  }
  Modifiers slice_only;
  slice_only.limit = modifiers.limit;
  slice_only.offset = modifiers.offset;
  return apply_order_and_slice(std::move(pattern), slice_only, true);
}

void Parser::parse_construct() {
  body_.form = QueryForm::construct;
  expect_word("CONSTRUCT");
  NodePtr pattern;
  if (is_symbol("{")) {
    advance();
    in_template_ = true;
    parse_triples(body_.construct, false);
    in_template_ = false;
    expect_symbol("}");
    parse_dataset_clauses();
    pattern = parse_where();
  } else {
    // The short form: the template is the pattern.
    parse_dataset_clauses();
    expect_word("WHERE");
    expect_symbol("{");
    const Lexer saved_lexer = lexer_;
    const Token saved_token = token_;
    in_template_ = true;
    parse_triples(body_.construct, false);
    in_template_ = false;
    if (!is_symbol("}")) fail_here("CONSTRUCT WHERE takes plain triples only, found " + describe_token());
    if (!failed()) {
      lexer_ = saved_lexer;
      token_ = saved_token;
      Node bgp;
      bgp_ = ++bgp_count_;
      parse_triples(bgp.triples, false);
      bgp.kind = Node::Kind::bgp;
      pattern = make_node(std::move(bgp));
    }
    expect_symbol("}");
  }
  if (failed()) return;
  const Modifiers modifiers = parse_modifiers();
  pattern = apply_grouping(std::move(pattern), modifiers, nullptr);
  body_.pattern = apply_order_and_slice(std::move(pattern), modifiers, true);
}

void Parser::parse_describe() {
  body_.form = QueryForm::describe;
  expect_word("DESCRIBE");
  bool star = accept_symbol("*");
  while (!star && !failed() && (token_.kind == TokenKind::variable || at_iri())) {
    if (token_.kind == TokenKind::variable) {
      body_.describe.push_back(Atom::variable(parse_variable()));
    } else {
      body_.describe.push_back(Atom::constant(ledger::Term::iri(parse_iri())));
    }
  }
  if (!star && body_.describe.empty()) fail_here("expected '*', variables or IRIs after DESCRIBE, found " + describe_token());
  parse_dataset_clauses();
  NodePtr pattern;
  if (is_word("WHERE") || is_symbol("{")) {
    pattern = parse_where();
  } else {
    pattern = make_node(Node{});
  }
  if (star && !failed()) {
    for (Slot slot : visible_slots(*pattern)) {
      if (!slot_names_[slot].empty()) body_.describe.push_back(Atom::variable(slot));
    }
  }
  const Modifiers modifiers = parse_modifiers();
  pattern = apply_grouping(std::move(pattern), modifiers, nullptr);
  body_.pattern = apply_order_and_slice(std::move(pattern), modifiers, true);
}

void Parser::parse_ask() {
  body_.form = QueryForm::ask;
  expect_word("ASK");
  parse_dataset_clauses();
  NodePtr pattern = parse_where();
  const Modifiers modifiers = parse_modifiers();
  pattern = apply_grouping(std::move(pattern), modifiers, nullptr);
  body_.pattern = apply_order_and_slice(std::move(pattern), modifiers, true);
}

}  // namespace agiddi::ontology::sparql
