// The chain as anyone may read it: status, validators, blocks, transactions and their proofs.
#include "node/http/negotiate.h"
#include "node/http/writes.h"
#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/proof.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

constexpr int kProofWait_s = 10;
constexpr std::chrono::milliseconds kCertificateWait{1'000};   // a block's signatures come a moment after its execution

// A node that began with a snapshot, or drops old blocks, says so: another one may have them.
std::string not_kept(const ledger::LedgerSnapshot& snapshot, const std::string& what) {
  return what + " is not kept here: this node has blocks from height " + std::to_string(snapshot.first_block()) + " on. Ask a node that keeps the whole chain.";
}

std::string unknown_transaction(const ledger::LedgerSnapshot& snapshot) {
  const std::string unknown = "This node knows no such transaction.";
  return snapshot.first_block() == 1 ? unknown : unknown + " " + not_kept(snapshot, "One of an older block");
}

// What proves a block: for a moment its own certificate is waited for, which nearly every block gets.
std::optional<HeaderChain> header_proof(const ledger::LedgerSnapshot& snapshot, std::uint64_t height, SteadyClock::time_point own_until) {
  if (auto own = snapshot.certificate(height)) return HeaderChain(*std::move(own));
  const bool may_come = height > snapshot.certified_height() && SteadyClock::now() < own_until;
  return may_come ? std::nullopt : snapshot.header_proof(height);
}

// What decided each member set from genesis up to the one that certifies a height.
Result<std::vector<MemberChange>> member_changes(const ledger::LedgerSnapshot& snapshot, std::uint64_t height) {
  const subservices::StateView state(snapshot.state());
  std::vector<MemberChange> changes;
  const std::uint64_t last = subservices::members_at(state, height).members.epoch();
  for (std::uint64_t epoch = 1; epoch <= last; ++epoch) {
    auto change = snapshot.member_change(epoch);
    if (!change) return fail(Status::unavailable, "What decided the members of epoch " + std::to_string(epoch) + " is not here yet: this node is asking the others for it.");
    changes.push_back(std::move(*change));
  }
  return changes;
}

void status(const Core& core, HttpRequest, Responder responder) {
  const ChainStatus now = core->chain().status();
  Json peers = Json::array();
  for (const PeerStatus& peer : now.peers) peers.push(Json::object({{"id", peer.id}, {"connected", peer.connected}}));
  Json answer = Json::object({{"network", now.network},
                              {"node", now.node},
                              {"height", now.height},
                              {"view", now.view},
                              {"primary", now.primary},
                              {"peers", std::move(peers)},
                              {"syncing", now.syncing},
                              {"hasQuorum", now.has_quorum},
                              {"role", now.is_member ? "member" : "follower"},
                              {"epoch", now.epoch},
                              {"mempool", static_cast<std::uint64_t>(now.mempool)},
                              {"time", time_text(core->chain().now())}});
  if (core->chain().genesis().unverified_clients) answer.set("unverifiedClients", true);
  responder.send(json_response(200, answer));
}

Json block_json(const ledger::LedgerSnapshot& snapshot, const BlockHeader& header, const std::optional<HeaderChain>& proof) {
  Json block = header_json(header);
  Json transactions = Json::array();
  if (const auto batch = snapshot.batch(header.height)) {
    for (const Hash& id : batch->transactions) transactions.push(id.hex());
  }
  block.set("transactions", std::move(transactions));
  set_header_proof(block, proof.value_or(HeaderChain{}));
  return block;
}

// Waits a moment for the certificate (marked by `unavailable` between rounds), then shows the block as it is.
void get_block(const Core& core, HttpRequest request, Responder responder) {
  const std::string_view which = request.parameter("height");
  std::optional<std::uint64_t> height = which == "latest" ? core->chain().snapshot()->height() : parse_count(which);
  if (!height) return responder.send(problem(Status::not_found, "A block is named by its height, or latest."));
  const auto give_up = SteadyClock::now() + kCertificateWait;
  const auto unknown_until = SteadyClock::now() + core->catch_up();
  core->read_until(std::move(responder), [at = *height, give_up, unknown_until](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    if (snapshot.pruned(at)) return fail(Status::not_found, not_kept(snapshot, "The block of this height"));
    const auto header = snapshot.header(at);
    if (!header) {
      return fail(SteadyClock::now() < unknown_until ? Status::unavailable : Status::not_found,
                  "There is no block of this height yet; the latest has " + std::to_string(snapshot.height()) + ".");
    }
    const auto proof = header_proof(snapshot, at, give_up);
    if (!proof && at > 0 && SteadyClock::now() < give_up) return fail(Status::unavailable, "");
    return json_response(200, block_json(snapshot, *header, proof));
  }, SteadyClock::time_point::max(), Status::unavailable);
}

Json transaction_json(const ledger::TransactionRecord& record) {
  const bool done = record.receipt.status == Status::ok || record.receipt.status == Status::created;
  Json answer = Json::object({{"transaction", record.transaction.id.hex()},
                              {"state", done ? "committed" : "rejected"},
                              {"status", static_cast<unsigned>(record.receipt.status)},
                              {"height", record.height},
                              {"index", record.index},
                              {"timestamp", time_text(record.timestamp)},
                              {"action", record.transaction.header.action},
                              {"signer", record.transaction.header.kid}});
  if (done) {
    if (auto result = parse_json(record.receipt.result)) answer.set("result", std::move(*result));
    return answer;
  }
  const Error error = subservices::error_from_receipt(record.receipt);
  answer.set("reason", error.detail);
  if (!error.fields.empty()) {
    Json errors = Json::array();
    for (const FieldError& field : error.fields) errors.push(Json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
    answer.set("errors", std::move(errors));
  }
  return answer;
}

// The chain could not be asked whether it holds the transaction.
Error busy() { return {Status::overloaded, "This node is overloaded; try again shortly or ask another node.", {}}; }

void get_transaction(const Core& core, HttpRequest request, Responder responder) {
  const auto id = Hash::from_hex(request.parameter("id"));
  if (!id) return responder.send(problem(Status::not_found, "A transaction id is 64 lower-case hex digits."));
  core->chain().is_pending(*id, [core, id = *id, responder](std::optional<bool> pending) {
    core->read(responder, [id, pending](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
      if (const auto record = snapshot.transaction(id)) return json_response(200, transaction_json(*record));
      if (!pending) return tl::unexpected(busy());
      if (*pending) return json_response(200, Json::object({{"transaction", id.hex()}, {"state", "pending"}}));
      return fail(Status::not_found, unknown_transaction(snapshot));
    });
  });
}

void get_proof(const Core& core, HttpRequest request, Responder responder) {
  const auto id = Hash::from_hex(request.parameter("id"));
  if (!id) return responder.send(problem(Status::not_found, "A transaction id is 64 lower-case hex digits."));
  auto wait = parse_prefer(request.header_list("prefer")).wait_s;
  if (const auto text = request.query_value("wait")) wait = parse_prefer("wait=" + std::string(*text)).wait_s;
  const auto deadline = SteadyClock::now() + std::chrono::seconds(wait.value_or(kProofWait_s));
  core->chain().is_pending(*id, [core, id = *id, responder, deadline, own_until = SteadyClock::now() + kCertificateWait, unknown_until = SteadyClock::now() + core->catch_up()](std::optional<bool> pending) {
    core->read_until(responder, [id, pending, own_until, unknown_until](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
      const auto record = snapshot.transaction(id);
      if (!record && !pending) return tl::unexpected(busy());
      if (!record && !*pending && SteadyClock::now() >= unknown_until) return fail(Status::not_found, unknown_transaction(snapshot));
      if (!record) return fail(Status::unavailable, "The transaction is in no block yet.");
      const auto proof = header_proof(snapshot, record->height, own_until);
      if (!proof) return fail(Status::unavailable, "Block " + std::to_string(record->height) + " has no certificate yet.");
      const auto block = snapshot.block(record->height);
      AGIDDI_CHECK(block.has_value(), "the block of a recorded transaction is on the ledger");
      auto changes = member_changes(snapshot, record->height);
      if (!changes) return tl::unexpected(changes.error());
      return json_response(200, make_proof(*block, *proof, record->index, *changes));
    }, std::max(deadline, unknown_until), Status::unavailable);
  });
}

template <class Function>
Handler bind(const Core& core, Function function) {
  return [core, function](HttpRequest request, Responder responder) { function(core, std::move(request), std::move(responder)); };
}

}  // namespace

void bind_chain(Router& router, const Core& core) {
  router.add("GET", "/v1/status", bind(core, status), kJsonOnly);
  router.add("GET", "/v1/blocks/{height}", bind(core, get_block), kJsonOnly);
  router.add("GET", "/v1/transactions/{id}", bind(core, get_transaction), kJsonOnly);
  router.add("GET", "/v1/transactions/{id}/proof", bind(core, get_proof), with_query({"application/json"}, {"wait"}));
}

}  // namespace agiddi::node
