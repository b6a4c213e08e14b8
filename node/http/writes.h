// Signed writes: the way of a document from a request to the ledger and back, the same for every call that writes.
//
// Order of the refusals: 413, 401 (signature header, act, network, signature), a known id is answered from the ledger, 401 (time window), 400,
// 422, the rest of the door; only then does the chain see it. What is refused on this way consumed nothing.
#pragma once

#include "node/http/api_core.h"
#include "node/http/negotiate.h"
#include "protocol/transaction.h"

namespace agiddi::node {

struct WriteCall {
  std::string action;          // that `act` must be
  std::string target;          // the body's member that must equal the path's {id}; "" when the path names nothing
};

// What a call still does when its document was committed, before the answer goes out (delivery credentials). It must answer in the end; the responder
// may have been answered already, by a 202 or a 504: then what it sends goes nowhere.
using Finish = std::function<void(Responder responder, unsigned status, Json answer)>;
// A check of a call's own at the end of the door.
using ExtraDoor = std::function<Result<void>(const Json& body)>;

void signed_write(const Core& core, const WriteCall& call, HttpRequest request, Responder responder, ExtraDoor door = {}, Finish finish = {});
Handler write_handler(const Core& core, WriteCall call);

// The first part of the way: header, act, network and signature. Every failure is 401 (413 for an oversized body).
Result<Transaction> authenticate(Chain& chain, std::string_view action, const HttpRequest& request);

inline const RouteOptions kJsonBody{{"application/json"}, {"application/json"}, false};
inline const RouteOptions kJsonOnly{{"application/json"}, {}, false, std::vector<std::string>{}};
// A GET that takes query parameters. produces: empty when the handler negotiates.
inline RouteOptions with_query(std::vector<std::string> produces, std::vector<std::string> names) { return {std::move(produces), {}, false, std::move(names)}; }

}  // namespace agiddi::node
