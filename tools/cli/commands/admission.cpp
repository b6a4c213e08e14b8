// agiddi admission: who may put documents on the ledger, and how many.
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct AdmissionOptions {
  std::string node, key, mode, account;
  std::int64_t documents = 0, kilobytes = 0;
};

std::string admission_text(const Json& policy) {
  std::string text = shown(policy, "mode") == "listed" ? "accounts that a member admitted" : "every account";
  if (policy.find("documentsPerDay")) text += ", at most " + shown(policy, "documentsPerDay") + " documents a day";
  if (policy.find("kilobytesPerDay")) text += ", at most " + shown(policy, "kilobytesPerDay") + " kB a day";
  return text + "\n";
}

Outcome<Answer> decide_account(const AdmissionOptions& o, bool admitted) {
  auto answer = post_signed(o.node, o.key, "/v1/accounts/" + o.account + "/admission", "account.admit", Json::object({{"account", o.account}, {"admitted", admitted}}));
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, o.account + (admitted ? " is admitted\n" : " is admitted no more\n")};
}

}  // namespace

void declare_admission(Command& program) {
  Command group = program.sub("admission", "Who may put documents on the ledger, and how many a day");
  {
    const auto o = std::make_shared<AdmissionOptions>();
    Command command = group.sub("show", "The policy in force");
    command.node(o->node);
    command.action([o]() -> Outcome<Answer> {
      auto answer = NodeClient(o->node).get_json("/v1/admission");
      if (!answer) return tl::unexpected(answer.error());
      return Answer{*answer, admission_text(*answer)};
    });
  }
  {
    const auto o = std::make_shared<AdmissionOptions>();
    Command command = group.sub("propose", "Propose another policy; members vote with agiddi member vote");
    command.choice("--mode", o->mode, {"open", "listed"}, "open: every account; listed: those that a member admitted");
    command.integer("--documents-per-day", o->documents, 1, 1'000'000'000, "Quota of each account (default: none)");
    command.integer("--kilobytes-per-day", o->kilobytes, 1, 1'000'000'000, "Quota of each account (default: none)");
    command.node(o->node);
    command.option("--key", o->key, "Key file of a member in force, which proposes", true);
    command.examples("  agiddi admission propose --mode listed --kilobytes-per-day 100000 --key node.jwk --node http://127.0.0.1:8101");
    command.action([o]() -> Outcome<Answer> {
      Json body = Json::object({{"change", "admission"}, {"mode", o->mode.empty() ? "open" : o->mode}});
      if (o->documents > 0) body.set("documentsPerDay", o->documents);
      if (o->kilobytes > 0) body.set("kilobytesPerDay", o->kilobytes);
      auto answer = post_signed(o->node, o->key, "/v1/proposals", "governance.propose", body);
      if (!answer) return tl::unexpected(answer.error());
      return Answer{*answer, "proposal " + shown(*answer, "proposal") + "  " + shown(*answer, "state") + ": " + admission_text(*answer)};
    });
  }
  for (const bool admitted : {true, false}) {
    const auto o = std::make_shared<AdmissionOptions>();
    Command command = group.sub(admitted ? "admit" : "dismiss", admitted ? "Admit an account: any member may" : "Take an admission back: any member may");
    command.positional("DID", o->account, "did:key of the account");
    command.node(o->node);
    command.option("--key", o->key, "Key file of a member in force", true);
    command.action([o, admitted] { return decide_account(*o, admitted); });
  }
}

}  // namespace agiddi::tools
