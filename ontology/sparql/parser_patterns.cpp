// Graph patterns, triples, collections and property paths (grammar rules 53 to 105).
#include <algorithm>

#include "ontology/sparql/parser_state.h"

namespace agiddi::ontology::sparql {

namespace {

const std::string kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

void visible(const Node& node, std::set<Slot>& out) {
  auto add = [&](const Atom& atom) {
    if (atom.is_variable()) out.insert(atom.slot);
  };
  switch (node.kind) {
    case Node::Kind::bgp:
      for (const PatternTriple& triple : node.triples) {
        add(triple.subject);
        add(triple.predicate);
        add(triple.object);
      }
      return;
    case Node::Kind::minus: visible(*node.children[0], out); return;
    case Node::Kind::extend: out.insert(node.slot); break;
    case Node::Kind::graph: add(node.graph); break;
    case Node::Kind::values: out.insert(node.columns.begin(), node.columns.end()); return;
    case Node::Kind::group:
      for (const GroupKey& key : node.keys) out.insert(key.output);
      for (const Aggregate& aggregate : node.aggregates) out.insert(aggregate.output);
      return;
    case Node::Kind::project:
      for (const auto& pair : node.projection) out.insert(pair.second);
      return;
    default: break;
  }
  for (const NodePtr& child : node.children) visible(*child, out);
}

}  // namespace

std::set<Slot> visible_slots(const Node& node) {
  std::set<Slot> out;
  visible(node, out);
  return out;
}

NodePtr Parser::parse_group() {
  Deeper deeper(*this);
  count_pattern();
  const std::uint64_t outer_bgp = bgp_;
  bgp_ = ++bgp_count_;
  expect_symbol("{");
  NodePtr node;
  if (is_word("SELECT")) {
    node = parse_select(true, nullptr);
  } else {
    node = parse_group_body();
  }
  expect_symbol("}");
  bgp_ = outer_bgp;
  return node;
}

NodePtr Parser::parse_group_body() {
  std::vector<NodePtr> parts;
  std::vector<ExprPtr> filters;
  Node bgp;
  auto flush = [&] {
    if (!bgp.triples.empty()) parts.push_back(make_node(std::move(bgp)));
    bgp = Node{};
    bgp_ = ++bgp_count_;
  };
  auto join_all = [&]() -> NodePtr {
    if (parts.size() == 1) return parts[0];
    Node join;
    join.kind = parts.empty() ? Node::Kind::bgp : Node::Kind::join;
    join.children = std::move(parts);
    return make_node(std::move(join));
  };
  while (!failed() && !is_symbol("}")) {
    if (at_graph_node()) {
      parse_triples(bgp.triples, true);
      // Triples that follow without a dot between would have been read as part of these.
      if (at_graph_node() && !failed()) fail_here("expected '.' between triples, found " + describe_token());
      continue;
    }
    if (is_word("FILTER")) {
      const std::uint64_t current = bgp_;
      parse_filter(filters);
      bgp_ = current;
      accept_symbol(".");
      continue;
    }
    if (token_.kind == TokenKind::end) break;
    flush();
    if (accept_word("OPTIONAL")) {
      NodePtr right = parse_group();
      Node left_join;
      left_join.kind = Node::Kind::left_join;
      // A group's own filters are the condition of the optional part; a filter of a group inside that group is not.
      if (right->kind == Node::Kind::filter && right->slot != kNoSlot) {
        left_join.conditions = right->conditions;
        right = right->children[0];
      }
      left_join.children = {join_all(), std::move(right)};
      parts = {make_node(std::move(left_join))};
    } else if (accept_word("MINUS")) {
      NodePtr right = parse_group();
      Node minus;
      minus.kind = Node::Kind::minus;
      minus.children = {join_all(), std::move(right)};
      parts = {make_node(std::move(minus))};
    } else if (is_word("BIND")) {
      NodePtr left = join_all();
      parts = {parse_bind(left)};
    } else if (accept_word("VALUES")) {
      parts.push_back(parse_inline_data());
    } else if (is_word("GRAPH")) {
      parts.push_back(parse_graph());
    } else if (is_word("SERVICE")) {
      fail_here("SERVICE is not answered: a query reads this node's own store only");
    } else if (is_symbol("{")) {
      NodePtr group = parse_group_or_union();
      if (group->kind == Node::Kind::filter && group->slot != kNoSlot) {  // its filters are its own: see OPTIONAL above
        Node filter = *group;
        filter.slot = kNoSlot;
        group = make_node(std::move(filter));
      }
      parts.push_back(std::move(group));
    } else {
      fail_here("unexpected " + describe_token() + " in a graph pattern");
    }
    accept_symbol(".");
  }
  flush();
  NodePtr node = join_all();
  if (!filters.empty()) {
    Node filter;
    filter.kind = Node::Kind::filter;
    filter.slot = 0;  // marks the filters of this very group, until the enclosing element has looked
    filter.conditions = std::move(filters);
    filter.children.push_back(std::move(node));
    node = make_node(std::move(filter));
  }
  return node;
}

NodePtr Parser::parse_group_or_union() {
  std::vector<NodePtr> arms{parse_group()};
  while (accept_word("UNION")) arms.push_back(parse_group());
  if (arms.size() == 1) return arms[0];
  Node node;
  node.kind = Node::Kind::union_;
  node.children = std::move(arms);
  return make_node(std::move(node));
}

NodePtr Parser::parse_graph() {
  expect_word("GRAPH");
  Node node;
  node.kind = Node::Kind::graph;
  node.graph = token_.kind == TokenKind::variable ? Atom::variable(parse_variable()) : Atom::constant(ledger::Term::iri(parse_iri()));
  node.children.push_back(parse_group());
  return make_node(std::move(node));
}

void Parser::parse_filter(std::vector<ExprPtr>& filters) {
  expect_word("FILTER");
  count_pattern();
  if (!at_constraint()) fail_here("expected a condition after FILTER, found " + describe_token());
  filters.push_back(parse_constraint());
}

NodePtr Parser::parse_bind(const NodePtr& group) {
  expect_word("BIND");
  count_pattern();
  expect_symbol("(");
  Node node;
  node.kind = Node::Kind::extend;
  node.expression = parse_expression();
  expect_word("AS");
  const std::size_t position = token_.begin;
  const std::string name = token_.text;
  node.slot = parse_variable();
  if (!failed() && visible_slots(*group).contains(node.slot)) {
    fail_at(position, "?" + name + " has a value already in this group and cannot be assigned by BIND");
  }
  expect_symbol(")");
  node.children.push_back(group);
  return make_node(std::move(node));
}

NodePtr Parser::parse_inline_data() {
  Node node;
  node.kind = Node::Kind::values;
  const bool listed = is_symbol("(");
  if (listed) {
    advance();
    while (!failed() && !is_symbol(")")) {
      const std::size_t position = token_.begin;
      const Slot slot = parse_variable();
      if (std::find(node.columns.begin(), node.columns.end(), slot) != node.columns.end()) fail_at(position, "a variable stands twice in VALUES");
      node.columns.push_back(slot);
    }
    expect_symbol(")");
  } else {
    node.columns.push_back(parse_variable());
  }
  auto value = [&]() -> std::optional<ledger::Term> {
    if (accept_word("UNDEF")) return std::nullopt;
    if (at_iri()) return ledger::Term::iri(parse_iri());
    if (at_literal()) return parse_literal();
    fail_here("expected an IRI, a literal or UNDEF in VALUES, found " + describe_token());
    return std::nullopt;
  };
  expect_symbol("{");
  while (!failed() && !is_symbol("}")) {
    std::vector<std::optional<ledger::Term>> row;
    if (listed) {
      const std::size_t position = token_.begin;
      expect_symbol("(");
      while (!failed() && !is_symbol(")")) row.push_back(value());
      expect_symbol(")");
      if (!failed() && row.size() != node.columns.size()) {
        fail_at(position, "a row of VALUES has " + std::to_string(row.size()) + " values for " + std::to_string(node.columns.size()) + " variables");
      }
    } else {
      row.push_back(value());
    }
    node.rows.push_back(std::move(row));
  }
  expect_symbol("}");
  if (failed()) node.rows.clear();
  return make_node(std::move(node));
}

bool Parser::at_graph_node() const {
  return token_.kind == TokenKind::variable || at_iri() || token_.kind == TokenKind::blank_label || at_literal() || is_symbol("(") || is_symbol("[");
}

void Parser::parse_triples(std::vector<PatternTriple>& out, bool paths) {
  while (!failed() && at_graph_node()) {
    parse_triples_same_subject(out, paths);
    if (!accept_symbol(".")) return;
  }
}

void Parser::parse_triples_same_subject(std::vector<PatternTriple>& out, bool paths) {
  if (is_symbol("[")) {
    const Token after = peek();
    const bool plain = after.kind == TokenKind::symbol && after.text == "]";
    const Atom subject = parse_blank_property_list(out, paths);
    parse_property_list(subject, out, paths, plain);
  } else if (is_symbol("(")) {
    const Token after = peek();
    const bool nil = after.kind == TokenKind::symbol && after.text == ")";
    const Atom subject = parse_collection(out, paths);
    parse_property_list(subject, out, paths, nil);
  } else {
    const Atom subject = parse_var_or_term();
    parse_property_list(subject, out, paths, true);
  }
}

void Parser::parse_property_list(const Atom& subject, std::vector<PatternTriple>& out, bool paths, bool required) {
  bool first = true;
  while (!failed()) {
    const bool verb = token_.kind == TokenKind::variable || at_iri() || (token_.kind == TokenKind::word && token_.text == "a") ||
                      (paths && (is_symbol("^") || is_symbol("!") || is_symbol("(")));
    if (!verb) {
      if (first && required) fail_here("expected a predicate, found " + describe_token());
      return;
    }
    first = false;
    Atom predicate;
    PathPtr path;
    if (token_.kind == TokenKind::variable) {
      predicate = Atom::variable(parse_variable());
    } else if (paths) {
      path = parse_path();
    } else if (accept_word("A")) {
      predicate = Atom::constant(ledger::Term::iri(kRdf + "type"));
    } else {
      predicate = Atom::constant(ledger::Term::iri(parse_iri()));
    }
    parse_object_list(subject, predicate, path, out, paths);
    if (!is_symbol(";")) return;
    while (accept_symbol(";")) {
    }
  }
}

void Parser::parse_object_list(const Atom& subject, const Atom& predicate, const PathPtr& path, std::vector<PatternTriple>& out, bool paths) {
  do {
    const Atom object = parse_graph_node(out, paths);
    if (failed()) return;
    add_triple(out, subject, predicate, path, object);
  } while (accept_symbol(","));
}

void Parser::add_triple(std::vector<PatternTriple>& out, Atom s, Atom p, PathPtr path, Atom o) {
  if (failed() || !count_pattern()) return;
  if (path) {
    switch (path->kind) {
      case Path::Kind::link:
        p = Atom::constant(ledger::Term::iri(path->iri));
        path = nullptr;
        break;
      case Path::Kind::inverse: add_triple(out, std::move(o), {}, path->parts[0], std::move(s)); return;
      case Path::Kind::sequence: {
        Atom from = std::move(s);
        for (std::size_t i = 0; i < path->parts.size() && !failed(); ++i) {
          Atom to = i + 1 == path->parts.size() ? o : Atom::variable(new_slot({}));
          add_triple(out, std::move(from), {}, path->parts[i], to);
          from = std::move(to);
        }
        return;
      }
      default: break;
    }
  }
  out.push_back({std::move(s), std::move(p), std::move(o), std::move(path)});
}

Atom Parser::fresh_blank() {
  if (in_template_) return Atom::constant(ledger::Term::blank("g" + std::to_string(blank_count_++)));
  return Atom::variable(new_slot({}));
}

Slot Parser::blank_slot(const std::string& label) {
  const auto found = blanks_.find(label);
  if (found == blanks_.end()) {
    const Slot slot = new_slot({});
    blanks_.emplace(label, std::pair(slot, bgp_));
    return slot;
  }
  if (found->second.second != bgp_) fail_here("the blank node label _:" + label + " was used in another graph pattern");
  return found->second.first;
}

Atom Parser::parse_var_or_term() {
  if (token_.kind == TokenKind::variable) return Atom::variable(parse_variable());
  if (at_iri()) return Atom::constant(ledger::Term::iri(parse_iri()));
  if (token_.kind == TokenKind::blank_label) {
    Atom atom = in_template_ ? Atom::constant(ledger::Term::blank("u" + token_.text)) : Atom::variable(blank_slot(token_.text));
    advance();
    return atom;
  }
  if (at_literal()) return Atom::constant(parse_literal());
  fail_here("expected a variable or a term, found " + describe_token());
  return Atom::constant(ledger::Term::iri({}));
}

Atom Parser::parse_graph_node(std::vector<PatternTriple>& out, bool paths) {
  if (is_symbol("[")) return parse_blank_property_list(out, paths);
  if (is_symbol("(")) return parse_collection(out, paths);
  return parse_var_or_term();
}

Atom Parser::parse_blank_property_list(std::vector<PatternTriple>& out, bool paths) {
  Deeper deeper(*this);
  expect_symbol("[");
  const Atom node = fresh_blank();
  if (!is_symbol("]")) parse_property_list(node, out, paths, true);
  expect_symbol("]");
  return node;
}

Atom Parser::parse_collection(std::vector<PatternTriple>& out, bool paths) {
  Deeper deeper(*this);
  expect_symbol("(");
  const Atom nil = Atom::constant(ledger::Term::iri(kRdf + "nil"));
  if (accept_symbol(")")) return nil;
  const Atom first_predicate = Atom::constant(ledger::Term::iri(kRdf + "first"));
  const Atom rest_predicate = Atom::constant(ledger::Term::iri(kRdf + "rest"));
  const Atom head = fresh_blank();
  Atom cell = head;
  while (!failed()) {
    const Atom item = parse_graph_node(out, paths);
    add_triple(out, cell, first_predicate, nullptr, item);
    if (accept_symbol(")")) break;
    Atom next = fresh_blank();
    add_triple(out, cell, rest_predicate, nullptr, next);
    cell = std::move(next);
  }
  add_triple(out, cell, rest_predicate, nullptr, nil);
  return head;
}

PathPtr Parser::make_path(Path path) {
  // A walk goes one level deeper for each step of a sequence. A plain link is counted as the triple that it becomes.
  for (std::size_t i = 0; path.kind != Path::Kind::link && i < std::max<std::size_t>(path.parts.size(), 1); ++i) count_pattern();
  for (const PathPtr& part : path.parts) path.depth = std::max(path.depth, part->depth + 1);
  if (path.depth > limits_.depth * 2) {
    fail_here("the property path is too deep");
    path.parts.clear();
    path.kind = Path::Kind::link;
  }
  return std::make_shared<const Path>(std::move(path));
}

PathPtr Parser::parse_path() {
  Deeper deeper(*this);
  std::vector<PathPtr> arms{parse_path_sequence()};
  while (accept_symbol("|")) arms.push_back(parse_path_sequence());
  if (arms.size() == 1) return arms[0];
  Path path;
  path.kind = Path::Kind::alternative;
  path.parts = std::move(arms);
  return make_path(std::move(path));
}

PathPtr Parser::parse_path_sequence() {
  std::vector<PathPtr> steps{parse_path_element()};
  while (accept_symbol("/")) steps.push_back(parse_path_element());
  if (steps.size() == 1) return steps[0];
  Path path;
  path.kind = Path::Kind::sequence;
  path.parts = std::move(steps);
  return make_path(std::move(path));
}

PathPtr Parser::parse_path_element() {
  const bool inverse = accept_symbol("^");
  PathPtr element;
  if (accept_symbol("!")) {
    element = parse_path_negated();
  } else if (accept_symbol("(")) {
    element = parse_path();
    expect_symbol(")");
  } else {
    Path link;
    if (token_.kind == TokenKind::word && token_.text == "a") {
      link.iri = kRdf + "type";
      advance();
    } else {
      link.iri = parse_iri();
    }
    element = make_path(std::move(link));
  }
  if (is_symbol("?") || is_symbol("*") || is_symbol("+")) {
    Path repeated;
    repeated.kind = is_symbol("?") ? Path::Kind::zero_or_one : is_symbol("*") ? Path::Kind::zero_or_more : Path::Kind::one_or_more;
    repeated.parts.push_back(std::move(element));
    advance();
    element = make_path(std::move(repeated));
  }
  if (inverse) {
    Path back;
    back.kind = Path::Kind::inverse;
    back.parts.push_back(std::move(element));
    element = make_path(std::move(back));
  }
  return element;
}

PathPtr Parser::parse_path_negated() {
  Path path;
  path.kind = Path::Kind::negated;
  auto one = [&] {
    const bool inverse = accept_symbol("^");
    std::string iri;
    if (token_.kind == TokenKind::word && token_.text == "a") {
      iri = kRdf + "type";
      advance();
    } else {
      iri = parse_iri();
    }
    (inverse ? path.backward : path.forward).push_back(std::move(iri));
  };
  if (accept_symbol("(")) {
    if (!is_symbol(")")) {
      one();
      while (accept_symbol("|")) one();
    }
    expect_symbol(")");
  } else {
    one();
  }
  return make_path(std::move(path));
}

}  // namespace agiddi::ontology::sparql
