#include "subservices/genesis_state.h"

#include "subservices/payment/accounts.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {

Result<ledger::GenesisState> genesis_state(const Genesis& genesis) {
  if (genesis.rules_version > kRulesVersionMax) {
    return fail(Status::invalid, "the genesis file starts with rules version " + std::to_string(genesis.rules_version) +
                                     ", which this program does not know: update agiddi-node");
  }
  ledger::StateOverlay state(ledger::empty_reader());
  records::Network network;
  network.set_network(genesis.network);
  network.set_genesis_digest(Bytes(genesis.digest.view()));
  network.set_rules_version(genesis.rules_version);
  network.set_created_ms(genesis.created);
  network.set_lease_ms(genesis.lease);
  store(state, keys::network(), network);

  records::MemberEpoch epoch;
  for (const Member& member : genesis.members) {
    records::MemberEntry& entry = *epoch.add_members();
    entry.set_id(member.id);
    entry.set_key(Bytes(view(member.key)));
    entry.set_sealing_key(Bytes(reinterpret_cast<const char*>(member.sealing_key.data()), member.sealing_key.size()));
    entry.set_address(member.address);
  }
  store(state, keys::member_epoch(0), epoch);
  for (const std::string& issuer : genesis.issuers) store(state, keys::issuer(issuer), records::Issuer{});
  for (const GenesisAuthority& authority : genesis.authorities) {
    records::Authority record;
    record.set_did(authority.did);
    for (const std::string& currency : authority.currencies) record.add_currencies(currency);
    store(state, keys::authority(authority.id), record);
  }
  for (const GenesisAccount& account : genesis.accounts) {
    if (account.amount < 0 || !mint(state, account.did, account.currency, account.amount)) {
      return fail(Status::invalid, "the accounts of the genesis file hold more " + account.currency + " than an amount can express");
    }
  }
  store(state, keys::counters(), records::Counters{});

  ledger::GenesisState initial;
  initial.changes = state.changes();
  return initial;
}

}  // namespace agiddi::subservices
