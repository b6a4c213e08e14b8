#include "replica_net.h"

#include "consensus/frames.h"
#include "consensus/verify.h"
#include "protocol/check.h"
#include "tools/sim/cheap_authenticator.h"

namespace agiddi::consensus::test {

using tools::CheapAuthenticator;

MemberSet make_members(std::size_t count) {
  crypto_init();
  std::vector<Member> members(count);
  for (std::size_t i = 0; i < count; ++i) {
    members[i].id = "node-" + std::string(i < 9 ? "0" : "") + std::to_string(i + 1);
    members[i].key[0] = static_cast<std::uint8_t>(i + 1);
  }
  return MemberSet(std::move(members));
}

SigningContext make_context(std::size_t count) { return {"test", make_members(count)}; }

Hash tx(const std::string& name) { return tagged_hash("test/tx", {name}); }

Batch make_batch(Height height, View view, TimeMs timestamp, const std::vector<std::string>& transactions) {
  Batch batch{height, view, timestamp, {}};
  for (const std::string& name : transactions) batch.transactions.push_back(tx(name));
  return batch;
}

Vote make_vote(const SigningContext& context, Phase phase, View view, Height height, const Hash& digest, MemberIndex sender) {
  Vote vote{phase, view, height, digest, sender, {}};
  vote.signature = CheapAuthenticator(sender).sign(signing_bytes(context, vote));
  return vote;
}

PreparedCertificate make_prepared(const SigningContext& context, View view, const Batch& batch) {
  PreparedCertificate certificate{view, batch.height, batch.digest(), {}, batch};
  for (MemberIndex sender = 0; sender < context.quorum(); ++sender) {
    certificate.prepares.push_back({sender, make_vote(context, Phase::prepare, view, batch.height, batch.digest(), sender).signature});
  }
  return certificate;
}

ViewChange make_view_change(const SigningContext& context, View view, MemberIndex sender, std::vector<PreparedCertificate> prepared,
                            std::optional<CertifiedHeader> stable) {
  ViewChange message{view, sender, std::move(stable), std::move(prepared), {}};
  message.signature = CheapAuthenticator(sender).sign(signing_bytes(context, message));
  return message;
}

CertifiedHeader make_certified(const SigningContext& context, Height height, View view, TimeMs timestamp, bool empty) {
  CertifiedHeader out;
  out.header.network = context.network;
  out.header.height = height;
  out.header.view = view;
  out.header.timestamp = timestamp;
  out.header.members_digest = context.members.digest();
  out.header.transaction_root = merkle_root(empty ? std::vector<Bytes>{} : std::vector<Bytes>{"some transaction"});
  for (MemberIndex sender = 0; sender < context.quorum(); ++sender) {
    const std::string& id = context.members[sender].id;
    out.certificate.signatures.push_back({id, CheapAuthenticator(sender).sign(header_vote_bytes(out.header, id))});
  }
  return out;
}

ReplicaNet::ReplicaNet(std::size_t count, TestFaults faults) : context_(make_context(count)), faults_(faults), nodes_(count) {
  if (faults.quorum_too_small) context_.votes_short = 1;
  for (std::size_t node = 0; node < count; ++node) make(node);
}

void ReplicaNet::make(std::size_t index) {
  Node& node = nodes_[index];
  std::vector<LogRecord> records;
  for (const auto& [key, value] : node.log) records.push_back({key, value});
  ReplicaStart start{restore_log(records, size()), node.chain.size(), std::nullopt, {}};
  Height certified = 0;
  while (node.certified.contains(certified + 1)) ++certified;
  if (certified > 0) start.certified = node.certified.at(certified);
  for (Height height = certified + 1; height <= node.chain.size(); ++height) start.uncertified.push_back(node.headers[height - 1]);
  ReplicaConfig config;
  config.context = context_;
  config.context.votes_short = 0;
  config.self = static_cast<MemberIndex>(index);
  config.genesis_timestamp = kGenesis_ms - 10;
  config.test_faults = faults_;
  node.replica = std::make_unique<Replica>(std::move(config), std::make_shared<const CheapAuthenticator>(static_cast<MemberIndex>(index)),
                                           std::move(start), now());
  take(index);
}

void ReplicaNet::restart(std::size_t node) { make(node); }

BlockHeader ReplicaNet::execute(Node& node, const Batch& batch) {
  BlockHeader header;
  header.network = context_.network;
  header.height = batch.height;
  if (!node.headers.empty()) header.previous_hash = node.headers.back().hash();
  header.batch_digest = batch.digest();
  std::vector<Bytes> ids;
  for (const Hash& id : batch.transactions) ids.emplace_back(id.view());
  header.transaction_root = merkle_root(ids);
  header.members_digest = context_.members.digest();
  header.timestamp = batch.timestamp;
  header.view = batch.view;
  node.headers.push_back(header);
  node.chain.push_back(batch);
  return header;
}

void ReplicaNet::take(std::size_t index) {
  Node& node = nodes_[index];
  for (bool more = true; more;) {
    more = false;
    Ready ready = node.replica->take_ready();
    if (ready.fatal && !node.fatal) node.fatal = ready.fatal;
    for (const LogWrite& write : ready.persist) {
      if (write.value) {
        node.log[write.key] = *write.value;
      } else {
        node.log.erase(write.key);
      }
    }
    for (const Message& message : ready.messages) {
      for (std::size_t to = 0; to < size(); ++to) {
        if (to != index && (!message.to || *message.to == to)) queue_.push_back({index, to, message.frame});
      }
    }
    for (const CertifiedHeader& certified : ready.certified) node.certified[certified.header.height] = certified;
    for (const Batch& batch : ready.need_bodies) {
      if (!bodies(index, batch)) continue;
      node.replica->bodies_held(batch.height, batch.digest(), now());
      more = true;
    }
    for (const Batch& batch : ready.committed) {
      node.replica->executed(execute(node, batch), now());
      more = true;
    }
  }
}

Batch ReplicaNet::propose(std::size_t node, const std::vector<std::string>& transactions) {
  std::vector<Hash> ids;
  for (const std::string& name : transactions) ids.push_back(tx(name));
  const Batch batch = nodes_[node].replica->propose(std::move(ids), now());
  take(node);
  return batch;
}

void ReplicaNet::start_view_change(std::size_t node, View view) {
  nodes_[node].replica->start_view_change(view, now());
  take(node);
}

void ReplicaNet::hand(std::size_t to, const PeerFrame& frame) {
  Replica& replica = *nodes_[to].replica;
  if (const auto* one = std::get_if<PrePrepare>(&frame.content)) replica.receive(*one, now());
  if (const auto* one = std::get_if<Vote>(&frame.content)) replica.receive(*one, now());
  if (const auto* one = std::get_if<HeaderVote>(&frame.content)) replica.receive(*one, now());
  if (const auto* one = std::get_if<ViewChange>(&frame.content)) replica.receive(*one, now());
  if (const auto* one = std::get_if<NewView>(&frame.content)) {
    if (auto ok = replica.receive(*one, now()); !ok) refused.push_back(ok.error().detail);
  }
  if (const auto* one = std::get_if<MemberStatus>(&frame.content)) {
    if (one->stable) replica.learn(*one->stable, now());
    for (const PeerFrame& missing : replica.missing_at(*one, now(), 0)) queue_.push_back({to, one->sender, missing});
  }
  take(to);
}

void ReplicaNet::inject(std::size_t to, PeerFrame frame) {
  if (auto ok = verify_frame(frame, context_, CheapAuthenticator(0)); !ok) {
    refused.push_back(ok.error().detail);
    return;
  }
  hand(to, frame);
}

std::size_t ReplicaNet::deliver() {
  std::size_t count = 0;
  while (!queue_.empty()) {
    Queued next = std::move(queue_.front());
    queue_.pop_front();
    if (down.contains(next.from) || down.contains(next.to) || stopped(next.from, next.to, next.frame)) continue;
    // Over the wire and back, as in the daemon.
    auto frame = decode_frame(encode_frame(next.frame), size());
    AGIDDI_CHECK(frame.has_value(), "our own frames can be decoded");
    auto verified = verify_frame(*frame, context_, CheapAuthenticator(0));
    AGIDDI_CHECK(verified.has_value(), "our own frames are valid");
    transcript.push_back(std::to_string(next.from) + " -> " + std::to_string(next.to) + "  " + describe(*frame));
    hand(next.to, *frame);
    ++count;
    AGIDDI_CHECK(count < 1'000'000, "deliveries come to an end");
  }
  return count;
}

void ReplicaNet::exchange_status() {
  for (std::size_t from = 0; from < size(); ++from) {
    for (std::size_t to = 0; to < size(); ++to) {
      if (from != to) queue_.push_back({from, to, {nodes_[from].replica->status()}});
    }
  }
}

}  // namespace agiddi::consensus::test
