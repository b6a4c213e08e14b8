#include "node/rewrap.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "node/log.h"
#include "protocol/encoding.h"
#include "subservices/access/access_wraps.h"
#include "subservices/governance/member_state.h"
#include "subservices/state_keys.h"

namespace agiddi::node {
namespace {

constexpr auto kStep = std::chrono::milliseconds(500);
constexpr std::size_t kDevicesPerStep = 500;
constexpr std::size_t kWrapsPerTransaction = 128;
constexpr TimeMs kRest_ms = 60'000;                    // after a round in which no key was missing
constexpr std::size_t kQueue = 4;

// The content key of a description's sealed access, opened with our sealing key. Nothing: we are no recipient; an Error: it does not open.
std::optional<Result<Bytes>> own_key(Chain& chain, const Json& description, const std::string& self) {
  const Json* access = description.find("access");
  const Json* sealed = access ? access->find("sealed") : nullptr;
  const Json* recipients = sealed ? sealed->find("recipients") : nullptr;
  if (recipients == nullptr || !recipients->is_array()) return std::nullopt;
  for (const Json& one : recipients->items()) {
    if (one.find("member")->as_string() != self) continue;
    const auto wrapped = from_base64url(one.find("key")->as_string());
    if (!wrapped) return Result<Bytes>(tl::unexpected(wrapped.error()));
    return chain.open_sealed_key(*wrapped);
  }
  return std::nullopt;
}

}  // namespace

struct Rewrap::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

Rewrap::Rewrap(Chain& chain, boost::asio::io_context& io) : chain_(chain), timer_(std::make_unique<Timer>(io)), lane_("rewrap", kQueue) {}
Rewrap::~Rewrap() { stop(); }

void Rewrap::start() { arm(); }

void Rewrap::stop() {
  stopping_ = true;
  lane_.stop();
}

void Rewrap::arm() {
  timer_->timer.expires_after(kStep);
  timer_->timer.async_wait([this](boost::system::error_code failure) {
    if (failure || stopping_) return;
    lane_.post([this] { step(); });
    arm();
  });
}

void Rewrap::step() {
  const ChainStatus status = chain_.status();
  if (status.epoch != seen_epoch_) rest_until_ = 0;
  seen_epoch_ = status.epoch;
  if (!status.is_member || status.syncing || status.epoch == 0 || *under_way_ || chain_.now() < rest_until_) return;
  const auto snapshot = chain_.snapshot();
  const subservices::StateView state(snapshot->state());
  const std::uint64_t height = snapshot->height() + 1;
  const MemberSet members = subservices::members_at(state, height).members;
  const int self = members.index_of(chain_.self().id);
  if (self < 0) return;

  const Bytes prefix(1, 'D');
  Bytes from = cursor_.empty() ? prefix : cursor_ + '\0';
  std::vector<std::pair<Hash, std::uint32_t>> devices;
  state.scan_range(from, Bytes(1, 'E'), [&](BytesView key, BytesView value) {
    cursor_ = Bytes(key);
    const auto head = subservices::parse_record<records::DeviceHead>(value);
    if (!head.retired()) devices.emplace_back(*Hash::from_bytes(key.substr(1)), head.version());
    return devices.size() < kDevicesPerStep;
  });

  Json wraps = Json::array(), unopenable = Json::array();
  std::size_t count = 0;
  Bytes looked_at = cursor_;
  for (const auto& [device, version] : devices) {
    if (count >= kWrapsPerTransaction) {
      cursor_ = looked_at;   // the next step goes on here
      break;
    }
    looked_at = prefix + Bytes(device.view());
    const auto record = subservices::load_known<records::DeviceVersion>(state, subservices::keys::device_version(device, version));
    const auto lacking = subservices::members_without_key(state, device, record, height);
    if (lacking.empty()) continue;
    found_some_ = true;
    if ((device.bytes[0] + round_) % members.size() != static_cast<std::size_t>(self)) continue;
    const auto description = parse_json(record.description());
    const auto key = own_key(chain_, subservices::with_wraps(state, device, version, *description), chain_.self().id);
    if (!key) continue;
    const Json named = Json::object({{"device", device_urn(device)}, {"version", version}});
    if (!*key || (*key)->size() != 32) {
      unopenable.push(named);
      ++count;
      continue;
    }
    for (const Member& member : lacking) {
      if (member.id == chain_.self().id) continue;
      const Bytes wrapped = seal_to({reinterpret_cast<const char*>(member.sealing_key.data()), member.sealing_key.size()}, **key);
      if (wrapped.empty()) continue;
      Json wrap = named;
      wraps.push(wrap.set("member", member.id).set("key", to_base64url(wrapped)));
      ++count;
    }
  }
  if (devices.empty()) {   // the end of a round
    cursor_.clear();
    ++round_;
    if (!found_some_) rest_until_ = chain_.now() + kRest_ms;
    found_some_ = false;
  }
  if (count == 0) return;
  *under_way_ = true;
  Json body = Json::object({{"wraps", std::move(wraps)}, {"unopenable", std::move(unopenable)}});
  chain_.submit_own("access.rewrap", std::move(body), [under_way = under_way_, count](const Result<Outcome>& outcome) {
    *under_way = false;
    if (outcome && outcome->receipt.status == Status::ok) {
      log_info("sealed keys wrapped again for the members in force", {{"keys", count}, {"height", outcome->height}});
    } else {
      log_warn("sealed keys could not be wrapped again now", {{"reason", outcome ? outcome->receipt.result : outcome.error().detail}});
    }
  });
}

}  // namespace agiddi::node
