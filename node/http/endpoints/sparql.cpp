// /sparql: the SPARQL 1.1 Protocol's query operation (W3C Recommendation of 21 March 2013) and, without a query, the service description.
#include <algorithm>

#include "node/http/negotiate.h"
#include "node/http/uri.h"
#include "node/http/writes.h"
#include "ontology/rdf_io.h"
#include "ontology/sparql/graph_use.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/results.h"
#include "subservices/query/ledger_dataset.h"
#include "subservices/query/service_description.h"

namespace agiddi::node {
namespace {

namespace sparql = ontology::sparql;

constexpr std::size_t kGraphsMax = 256;          // of one parameter, as of FROM clauses
constexpr std::size_t kGraphIriMax_bytes = 2048;

struct SparqlCall {
  std::optional<std::string> query;              // none: the service description
  std::vector<std::string> default_graphs, named_graphs;
  bool explain = false;
};

struct ResultType { std::string type; sparql::Format format; };

const std::vector<ResultType>& result_types() {
  static const std::vector<ResultType> kTypes{{"application/sparql-results+json", sparql::Format::json},
                                              {"application/sparql-results+xml", sparql::Format::xml},
                                              {"text/csv", sparql::Format::csv},
                                              {"text/tab-separated-values", sparql::Format::tsv},
                                              {"application/json", sparql::Format::json},
                                              {"application/xml", sparql::Format::xml},
                                              {"text/xml", sparql::Format::xml}};
  return kTypes;
}

const std::vector<std::string>& graph_types() {
  static const std::vector<std::string> kTypes{"text/turtle",     "application/n-triples", "application/ld+json", "application/rdf+xml",
                                               "application/json", "application/xml",       "text/xml"};
  return kTypes;
}

Error not_acceptable(const char* what, const std::vector<std::string>& types) {
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ", ") + type;
  return Error{Status::not_acceptable, std::string(what) + " is written in " + list + "; the Accept header excludes that.", {}};
}

tl::unexpected<Error> no_update() {
  return fail(Status::bad_request, "SPARQL Update is not available here: the ledger changes by signed documents only.");
}

Result<void> add_graph(std::vector<std::string>& graphs, const std::string& parameter, std::string value) {
  if (value.size() > kGraphIriMax_bytes) return fail(Status::bad_request, "The value of " + parameter + " is longer than " + std::to_string(kGraphIriMax_bytes) + " bytes.");
  if (graphs.size() == kGraphsMax) return fail(Status::bad_request, "A query has at most " + std::to_string(kGraphsMax) + " parameters " + parameter + ".");
  graphs.push_back(std::move(value));
  return {};
}

// The operation by the three bindings of the protocol. Other parameters than the protocol's are the client's own affair.
Result<SparqlCall> read_call(const HttpRequest& request) {
  SparqlCall call;
  std::vector<NameValue> fields = request.query;
  if (request.method == "POST") {
    const auto type = parse_media_type(request.header("content-type").value_or(""));
    if (type && type->type == "application/sparql-update") return no_update();
    for (const auto& [name, value] : type ? type->parameters : decltype(type->parameters)()) {
      if (name == "charset" && lower_case(value) != "utf-8") return fail(Status::unsupported_media, "A query is sent in UTF-8.");
    }
    if (type && type->type == "application/sparql-query") {
      call.query = request.body;
    } else {
      auto form = form_decode(request.body);
      if (!form) return fail(Status::bad_request, "The form holds a broken percent escape.");
      fields.insert(fields.end(), std::make_move_iterator(form->begin()), std::make_move_iterator(form->end()));
    }
  }
  for (auto& [name, value] : fields) {
    if (name == "update") return no_update();
    if (name == "default-graph-uri" || name == "named-graph-uri") {
      if (auto added = add_graph(name == "default-graph-uri" ? call.default_graphs : call.named_graphs, name, std::move(value)); !added) return tl::unexpected(added.error());
    } else if (name == "explain") {
      if (value != "true" && value != "false") return fail(Status::bad_request, "explain must be true or false.");
      call.explain = value == "true";
    } else if (name == "query") {
      if (call.query) return fail(Status::bad_request, "Give exactly one query.");
      call.query = std::move(value);
    }
  }
  const bool describe = request.method == "GET" && request.query.empty();
  if (!describe && (!call.query || call.query->empty())) {
    return fail(Status::bad_request, "The parameter query is missing: GET /sparql?query=…, or POST it as application/sparql-query.");
  }
  return call;
}

Result<HttpResponse> graph_response(const std::vector<ledger::Triple>& triples, const std::string& type) {
  HttpResponse response;
  response.content_type = type;
  if (type == "text/turtle") {
    response.content_type += "; charset=utf-8";
    response.body = ontology::write_turtle(triples);
  } else if (type == "application/n-triples") {
    response.body = ontology::write_ntriples(triples);
  } else if (type.ends_with("xml")) {
    auto text = ontology::write_rdfxml(triples);
    if (!text) return tl::unexpected(text.error());
    response.body = std::move(*text);
  } else {
    response.body = ontology::write_jsonld(triples);
  }
  return response;
}

Result<HttpResponse> describe_service(ApiCore& core, const std::string& accept) {
  const auto chosen = negotiate(accept, graph_types());
  if (!chosen) return tl::unexpected(not_acceptable("The service description", graph_types()));
  return graph_response(subservices::service_description(*core.chain().snapshot(), core.public_url() + "/sparql"), graph_types()[*chosen]);
}

Result<HttpResponse> answer(ApiCore& core, const SparqlCall& call, const std::string& accept, sparql::CancelToken& cancel) {
  if (!call.query) return describe_service(core, accept);
  auto query = sparql::parse_query(*call.query);
  if (!query) return tl::unexpected(query.error());
  if (!call.default_graphs.empty() || !call.named_graphs.empty()) query = sparql::with_dataset(*query, call.default_graphs, call.named_graphs);
  const auto snapshot = core.chain().snapshot();
  if (call.explain) {
    auto plan = subservices::explain_on_ledger(*snapshot, *query);
    if (!plan) return tl::unexpected(plan.error());
    return HttpResponse{200, "text/plain; charset=utf-8", std::move(*plan), {}};
  }
  const bool graph = query->form() == sparql::QueryForm::construct || query->form() == sparql::QueryForm::describe;
  std::vector<std::string> offered = graph_types();
  if (!graph) {
    offered.clear();
    for (const ResultType& type : result_types()) offered.push_back(type.type);
  }
  const auto chosen = negotiate(accept, offered);
  if (!chosen) return tl::unexpected(not_acceptable(graph ? "A graph" : "A query result", offered));
  const auto result = subservices::evaluate_on_ledger(*snapshot, *query, {}, &cancel, core.chain().now());
  if (!result) return tl::unexpected(result.error());
  Result<HttpResponse> response = HttpResponse();
  if (graph) {
    response = graph_response(result->triples, offered[*chosen]);
  } else {
    const ResultType& type = result_types()[*chosen];
    response->content_type = type.format == sparql::Format::csv || type.format == sparql::Format::tsv ? std::string(sparql::media_type(type.format)) : type.type;
    response->body = sparql::write_results(*result, type.format);
  }
  if (response) response->with("Agiddi-Height", std::to_string(snapshot->height()));
  return response;
}

void sparql_request(const Core& core, HttpRequest request, Responder responder) {
  auto call = read_call(request);
  if (!call) return responder.send(problem(call.error()));
  core->run(core->queries(), responder, [core, call = std::move(*call), accept = request.header_list("accept"), responder](sparql::CancelToken& cancel) {
    auto response = answer(*core, call, accept, cancel);
    HttpResponse out = response ? std::move(*response) : problem(response.error());
    out.with("Vary", "Accept");
    responder.send(std::move(out));
  });
}

}  // namespace

void bind_sparql(Router& router, const Core& core) {
  const auto handler = [core](HttpRequest request, Responder responder) { sparql_request(core, std::move(request), std::move(responder)); };
  router.add("GET", "/sparql", handler);
  router.add("POST", "/sparql", handler, {{}, {"application/sparql-query", "application/x-www-form-urlencoded", "application/sparql-update"}, true});
}

}  // namespace agiddi::node
