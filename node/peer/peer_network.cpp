#include "node/peer/peer_network.h"

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
constexpr auto kBackPressurePause = milliseconds(2);
constexpr std::size_t kHandshakesMax = 128;       // accepted, and no member's yet
constexpr std::size_t kLinksOfMemberMax = 2;     // an old one that is about to fail, and its successor

auto token(error_code& failure) { return asio::redirect_error(asio::use_awaitable, failure); }

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
  Impl(asio::io_context& io, const KeyPair& key, MemberSet members, std::size_t self, Handlers handlers)
      : io_(io), tls_(make_peer_tls_context(key, members[self].id)), members_(std::move(members)), self_(self),
        handlers_(std::move(handlers)), accept_strand_(io.get_executor()), acceptor_(accept_strand_) {
    for (std::size_t i = 0; i < members_.size(); ++i) links_.push_back(std::make_unique<Link>(io));
  }

  Result<void> start(const Endpoint& listen, PeerAddresses instead) {
    instead_ = std::move(instead);
    for (const auto& [id, address] : instead_) {
      if (members_.index_of(id) < 0) log_warn("peer.addresses names nobody", {{"member", id}, {"address", address.text()}});
    }
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
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (i != self_) asio::co_spawn(links_[i]->strand, dial_loop(shared_from_this(), i), asio::detached);
    }
    return {};
  }

  void stop() {
    if (stopping_.exchange(true)) return;
    asio::post(accept_strand_, [self = shared_from_this()] {
      error_code ignored;
      self->acceptor_.close(ignored);
      for (TlsStream* stream : self->handshakes_) stream->lowest_layer().close(ignored);
      for (const auto& link : self->links_) {
        for (TlsStream* stream : link->accepted) stream->lowest_layer().close(ignored);
      }
    });
    for (auto& link : links_) {
      asio::post(link->strand, [self = shared_from_this(), &link = *link] {
        error_code ignored;
        link.wake.cancel();
        if (link.stream) link.stream->lowest_layer().close(ignored);
      });
    }
  }

  void send(std::size_t member, std::shared_ptr<const Bytes> frame) {
    if (member == self_ || member >= links_.size()) return;
    Link& link = *links_[member];
    if (!link.connected.load(std::memory_order_relaxed) || link.queued_bytes.load(std::memory_order_relaxed) + frame->size() > kQueueMax_bytes) {
      ++counters_.dropped;
      return;
    }
    link.queued_bytes += frame->size();
    asio::post(link.strand, [self = shared_from_this(), &link, frame = std::move(frame)]() mutable {
      link.queue.push_back(std::move(frame));
      if (link.idle) link.wake.cancel();
    });
  }

  bool connected(std::size_t member) const { return member == self_ || links_[member]->connected.load(std::memory_order_relaxed); }
  PeerCounters counters_;

 private:
  struct Link {
    explicit Link(asio::io_context& io) : strand(io.get_executor()), wake(strand) {}
    Strand strand;
    asio::steady_timer wake;                               // cancelled to tell the writer that there is work
    std::unique_ptr<TlsStream> stream;
    std::deque<std::shared_ptr<const Bytes>> queue;
    std::atomic<std::size_t> queued_bytes{0};
    std::atomic<bool> connected{false};
    bool idle = false;
    std::list<TlsStream*> accepted;                        // accept strand only: what this member dialled
  };

  Result<Endpoint> address_of(std::size_t member) const {
    const auto found = instead_.find(members_[member].id);
    if (found != instead_.end()) return found->second;
    return parse_endpoint(members_[member].address);
  }

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
    socket.set_option(tcp::no_delay(true), failure);
    TlsStream stream(std::move(socket), self->tls_);
    enter(self->handshakes_, stream, kHandshakesMax);
    {
      const Deadline deadline(self->accept_strand_, stream.next_layer(), kHandshakeTimeout);
      co_await stream.async_handshake(ssl::stream_base::server, token(failure));
    }
    self->handshakes_.remove(&stream);
    const int member = failure ? -1 : peer_member(stream.native_handle(), self->members_);
    if (member < 0 || static_cast<std::size_t>(member) == self->self_) {
      ++self->counters_.refused;
      if (!self->stopping_) log_warn("peer link refused", {{"reason", failure ? failure.message() : "its key is no member's"}});
    } else {
      auto& accepted = self->links_[static_cast<std::size_t>(member)]->accepted;
      if (!accepted.empty()) log_info("peer dialled again", {{"peer", self->members_[static_cast<std::size_t>(member)].id}});
      enter(accepted, stream, kLinksOfMemberMax);
      co_await read_frames(self, stream, static_cast<std::size_t>(member));
      accepted.remove(&stream);
    }
  }

  static asio::awaitable<void> read_frames(std::shared_ptr<Impl> self, TlsStream& stream, std::size_t member) {
    error_code failure;
    while (!self->stopping_) {
      std::array<char, 4> head;
      co_await asio::async_read(stream, asio::buffer(head), token(failure));
      if (failure) co_return;
      const std::size_t length = read_u32_be(BytesView(head.data(), head.size()));
      if (length == 0 || length > limits::kPeerFrameMax_bytes) {
        ++self->counters_.refused;
        log_warn("peer frame refused", {{"peer", self->members_[member].id}, {"bytes", length}});
        co_return;
      }
      Bytes frame(length, '\0');
      co_await asio::async_read(stream, asio::buffer(frame), token(failure));
      if (failure) co_return;
      ++self->counters_.frames_in;
      self->counters_.bytes_in += length;
      while (!self->stopping_ && !self->handlers_.on_frame(member, frame)) co_await pause(self->accept_strand_, kBackPressurePause);
    }
  }

  static asio::awaitable<void> dial_loop(std::shared_ptr<Impl> self, std::size_t member) {
    Link& link = *self->links_[member];
    milliseconds wait = kDialPauseMin;
    while (!self->stopping_) {
      if (co_await dial(self, member)) {
        wait = kDialPauseMin;
        link.connected = true;
        log_info("peer connected", {{"peer", self->members_[member].id}});
        self->handlers_.on_link(member, true);
        co_await write_frames(self, link);
        link.connected = false;
        if (!self->stopping_) {
          log_warn("peer disconnected", {{"peer", self->members_[member].id}});
          self->handlers_.on_link(member, false);
        }
      }
      link.stream.reset();
      for (const auto& frame : link.queue) link.queued_bytes -= frame->size();  // a send() under way may have counted its frame already
      link.queue.clear();
      if (!self->stopping_) co_await pause(link.strand, wait);
      wait = std::min(wait * 2, kDialPauseMax);
    }
  }

  static asio::awaitable<bool> dial(std::shared_ptr<Impl> self, std::size_t member) {
    Link& link = *self->links_[member];
    const auto address = self->address_of(member);
    if (!address) co_return false;
    error_code failure;
    tcp::resolver resolver(link.strand);
    const std::string port = std::to_string(address->port);
    const auto results = co_await resolver.async_resolve(address->host, port, token(failure));
    if (failure) co_return false;
    link.stream = std::make_unique<TlsStream>(tcp::socket(link.strand), self->tls_);
    const Deadline deadline(link.strand, link.stream->next_layer(), kHandshakeTimeout);
    co_await asio::async_connect(link.stream->next_layer(), results, token(failure));
    if (failure) co_return false;
    link.stream->next_layer().set_option(tcp::no_delay(true), failure);
    co_await link.stream->async_handshake(ssl::stream_base::client, token(failure));
    if (failure) co_return false;
    if (peer_member(link.stream->native_handle(), self->members_) != static_cast<int>(member)) {
      ++self->counters_.refused;
      log_warn("peer link refused", {{"peer", self->members_[member].id}, {"reason", "the certificate's key is not that member's"}});
      co_return false;
    }
    co_return true;
  }

  // Writes what is queued, several frames in one go, until the link ends. The other side never sends on this link, so a read that
  // ends tells that it is gone even while nothing is to be written.
  static asio::awaitable<void> write_frames(std::shared_ptr<Impl> self, Link& link) {
    auto gone = std::make_shared<bool>(false);
    asio::co_spawn(link.strand, watch(self, link, gone), asio::detached);
    while (!self->stopping_ && !*gone) {
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

  static asio::awaitable<void> watch(std::shared_ptr<Impl> keep_alive, Link& link, std::shared_ptr<bool> gone) {
    std::array<char, 1> byte;
    error_code failure;
    co_await link.stream->async_read_some(asio::buffer(byte), token(failure));
    *gone = true;
    link.wake.cancel();
    (void)keep_alive;
  }

  asio::io_context& io_;
  ssl::context tls_;
  MemberSet members_;
  PeerAddresses instead_;  // as it was at start
  std::size_t self_;
  Handlers handlers_;
  Strand accept_strand_;
  tcp::acceptor acceptor_;
  std::list<TlsStream*> handshakes_;                       // accept strand only
  std::vector<std::unique_ptr<Link>> links_;
  std::atomic<bool> stopping_{false};
};

PeerNetwork::PeerNetwork(asio::io_context& io, const KeyPair& key, MemberSet members, std::size_t self, Handlers handlers)
    : impl_(std::make_shared<Impl>(io, key, std::move(members), self, std::move(handlers))) {}
PeerNetwork::~PeerNetwork() { stop(); }
Result<void> PeerNetwork::start(const Endpoint& listen, PeerAddresses instead) { return impl_->start(listen, std::move(instead)); }
void PeerNetwork::stop() { impl_->stop(); }
void PeerNetwork::send(std::size_t member, std::shared_ptr<const Bytes> frame) { impl_->send(member, std::move(frame)); }
bool PeerNetwork::connected(std::size_t member) const { return impl_->connected(member); }
const PeerCounters& PeerNetwork::counters() const { return impl_->counters_; }

}  // namespace agiddi::node
