// What must hold at every step, over all members and all crashes. A failed check ends the run with its text.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "consensus/verify.h"

namespace agiddi::tools {

class Checkers {
 public:
  Checkers(consensus::SigningContext context, std::shared_ptr<const consensus::Authenticator> authenticator)
      : context_(std::move(context)), authenticator_(std::move(authenticator)) {}

  // A member sends a message: it must not contradict anything that it ever sent, also before a crash.
  void sent(std::size_t node, const consensus::PeerFrame& frame);
  // A member applied a block: the same one as everybody, with the same state, its timestamps in order, no transaction for the second time.
  void applied(std::size_t node, const BlockHeader& header, const Batch& batch);
  void certified(std::size_t node, const consensus::CertifiedHeader& certified);
  void memory(std::size_t node, std::size_t bytes);
  void fail(std::string text) {
    if (!failure_) failure_ = std::move(text);
  }

  const std::optional<std::string>& failure() const { return failure_; }
  consensus::Height height() const { return headers_.empty() ? 0 : headers_.rbegin()->first; }
  std::size_t committed_transactions() const { return transactions_.size(); }
  bool committed(const Hash& id) const { return transactions_.contains(id); }

 private:
  void vote(std::size_t node, const consensus::Vote& vote);
  void promise(std::size_t node, const char* kind, std::uint64_t view, std::uint64_t height, const Hash& what);

  consensus::SigningContext context_;
  std::shared_ptr<const consensus::Authenticator> authenticator_;
  std::map<consensus::Height, BlockHeader> headers_;
  std::map<Hash, consensus::Height> transactions_;
  std::map<std::tuple<std::size_t, std::string, std::uint64_t, std::uint64_t>, Hash> promises_;
  std::optional<std::string> failure_;
};

}  // namespace agiddi::tools
