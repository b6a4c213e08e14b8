#include <array>

#include "tools/cli/files.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct FormatName { const char* name; const char* type; };
constexpr std::array kFormats{FormatName{"json", "application/sparql-results+json"}, FormatName{"xml", "application/sparql-results+xml"},
                              FormatName{"csv", "text/csv"}, FormatName{"tsv", "text/tab-separated-values"}, FormatName{"turtle", "text/turtle"},
                              FormatName{"ntriples", "application/n-triples"}, FormatName{"jsonld", "application/ld+json"},
                              FormatName{"rdfxml", "application/rdf+xml"}};

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const FormatName& format : kFormats) names.emplace_back(format.name);
  return names;
}

// All but RFC 3986's unreserved characters.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || std::string_view("-_.~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    }
  }
  return out;
}

struct Options {
  std::string node, query, accept, format;
  std::vector<std::string> default_graphs, named_graphs;
  bool explain = false;
};

Outcome<std::string> accept_of(const Options& options) {
  if (!options.accept.empty() && !options.format.empty()) return wrong_usage("--accept and --format say the same thing twice");
  if (!options.accept.empty()) return options.accept;
  for (const FormatName& format : kFormats) {
    if (options.format == format.name) return std::string(format.type);
  }
  return std::string(json_wanted() ? "application/sparql-results+json, application/ld+json;q=0.9"
                                   : "text/tab-separated-values, text/turtle;q=0.9, application/sparql-results+json;q=0.5");
}

std::string path_of(const Options& options) {
  std::string path = "/sparql";
  const auto add = [&](std::string_view name, std::string_view value) {
    path += path.find('?') == std::string::npos ? '?' : '&';
    path += std::string(name) + "=" + percent_encoded(value);
  };
  for (const std::string& graph : options.default_graphs) add("default-graph-uri", graph);
  for (const std::string& graph : options.named_graphs) add("named-graph-uri", graph);
  if (options.explain) add("explain", "true");
  return path;
}

Outcome<Answer> ask(const Options& options) {
  std::string query = options.query;
  if (query == "-" || query.starts_with('@')) {
    auto content = read_file(query == "-" ? query : query.substr(1));
    if (!content) return passed_on(content.error());
    query = std::move(*content);
  }
  const auto accept = accept_of(options);
  if (!accept) return tl::unexpected(accept.error());
  NodeClient node(options.node);
  auto response = node.post(path_of(options), query, "application/sparql-query", *accept);
  if (!response) return tl::unexpected(response.error());
  std::string text = response->body;
  if (text.empty() || text.back() != '\n') text.push_back('\n');
  if (options.explain) return Answer{Json::object({{"plan", response->body}}), std::move(text)};
  const bool json = response->content_type.ends_with("json");
  if (!json) return Answer{Json::object({{"contentType", response->content_type}, {"content", response->body}}), std::move(text)};
  auto document = json_of(*response);
  if (!document) return tl::unexpected(document.error());
  return Answer{std::move(*document), std::move(text)};
}

}  // namespace

void declare_sparql(Command& program) {
  const auto o = std::make_shared<Options>();
  Command command = program.sub("sparql", "Ask a SPARQL 1.1 query: SELECT, ASK, CONSTRUCT or DESCRIBE");
  command.positional("QUERY", o->query, "The query, @FILE to read it from a file, - for standard input");
  command.node(o->node);
  command.choice("--format", o->format, format_names(), "Of rows: json, xml, csv, tsv (the default); of a graph: turtle (the default), ntriples, jsonld, rdfxml");
  command.option("--accept", o->accept, "The same as a media type, such as text/csv, or a whole Accept header");
  command.options("--default-graph", o->default_graphs, "Ask this graph instead of the current one: urn:agiddi:transaction:ID, or urn:agiddi:graph:current");
  command.options("--named-graph", o->named_graphs, "Let GRAPH range over this graph");
  command.flag("--explain", o->explain, "Print the plan instead of the answer: joins in their order with estimated rows, filters, ranges");
  command.examples(
      "  agiddi sparql 'SELECT ?d WHERE { ?d a <https://w3id.org/agiddi/ontology#WeatherStation> } LIMIT 10' --node http://127.0.0.1:8101\n"
      "  agiddi sparql @query.rq --format csv --node http://127.0.0.1:8101\n"
      "  agiddi sparql @query.rq --explain\n"
      "  agiddi sparql 'CONSTRUCT WHERE { ?s ?p ?o }' --default-graph urn:agiddi:transaction:ID     what a transaction recorded\n"
      "With --json: SPARQL results in JSON, graphs in JSON-LD; another format as {\"contentType\",\"content\"}, a plan as {\"plan\"}.");
  command.action([o]() -> Outcome<Answer> { return ask(*o); });
}

}  // namespace agiddi::tools
