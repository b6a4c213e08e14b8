#include "subservices/governance/governance_rules.h"

#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/governance/member_state.h"
#include "subservices/payment/account_keys.h"
#include "subservices/payment/authority_rules.h"

namespace agiddi::subservices {
namespace {

// From this rules version on a proposal that says the same as an open one is refused in blocks too (before, at the door alone), and of a rejection
// the height is kept.
constexpr std::uint32_t kRulesWithTidyProposals = 2;

constexpr std::string_view kChanges[] = {"add", "remove", "rotate", "address", "rules"};
constexpr std::string_view kAuthorityChanges[] = {"authority.add", "authority.remove"};   // from kRulesWithAuthorities on, as is the next one
constexpr std::string_view kAdmissionChange = "admission";

template <std::size_t kCount>
bool is_among(const std::string_view (&names)[kCount], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}
bool is_about_authority(const records::Proposal& proposal) { return is_among(kAuthorityChanges, proposal.change()); }
// No node has to be ready for it: in force with, or right above, the block of the deciding vote.
bool is_immediate(const records::Proposal& proposal) { return is_about_authority(proposal) || proposal.change() == kAdmissionChange; }

Bytes raw(const std::array<std::uint8_t, 32>& key) { return Bytes(reinterpret_cast<const char*>(key.data()), key.size()); }

std::array<std::uint8_t, 32> key_of(const std::string& recorded) {
  std::array<std::uint8_t, 32> out{};
  AGIDDI_CHECK(recorded.size() == out.size(), "a recorded key has its length");
  std::copy(recorded.begin(), recorded.end(), out.begin());
  return out;
}

std::optional<std::array<std::uint8_t, 32>> read_key(FieldReader& fields, std::string_view name, bool is_did) {
  const auto text = fields.optional_string(name, 128);
  if (!text) return std::nullopt;
  if (is_did) {
    if (const auto key = key_from_did(*text)) return *key;
    fields.error(name, "must be the did:key of an Ed25519 key");
    return std::nullopt;
  }
  const auto bytes = from_base64url(*text);
  if (bytes && bytes->size() == 32) return key_of(*bytes);
  fields.error(name, "must be an X25519 key, 32 bytes in base64url");
  return std::nullopt;
}

records::MemberEntry* find(std::vector<records::MemberEntry>& members, const std::string& id) {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.id() == id; });
  return found == members.end() ? nullptr : &*found;
}

std::vector<records::MemberEntry> entries_of(const records::MemberEpoch& epoch) { return {epoch.members().begin(), epoch.members().end()}; }

MemberSet set_of(const std::vector<records::MemberEntry>& entries, std::uint64_t epoch) {
  std::vector<Member> members;
  for (const auto& entry : entries) members.push_back({entry.id(), key_of(entry.key()), key_of(entry.sealing_key()), entry.address()});
  return MemberSet(std::move(members), epoch);
}

constexpr std::uint32_t kRulesWithoutEmptyMoves = 3;   // a change of an address to what it is already is no change

// The members after a change, or why it does not fit those that there are.
Result<std::vector<records::MemberEntry>> changed(std::vector<records::MemberEntry> members, const records::Proposal& proposal, std::uint64_t from_height,
                                                  std::uint32_t rules_version) {
  const records::MemberEntry& named = proposal.member();
  records::MemberEntry* member = find(members, named.id());
  if (proposal.change() == "add") {
    if (member != nullptr) return fail(Status::conflict, "there is a member " + named.id() + " already");
    members.push_back(named);
    members.back().set_sealing_since(from_height);
  } else {
    if (member == nullptr) return fail(Status::not_found, "there is no member " + named.id());
    if (proposal.change() == "remove") {
      members.erase(members.begin() + (member - members.data()));
    } else if (proposal.change() == "address") {
      if (rules_version >= kRulesWithoutEmptyMoves && member->address() == named.address()) return fail(Status::conflict, named.id() + " has this address already");
      member->set_address(named.address());
    } else {
      // A vote for an old proposal must not bring a key back that was rotated away meanwhile.
      if (member->key() != proposal.base().key() || member->sealing_key() != proposal.base().sealing_key()) {
        return fail(Status::conflict, "the keys of " + named.id() + " have changed since this was proposed: propose again");
      }
      if (member->key() == named.key() && member->sealing_key() == named.sealing_key()) {
        return fail(Status::conflict, named.id() + " has these keys already");
      }
      if (member->sealing_key() != named.sealing_key()) member->set_sealing_since(from_height);
      member->set_key(named.key());
      member->set_sealing_key(named.sealing_key());
    }
  }
  std::vector<Member> plain;
  for (const auto& entry : members) plain.push_back({entry.id(), key_of(entry.key()), key_of(entry.sealing_key()), entry.address()});
  if (const auto fault = fault_of_members(plain)) return fail(Status::conflict, *fault);
  return members;
}

std::uint32_t latest_rules(const StateView& state, std::uint64_t height) {
  const auto coming = rules_after(state, height);
  return coming ? coming->version() : rules_at(state, height);
}

bool same_authority(const records::Authority& a, const records::Authority& b) {
  return a.did() == b.did() && a.removed() == b.removed() && std::equal(a.currencies().begin(), a.currencies().end(), b.currencies().begin(), b.currencies().end());
}

// A key that signs for one authority signs for no other: whose receipt it is must be plain.
Result<void> authority_fits(const StateView& state, const records::Proposal& proposal) {
  const std::string& id = proposal.member().id();
  const auto known = find_authority(state, id);
  if (proposal.change() == "authority.remove") {
    if (!known || known->removed()) return fail(Status::not_found, "there is no payment authority " + id);
    return {};
  }
  if (known && same_authority(*known, proposal.authority())) return fail(Status::conflict, id + " is a payment authority with this key and these currencies already");
  const std::string& did = proposal.authority().did();
  // Its purse and its receipts would be another's.
  if (known && known->removed() && known->did() != did) return fail(Status::conflict, id + " was removed with another key: take another id");
  if (const auto account = account_of_key(state, did); !account || *account != did) return fail(Status::conflict, "the key signs or signed for another account: take a fresh one");
  const auto others = authorities_on_record(state);
  for (const auto& [other, authority] : others) {
    if (other != id && authority.did() == did) return fail(Status::conflict, "the key is or was that of payment authority " + other);
  }
  if (!known && others.size() >= kAuthoritiesMax) return fail(Status::conflict, "there were " + std::to_string(kAuthoritiesMax) + " payment authorities, and no more can be");
  return {};
}

Result<void> admission_fits(const StateView& state, const records::Proposal& proposal) {
  const auto now = admission_of(state).value_or(records::Admission{});
  if (now.SerializeAsString() == proposal.admission().SerializeAsString()) return fail(Status::conflict, "this is the admission in force already");
  return {};
}

// Whether a proposal fits what is decided already.
Result<void> fits(const RuleContext& context, const records::Proposal& proposal) {
  if (is_about_authority(proposal)) return authority_fits(context.state, proposal);
  if (proposal.change() == kAdmissionChange) return admission_fits(context.state, proposal);
  if (proposal.change() == "rules") {
    if (proposal.rules_version() == latest_rules(context.state, context.height) + 1) return {};
    return fail(Status::conflict, "rules are activated one version after the other: the next one is " +
                                      std::to_string(latest_rules(context.state, context.height) + 1));
  }
  auto members = changed(entries_of(epoch_entry(context.state, latest_epoch(context.state))), proposal, context.height, context.rules_version);
  if (!members) return tl::unexpected(members.error());
  return {};
}

void read_authority(FieldReader& fields, records::Proposal& proposal) {
  if (proposal.member().id() == "credit") fields.error("id", "is the ledger's own method");
  if (proposal.change() != "authority.add") return;
  const auto did = fields.required_string("did", 128);
  if (did && !key_from_did(*did)) fields.error("did", "must be the did:key of an Ed25519 key");
  proposal.mutable_authority()->set_did(did.value_or(""));
  const auto* currencies = fields.required_array("currencies", 1, kAuthorityCurrenciesMax);
  if (!currencies) return;
  for (const Json& currency : *currencies) {
    const bool fits = currency.is_string() && is_currency(currency.as_string());
    const auto& known = proposal.authority().currencies();
    if (!fits || std::find(known.begin(), known.end(), currency.as_string()) != known.end()) {
      fields.error("currencies", "must each be 3 to 12 capital letters, and stand there once");
    } else {
      proposal.mutable_authority()->add_currencies(currency.as_string());
    }
  }
}

Result<records::Proposal> read_proposal(const RuleContext& context, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  records::Proposal proposal;
  const auto change = fields.required_string("change", 16);
  const bool has_authorities = context.rules_version >= kRulesWithAuthorities;
  const bool known = change && (is_among(kChanges, *change) || (has_authorities && (is_among(kAuthorityChanges, *change) || *change == kAdmissionChange)));
  if (change && !known) {
    fields.error("change", has_authorities ? "must be add, remove, rotate, address, rules, authority.add, authority.remove or admission" : "must be add, remove, rotate, address or rules");
  }
  if (!known) return tl::unexpected(invalid_fields(std::move(errors)));
  proposal.set_change(*change);

  records::MemberEntry& member = *proposal.mutable_member();
  Signature possession{};
  if (*change == "rules") {
    proposal.set_rules_version(static_cast<std::uint32_t>(fields.required_integer("version", 2, 1'000'000).value_or(0)));
    if (context.only_checks && proposal.rules_version() > kRulesVersionMax) {
      fields.error("version", "is not known to this node's program: it knows rules up to version " + std::to_string(kRulesVersionMax));
    }
    proposal.clear_member();
  } else if (*change == kAdmissionChange) {
    *proposal.mutable_admission() = read_admission(fields);
    proposal.clear_member();
  } else {
    const auto id = fields.required_string("id", 32);
    if (id && !is_member_id(*id)) fields.error("id", "must be made of a to z, 0 to 9 and -");
    member.set_id(id.value_or(""));
  }
  if (is_about_authority(proposal)) read_authority(fields, proposal);
  if (*change == "add" || *change == "address") {
    const auto address = fields.required_string("address", 255);
    if (address && !is_member_address(*address)) fields.error("address", "must be host:port");
    member.set_address(address.value_or(""));
  }
  if (*change == "add" || *change == "rotate") {
    const auto key = read_key(fields, "did", true), sealing = read_key(fields, "sealingKey", false);
    if (*change == "add") {
      if (!key && !fields.optional("did")) fields.error("did", "is required");
      if (!sealing && !fields.optional("sealingKey")) fields.error("sealingKey", "is required");
    } else if (!fields.optional("did") && !fields.optional("sealingKey")) {
      fields.error("did", "or sealingKey is required: nothing would be rotated");
    }
    auto members = entries_of(epoch_entry(context.state, latest_epoch(context.state)));
    const records::MemberEntry* known_member = find(members, member.id());
    if (key) member.set_key(raw(*key));
    if (sealing) member.set_sealing_key(raw(*sealing));
    if (*change == "rotate" && known_member != nullptr) {
      if (!key) member.set_key(known_member->key());
      if (!sealing) member.set_sealing_key(known_member->sealing_key());
      member.set_address(known_member->address());
      *proposal.mutable_base() = *known_member;
    }
    if (const auto text = fields.required_string("possession", 128)) {
      const auto bytes = from_base64url(*text);
      const auto signature = bytes ? signature_from_bytes(*bytes) : Result<Signature>(fail(Status::invalid, ""));
      if (!signature) {
        fields.error("possession", "must be an Ed25519 signature in base64url");
      } else {
        possession = *signature;
      }
    }
    if (errors.empty() && (*change == "add" || known_member != nullptr)) {
      const PublicKey signing = key_of(member.key());
      if (!verify(signing, possession_bytes(context.network, member.id(), signing, key_of(member.sealing_key())), possession)) {
        fields.error("possession", "does not prove that the new key is there: it is the key's signature over network, id and both keys");
      }
    }
  }
  if (is_immediate(proposal) && fields.optional("fromHeight")) fields.error("fromHeight", "is for members and rules: this changes with the deciding vote");
  else if (const auto from = fields.optional_integer("fromHeight", 1, 999'999'999'999'999)) {
    proposal.set_from_height(static_cast<std::uint64_t>(*from));
    if (proposal.from_height() > context.height + kFromHeightMax_ahead) {
      fields.error("fromHeight", "must be at most " + std::to_string(kFromHeightMax_ahead) + " blocks ahead");
    }
  }
  const auto minutes = fields.optional_integer("expiresMinutes", 1, kProposalMinutesMax).value_or(kProposalMinutesDefault);
  proposal.set_expires_ms(context.timestamp + minutes * 60'000);
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  proposal.set_height(context.height);
  proposal.set_timestamp_ms(context.timestamp);
  return proposal;
}

// The member in force whose key signed.
Result<std::string> voter(const RuleContext& context, const Transaction& transaction) {
  const int member = context.members.index_of(transaction.signer);
  if (member < 0) return fail(Status::forbidden, "only members in force propose and vote: this key is none's");
  return context.members[static_cast<std::size_t>(member)].id;
}

std::size_t count_in_force(const google::protobuf::RepeatedPtrField<std::string>& voters, const MemberSet& members) {
  return static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), [&](const std::string& id) { return members.index_of(id) >= 0; }));
}

void close(RuleContext& context, const Hash& id, records::Proposal& proposal, records::ProposalState state) {
  proposal.set_state(state);
  context.state.erase(keys::open_proposal(id));
  context.state.erase(keys::expiry({proposal.expires_ms(), keys::ExpiryKind::proposal, id, 0}));
}

void reject(RuleContext& context, const Hash& id, records::Proposal& proposal, std::string reason) {
  proposal.set_reason(std::move(reason));
  if (context.rules_version >= kRulesWithTidyProposals) proposal.set_decided_height(context.height);
  close(context, id, proposal, records::PROPOSAL_REJECTED);
}

bool same_member(const records::MemberEntry& a, const records::MemberEntry& b) {
  return a.id() == b.id() && a.key() == b.key() && a.sealing_key() == b.sealing_key() && a.address() == b.address();
}

// How long they stay open is no difference.
bool says_the_same(const records::Proposal& a, const records::Proposal& b) {
  return a.change() == b.change() && a.rules_version() == b.rules_version() && a.from_height() == b.from_height() && same_member(a.member(), b.member()) &&
         same_member(a.base(), b.base()) && same_authority(a.authority(), b.authority()) &&
         a.admission().SerializeAsString() == b.admission().SerializeAsString();
}

Json votes_json(const google::protobuf::RepeatedPtrField<std::string>& voters) {
  Json out = Json::array();
  for (const std::string& id : voters) out.push(id);
  return out;
}

Json decide_at_once(RuleContext& context, const Hash& id, records::Proposal& proposal) {
  if (const auto ok = fits(context, proposal); !ok) {
    reject(context, id, proposal, ok.error().detail);
    return Json();
  }
  proposal.set_decided_height(context.height);
  proposal.set_in_force(context.height);
  close(context, id, proposal, records::PROPOSAL_DECIDED);
  if (proposal.change() == kAdmissionChange) {
    auto network = load_known<records::Network>(context.state, keys::network());
    *network.mutable_admission() = proposal.admission();
    store(context.state, keys::network(), network);
    return admission_json(proposal.admission());
  }
  const std::string& name = proposal.member().id();
  records::Authority record = proposal.authority();
  if (proposal.change() == "authority.remove") {
    record = *find_authority(context.state, name);
    record.set_removed(true);
  }
  store(context.state, keys::authority(name), record);
  return authority_json(name, record).set("removed", record.removed());
}

// Puts a change that a quorum wants on record. Gives what was decided, for the receipt.
Result<Json> decide(RuleContext& context, const Transaction& transaction, const Hash& id, records::Proposal& proposal) {
  if (is_immediate(proposal)) return decide_at_once(context, id, proposal);
  const auto coming = decided_after(context.state, context.height);
  const auto rules = rules_after(context.state, context.height);
  if (coming || rules) {
    const std::uint64_t height = coming ? coming->from_height : rules->from_height();
    return fail(Status::conflict, "another change is decided and comes into force at height " + std::to_string(height) +
                                      "; this vote would decide: give it again then");
  }
  const std::uint64_t from = std::max(context.height + limits::kWindowHeights + 1, proposal.from_height());
  auto network = load_known<records::Network>(context.state, keys::network());
  Json decided;
  if (proposal.change() == "rules") {
    if (const auto ok = fits(context, proposal); !ok) {
      reject(context, id, proposal, ok.error().detail);
      return Json();
    }
    auto& activation = *network.add_rules();
    activation.set_version(proposal.rules_version());
    activation.set_from_height(from);
    decided = Json::object({{"rulesVersion", proposal.rules_version()}, {"fromHeight", from}});
  } else {
    auto members = changed(entries_of(epoch_entry(context.state, network.epoch())), proposal, from, context.rules_version);
    if (!members) {
      reject(context, id, proposal, members.error().detail);
      return Json();
    }
    records::MemberEpoch epoch;
    epoch.set_epoch(network.epoch() + 1);
    epoch.set_from_height(from);
    for (const auto& member : *members) *epoch.add_members() = member;
    epoch.set_transaction(Bytes(transaction.id.view()));
    epoch.set_decided_height(context.height);
    epoch.set_proposal(Bytes(id.view()));
    store(context.state, keys::member_epoch(epoch.epoch()), epoch);
    network.set_epoch(epoch.epoch());
    decided = member_epoch_json({from, set_of(*members, epoch.epoch())});
  }
  store(context.state, keys::network(), network);
  proposal.set_decided_height(context.height);
  proposal.set_in_force(from);
  close(context, id, proposal, records::PROPOSAL_DECIDED);
  return decided;
}

// After a vote: decided, rejected or still open.
Result<Json> settle(RuleContext& context, const Transaction& transaction, const Hash& id, records::Proposal& proposal) {
  const std::size_t needed = context.members.quorum();
  Json decided;
  if (count_in_force(proposal.yes(), context.members) >= needed) {
    auto outcome = decide(context, transaction, id, proposal);
    if (!outcome) return outcome;
    decided = std::move(*outcome);
  } else if (count_in_force(proposal.no(), context.members) > context.members.size() - needed) {
    reject(context, id, proposal, "so many members voted no that it cannot pass");
  }
  store(context.state, keys::proposal(id), proposal);
  Json result = proposal_json(id, proposal, needed);
  if (!decided.is_null()) result.set("decided", std::move(decided));
  return result;
}

}  // namespace

Json proposal_json(const Hash& id, const records::Proposal& proposal, std::optional<std::size_t> needed) {
  static constexpr const char* kStates[] = {"open", "decided", "rejected"};
  Json out = Json::object({{"proposal", id.hex()}, {"change", proposal.change()}});
  if (proposal.change() == "rules") {
    out.set("version", proposal.rules_version());
  } else if (proposal.has_admission()) {
    const Json policy = admission_json(proposal.admission());
    for (const auto& [name, value] : policy.members()) out.set(name, value);
  } else {
    out.set("id", proposal.member().id());
    if (!proposal.member().key().empty()) out.set("did", did_from_key(key_of(proposal.member().key())));
    if (!proposal.member().sealing_key().empty()) out.set("sealingKey", to_base64url(proposal.member().sealing_key()));
    if (!proposal.member().address().empty()) out.set("address", proposal.member().address());
    if (proposal.has_authority()) {
      Json currencies = Json::array();
      for (const std::string& currency : proposal.authority().currencies()) currencies.push(currency);
      out.set("did", proposal.authority().did()).set("currencies", std::move(currencies));
    }
  }
  out.set("state", kStates[proposal.state()]).set("proposer", proposal.proposer()).set("yes", votes_json(proposal.yes())).set("no", votes_json(proposal.no()));
  if (needed) out.set("needed", static_cast<std::uint64_t>(*needed));
  out.set("height", proposal.height()).set("expires", time_text(proposal.expires_ms()));
  if (proposal.from_height() > 0) out.set("notBefore", proposal.from_height());
  if (proposal.state() == records::PROPOSAL_DECIDED) out.set("decidedHeight", proposal.decided_height()).set("fromHeight", proposal.in_force());
  if (!proposal.reason().empty()) out.set("reason", proposal.reason());
  return out;
}

Json shown_proposal(const StateView& state, std::uint64_t height, const Hash& id, const records::Proposal& proposal) {
  if (proposal.state() == records::PROPOSAL_OPEN) return proposal_json(id, proposal, members_at(state, height + 1).members.quorum());
  if (proposal.decided_height() == 0) return proposal_json(id, proposal, std::nullopt);
  return proposal_json(id, proposal, members_at(state, proposal.decided_height()).members.quorum());
}

Result<RuleOutcome> governance_propose(RuleContext& context, const Transaction& transaction, const Json& body) {
  auto proposal = read_proposal(context, body);
  if (!proposal) return tl::unexpected(proposal.error());
  const auto proposer = voter(context, transaction);
  if (!proposer) return tl::unexpected(proposer.error());
  if (auto ok = fits(context, *proposal); !ok) return tl::unexpected(ok.error());

  std::size_t open = 0, own = 0;
  std::optional<Hash> same;
  const Bytes prefix = keys::open_proposals();
  context.state.scan(prefix, [&](BytesView key, BytesView) {
    const Hash other_id = *Hash::from_bytes(key.substr(prefix.size()));
    const auto other = load_known<records::Proposal>(context.state, keys::proposal(other_id));
    if (says_the_same(other, *proposal)) same = other_id;
    ++open;
    own += other.proposer() == *proposer ? 1 : 0;
    return true;
  });
  if (same && (context.only_checks || context.rules_version >= kRulesWithTidyProposals)) {
    context.refuse_at_door = context.only_checks;
    return fail(Status::conflict, "proposal " + same->hex() + " says the same and is open: vote on it");
  }
  if (open >= kProposalsOpenMax || own >= kProposalsOpenMax_member) {
    return fail(Status::conflict, "too many proposals are open: at most " + std::to_string(kProposalsOpenMax) + ", and " +
                                      std::to_string(kProposalsOpenMax_member) + " of one member; vote on them or let them expire");
  }
  const Hash& id = transaction.id;
  proposal->set_proposer(*proposer);
  proposal->add_yes(*proposer);
  context.state.put(keys::open_proposal(id), {});
  context.state.put(keys::expiry({proposal->expires_ms(), keys::ExpiryKind::proposal, id, 0}), {});
  auto result = settle(context, transaction, id, *proposal);
  if (!result) return tl::unexpected(result.error());
  return RuleOutcome{Status::created, std::move(*result)};
}

Result<RuleOutcome> governance_vote(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto text = fields.required_string("proposal", 64);
  const auto vote = fields.required_string("vote", 3);
  const auto id = Hash::from_hex(text.value_or(""));
  if (text && !id) fields.error("proposal", "must be the 64 hexadecimal digits of the proposing transaction");
  if (vote && *vote != "yes" && *vote != "no") fields.error("vote", "must be yes or no");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  const auto member = voter(context, transaction);
  if (!member) return tl::unexpected(member.error());
  auto proposal = load<records::Proposal>(context.state, keys::proposal(*id));
  if (!proposal) return fail(Status::not_found, "there is no such proposal, or it has expired");
  if (proposal->state() != records::PROPOSAL_OPEN) return fail(Status::conflict, "the proposal is closed");
  const auto voted = [&](const auto& voters) { return std::find(voters.begin(), voters.end(), *member) != voters.end(); };
  if (voted(proposal->yes()) || voted(proposal->no())) return fail(Status::conflict, *member + " has voted on this proposal");
  *vote == "yes" ? proposal->add_yes(*member) : proposal->add_no(*member);
  auto result = settle(context, transaction, *id, *proposal);
  if (!result) return tl::unexpected(result.error());
  return RuleOutcome{Status::ok, std::move(*result)};
}

// An open proposal that nobody decided in time; what it said stays on the ledger as a transaction.
void sweep_proposal(RuleContext& context, const keys::Expiry& entry) {
  context.state.erase(keys::expiry(entry));
  context.state.erase(keys::open_proposal(entry.id));
  context.state.erase(keys::proposal(entry.id));
}

}  // namespace agiddi::subservices
