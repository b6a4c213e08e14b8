// The members and how they change: the set in force, proposals and votes.
#include <algorithm>

#include "node/http/negotiate.h"
#include "node/http/writes.h"
#include "protocol/encoding.h"
#include "subservices/access/count_rules.h"
#include "subservices/access/lease_rules.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/governance/governance_rules.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

Json member_json(const Member& member, const char* state) {
  const BytesView sealing(reinterpret_cast<const char*>(member.sealing_key.data()), member.sealing_key.size());
  return Json::object({{"id", member.id}, {"did", member.did()}, {"sealingKey", to_base64url(sealing)}, {"address", member.address}, {"state", state}});
}

// The members in force and, while a change is decided, who leaves or joins with it. Clients seal for all that are listed: while somebody joins
// that is the coming set, which is accepted already, and while somebody leaves the one in force.
void validators(const Core& core, HttpRequest, Responder responder) {
  const std::string network = core->chain().genesis().network;
  core->read(std::move(responder), [network](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const subservices::StateView state(snapshot.state());
    const std::uint64_t height = snapshot.height() + 1;
    const MemberEpoch now = subservices::members_at(state, height);
    const auto next = subservices::decided_after(state, height);
    const bool counts = subservices::rules_at(state, height) >= subservices::kRulesWithCounts;
    Json list = Json::array();
    for (const Member& member : now.members.all()) {
      Json entry = member_json(member, next && next->members.index_of(member.id) < 0 ? "leaving" : "active");
      if (counts) entry.set("missedReports", subservices::missed_reports(state, member.id));
      list.push(std::move(entry));
    }
    Json answer = Json::object({{"network", network}, {"epoch", now.members.epoch()}, {"fromHeight", now.from_height}});
    if (next) {
      for (const Member& member : next->members.all()) {
        if (now.members.index_of(member.id) < 0) list.push(member_json(member, "joining"));
      }
      answer.set("next", member_epoch_json(*next));
    }
    answer.set("rulesVersion", subservices::rules_at(state, height));
    if (const auto rules = subservices::rules_after(state, height)) {
      answer.set("nextRules", Json::object({{"version", rules->version()}, {"fromHeight", rules->from_height()}}));
    }
    answer.set("validators", std::move(list));
    return json_response(200, answer);
  });
}

constexpr std::size_t kProposalsListed = 100;

// Open proposals first, then the latest that are closed.
void proposals(const Core& core, HttpRequest, Responder responder) {
  core->read(std::move(responder), [](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const subservices::StateView state(snapshot.state());
    std::vector<std::pair<Hash, records::Proposal>> all;
    const Bytes prefix = subservices::keys::proposals();
    state.scan(prefix, [&](BytesView key, BytesView value) {
      all.emplace_back(*Hash::from_bytes(key.substr(prefix.size())), subservices::parse_record<records::Proposal>(value));
      return true;
    });
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      const bool a_open = a.second.state() == records::PROPOSAL_OPEN, b_open = b.second.state() == records::PROPOSAL_OPEN;
      if (a_open != b_open) return a_open;
      if (a.second.height() != b.second.height()) return a.second.height() > b.second.height();
      return a.first < b.first;
    });
    if (all.size() > kProposalsListed) all.resize(kProposalsListed);
    Json list = Json::array();
    for (const auto& [id, proposal] : all) list.push(subservices::shown_proposal(state, snapshot.height(), id, proposal));
    return json_response(200, Json::object({{"proposals", std::move(list)}}));
  });
}

void proposal(const Core& core, HttpRequest request, Responder responder) {
  const auto id = Hash::from_hex(request.parameter("id"));
  if (!id) return responder.send(problem(Status::not_found, "A proposal is named by the 64 hex digits of the transaction that made it."));
  core->read(std::move(responder), [id = *id](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const subservices::StateView state(snapshot.state());
    const auto record = subservices::load<records::Proposal>(state, subservices::keys::proposal(id));
    if (!record) return fail(Status::not_found, "There is no such proposal, or it has expired.");
    return json_response(200, subservices::shown_proposal(state, snapshot.height(), id, *record));
  });
}

void admission(const Core& core, HttpRequest, Responder responder) {
  core->read(std::move(responder), [](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const auto policy = subservices::admission_of(subservices::StateView(snapshot.state()));
    return json_response(200, subservices::admission_json(policy.value_or(records::Admission{})));
  });
}

}  // namespace

void bind_governance(Router& router, const Core& core) {
  router.add("GET", "/v1/validators", [core](HttpRequest request, Responder responder) { validators(core, std::move(request), std::move(responder)); }, kJsonOnly);
  router.add("GET", "/v1/proposals", [core](HttpRequest request, Responder responder) { proposals(core, std::move(request), std::move(responder)); }, kJsonOnly);
  router.add("GET", "/v1/proposals/{id}", [core](HttpRequest request, Responder responder) { proposal(core, std::move(request), std::move(responder)); }, kJsonOnly);
  router.add("GET", "/v1/admission", [core](HttpRequest request, Responder responder) { admission(core, std::move(request), std::move(responder)); }, kJsonOnly);
  router.add("POST", "/v1/accounts/{id}/admission", write_handler(core, {"account.admit", "account"}), kJsonBody);
  router.add("POST", "/v1/proposals", write_handler(core, {"governance.propose", ""}), kJsonBody);
  router.add("POST", "/v1/proposals/{id}/votes", write_handler(core, {"governance.vote", "proposal"}), kJsonBody);
}

}  // namespace agiddi::node
