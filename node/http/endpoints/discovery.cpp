// Step 2: search by conditions, and SPARQL 1.1 over its standard protocol (W3C Recommendation of 21 March 2013).
#include "node/http/negotiate.h"
#include "node/http/uri.h"
#include "node/http/writes.h"
#include "ontology/rdf_io.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/results.h"
#include "subservices/query/query_service.h"

namespace agiddi::node {
namespace {

namespace sparql = ontology::sparql;

sparql::Limits search_limits() {
  sparql::Limits limits;
  limits.time_ms = 3'000;
  return limits;
}

struct ResultType { std::string type; sparql::Format format; };

const std::vector<ResultType>& result_types() {
  static const std::vector<ResultType> kTypes{{"application/sparql-results+json", sparql::Format::json},
                                              {"application/sparql-results+xml", sparql::Format::xml},
                                              {"text/csv", sparql::Format::csv},
                                              {"text/tab-separated-values", sparql::Format::tsv},
                                              {"application/json", sparql::Format::json},
                                              {"application/xml", sparql::Format::xml}};
  return kTypes;
}

const std::vector<std::string>& graph_types() {
  static const std::vector<std::string> kTypes{"text/turtle", "application/n-triples", "application/ld+json", "application/json"};
  return kTypes;
}

Error not_acceptable(const char* what, const std::vector<std::string>& types) {
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ", ") + type;
  return Error{Status::not_acceptable, std::string(what) + " is written in " + list + "; the Accept header excludes that.", {}};
}

// The query text of a request, by the three bindings of the protocol.
Result<std::string> query_text(const HttpRequest& request) {
  std::vector<NameValue> fields = request.query;
  std::optional<std::string> direct;
  if (request.method == "POST") {
    const auto type = parse_media_type(request.header("content-type").value_or(""));
    if (type && type->type == "application/sparql-update") return fail(Status::bad_request, "SPARQL Update is not available here: the ledger changes by signed documents only.");
    if (type && type->type == "application/sparql-query") {
      direct = request.body;
    } else {
      auto form = form_decode(request.body);
      if (!form) return fail(Status::bad_request, "The form holds a broken percent escape.");
      fields.insert(fields.end(), form->begin(), form->end());
    }
  }
  std::optional<std::string> query = direct;
  for (auto& [name, value] : fields) {
    if (name == "update") return fail(Status::bad_request, "SPARQL Update is not available here: the ledger changes by signed documents only.");
    if (name == "default-graph-uri" || name == "named-graph-uri") {
      return fail(Status::bad_request, "There is one graph here, the default graph; leave " + name + " out.");
    }
    if (name != "query") continue;
    if (query) return fail(Status::bad_request, "Give exactly one query.");
    query = std::move(value);
  }
  if (!query || query->empty()) return fail(Status::bad_request, "The parameter query is missing: GET /sparql?query=…, or POST it as application/sparql-query.");
  return std::move(*query);
}

Result<HttpResponse> run_sparql(ApiCore& core, const std::string& text, const std::string& accept) {
  const auto query = sparql::parse_query(text);
  if (!query) return tl::unexpected(query.error());
  const bool graph = query->form() == sparql::QueryForm::construct || query->form() == sparql::QueryForm::describe;
  std::vector<std::string> offered = graph_types();
  if (!graph) {
    offered.clear();
    for (const ResultType& type : result_types()) offered.push_back(type.type);
  }
  const auto chosen = negotiate(accept, offered);
  if (!chosen) return tl::unexpected(not_acceptable(graph ? "A graph" : "A query result", offered));
  const auto snapshot = core.chain().snapshot();
  const auto result = sparql::evaluate(*query, sparql::Dataset(snapshot->triples()), {}, &core.stopping(), core.chain().now());
  if (!result) return tl::unexpected(result.error());
  HttpResponse response;
  response.content_type = offered[*chosen];
  if (!graph) {
    const ResultType& type = result_types()[*chosen];
    response.body = sparql::write_results(*result, type.format);
    if (type.format == sparql::Format::csv || type.format == sparql::Format::tsv) response.content_type = std::string(sparql::media_type(type.format));
  } else if (offered[*chosen] == "text/turtle") {
    response.content_type = "text/turtle; charset=utf-8";
    response.body = ontology::write_turtle(result->triples);
  } else if (offered[*chosen] == "application/n-triples") {
    response.body = ontology::write_ntriples(result->triples);
  } else {
    response.body = ontology::write_jsonld(result->triples).dump();
  }
  response.with("Vary", "Accept").with("Agiddi-Height", std::to_string(snapshot->height()));
  return response;
}

void sparql_request(const Core& core, HttpRequest request, Responder responder) {
  auto text = query_text(request);
  if (!text) return responder.send(problem(text.error()));
  core->run(core->queries(), responder, [core, text = std::move(*text), accept = request.header_list("accept"), responder] {
    auto response = run_sparql(*core, text, accept);
    responder.send(response ? std::move(*response) : problem(response.error()));
  });
}

void search(const Core& core, HttpRequest request, Responder responder) {
  auto body = std::make_shared<std::string>(std::move(request.body));
  core->run(core->queries(), responder, [core, body, responder] {
    const auto conditions = parse_json(*body);
    if (!conditions) return responder.send(problem(conditions.error()));
    const auto snapshot = core->chain().snapshot();
    const auto answer = subservices::QueryService(search_limits()).search(*conditions, snapshot->triples());
    responder.send(answer ? json_response(200, *answer) : problem(answer.error()));
  });
}

}  // namespace

void bind_discovery(Router& router, const Core& core) {
  router.add("POST", "/v1/query", [core](HttpRequest request, Responder responder) { search(core, std::move(request), std::move(responder)); }, kJsonBody);
  router.add("GET", "/v1/query/attributes", [](HttpRequest, Responder responder) {
    responder.send(json_response(200, subservices::QueryService::attributes()));
  }, kJsonOnly);
  const auto handler = [core](HttpRequest request, Responder responder) { sparql_request(core, std::move(request), std::move(responder)); };
  router.add("GET", "/sparql", handler);
  router.add("POST", "/sparql", handler,
             {{}, {"application/sparql-query", "application/x-www-form-urlencoded", "application/sparql-update"}, true});
}

}  // namespace agiddi::node
