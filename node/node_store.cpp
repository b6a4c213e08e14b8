#include "node/node_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "node/chain_duties.h"
#include "node/log.h"
#include "node/snapshots.h"
#include "ontology/metadata.h"
#include "ontology/units.h"
#include "subservices/genesis_state.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

Result<std::unique_ptr<ledger::Ledger>> open_ledger(const NodeConfig& config, ledger::KvStore& store, const Genesis& genesis) {
  const auto initial = subservices::genesis_state(genesis);
  if (!initial) return tl::unexpected(initial.error());
  auto opened = ledger::Ledger::open(store, genesis, *initial, {.coordinates = ontology::coordinates(), .columns = config.ledger.columns});
  if (!opened) return fail(opened.error().status, config.data_folder + ": " + opened.error().detail);
  return opened;
}

// Those that the state names count beside the proven ones: it is this node's own, verified block by block or as a snapshot.
std::vector<MemberEpoch> known_here(const ledger::KvStore& store, const Genesis& genesis) {
  std::vector<MemberEpoch> epochs = proven_epochs(store, genesis);
  if (ledger::unfinished_install(store) || ledger::applied_height(store) == 0) return epochs;
  const subservices::StateView state(store);
  for (std::uint64_t epoch = epochs.back().members.epoch() + 1; epoch <= subservices::latest_epoch(state); ++epoch) {
    epochs.push_back(subservices::epoch_record(state, epoch));
  }
  return epochs;
}

// again: this store holds the mark of an installation of just this snapshot. Its certificate was checked before the mark was written, perhaps with
// members that only the state named, which is gone.
Result<Installed> install_stored(ledger::KvStore& store, const Genesis& genesis, const ledger::StoredSnapshot& snapshot, bool again) {
  const auto began = std::chrono::steady_clock::now();
  const auto verified = again ? ledger::verify_snapshot(snapshot.manifest, ledger::chunks_of(snapshot)) : check_stored(genesis, snapshot, known_here(store, genesis));
  if (!verified) return tl::unexpected(verified.error());
  auto done = install_checked(store, *verified, snapshot);
  if (done) done->install_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  return done;
}

// A download that is whole waits for this start; an installation that a crash interrupted is done again, or the store begins anew.
Result<std::optional<Installed>> install_pending(const NodeConfig& config, ledger::KvStore& store, const Genesis& genesis) {
  const auto note = store.get(ledger::Column::local, kInstallNote);
  const auto asked = note ? decode_install(*note) : std::nullopt;
  const auto unfinished = ledger::unfinished_install(store);
  if (!asked && !unfinished) return std::optional<Installed>();
  const Hash id = unfinished ? *unfinished : asked->id;
  const auto list = ledger::SnapshotFolder(snapshot_folder_of(config.data_folder)).list();
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.id == id; });
  Result<Installed> done = fail(Status::not_found, "its files are not there");
  if (!unfinished && found != list.end() && found->manifest.height() <= ledger::applied_height(store)) {
    done = fail(Status::conflict, "the ledger has reached its height meanwhile");
  } else if (found != list.end()) {
    done = install_stored(store, genesis, *found, unfinished.has_value());
  }
  if (!done) {
    log_error("a snapshot could not be installed", {{"id", id.hex()}, {"reason", done.error().detail}});
    if (ledger::unfinished_install(store)) {
      ledger::reset_store(store);
      if (drop_foreign_log(store, genesis)) {
        log_error("the consensus log was of an epoch that is not known here without the state, and is dropped: until the chain is 32 blocks higher this member "
                  "counts as one of the faulty ones that the network bears");
      }
    }
  } else if (asked) {
    done->fetched_bytes = asked->fetched_bytes;
    done->fetch_ms = asked->fetch_ms;
  }
  store.write({{ledger::Column::local, Bytes(kInstallNote), std::nullopt}}, true);
  if (!done) return std::optional<Installed>();
  log_info("snapshot installed", {{"height", done->height}, {"bytes", done->bytes}, {"fetched_bytes", done->fetched_bytes},
                                  {"fetch_ms", done->fetch_ms}, {"install_ms", done->install_ms}});
  return std::optional<Installed>(*done);
}

}  // namespace

Result<std::vector<MemberEpoch>> check_member_changes(const Genesis& genesis, const std::vector<MemberChange>& changes, const std::string& where) {
  std::vector<MemberEpoch> epochs{{0, genesis.member_set()}};
  for (const MemberChange& change : changes) {
    auto next = verify_member_change(change, epochs.back(), genesis.network);
    if (!next) {
      return fail(Status::unauthorized, where + "/member-change-" + std::to_string(epochs.size()) + ": does not prove the members of epoch " + std::to_string(epochs.size()) +
                                            ": " + next.error().detail);
    }
    epochs.push_back(std::move(*next));
  }
  return epochs;
}

Result<ledger::VerifiedSnapshot> check_stored(const Genesis& genesis, const ledger::StoredSnapshot& snapshot, const std::vector<MemberEpoch>& epochs) {
  const SnapshotManifest& manifest = snapshot.manifest;
  if (manifest.header.network != genesis.network) {
    return fail(Status::conflict, snapshot.path + ": is a snapshot of network " + manifest.header.network + ", and genesis is of network " + genesis.network);
  }
  const auto members = std::find_if(epochs.begin(), epochs.end(), [&](const MemberEpoch& epoch) { return epoch.members.digest() == manifest.header.members_digest; });
  if (members == epochs.end()) {
    return fail(Status::unauthorized, snapshot.path + ": members changed since genesis, and nothing here proves who certified this snapshot (proven are the members up to epoch " +
                                          std::to_string(epochs.back().members.epoch()) + "): member-change-" + std::to_string(epochs.back().members.epoch() + 1) +
                                          " must stand beside its manifest. Copy the whole folder again, or take a later snapshot, of this node or of another");
  }
  const auto next = std::next(members);
  if (manifest.height() < members->from_height || (next != epochs.end() && manifest.height() >= next->from_height)) {
    return fail(Status::unauthorized, snapshot.path + ": height " + std::to_string(manifest.height()) + " is certified by the members of epoch " +
                                          std::to_string(members->members.epoch()) + ", who are not in force there");
  }
  if (auto certified = verify_certificate(manifest.header, snapshot.certificate, members->members); !certified) {
    return fail(Status::unauthorized, snapshot.path + ": " + certified.error().detail);
  }
  return ledger::verify_snapshot(manifest, ledger::chunks_of(snapshot));
}

Result<Installed> install_checked(ledger::KvStore& store, const ledger::VerifiedSnapshot& verified, const ledger::StoredSnapshot& snapshot) {
  const auto began = std::chrono::steady_clock::now();
  if (auto done = ledger::install_snapshot(store, verified, snapshot.certificate, ledger::chunks_of(snapshot)); !done) return tl::unexpected(done.error());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  return Installed{snapshot.manifest.height(), snapshot.manifest.total_bytes, 0, 0, took};
}

Result<void> check_unverified_clients(const NodeConfig& config, const Genesis& genesis) {
  if (config.unverified_clients && !genesis.unverified_clients) {
    return fail(Status::invalid, config.genesis_file + ": network " + genesis.network + " verifies every document; take benchmark.unverified_clients out of the configuration. Only a network that was made for a benchmark runs without");
  }
  if (genesis.unverified_clients && !config.unverified_clients) {
    return fail(Status::invalid, config.genesis_file + ": network " + genesis.network + " was made for a benchmark and takes clients' documents without verifying their signatures; a node that may take part says so: benchmark.unverified_clients = true");
  }
  return {};
}

Result<NodeStore> open_node_store(const NodeConfig& config) {
  auto keys = load_node_keys(config);
  if (!keys) return tl::unexpected(keys.error());
  if ((*keys)->genesis().units_digest != ontology::units_digest()) {
    return fail(Status::invalid, config.genesis_file + ": unitsDigest is not that of this program's unit table; all members must run the same table");
  }
  if (auto agreed = check_unverified_clients(config, (*keys)->genesis()); !agreed) return tl::unexpected(agreed.error());
  std::error_code failure;
  std::filesystem::create_directories(config.data_folder, failure);
  if (failure) return fail(Status::unavailable, config.data_folder + ": cannot be made: " + failure.message());
  auto store = ledger::open_rocks_store(config.data_folder);
  if (!store) return tl::unexpected(store.error());
  auto installed = install_pending(config, **store, (*keys)->genesis());
  if (!installed) return tl::unexpected(installed.error());
  auto opened = open_ledger(config, **store, (*keys)->genesis());
  if (!opened) return tl::unexpected(opened.error());
  return NodeStore{std::move(*keys), std::move(*store), std::move(*opened), *installed};
}

}  // namespace agiddi::node
