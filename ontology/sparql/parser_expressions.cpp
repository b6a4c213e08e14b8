// Expressions, function calls, aggregates and literals (grammar rules 107 to 135).
#include <algorithm>
#include <iterator>

#include "ontology/sparql/parser_state.h"
#include "ontology/sparql/regex.h"

namespace agiddi::ontology::sparql {

namespace {

struct BuiltinName {
  std::string_view name;
  Builtin builtin;
  std::size_t least, most;
};
constexpr std::size_t kAny = 10'000;
constexpr std::size_t kPatternsChecked = 16, kPatternChecked_bytes = 256;
constexpr BuiltinName kBuiltins[] = {
    {"STR", Builtin::str, 1, 1}, {"LANG", Builtin::lang, 1, 1}, {"LANGMATCHES", Builtin::langmatches, 2, 2},
    {"DATATYPE", Builtin::datatype, 1, 1}, {"BOUND", Builtin::bound, 1, 1}, {"IRI", Builtin::iri, 1, 1}, {"URI", Builtin::iri, 1, 1},
    {"BNODE", Builtin::bnode, 0, 1}, {"RAND", Builtin::rand, 0, 0}, {"ABS", Builtin::abs, 1, 1}, {"CEIL", Builtin::ceil, 1, 1},
    {"FLOOR", Builtin::floor, 1, 1}, {"ROUND", Builtin::round, 1, 1}, {"CONCAT", Builtin::concat, 0, kAny}, {"STRLEN", Builtin::strlen, 1, 1},
    {"UCASE", Builtin::ucase, 1, 1}, {"LCASE", Builtin::lcase, 1, 1}, {"ENCODE_FOR_URI", Builtin::encode_for_uri, 1, 1},
    {"CONTAINS", Builtin::contains, 2, 2}, {"STRSTARTS", Builtin::strstarts, 2, 2}, {"STRENDS", Builtin::strends, 2, 2},
    {"STRBEFORE", Builtin::strbefore, 2, 2}, {"STRAFTER", Builtin::strafter, 2, 2}, {"YEAR", Builtin::year, 1, 1},
    {"MONTH", Builtin::month, 1, 1}, {"DAY", Builtin::day, 1, 1}, {"HOURS", Builtin::hours, 1, 1}, {"MINUTES", Builtin::minutes, 1, 1},
    {"SECONDS", Builtin::seconds, 1, 1}, {"TIMEZONE", Builtin::timezone, 1, 1}, {"TZ", Builtin::tz, 1, 1}, {"NOW", Builtin::now, 0, 0},
    {"UUID", Builtin::uuid, 0, 0}, {"STRUUID", Builtin::struuid, 0, 0}, {"MD5", Builtin::md5, 1, 1}, {"SHA1", Builtin::sha1, 1, 1},
    {"SHA256", Builtin::sha256, 1, 1}, {"SHA384", Builtin::sha384, 1, 1}, {"SHA512", Builtin::sha512, 1, 1},
    {"COALESCE", Builtin::coalesce, 0, kAny}, {"IF", Builtin::if_, 3, 3}, {"STRLANG", Builtin::strlang, 2, 2}, {"STRDT", Builtin::strdt, 2, 2},
    {"SAMETERM", Builtin::same_term, 2, 2}, {"ISIRI", Builtin::is_iri, 1, 1}, {"ISURI", Builtin::is_iri, 1, 1},
    {"ISBLANK", Builtin::is_blank, 1, 1}, {"ISLITERAL", Builtin::is_literal, 1, 1}, {"ISNUMERIC", Builtin::is_numeric, 1, 1},
    {"REGEX", Builtin::regex, 2, 3}, {"SUBSTR", Builtin::substr, 2, 3}, {"REPLACE", Builtin::replace, 3, 4},
};

struct AggregateName {
  std::string_view name;
  Aggregate::Kind kind;
};
constexpr AggregateName kAggregates[] = {
    {"COUNT", Aggregate::Kind::count}, {"SUM", Aggregate::Kind::sum}, {"MIN", Aggregate::Kind::min}, {"MAX", Aggregate::Kind::max},
    {"AVG", Aggregate::Kind::avg}, {"SAMPLE", Aggregate::Kind::sample}, {"GROUP_CONCAT", Aggregate::Kind::group_concat},
};

}  // namespace

ExprPtr Parser::make_expr(Expr expr) {
  for (const ExprPtr& arg : expr.args) expr.depth = std::max(expr.depth, arg->depth + 1);
  if (expr.pattern) expr.depth = std::max(expr.depth, expr.pattern->depth + 1);
  if (expr.depth > kTreeDepthMax) {
    fail_here("the expression is too deep");
    expr = Expr{};
  }
  return std::make_shared<const Expr>(std::move(expr));
}

ExprPtr Parser::constant(ledger::Term term) {
  Expr expr;
  expr.term = std::move(term);
  return make_expr(std::move(expr));
}

ExprPtr Parser::operation(Expr::Kind kind, std::vector<ExprPtr> args) {
  Expr expr;
  expr.kind = kind;
  expr.args = std::move(args);
  return make_expr(std::move(expr));
}

bool Parser::at_literal() const {
  switch (token_.kind) {
    case TokenKind::string:
    case TokenKind::integer:
    case TokenKind::decimal:
    case TokenKind::double_: return true;
    case TokenKind::symbol: {
      // A sign belongs to the number that follows it at once.
      if (token_.text != "+" && token_.text != "-") return false;
      return token_.end < text_.size() && ((text_[token_.end] >= '0' && text_[token_.end] <= '9') || text_[token_.end] == '.');
    }
    case TokenKind::word: return is_word("TRUE") || is_word("FALSE");
    default: return false;
  }
}

ledger::Term Parser::parse_literal() {
  using ledger::Term;
  if (is_word("TRUE") || is_word("FALSE")) {
    const bool value = is_word("TRUE");
    advance();
    return Term::typed(value ? "true" : "false", ledger::xsd::boolean);
  }
  if (token_.kind == TokenKind::string) {
    Term term = Term::literal(token_.text);
    advance();
    if (token_.kind == TokenKind::language) {
      term.language = token_.text;
      for (char& c : term.language) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      }
      advance();
    } else if (accept_symbol("^^")) {
      std::string datatype = parse_iri();
      if (datatype != ledger::xsd::string) term.datatype = std::move(datatype);
    }
    return term;
  }
  std::string sign;
  if (is_symbol("+") || is_symbol("-")) {
    sign = token_.text;
    advance();
  }
  const Token number = token_;
  if (number.kind != TokenKind::integer && number.kind != TokenKind::decimal && number.kind != TokenKind::double_) {
    fail_here("expected a number, found " + describe_token());
    return Term::literal({});
  }
  advance();
  return Term::typed(sign + number.text, number.kind == TokenKind::integer   ? ledger::xsd::integer
                                         : number.kind == TokenKind::decimal ? ledger::xsd::decimal
                                                                             : ledger::xsd::double_);
}

bool Parser::at_constraint() const {
  if (is_symbol("(") || at_iri()) return true;
  if (token_.kind != TokenKind::word) return false;
  if (is_word("EXISTS") || is_word("NOT")) return true;
  for (const auto& entry : kBuiltins) {
    if (is_word(entry.name)) return true;
  }
  for (const auto& entry : kAggregates) {
    if (is_word(entry.name)) return true;
  }
  return false;
}

ExprPtr Parser::parse_constraint() {
  if (is_symbol("(")) return parse_bracketted();
  if (at_iri()) {
    const std::size_t position = token_.begin;
    ExprPtr call = parse_call_or_iri();
    if (call->kind != Expr::Kind::function) fail_at(position, "expected a condition: an IRI alone is not one");
    return call;
  }
  return parse_word_call();
}

ExprPtr Parser::parse_bracketted() {
  expect_symbol("(");
  ExprPtr expr = parse_expression();
  expect_symbol(")");
  return expr;
}

ExprPtr Parser::parse_expression() {
  Deeper deeper(*this);
  std::vector<ExprPtr> args{parse_and()};
  while (accept_symbol("||")) args.push_back(parse_and());
  return args.size() == 1 ? args[0] : operation(Expr::Kind::or_, std::move(args));
}

ExprPtr Parser::parse_and() {
  std::vector<ExprPtr> args{parse_relational()};
  while (accept_symbol("&&")) args.push_back(parse_relational());
  return args.size() == 1 ? args[0] : operation(Expr::Kind::and_, std::move(args));
}

ExprPtr Parser::parse_relational() {
  ExprPtr left = parse_additive();
  // By the longest-token rule "?a<5&&?b>3" holds the IRI <5&&?b>; only a space makes an operator of the "<".
  if (token_.kind == TokenKind::iri && !failed()) {
    fail_here(describe_token() + " is read as an IRI: put a space after a '<' that is meant as an operator");
  }
  static constexpr std::pair<std::string_view, Expr::Kind> kOperators[] = {
      {"=", Expr::Kind::equal}, {"!=", Expr::Kind::not_equal}, {"<", Expr::Kind::less}, {">", Expr::Kind::greater},
      {"<=", Expr::Kind::less_equal}, {">=", Expr::Kind::greater_equal},
  };
  for (const auto& [symbol, kind] : kOperators) {
    if (accept_symbol(symbol)) {
      ExprPtr right = parse_additive();
      return operation(kind, {std::move(left), std::move(right)});
    }
  }
  const bool negated = is_word("NOT");
  if (negated || is_word("IN")) {
    advance();
    if (negated) expect_word("IN");
    std::vector<ExprPtr> args{std::move(left)};
    for (ExprPtr& item : parse_arguments()) args.push_back(std::move(item));
    return operation(negated ? Expr::Kind::not_in : Expr::Kind::in, std::move(args));
  }
  return left;
}

ExprPtr Parser::parse_additive() {
  ExprPtr left = parse_multiplicative();
  while (is_symbol("+") || is_symbol("-")) {
    const Expr::Kind kind = is_symbol("+") ? Expr::Kind::add : Expr::Kind::subtract;
    advance();
    ExprPtr right = parse_multiplicative();
    left = operation(kind, {std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_multiplicative() {
  ExprPtr left = parse_unary();
  while (is_symbol("*") || is_symbol("/")) {
    const Expr::Kind kind = is_symbol("*") ? Expr::Kind::multiply : Expr::Kind::divide;
    advance();
    ExprPtr right = parse_unary();
    left = operation(kind, {std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_unary() {
  if (is_symbol("!")) {
    Deeper deeper(*this);
    advance();
    ExprPtr operand = parse_unary();
    return operation(Expr::Kind::not_, {std::move(operand)});
  }
  if (at_literal()) return constant(parse_literal());
  if (is_symbol("-") || is_symbol("+")) {
    Deeper deeper(*this);
    const Expr::Kind kind = is_symbol("-") ? Expr::Kind::negate : Expr::Kind::plus;
    advance();
    ExprPtr operand = parse_unary();
    return operation(kind, {std::move(operand)});
  }
  return parse_primary();
}

ExprPtr Parser::parse_primary() {
  if (is_symbol("(")) return parse_bracketted();
  if (token_.kind == TokenKind::variable) {
    Expr expr;
    expr.kind = Expr::Kind::variable;
    expr.slot = parse_variable();
    return make_expr(std::move(expr));
  }
  if (at_literal()) return constant(parse_literal());
  if (at_iri()) return parse_call_or_iri();
  if (token_.kind == TokenKind::word) return parse_word_call();
  fail_here("expected an expression, found " + describe_token());
  return constant({});
}

std::vector<ExprPtr> Parser::parse_arguments(bool* distinct) {
  std::vector<ExprPtr> args;
  expect_symbol("(");
  if (distinct != nullptr && accept_word("DISTINCT")) *distinct = true;
  if (accept_symbol(")")) return args;
  do {
    args.push_back(parse_expression());
  } while (accept_symbol(","));
  expect_symbol(")");
  return args;
}

ExprPtr Parser::parse_call_or_iri() {
  const std::size_t position = token_.begin;
  std::string iri = parse_iri();
  if (!is_symbol("(")) return constant(ledger::Term::iri(std::move(iri)));
  Expr expr;
  expr.kind = Expr::Kind::function;
  expr.function = std::move(iri);
  bool distinct = false;
  expr.args = parse_arguments(&distinct);
  if (distinct) fail_at(position, "DISTINCT is not possible here: no custom aggregates");
  return make_expr(std::move(expr));
}

ExprPtr Parser::parse_exists(bool negated) {
  const bool aggregates = scope_->allow_aggregates;
  scope_->allow_aggregates = false;
  Expr expr;
  expr.kind = negated ? Expr::Kind::not_exists : Expr::Kind::exists;
  expr.pattern = parse_group();
  scope_->allow_aggregates = aggregates;
  return make_expr(std::move(expr));
}

// A constant pattern that is none would be an error for every solution, and nothing would be found: better said at once. Only of a few short ones, for to
// compile them takes time, and parsing has no limit of time.
void Parser::check_regex(const std::vector<ExprPtr>& args, std::size_t flags_at, std::size_t position) {
  const auto text = [](const Expr& expr) -> const std::string* {
    return expr.kind == Expr::Kind::constant && expr.term.is_literal() && expr.term.datatype.empty() && expr.term.language.empty() ? &expr.term.value : nullptr;
  };
  const std::string* pattern = text(*args[1]);
  const std::string* flags = args.size() > flags_at ? text(*args[flags_at]) : nullptr;
  if (flags && flags->find_first_not_of("ismxq") != std::string::npos) return fail_at(position, "the flags of a regular expression are i, s, m, x and q");
  if (!pattern || pattern->size() > kPatternChecked_bytes || (args.size() > flags_at && !flags)) return;
  if (regexes_checked_.size() >= kPatternsChecked || !regexes_checked_.emplace(*pattern, flags ? *flags : std::string()).second) return;
  if (!Regex::compile(*pattern, flags ? *flags : std::string())) {
    fail_at(position, "the pattern is no regular expression that is supported (brackets must match; there are no back-references and no look-around)");
  }
}

ExprPtr Parser::parse_word_call() {
  if (accept_word("EXISTS")) return parse_exists(false);
  if (is_word("NOT")) {
    advance();
    expect_word("EXISTS");
    return parse_exists(true);
  }
  for (const auto& entry : kAggregates) {
    if (is_word(entry.name)) return parse_aggregate(entry.kind);
  }
  for (const auto& entry : kBuiltins) {
    if (!is_word(entry.name)) continue;
    const std::size_t position = token_.begin;
    advance();
    Expr expr;
    expr.kind = Expr::Kind::builtin;
    expr.builtin = entry.builtin;
    expr.args = parse_arguments();
    if (failed()) return constant({});
    if (expr.args.size() < entry.least || expr.args.size() > entry.most) {
      fail_at(position, std::string(entry.name) + " takes " + std::to_string(entry.least) +
                            (entry.least == entry.most ? "" : entry.most == kAny ? " or more" : " to " + std::to_string(entry.most)) +
                            " arguments, not " + std::to_string(expr.args.size()));
      return constant({});
    }
    if (entry.builtin == Builtin::iri && !base_.empty()) expr.args.push_back(constant(ledger::Term::literal(base_)));
    if (entry.builtin == Builtin::regex || entry.builtin == Builtin::replace) check_regex(expr.args, entry.builtin == Builtin::regex ? 2 : 3, position);
    if (entry.builtin == Builtin::bound && expr.args[0]->kind != Expr::Kind::variable) fail_at(position, "BOUND takes a variable");
    return make_expr(std::move(expr));
  }
  fail_here("expected an expression, found " + describe_token());
  return constant({});
}

ExprPtr Parser::parse_aggregate(Aggregate::Kind kind) {
  if (!scope_->allow_aggregates) {
    fail_here("an aggregate may stand only in SELECT, HAVING and ORDER BY");
    return constant({});
  }
  if (scope_->in_aggregate) {
    fail_here("an aggregate inside an aggregate");
    return constant({});
  }
  count_pattern();
  advance();
  Aggregate aggregate;
  aggregate.kind = kind;
  expect_symbol("(");
  aggregate.distinct = accept_word("DISTINCT");
  scope_->in_aggregate = true;
  if (kind == Aggregate::Kind::count && is_symbol("*")) {
    advance();
  } else {
    aggregate.argument = parse_expression();
  }
  scope_->in_aggregate = false;
  if (kind == Aggregate::Kind::group_concat && accept_symbol(";")) {
    expect_word("SEPARATOR");
    expect_symbol("=");
    if (token_.kind != TokenKind::string) {
      fail_here("expected a string as the separator, found " + describe_token());
    } else {
      aggregate.separator = token_.text;
      advance();
    }
  }
  expect_symbol(")");
  aggregate.output = new_slot({});
  Expr expr;
  expr.kind = Expr::Kind::variable;
  expr.slot = aggregate.output;
  scope_->aggregates.push_back(std::move(aggregate));
  return make_expr(std::move(expr));
}

}  // namespace agiddi::ontology::sparql
