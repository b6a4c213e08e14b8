#include "subservices/registration/thing_directory.h"

#include "ontology/thing_description.h"
#include "subservices/registration/device_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

using ledger::Column;

constexpr std::size_t kLookEvery = 4096;   // devices between two looks at whether a walk was cancelled

Hash device_of_key(BytesView key) {
  const auto hash = Hash::from_bytes(key.substr(1));
  AGIDDI_CHECK(hash.has_value(), "a device's key is a letter and its id");
  return *hash;
}

// Visits the devices in the order of their ids until visit returns false.
void walk(const ledger::KvReader& state, const std::optional<Hash>& after, bool descending,
          const std::function<bool(const Hash&, const records::DeviceHead&)>& visit) {
  const Bytes first = keys::devices(), end = ledger::prefix_end(first);
  const auto one = [&](BytesView key, BytesView value) { return visit(device_of_key(key), parse_record<records::DeviceHead>(value)); };
  if (descending) return state.scan_reverse(Column::state, first, after ? keys::device(*after) : end, one);
  state.scan(Column::state, after ? keys::device(*after).append(1, '\0') : first, end, one);
}

std::uint32_t number_of(const Json& version) {
  const auto number = Decimal::parse(version.number_text());
  AGIDDI_CHECK(number.has_value(), "a receipt of ours names a version");
  return static_cast<std::uint32_t>(number->mantissa());
}

}  // namespace

Json ThingDirectory::version(const Hash& device, std::uint32_t version, std::string_view base) const {
  const StateView state(snapshot_.state());
  const auto record = load_known<records::DeviceVersion>(state, keys::device_version(device, version));
  return ontology::thing_description(recorded_description(record), recorded_identity(device, record), base);
}

Result<Json> ThingDirectory::thing(std::string_view urn, std::string_view base) const {
  const auto id = device_from_urn(urn);
  if (!id) return fail(Status::not_found, "the Things here are devices, whose ids are urn:agiddi:device: and 64 lower-case hexadecimal digits");
  const auto head = load<records::DeviceHead>(StateView(snapshot_.state()), keys::device(*id));
  if (!head) return fail(Status::not_found, "there is no Thing " + std::string(urn));
  if (head->retired()) return fail(Status::not_found, "the Thing was taken out of the directory; its metadata stay readable at /v1/devices/" + std::string(urn));
  return version(*id, head->version(), base);
}

Result<ThingPage> ThingDirectory::page(const ThingPageRequest& request) const {
  ThingPage page;
  std::uint64_t to_skip = request.after ? 0 : request.offset;
  std::size_t seen = 0;
  bool cancelled = false;
  std::optional<Hash> last;
  walk(snapshot_.state(), request.after, request.descending, [&](const Hash& device, const records::DeviceHead& head) {
    if (++seen % kLookEvery == 0 && request.cancelled && request.cancelled()) {
      cancelled = true;
      return false;
    }
    if (head.retired()) return true;
    if (to_skip > 0) {
      --to_skip;
      return true;
    }
    if (page.count == request.limit) {
      page.last = last;
      return false;
    }
    const std::string thing = version(device, head.version(), request.base).dump();
    if (page.count > 0 && page.members.size() + thing.size() > request.bytes_max) {
      page.last = last;
      return false;
    }
    if (page.count > 0) page.members += ',';
    page.members += thing;
    last = device;
    ++page.count;
    return true;
  });
  if (cancelled) return fail(Status::unavailable, "This node is shutting down; ask another one.");
  return page;
}

ThingCount ThingDirectory::count() const {
  ThingCount count;
  walk(snapshot_.state(), std::nullopt, false, [&](const Hash&, const records::DeviceHead& head) {
    ++count.registered;
    if (!head.retired()) ++count.current;
    return true;
  });
  return count;
}

std::optional<std::vector<ThingEvent>> ThingDirectory::events(std::uint64_t height) const {
  if (height == 0) return std::vector<ThingEvent>{};   // genesis registers nothing
  const auto block = snapshot_.block(height);
  if (!block) return std::nullopt;
  std::vector<ThingEvent> events;
  for (std::size_t i = 0; i < block->transactions.size(); ++i) {
    const std::string& action = block->transactions[i].header.action;
    const Receipt& receipt = block->receipts[i];
    if (!action.starts_with("device.") || (receipt.status != Status::ok && receipt.status != Status::created)) continue;
    const auto result = parse_json(receipt.result);
    AGIDDI_CHECK(result.has_value(), "a receipt's result is JSON");
    const auto add = [&](ThingEvent::Kind kind, const Json& entry) {
      const auto device = device_from_urn(entry.find("id")->as_string());
      AGIDDI_CHECK(device.has_value(), "a receipt of ours names a device");
      events.push_back({kind, *device, number_of(*entry.find("version"))});
    };
    if (action == "device.retire") {
      add(ThingEvent::Kind::deleted, *result);
    } else {
      for (const Json& entry : result->find("devices")->items()) add(action == "device.register" ? ThingEvent::Kind::created : ThingEvent::Kind::updated, entry);
    }
  }
  return events;
}

Json ThingDirectory::event_data(const ThingEvent& event, bool diff, std::string_view base) const {
  const std::string urn = device_urn(event.device);
  if (!diff || event.kind == ThingEvent::Kind::deleted) return Json::object({{"id", urn}});
  Json now = version(event.device, event.version, base);
  if (event.kind == ThingEvent::Kind::created) return now;
  Json patch = Json::object({{"id", urn}});
  Json changes = ontology::merge_patch(version(event.device, event.version - 1, base), now);
  for (auto& [name, value] : changes.members()) patch.set(name, std::move(value));
  return patch;
}

std::optional<ThingEvent> thing_event(const Json& device_event) {
  const Json* state = device_event.find("state");
  const Json* urn = device_event.find("device");
  const Json* version = device_event.find("version");
  const auto device = urn && urn->is_string() ? device_from_urn(urn->as_string()) : Result<Hash>(fail(Status::invalid, "no device"));
  if (!state || !state->is_string() || !device || !version) return std::nullopt;
  const std::string& name = state->as_string();
  const auto kind = name == "registered" ? ThingEvent::Kind::created : name == "updated" ? ThingEvent::Kind::updated : ThingEvent::Kind::deleted;
  return ThingEvent{kind, *device, number_of(*version)};
}

}  // namespace agiddi::subservices
