#include "node/peer/peer_network.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <mutex>

#include "node/log.h"
#include "node/peer/certificate.h"
#include "protocol/limits.h"

namespace agiddi::node {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using TlsStream = ssl::stream<tcp::socket>;
using Strand = asio::strand<asio::io_context::executor_type>;

constexpr std::size_t kQueueMax_bytes = 64 * 1024 * 1024;
constexpr auto kHandshakeTimeout = milliseconds(5'000);
constexpr auto kDialPauseMin = milliseconds(50);
constexpr auto kDialPauseMax = milliseconds(1'000);
constexpr auto kLinkLifeMin = milliseconds(2'000);
constexpr auto kUnwantedPauseMax = milliseconds(5'000);
constexpr auto kDrainTime = milliseconds(1'000);          // for what is queued on a link that ends
constexpr auto kBackPressurePause = milliseconds(2);
constexpr std::size_t kHandshakesMax = 128;       // accepted, and no member's yet
constexpr std::size_t kLinksOfMemberMax = 2;     // an old one that is about to fail, and its successor

// A link whose far end answers no more, silently: five retransmissions of 0.2 s doubling are over after 6.2 s. Without the limit TCP goes on for a quarter of
// an hour, with pauses of up to two minutes, so that a cut would be felt long after its end. A far end that reads nothing for as long is given up too.
constexpr int kUnansweredMax_ms = 6'500;
constexpr int kProbeIdle_s = 3, kProbeInterval_s = 1, kProbes = 4;   // on what is only read; the limit above holds for probes too

auto token(error_code& failure) { return asio::redirect_error(asio::use_awaitable, failure); }

void prepare_socket(tcp::socket& socket) {
  error_code ignored;   // the link works without, only slower
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using asio::detail::socket_option::integer;
  socket.set_option(integer<IPPROTO_TCP, TCP_USER_TIMEOUT>(kUnansweredMax_ms), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPIDLE>(kProbeIdle_s), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPINTVL>(kProbeInterval_s), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPCNT>(kProbes), ignored);
}

// Cancels a socket's work when it takes longer than it may; a value on the coroutine's stack.
class Deadline {
 public:
  Deadline(const Strand& strand, tcp::socket& socket, milliseconds limit) : timer_(strand, limit) {
    timer_.async_wait([&socket, alive = std::weak_ptr<int>(alive_)](error_code failure) {
      if (failure || alive.expired()) return;
      error_code ignored;
      socket.close(ignored);
    });
  }
  ~Deadline() { timer_.cancel(); }

 private:
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  asio::steady_timer timer_;
};

}  // namespace

class PeerNetwork::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Handlers handlers)
      : io_(io), handlers_(std::move(handlers)), accept_strand_(io.get_executor()), acceptor_(accept_strand_) {}

  void set_peers(const KeyPair& own_key, const std::string& own_name, const std::vector<Peer>& peers) {
    std::vector<std::shared_ptr<Link>> ended, begun;
    {
      const std::lock_guard lock(mutex_);
      const bool new_identity = !tls_ || own_key.public_key() != own_key_;
      if (new_identity) {
        own_key_ = own_key.public_key();
        tls_ = std::make_shared<ssl::context>(make_peer_tls_context(own_key, own_name));
      }
      for (auto entry = links_.begin(); entry != links_.end();) {
        const bool kept = !new_identity && std::find(peers.begin(), peers.end(), entry->second->peer) != peers.end();
        if (kept) {
          ++entry;
          continue;
        }
        ended.push_back(entry->second);
        entry = links_.erase(entry);
      }
      for (const Peer& peer : peers) {
        if (peer.key == own_key_ || links_.contains(peer.key)) continue;
        begun.push_back(links_.emplace(peer.key, std::make_shared<Link>(io_, peer)).first->second);
      }
    }
    for (const auto& link : ended) end(link);
    if (started_) {
      for (const auto& link : begun) dial_from_now_on(link);
    }
    // Accepted links of peers that are none any more end too.
    asio::post(accept_strand_, [self = shared_from_this(), ended] {
      for (const auto& link : ended) {
        error_code ignored;
        for (TlsStream* stream : link->accepted) stream->lowest_layer().close(ignored);
      }
    });
  }

  Result<void> start(const Endpoint& listen) {
    error_code failure;
    const auto address = asio::ip::make_address(listen.host == "localhost" ? "127.0.0.1" : listen.host, failure);
    if (failure) return fail(Status::invalid, "peer.listen: " + listen.host + " is not an IP address");
    const tcp::endpoint endpoint(address, listen.port);
    acceptor_.open(endpoint.protocol(), failure);
    if (!failure) acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor_.bind(endpoint, failure);
    if (!failure) acceptor_.listen(64, failure);
    if (failure) return fail(Status::unavailable, "cannot listen for peers on " + listen.text() + ": " + failure.message());
    asio::co_spawn(accept_strand_, accept_loop(shared_from_this()), asio::detached);
    started_ = true;
    for (const auto& link : all_links()) dial_from_now_on(link);
    return {};
  }

  void stop() {
    if (stopping_.exchange(true)) return;
    asio::post(accept_strand_, [self = shared_from_this()] {
      error_code ignored;
      self->acceptor_.close(ignored);
      for (TlsStream* stream : self->handshakes_) stream->lowest_layer().close(ignored);
      for (const auto& link : self->all_links()) {
        for (TlsStream* stream : link->accepted) stream->lowest_layer().close(ignored);
      }
    });
    for (const auto& link : all_links()) end(link);
  }

  void send(const PublicKey& peer, std::shared_ptr<const Bytes> frame) {
    const std::shared_ptr<Link> held = link_of(peer);
    if (!held) return;
    Link& link = *held;
    if (!link.connected.load(std::memory_order_relaxed) || link.queued_bytes.load(std::memory_order_relaxed) + frame->size() > kQueueMax_bytes) {
      ++counters_.dropped;
      return;
    }
    link.queued_bytes += frame->size();
    asio::post(link.strand, [held, frame = std::move(frame)]() mutable {
      held->queue.push_back(std::move(frame));
      if (held->idle) held->wake.cancel();
    });
  }

  bool connected(const PublicKey& peer) const {
    const auto link = link_of(peer);
    return link && link->connected.load(std::memory_order_relaxed);
  }
  PeerCounters counters_;

 private:
  struct Link {
    Link(asio::io_context& io, Peer whom) : peer(std::move(whom)), strand(io.get_executor()), wake(strand) {}
    const Peer peer;
    std::atomic<bool> ended{false};                        // no peer any more: its loop ends
    Strand strand;
    asio::steady_timer wake;                               // cancelled to tell the writer that there is work
    std::unique_ptr<TlsStream> stream;
    std::deque<std::shared_ptr<const Bytes>> queue;
    std::atomic<std::size_t> queued_bytes{0};
    std::atomic<bool> connected{false};
    bool idle = false;
    std::list<TlsStream*> accepted;                        // accept strand only: what this member dialled
  };

  std::shared_ptr<Link> link_of(const PublicKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(key);
    return found == links_.end() ? nullptr : found->second;
  }
  std::vector<std::shared_ptr<Link>> all_links() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Link>> out;
    for (const auto& [key, link] : links_) out.push_back(link);
    return out;
  }
  std::shared_ptr<ssl::context> tls() const {
    const std::lock_guard lock(mutex_);
    return tls_;
  }
  void dial_from_now_on(const std::shared_ptr<Link>& link) {
    if (!link->peer.address.empty()) asio::co_spawn(link->strand, dial_loop(shared_from_this(), link), asio::detached);
  }
  // What is queued still leaves, for a moment; not when we stop.
  void end(const std::shared_ptr<Link>& link) {
    link->ended = true;
    asio::post(link->strand, [self = shared_from_this(), link] {
      link->wake.cancel();
      const auto close = [link] {
        error_code ignored;
        if (link->stream) link->stream->lowest_layer().close(ignored);
      };
      if (self->stopping_ || !link->connected) return close();
      const auto timer = std::make_shared<asio::steady_timer>(link->strand, kDrainTime);
      timer->async_wait([timer, close](error_code) { close(); });
    });
  }
  bool is_over(const Link& link) const { return stopping_ || link.ended; }

  // Accept strand: adds a stream at the end and closes the oldest when there are more than may be. It leaves the list when its coroutine ends.
  static void enter(std::list<TlsStream*>& streams, TlsStream& stream, std::size_t most) {
    streams.push_back(&stream);
    if (streams.size() <= most) return;
    error_code ignored;
    streams.front()->lowest_layer().close(ignored);
    streams.splice(streams.end(), streams, streams.begin());   // the next oldest comes first
  }

  static asio::awaitable<void> pause(const Strand& strand, milliseconds length) {
    asio::steady_timer timer(strand, length);
    error_code failure;
    co_await timer.async_wait(token(failure));
  }

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self) {
    while (!self->stopping_) {
      error_code failure;
      tcp::socket socket(self->accept_strand_);
      co_await self->acceptor_.async_accept(socket, token(failure));
      if (self->stopping_) co_return;
      if (failure) {
        co_await pause(self->accept_strand_, kDialPauseMin);
        continue;
      }
      asio::co_spawn(self->accept_strand_, read_loop(self, std::move(socket)), asio::detached);
    }
  }

  // One accepted link: handshake, who is it, then its frames until it ends.
  static asio::awaitable<void> read_loop(std::shared_ptr<Impl> self, tcp::socket socket) {
    error_code failure;
    prepare_socket(socket);
    const auto tls = self->tls();
    TlsStream stream(std::move(socket), *tls);
    enter(self->handshakes_, stream, kHandshakesMax);
    {
      const Deadline deadline(self->accept_strand_, stream.next_layer(), kHandshakeTimeout);
      co_await stream.async_handshake(ssl::stream_base::server, token(failure));
    }
    self->handshakes_.remove(&stream);
    std::optional<PublicKey> key;
    const bool same_protocol = !failure && speaks_peer_protocol(stream.native_handle());
    if (same_protocol) key = peer_key(stream.native_handle());
    const std::shared_ptr<Link> link = key ? self->link_of(*key) : nullptr;
    if (!link) {
      ++self->counters_.refused;
      error_code ignored;
      const auto from = stream.lowest_layer().remote_endpoint(ignored);
      if (!self->stopping_) log_warn("peer link refused", {{"from", ignored ? std::string("?") : from.address().to_string()}, {"reason", failure ? failure.message() : same_protocol ? (key ? did_from_key(*key) + " is no member's" : "its certificate holds no Ed25519 key") : "it does not speak " + std::string(kPeerProtocol)}});
    } else {
      if (!link->accepted.empty()) log_info("peer dialled again", {{"peer", link->peer.name}});
      enter(link->accepted, stream, kLinksOfMemberMax);
      co_await read_frames(self, stream, link);
      link->accepted.remove(&stream);
    }
  }

  static asio::awaitable<void> read_frames(std::shared_ptr<Impl> self, TlsStream& stream, std::shared_ptr<Link> link) {
    const Peer& peer = link->peer;
    error_code failure;
    while (!self->stopping_) {
      std::array<char, 4> head;
      co_await asio::async_read(stream, asio::buffer(head), token(failure));
      if (failure) co_return;
      const std::size_t length = read_u32_be(BytesView(head.data(), head.size()));
      if (length == 0 || length > limits::kPeerFrameMax_bytes) {
        ++self->counters_.refused;
        log_warn("peer frame refused", {{"peer", peer.name}, {"bytes", length}});
        co_return;
      }
      Bytes frame(length, '\0');
      co_await asio::async_read(stream, asio::buffer(frame), token(failure));
      if (failure) co_return;
      ++self->counters_.frames_in;
      self->counters_.bytes_in += length;
      while (!self->stopping_ && !self->handlers_.on_frame(peer.key, frame)) co_await pause(self->accept_strand_, kBackPressurePause);
    }
  }

  static asio::awaitable<void> dial_loop(std::shared_ptr<Impl> self, std::shared_ptr<Link> held) {
    Link& link = *held;
    milliseconds wait = kDialPauseMin, most = kDialPauseMax;
    bool other = false;
    while (!self->is_over(link)) {
      const std::string address = other ? link.peer.other_address : link.peer.address;
      const bool dialled = co_await dial(self, held, address);
      other = dialled ? other : !other && !link.peer.other_address.empty();
      if (dialled) {
        const auto since = std::chrono::steady_clock::now();
        link.connected = true;
        log_info("peer connected", {{"peer", link.peer.name}});
        self->handlers_.on_link(link.peer.key, true);
        co_await write_frames(self, held);
        link.connected = false;
        const bool unwanted = std::chrono::steady_clock::now() - since < kLinkLifeMin;
        if (!self->stopping_) {
          log_warn("peer disconnected", {{"peer", link.peer.name}, {"after", unwanted ? "it ended the link at once: it stops, or knows no member and no proposal with this node's key" : "it was connected"}});
          self->handlers_.on_link(link.peer.key, false);
        }
        // Who ends a link at once does not want it, as members do not want a stranger's: it is dialled less and less often.
        most = unwanted ? kUnwantedPauseMax : kDialPauseMax;
        if (most == kDialPauseMax) wait = kDialPauseMin;
      }
      link.stream.reset();
      for (const auto& frame : link.queue) link.queued_bytes -= frame->size();  // a send() under way may have counted its frame already
      link.queue.clear();
      if (!self->is_over(link)) co_await pause(link.strand, wait);
      wait = std::min(wait * 2, most);
    }
  }

  static asio::awaitable<bool> dial(std::shared_ptr<Impl> self, std::shared_ptr<Link> held, std::string where) {
    Link& link = *held;
    const auto address = parse_endpoint(where);
    if (!address) co_return false;
    error_code failure;
    tcp::resolver resolver(link.strand);
    const std::string port = std::to_string(address->port);
    const auto results = co_await resolver.async_resolve(address->host, port, token(failure));
    if (failure || self->is_over(link)) co_return false;
    const auto tls = self->tls();
    link.stream = std::make_unique<TlsStream>(tcp::socket(link.strand), *tls);
    const Deadline deadline(link.strand, link.stream->next_layer(), kHandshakeTimeout);
    co_await asio::async_connect(link.stream->next_layer(), results, token(failure));
    if (failure) co_return false;
    prepare_socket(link.stream->next_layer());
    co_await link.stream->async_handshake(ssl::stream_base::client, token(failure));
    if (failure || self->is_over(link)) co_return false;
    if (!speaks_peer_protocol(link.stream->native_handle())) {
      ++self->counters_.refused;
      log_warn("peer link refused", {{"peer", link.peer.name}, {"reason", "it does not speak " + std::string(kPeerProtocol)}});
      co_return false;
    }
    const auto key = peer_key(link.stream->native_handle());
    if (key != link.peer.key) {
      if (key && self->link_of(*key)) co_return false;   // it has changed its key, or is about to
      ++self->counters_.refused;
      log_warn("peer link refused", {{"peer", link.peer.name}, {"reason", "the certificate's key is not that member's"}});
      co_return false;
    }
    co_return true;
  }

  // Writes what is queued, several frames in one go, until the link ends. The other side never sends on this link, so a read that
  // ends tells that it is gone even while nothing is to be written.
  static asio::awaitable<void> write_frames(std::shared_ptr<Impl> self, std::shared_ptr<Link> held) {
    Link& link = *held;
    auto gone = std::make_shared<bool>(false);
    asio::co_spawn(link.strand, watch(self, held, gone), asio::detached);
    while (!self->stopping_ && !*gone && !(link.ended && link.queue.empty())) {
      if (link.queue.empty()) {
        link.idle = true;
        link.wake.expires_after(milliseconds(60'000));
        error_code ignored;
        co_await link.wake.async_wait(token(ignored));
        link.idle = false;
        continue;
      }
      std::vector<std::shared_ptr<const Bytes>> frames;
      Bytes out;
      std::size_t bytes = 0;
      while (!link.queue.empty() && (frames.empty() || bytes + link.queue.front()->size() < 1024 * 1024)) {
        frames.push_back(std::move(link.queue.front()));
        link.queue.pop_front();
        append_u32_be(out, static_cast<std::uint32_t>(frames.back()->size()));
        out += *frames.back();
        bytes += frames.back()->size();
      }
      error_code failure;
      co_await asio::async_write(*link.stream, asio::buffer(out), token(failure));
      link.queued_bytes -= bytes;
      self->counters_.frames_out += frames.size();
      self->counters_.bytes_out += bytes;
      if (failure) break;
    }
    error_code ignored;
    link.stream->lowest_layer().close(ignored);
    while (!*gone) co_await pause(link.strand, milliseconds(1));  // the watcher still uses the stream
  }

  static asio::awaitable<void> watch(std::shared_ptr<Impl> keep_alive, std::shared_ptr<Link> held, std::shared_ptr<bool> gone) {
    Link& link = *held;
    std::array<char, 1> byte;
    error_code failure;
    co_await link.stream->async_read_some(asio::buffer(byte), token(failure));
    *gone = true;
    link.wake.cancel();
    (void)keep_alive;
  }

  asio::io_context& io_;
  Handlers handlers_;
  Strand accept_strand_;
  tcp::acceptor acceptor_;
  std::list<TlsStream*> handshakes_;                          // accept strand only
  mutable std::mutex mutex_;                                  // of the three below
  PublicKey own_key_{};
  std::shared_ptr<ssl::context> tls_;
  std::map<PublicKey, std::shared_ptr<Link>> links_;
  std::atomic<bool> started_{false}, stopping_{false};
};

PeerNetwork::PeerNetwork(asio::io_context& io, Handlers handlers) : impl_(std::make_shared<Impl>(io, std::move(handlers))) {}
PeerNetwork::~PeerNetwork() { stop(); }
void PeerNetwork::set_peers(const KeyPair& own_key, const std::string& own_name, const std::vector<Peer>& peers) {
  impl_->set_peers(own_key, own_name, peers);
}
Result<void> PeerNetwork::start(const Endpoint& listen) { return impl_->start(listen); }
void PeerNetwork::stop() { impl_->stop(); }
void PeerNetwork::send(const PublicKey& peer, std::shared_ptr<const Bytes> frame) { impl_->send(peer, std::move(frame)); }
bool PeerNetwork::connected(const PublicKey& peer) const { return impl_->connected(peer); }
const PeerCounters& PeerNetwork::counters() const { return impl_->counters_; }

}  // namespace agiddi::node
