#include "tools/cli/files.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_sparql(Command& program) {
  struct Options { std::string node, query, accept; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("sparql", "Ask a SPARQL 1.1 query: SELECT, ASK, CONSTRUCT or DESCRIBE");
  command.positional("QUERY", o->query, "The query, @FILE to read it from a file, - for standard input");
  command.node(o->node);
  command.option("--accept", o->accept, "Media type wanted, such as text/csv, application/sparql-results+xml or text/turtle");
  command.examples(
      "  agiddi sparql 'SELECT ?d WHERE { ?d a <https://w3id.org/agiddi/ontology#WeatherStation> } LIMIT 10' --node http://127.0.0.1:8101\n"
      "  agiddi sparql @query.rq --accept text/csv --node http://127.0.0.1:8101\n"
      "With --json: SPARQL results in JSON, graphs in JSON-LD.");
  command.action([o]() -> Outcome<Answer> {
    std::string query = o->query;
    if (query == "-" || query.starts_with('@')) {
      auto content = read_file(query == "-" ? query : query.substr(1));
      if (!content) return passed_on(content.error());
      query = std::move(*content);
    }
    std::string accept = o->accept;
    if (accept.empty()) {
      accept = json_wanted() ? "application/sparql-results+json, application/ld+json;q=0.9"
                             : "text/tab-separated-values, text/turtle;q=0.9, application/sparql-results+json;q=0.5";
    }
    NodeClient node(o->node);
    auto response = node.post("/sparql", query, "application/sparql-query", accept);
    if (!response) return tl::unexpected(response.error());
    std::string text = response->body;
    if (text.empty() || text.back() != '\n') text.push_back('\n');
    const bool json = response->content_type.ends_with("json");
    if (!json) return Answer{Json::object({{"contentType", response->content_type}, {"content", response->body}}), std::move(text)};
    auto document = json_of(*response);
    if (!document) return tl::unexpected(document.error());
    return Answer{std::move(*document), std::move(text)};
  });
}

}  // namespace agiddi::tools
