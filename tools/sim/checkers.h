// What must hold at every step, over all correct members and all crashes. A failed check ends the run with its text.
//
// Only correct members are judged. One whose disk was lost has no promises from before.
#pragma once

#include <map>
#include <optional>

#include "consensus/verify.h"
#include "tools/sim/sim_disk.h"
#include "tools/sim/workload.h"

namespace agiddi::tools {

// A correct member that is about to send.
struct Sender {
  std::size_t member = 0;
  const SimDisk& disk;
  const ledger::LedgerSnapshot& ledger;
  consensus::Height applied = 0, stable = 0;   // when it decided to
};

class Checkers {
 public:
  Checkers(consensus::SigningContext context, std::shared_ptr<const consensus::Authenticator> authenticator, Workload& workload)
      : context_(std::move(context)), authenticator_(std::move(authenticator)), workload_(workload) {}

  // What it promises must be on its disk, and must not contradict anything that it ever sent.
  void sent(const Sender& sender, const consensus::PeerFrame& frame);
  // A correct member took up a view: its NewView must follow from the ViewChanges in it.
  void entered(std::size_t member, const consensus::NewView& message, TimeMs genesis_timestamp);
  // A correct member applied a block: the same one as everybody, with the same state. latest: no correct clock shows more.
  void applied(std::size_t member, const Block& block, const ledger::LedgerSnapshot& after, TimeMs latest);
  void certified(std::size_t member, const consensus::CertifiedHeader& certified);
  void memory(std::size_t member, std::size_t bytes);
  void disk_lost(std::size_t member);
  void set_liars(std::size_t liars) { liars_ = liars; }
  // A correct member answered its client: this outcome is for ever.
  void acknowledged(const Hash& transaction, std::uint64_t height, const Receipt& receipt);
  // At the end: what was acknowledged stands in this ledger so, and every block has a certificate that holds.
  void at_end(std::size_t member, const ledger::LedgerSnapshot& ledger);
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
  void vote(const Sender& sender, const consensus::Vote& vote, bool bodies);
  bool promise(std::size_t member, const char* kind, std::uint64_t view, std::uint64_t height, const Hash& what);
  void prepare_on_disk(const Sender& sender, const consensus::Vote& vote, bool bodies);
  void commit_on_disk(const Sender& sender, const consensus::Vote& vote);

  consensus::SigningContext context_;
  std::shared_ptr<const consensus::Authenticator> authenticator_;
  Workload& workload_;
  std::map<consensus::Height, BlockHeader> headers_;
  std::map<std::tuple<std::size_t, std::string, std::uint64_t, std::uint64_t>, Hash> promises_;
  std::map<std::size_t, consensus::View> left_;           // the highest view that a member asked for
  std::map<Hash, Acknowledged> acknowledged_;
  std::size_t liars_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace agiddi::tools
