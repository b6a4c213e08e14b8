// What a lying member does. It runs the real Engine; behaviours change what goes out of it and comes into it, and add messages of their own. So
// they know the protocol, and sign with their own key whatever they like. Each behaviour is a small class in byzantine/.
#pragma once

#include <memory>

#include "consensus/engine.h"
#include "tools/sim/random.h"
#include "tools/sim/workload.h"

namespace agiddi::tools {

struct Addressed {
  consensus::MemberIndex to = 0;
  std::shared_ptr<const consensus::PeerFrame> frame;
};
using Messages = std::vector<Addressed>;

// What all lying members of a network agree on: which batch is shown to whom.
struct Conspiracy {
  struct Split {
    Hash first, second;              // digests
    std::uint32_t second_for = 0;    // bit mask of members
  };
  std::map<std::pair<consensus::View, consensus::Height>, Split> splits;
};

// A lying member, as its behaviours see it; what they see changes with the epoch, and while it is no member they rest.
struct Liar {
  consensus::MemberIndex self;
  consensus::SigningContext context;
  std::shared_ptr<const consensus::Authenticator> authenticator;
  Random random;
  std::shared_ptr<Conspiracy> conspiracy;
  const Workload* workload;
  const consensus::Engine* engine = nullptr;   // while it runs and is a member
  consensus::Now now{};
  std::uint64_t lies = 0;

  template <class SignedMessage>
  void sign(SignedMessage& message) const {
    message.signature = authenticator->sign(consensus::signing_bytes(context, message));
  }
  Signature false_signature();
  Hash false_hash();
  std::size_t members() const { return context.members.size(); }
  // To everybody else.
  void broadcast(Messages& messages, consensus::PeerFrame frame) const;
};

class Behaviour {
 public:
  virtual ~Behaviour() = default;
  // What the Engine says, one entry a receiver; to be changed, dropped or added to.
  virtual void outgoing(Messages&, Liar&) {}
  // False: it never came.
  virtual bool incoming(consensus::MemberIndex, consensus::PeerFrame&, Liar&) { return true; }
  // From time to time.
  virtual void tick(Messages&, Liar&) {}
  virtual void configure(consensus::EngineConfig&) {}
};

// Of a name in fault_table(); nothing for twins, which are two members.
std::unique_ptr<Behaviour> make_behaviour(const std::string& name);

std::unique_ptr<Behaviour> make_equivocate();
std::unique_ptr<Behaviour> make_censor();
std::unique_ptr<Behaviour> make_forge();
std::unique_ptr<Behaviour> make_withhold();
std::unique_ptr<Behaviour> make_mute();
std::unique_ptr<Behaviour> make_stale();
std::unique_ptr<Behaviour> make_invalid_batch();
std::unique_ptr<Behaviour> make_wrong_digest();
std::unique_ptr<Behaviour> make_lying_sync();
std::unique_ptr<Behaviour> make_lying_snapshots();
std::unique_ptr<Behaviour> make_bad_view_change();
std::unique_ptr<Behaviour> make_flood();
std::unique_ptr<Behaviour> make_overrun();

// A changed copy.
template <class Message, class Change>
std::shared_ptr<const consensus::PeerFrame> changed(const Message& message, Change change) {
  Message copy = message;
  change(copy);
  return std::make_shared<const consensus::PeerFrame>(consensus::PeerFrame{std::move(copy)});
}
template <class Message>
const Message* as(const Addressed& one) {
  return std::get_if<Message>(&one.frame->content);
}

}  // namespace agiddi::tools
