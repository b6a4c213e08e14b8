// agiddi member: who the members are, and how they change their own set.
#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/membership.h"
#include "tools/cli/files.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct MemberOptions {
  std::string node, key, id, address, file, new_key, new_sealing_key, network, proposal, vote;
  std::int64_t from_height = 0, expires_minutes = 0, version = 0;
};
using Shared = std::shared_ptr<MemberOptions>;

std::string text_of(const Json& json, const char* name) {
  const Json* value = json.find(name);
  if (value == nullptr) return "";
  return value->is_string() ? value->as_string() : value->dump();
}

std::string list_of(const Json& json, const char* name) {
  std::string out;
  if (const Json* items = json.find(name); items && items->is_array()) {
    for (const Json& item : items->items()) out += (out.empty() ? "" : " ") + (item.is_string() ? item.as_string() : item.dump());
  }
  return out.empty() ? "-" : out;
}

std::string proposal_text(const Json& proposal) {
  std::string out = text_of(proposal, "proposal") + "  " + text_of(proposal, "change") + " " +
                    (proposal.find("version") ? "version " + text_of(proposal, "version") : text_of(proposal, "id")) + "  " + text_of(proposal, "state");
  if (proposal.find("fromHeight")) out += ", in force from height " + text_of(proposal, "fromHeight");
  if (proposal.find("reason")) out += ": " + text_of(proposal, "reason");
  return out + "\n  yes: " + list_of(proposal, "yes") + "   no: " + list_of(proposal, "no") + (proposal.find("needed") ? "   needed: " + text_of(proposal, "needed") : "") + "   expires " +
         text_of(proposal, "expires") + "\n";
}

Outcome<Answer> list(const MemberOptions& o) {
  NodeClient node(o.node);
  auto answer = node.validators();
  if (!answer) return tl::unexpected(answer.error());
  std::string text = "epoch " + text_of(*answer, "epoch") + ", rules version " + text_of(*answer, "rulesVersion") + "\n";
  if (const Json* members = answer->find("validators"); members && members->is_array()) {
    for (const Json& member : members->items()) {
      text += text_of(member, "id") + "  " + text_of(member, "state") + "  " + text_of(member, "address") + "  " + text_of(member, "did") + "\n";
    }
  }
  if (const Json* next = answer->find("next")) text += "epoch " + text_of(*next, "epoch") + " is decided, in force from height " + text_of(*next, "fromHeight") + "\n";
  return Answer{*answer, text};
}

Outcome<Answer> proposals(const MemberOptions& o) {
  NodeClient node(o.node);
  auto answer = node.get_json(o.proposal.empty() ? "/v1/proposals" : "/v1/proposals/" + o.proposal);
  if (!answer) return tl::unexpected(answer.error());
  std::string text;
  if (const Json* items = answer->find("proposals"); items && items->is_array()) {
    for (const Json& item : items->items()) text += proposal_text(item);
    if (text.empty()) text = "no proposals\n";
  } else {
    text = proposal_text(*answer);
  }
  return Answer{*answer, text};
}

Outcome<Answer> write(const MemberOptions& o, const std::string& path, const std::string& action, Json body) {
  if (o.from_height > 0) body.set("fromHeight", o.from_height);
  if (o.expires_minutes > 0) body.set("expiresMinutes", o.expires_minutes);
  auto answer = post_signed(o.node, o.key, path, action, body);
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, proposal_text(*answer)};
}

Outcome<Answer> propose(const MemberOptions& o, Json body) { return write(o, "/v1/proposals", "governance.propose", std::move(body)); }

std::array<std::uint8_t, 32> raw_key(BytesView bytes) {
  std::array<std::uint8_t, 32> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Json signed_keys(const KeyPair& key, const std::string& network, const std::string& id, const std::array<std::uint8_t, 32>& sealing_key) {
  return Json::object({{"id", id},
                       {"did", did_from_key(key.public_key())},
                       {"sealingKey", to_base64url({reinterpret_cast<const char*>(sealing_key.data()), sealing_key.size()})},
                       {"possession", to_base64url(view(key.sign(possession_bytes(network, id, key.public_key(), sealing_key))))}});
}

// What an operator who wants to join sends to one who is a member: nothing in it is secret.
Outcome<Answer> request(const MemberOptions& o) {
  if (!is_member_id(o.id)) return wrong_usage("ID must be made of a to z, 0 to 9 and -");
  if (!is_member_address(o.address)) return wrong_usage("--address must be host:port");
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  auto sealing = load_sealing_key_file(o.new_sealing_key);
  if (!sealing) return passed_on(sealing.error());
  Json document = signed_keys(*key, o.network, o.id, sealing->public_key);
  document.set("address", o.address);
  return Answer{document, document.pretty() + "\n"};
}

Outcome<Answer> add(const MemberOptions& o) {
  auto document = read_json_file(o.file);
  if (!document) return passed_on(document.error());
  if (!document->is_object()) return failed(o.file + ": must be what agiddi member request prints");
  Json body = Json::object({{"change", "add"}});
  for (const auto& [name, value] : document->members()) body.set(name, value);
  return propose(o, std::move(body));
}

// A new key signs; when the sealing key alone changes, the present key does.
Outcome<Answer> rotate(const MemberOptions& o) {
  if (o.new_key.empty() && o.new_sealing_key.empty()) return wrong_usage("give --new-key, --new-sealing-key or both");
  NodeClient node(o.node);
  auto validators = node.validators();
  if (!validators) return tl::unexpected(validators.error());
  auto network = node.network();
  if (!network) return tl::unexpected(network.error());
  std::string sealing_text;
  for (const Json& member : validators->find("validators")->items()) {
    if (text_of(member, "id") == o.id) sealing_text = text_of(member, "sealingKey");
  }
  const auto present = from_base64url(sealing_text);
  if (!present || present->size() != 32) return failed("there is no member " + o.id);
  auto sealing = raw_key(*present);
  if (!o.new_sealing_key.empty()) {
    auto fresh = load_sealing_key_file(o.new_sealing_key);
    if (!fresh) return passed_on(fresh.error());
    sealing = fresh->public_key;
  }
  auto key = load_key_file(o.new_key.empty() ? o.key : o.new_key);
  if (!key) return passed_on(key.error());
  Json body = signed_keys(*key, *network, o.id, sealing);
  body.set("change", "rotate");
  return propose(o, std::move(body));
}

void common(Command& command, const Shared& o) {
  command.node(o->node);
  command.option("--key", o->key, "Key file of a member in force, which proposes", true);
  command.integer("--from-height", o->from_height, 1, INT64_MAX, "In force not before this height (default: as soon as possible)");
  command.integer("--expires-minutes", o->expires_minutes, 1, 43'200, "How long it may be voted on (default: a week)");
}

void declare_reads(Command& member) {
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("list", "The members in force, and the coming ones");
    command.node(o->node);
    command.action([o] { return list(*o); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("proposals", "Open and decided proposals, or one of them");
    command.positional("PROPOSAL", o->proposal, "Id of one proposal", false);
    command.node(o->node);
    command.action([o] { return proposals(*o); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("request", "Print the document with which a node asks to join");
    command.positional("ID", o->id, "What the new member will be called, such as node-5");
    command.option("--address", o->address, "host:port of its peer listener", true);
    command.option("--key", o->key, "Its node key file", true);
    command.option("--sealing-key", o->new_sealing_key, "Its sealing key file", true);
    command.option("--network", o->network, "Network id, as GET /v1/status shows it", true);
    command.examples("  agiddi member request node-5 --address 10.0.0.5:8201 --key node.jwk --sealing-key sealing.jwk --network demo-0123456789abcdef > join.json");
    command.action([o] { return request(*o); });
  }
}

void declare_changes(Command& member) {
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("add", "Propose a new member");
    command.positional("JOIN.json", o->file, "What agiddi member request printed, - for standard input");
    common(command, o);
    command.examples("  agiddi member add join.json --key node.jwk --node http://127.0.0.1:8101");
    command.action([o] { return add(*o); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("remove", "Propose to remove a member");
    command.positional("ID", o->id, "The member");
    common(command, o);
    command.action([o] { return propose(*o, Json::object({{"change", "remove"}, {"id", o->id}})); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("rotate", "Propose new keys of a member; its node finds them beside the present ones, with the ending .next");
    command.positional("ID", o->id, "The member");
    command.option("--new-key", o->new_key, "The new node key file");
    command.option("--new-sealing-key", o->new_sealing_key, "The new sealing key file");
    common(command, o);
    command.examples("  agiddi keygen node.jwk.next && agiddi member rotate node-2 --new-key node.jwk.next --key node.jwk --node http://127.0.0.1:8102");
    command.action([o] { return rotate(*o); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("address", "Propose another peer address of a member");
    command.positional("ID", o->id, "The member");
    command.positional("HOST:PORT", o->address, "Its new address");
    common(command, o);
    command.examples("  agiddi member address node-3 10.0.0.9:8201 --key node.jwk --node http://127.0.0.1:8103\nThe order of the steps: docs/OPERATIONS.md, \"Change a node's address\".");
    command.action([o] { return propose(*o, Json::object({{"change", "address"}, {"id", o->id}, {"address", o->address}})); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("rules", "Propose to activate the next rules version");
    command.integer("--version", o->version, 2, 1'000'000, "The version", true);
    common(command, o);
    command.action([o] { return propose(*o, Json::object({{"change", "rules"}, {"version", o->version}})); });
  }
  {
    const auto o = std::make_shared<MemberOptions>();
    Command command = member.sub("vote", "Vote on a proposal");
    command.positional("PROPOSAL", o->proposal, "Its id");
    command.choice("--vote", o->vote, {"yes", "no"}, "yes (default) or no");
    command.node(o->node);
    command.option("--key", o->key, "Key file of the member that votes", true);
    command.examples("  agiddi member vote 4f2a… --key node.jwk --node http://127.0.0.1:8103");
    command.action([o] {
      return write(*o, "/v1/proposals/" + o->proposal + "/votes", "governance.vote", Json::object({{"proposal", o->proposal}, {"vote", o->vote.empty() ? "yes" : o->vote}}));
    });
  }
}

}  // namespace

void declare_member(Command& program) {
  Command member = program.sub("member", "List the members, propose and vote on changes of them");
  member.examples("  agiddi member list --node http://127.0.0.1:8101\n  agiddi member remove node-4 --key node.jwk --node http://127.0.0.1:8101");
  declare_reads(member);
  declare_changes(member);
}

}  // namespace agiddi::tools
