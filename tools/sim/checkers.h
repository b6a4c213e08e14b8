// What must hold at every step, over all correct members and all crashes. A failed check ends the run with its text.
//
// Only correct members are judged. One whose disk was lost has no promises from before.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "consensus/verify.h"
#include "tools/sim/sim_disk.h"
#include "tools/sim/workload.h"

namespace agiddi::tools {

// A correct member that is about to send.
struct Sender {
  Seat seat = 0;
  const SimDisk& disk;
  const ledger::LedgerSnapshot& ledger;
  consensus::Height applied = 0, stable = 0;   // when it decided to
};

class Checkers {
 public:
  // authenticator: of one who only verifies, for the members of an epoch.
  using AuthenticatorOf = std::function<std::shared_ptr<const consensus::Authenticator>(const MemberSet& members)>;
  Checkers(Workload& workload, AuthenticatorOf authenticator);

  // What it promises must be on its disk, and must not contradict anything that it ever sent.
  void sent(const Sender& sender, const consensus::PeerFrame& frame);
  // A correct member took up a view: its NewView must follow from the ViewChanges in it.
  void entered(Seat seat, std::uint64_t epoch, const consensus::NewView& message, TimeMs genesis_timestamp);
  // A correct member applied a block: the same one as everybody, with the same state. latest: no correct clock shows more.
  void applied(Seat seat, const Block& block, const std::optional<MemberEpoch>& next_members, const ledger::LedgerSnapshot& after, TimeMs latest);
  void certified(Seat seat, const consensus::CertifiedHeader& certified);
  // A correct member learned from others who the members of an epoch are: those that were decided.
  void learned(Seat seat, const MemberEpoch& epoch);
  // A correct member made a snapshot of its state: everybody's of that height is the same.
  void snapshot_made(Seat seat, consensus::Height height, const Hash& id);
  // A correct member fetches this one: f + 1 members attest it, so a correct one made it.
  void asks_for_snapshot(Seat seat, const Hash& id);
  // A correct member began with this ledger, which it may have got as a snapshot. chunk_bytes: of snapshots here.
  void started(Seat seat, const ledger::LedgerSnapshot& ledger, std::size_t chunk_bytes);
  void memory(Seat seat, std::size_t bytes, std::size_t late_body_bytes);
  void disk_lost(Seat seat);
  void set_liars(std::size_t liars) { liars_ = liars; }
  // A correct member answered its client: this outcome is for ever.
  void acknowledged(const Hash& transaction, std::uint64_t height, const Receipt& receipt);
  // At the end: what was acknowledged stands in this ledger so, every block that is here is proven by a certificate of its own or by that of a header
  // above it, and so is what decided each member set.
  void at_end(Seat seat, const ledger::LedgerSnapshot& ledger);
  void fail(std::string text) {
    if (!failure_) failure_ = std::move(text);
  }

  const std::optional<std::string>& failure() const { return failure_; }
  consensus::Height height() const { return headers_.empty() ? 0 : headers_.rbegin()->first; }

 private:
  struct Acknowledged {
    std::uint64_t height;
    Receipt receipt;
  };
  using Context = consensus::SigningContext;
  void vote(const Sender& sender, std::uint64_t epoch, const consensus::Vote& vote, const consensus::NewView* within);   // within: of one's own, or nothing
  bool promise(Seat seat, const char* kind, std::uint64_t epoch, std::uint64_t view, std::uint64_t height, const Hash& what);
  std::set<Hash> bodies_on_disk(const Sender& sender, std::uint64_t height);
  void prepare_on_disk(const Sender& sender, const consensus::Vote& vote, const consensus::NewView* within);
  void commit_on_disk(const Sender& sender, std::uint64_t epoch, const consensus::Vote& vote);
  void tabulate();
  const Context& context_of(std::uint64_t epoch) const;
  const consensus::Authenticator& authenticator_of(std::uint64_t epoch) const { return *epochs_[epoch].authenticator; }

  Workload& workload_;
  AuthenticatorOf make_authenticator_;
  std::vector<consensus::EpochKeys> epochs_;              // by epoch, as the first correct member decided them
  std::vector<Context> contexts_;
  std::map<consensus::Height, BlockHeader> headers_;
  std::map<consensus::Height, Hash> snapshots_;
  std::map<std::tuple<Seat, std::string, std::uint64_t, std::uint64_t, std::uint64_t>, Hash> promises_;
  std::map<std::pair<Seat, std::uint64_t>, consensus::View> left_;   // the highest view that a member asked for, by epoch
  std::map<Hash, Acknowledged> acknowledged_;
  std::size_t liars_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace agiddi::tools
