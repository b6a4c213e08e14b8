#include "ontology/sparql/explain.h"

#include <array>
#include <charconv>

#include "ontology/sparql/planner.h"
#include "ontology/sparql/union_source.h"

namespace agiddi::ontology::sparql {

std::string shown(const Atom& atom, const std::vector<std::string>& names) {
  if (!atom.is_variable()) return ledger::ntriples(atom.term);
  if (atom.slot < names.size() && !names[atom.slot].empty()) return "?" + names[atom.slot];
  return "?_" + std::to_string(atom.slot);
}

std::string shown(const Path& path) {
  auto joined = [&](std::string_view between) {
    std::string out = "(";
    for (const PathPtr& part : path.parts) {
      if (out.size() > 1) out += between;
      out += shown(*part);
    }
    return out + ")";
  };
  switch (path.kind) {
    case Path::Kind::link: return "<" + path.iri + ">";
    case Path::Kind::inverse: return "^" + shown(*path.parts[0]);
    case Path::Kind::sequence: return joined("/");
    case Path::Kind::alternative: return joined("|");
    case Path::Kind::zero_or_one: return shown(*path.parts[0]) + "?";
    case Path::Kind::zero_or_more: return shown(*path.parts[0]) + "*";
    case Path::Kind::one_or_more: return shown(*path.parts[0]) + "+";
    case Path::Kind::negated: {
      std::string out;
      for (const auto& iri : path.forward) out += (out.empty() ? "<" : "|<") + iri + ">";
      for (const auto& iri : path.backward) out += (out.empty() ? "^<" : "|^<") + iri + ">";
      return "!(" + out + ")";
    }
  }
  return {};
}

std::string shown(const Expr& expr, const std::vector<std::string>& names) {
  using Kind = Expr::Kind;
  auto joined = [&](std::string_view between) {
    std::string out = "(";
    for (const ExprPtr& arg : expr.args) {
      if (out.size() > 1) out += between;
      out += shown(*arg, names);
    }
    return out + ")";
  };
  switch (expr.kind) {
    case Kind::constant: return ledger::ntriples(expr.term);
    case Kind::variable: return shown(Atom::variable(expr.slot), names);
    case Kind::or_: return joined(" || ");
    case Kind::and_: return joined(" && ");
    case Kind::not_: return "!" + joined("");
    case Kind::equal: return joined(" = ");
    case Kind::not_equal: return joined(" != ");
    case Kind::less: return joined(" < ");
    case Kind::less_equal: return joined(" <= ");
    case Kind::greater: return joined(" > ");
    case Kind::greater_equal: return joined(" >= ");
    case Kind::in: return "in" + joined(", ");
    case Kind::not_in: return "not in" + joined(", ");
    case Kind::add: return joined(" + ");
    case Kind::subtract: return joined(" - ");
    case Kind::multiply: return joined(" * ");
    case Kind::divide: return joined(" / ");
    case Kind::negate: return "-" + joined("");
    case Kind::plus: return joined("");
    case Kind::builtin: return "function" + std::to_string(static_cast<int>(expr.builtin)) + joined(", ");
    case Kind::function: return "<" + expr.function + ">" + joined(", ");
    case Kind::exists: return "exists";
    case Kind::not_exists: return "not exists";
  }
  return {};
}

namespace {

void print(const Operator& op, std::size_t depth, std::string& out) {
  out.append(depth * 2, ' ');
  out += op.describe();
  if (op.estimate >= 0) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), op.estimate, std::chars_format::general, 4).ptr;
    out += "  ~" + std::string(digits.data(), end);
  }
  out += '\n';
  for (const Operator* part : op.parts()) print(*part, depth + 1, out);
}

}  // namespace

Result<std::string> explain(const Query& query, const Dataset& dataset) {
  Execution execution(dataset, Limits{}, nullptr, 0, query.body().slot_names.size());
  UnionSource merged(dataset.default_graph());
  if (auto chosen = choose_graphs(query.body(), dataset, merged, execution); !chosen) return tl::unexpected(chosen.error());
  const Plan plan = Planner(query.body(), execution).make();
  std::string out;
  print(*plan.root, 0, out);
  for (const auto& part : plan.exists) {
    out += "exists:\n";
    print(*part, 1, out);
  }
  return out;
}

}  // namespace agiddi::ontology::sparql
