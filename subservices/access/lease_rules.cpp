#include "subservices/access/lease_rules.h"

#include <algorithm>

#include "protocol/limits.h"
#include "subservices/access/count_rules.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr std::int64_t kFirstPart = 16;
constexpr std::int64_t kFirstMin_bytes = 64, kFirstMax_bytes = 64 * 1024;

}  // namespace

TimeMs lease_term(const StateView& state) {
  const auto network = load_known<records::Network>(state, keys::network());
  return network.lease_ms() > 0 ? network.lease_ms() : limits::kLeaseDefault_ms;
}

TimeMs leased_until(const StateView& state, const records::Integration& integration) {
  const TimeMs least = std::max(integration.timestamp_ms(), integration.claimed_ms()) + lease_term(state);
  const auto lease = integration.node().empty() ? std::nullopt : load<records::MemberLease>(state, keys::lease(integration.node()));
  return lease ? std::max(least, lease->until_ms()) : least;
}

Result<RuleOutcome> lease_renew(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto node = fields.required_string("node", 64);
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  const int member = context.members.index_of(transaction.signer);
  if (member < 0 || context.members[static_cast<std::size_t>(member)].id != *node) return fail(Status::forbidden, "a lease is renewed by the member that has it");
  records::MemberLease lease;
  lease.set_until_ms(context.timestamp + lease_term(context.state));
  store(context.state, keys::lease(*node), lease);
  return RuleOutcome{Status::ok, Json::object({{"node", *node}, {"until", time_text(lease.until_ms())}})};
}

void count_missed_report(RuleContext& context, const std::string& node) {
  if (context.rules_version < kRulesWithCounts || node.empty()) return;
  records::MemberService service;
  service.set_missed_reports(missed_reports(context.state, node) + 1);
  store(context.state, keys::member_service(node), service);
}

std::uint64_t missed_reports(const StateView& state, std::string_view member) {
  const auto service = load<records::MemberService>(state, keys::member_service(member));
  return service ? service->missed_reports() : 0;
}

std::int64_t first_reservation(const records::IntegrationDevice& device) {
  const std::int64_t chunk = std::clamp(device.limit_bytes() / kFirstPart, kFirstMin_bytes, kFirstMax_bytes);
  return std::min(device.limit_bytes(), device.bytes_used() + chunk);
}

void release(RuleContext& context, const Hash& id, records::Integration& integration, const Hash& transaction) {
  for (auto& [index, device] : devices_of(context.state, id)) {
    if (device.ended()) continue;
    if (device.has_data()) {
      device.set_bytes_lost(device.bytes_lost() + device.bytes_reserved() - device.bytes_used());
      device.set_bytes_used(device.bytes_reserved());
    }
    device.set_active_base_ms(device.active_ms());
    store(context.state, keys::integration_device(id, index), device);
    if (device.has_data() && device.bytes_used() == device.limit_bytes()) end_device(context, id, integration, index, device, ended::kData, transaction);
  }
  context.state.erase(keys::served(integration.node(), id));
  count_missed_report(context, integration.node());
  integration.set_node("");
  integration.set_claimed_ms(context.timestamp);   // so long somebody has to claim it
  integration.set_state(records::INTEGRATION_UNCLAIMED);
}

}  // namespace agiddi::subservices
