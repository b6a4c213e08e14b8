#include "protocol/decimal.h"
#include "protocol/device_password.h"
#include "tools/cli/files.h"
#include "tools/cli/ids.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"
#include "tools/cli/sealing.h"

namespace agiddi::tools {
namespace {

std::string device_path(const std::string& id) { return "/v1/devices/" + id; }

std::string devices_text(const Json& answer) {
  std::string out;
  const Json* height = answer.find("height");
  if (const Json* transaction = answer.find("transaction"); transaction && transaction->is_string()) {
    out = "transaction " + transaction->as_string() + (height ? ", block " + height->dump() : "") + "\n";
  }
  if (const Json* devices = answer.find("devices"); devices && devices->is_array()) {
    for (const Json& device : devices->items()) {
      const Json *id = device.find("id"), *version = device.find("version");
      if (id && id->is_string()) out += id->as_string() + (version ? "  version " + version->dump() : "") + "\n";
    }
  }
  return out;
}

// The version in force: the last of GET …/versions.
Outcome<std::int64_t> latest_version(NodeClient& node, const std::string& id) {
  auto answer = node.get_json(device_path(id) + "/versions");
  if (!answer) return tl::unexpected(answer.error());
  const Json* versions = answer->find("versions");
  std::int64_t latest = 0;
  if (versions && versions->is_array()) {
    for (const Json& entry : versions->items()) {
      const Json* number = entry.find("version");
      if (!number || !number->is_number()) continue;
      const auto value = Decimal::parse(number->number_text());
      if (value && value->scale() == 0 && value->mantissa() > latest) latest = static_cast<std::int64_t>(value->mantissa());
    }
  }
  if (latest == 0) return failed("the node lists no version of the device");
  return latest;
}

struct Sealer {
  std::string provider, network, device_password;
  std::vector<SealRecipient> recipients;

  static Outcome<Sealer> at(NodeClient& node, std::string provider, const std::string& password_file) {
    std::string password;
    if (!password_file.empty()) {
      auto read = load_device_password(password_file);
      if (!read) return passed_on(read.error());
      password = std::move(*read);
    }
    auto validators = node.validators();
    if (!validators) return tl::unexpected(validators.error());
    auto recipients = recipients_of(*validators);
    if (!recipients) return tl::unexpected(recipients.error());
    auto network = node.network();
    if (!network) return tl::unexpected(network.error());
    return Sealer{std::move(provider), *network, std::move(password), std::move(*recipients)};
  }
  Outcome<Json> seal(Json device, const std::string& pointer) const {
    if (!device_password.empty()) {
      const Json* access = device.find("access");
      if (access == nullptr || !access->is_object() || access->find("sealed")) return failed(pointer + ": a password can be sealed only into access that stands in clear");
      if (access->find("devicePassword")) return failed(pointer + "/access/devicePassword: stands there already; leave it out or --device-password-file");
      Json with = *access;
      device.set("access", with.set("devicePassword", device_password));
    }
    return seal_device(device, pointer, provider, network, recipients);
  }
};

Outcome<Answer> register_devices(const std::string& url, const std::string& key_file, const std::string& account, const std::string& file, const std::string& password_file) {
  auto key = load_key_file(key_file);
  if (!key) return passed_on(key.error());
  auto provider = account_of(*key, account);
  if (!provider) return tl::unexpected(provider.error());
  auto body = read_json_file(file);
  if (!body) return passed_on(body.error());
  const Json* devices = body->find("devices");
  if (!devices || !devices->is_array()) return failed(file + ": must be {\"devices\":[…]}, the body of POST /v1/devices");
  NodeClient node(url);
  const auto sealer = Sealer::at(node, *provider, password_file);
  if (!sealer) return tl::unexpected(sealer.error());
  Json sealed = Json::array();
  for (std::size_t i = 0; i < devices->items().size(); ++i) {
    auto device = sealer->seal(devices->items()[i], pointer_index("/devices", i));
    if (!device) return tl::unexpected(device.error());
    sealed.push(std::move(*device));
  }
  body->set("devices", std::move(sealed));
  auto answer = node.write("POST", "/v1/devices", "device.register", *key, *body);
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, devices_text(*answer)};
}

Outcome<Answer> update_device(const std::string& url, const std::string& key_file, const std::string& account, const std::string& id, const std::string& file, const std::string& password_file) {
  if (auto fits = check_device_id("ID", id); !fits) return tl::unexpected(fits.error());
  auto key = load_key_file(key_file);
  if (!key) return passed_on(key.error());
  auto provider = account_of(*key, account);
  if (!provider) return tl::unexpected(provider.error());
  auto device = read_json_file(file);
  if (!device) return passed_on(device.error());
  if (!device->is_object() || device->find("devices")) {
    const char* what = device->find("devices") ? "holds {\"devices\":[…]}, the form of a registration; an update takes" : "must be";
    return failed(file + ": " + what + " one device alone, {\"name\",\"type\",…}");
  }
  NodeClient node(url);
  const auto sealer = Sealer::at(node, *provider, password_file);
  if (!sealer) return tl::unexpected(sealer.error());
  auto sealed = sealer->seal(*device, "");
  if (!sealed) return tl::unexpected(sealed.error());
  if (!sealed->find("id")) sealed->set("id", id);
  if (!sealed->find("version")) {
    auto version = latest_version(node, id);
    if (!version) return tl::unexpected(version.error());
    sealed->set("version", *version);
  }
  auto answer = node.write("PUT", device_path(id), "device.update", *key, *sealed);
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, devices_text(*answer)};
}

Outcome<Answer> retire_device(const std::string& url, const std::string& key_file, const std::string& id, std::int64_t version) {
  if (auto fits = check_device_id("ID", id); !fits) return tl::unexpected(fits.error());
  auto key = load_key_file(key_file);
  if (!key) return passed_on(key.error());
  NodeClient node(url);
  if (version == 0) {
    auto latest = latest_version(node, id);
    if (!latest) return tl::unexpected(latest.error());
    version = *latest;
  }
  auto answer = node.write("POST", device_path(id) + "/retire", "device.retire", *key, Json::object({{"id", id}, {"version", version}}));
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, id + " is retired\n"};
}

Outcome<Answer> show_device(const std::string& url, const std::string& id, std::int64_t version, const std::string& what, const std::string& format) {
  if (auto fits = check_device_id("ID", id); !fits) return tl::unexpected(fits.error());
  if ((what == "versions" || what == "usage") && (!format.empty() || version > 0)) return wrong_usage("--what " + what + " is of all versions, in JSON; it takes no --format and no --version");
  NodeClient node(url);
  std::string path = device_path(id);
  if (what == "versions" || what == "usage") {
    auto answer = node.get_json(path + "/" + what);
    if (!answer) return tl::unexpected(answer.error());
    return Answer{*answer, answer->pretty()};
  }
  if (what == "template") path += "/template";
  if (version > 0) path += "?version=" + std::to_string(version);
  if (format.empty() || format == "jsonld") {
    auto answer = node.get(path, "application/ld+json").and_then(json_of);
    if (!answer) return tl::unexpected(answer.error());
    return Answer{*answer, answer->pretty()};
  }
  auto response = node.get(path, format == "turtle" ? "text/turtle" : "application/n-triples");
  if (!response) return tl::unexpected(response.error());
  return Answer{Json::object({{"contentType", response->content_type}, {"content", response->body}}), response->body};
}

}  // namespace

void declare_device(Command& program) {
  struct Options { std::string node, key, account, id, file, what = "metadata", format, device_password; std::int64_t version = 0; };
  Command device = program.sub("device", "Register, update, retire or show devices");
  device.examples("  agiddi device register --node http://127.0.0.1:8101 --key provider.jwk devices.json\n  agiddi device show --node http://127.0.0.1:8101 urn:agiddi:device:…");
  {
    const auto o = std::make_shared<Options>();
    Command command = device.sub("register", "Seal, sign and register 1 to 1000 devices");
    command.positional("DEVICES.json", o->file, "Body of POST /v1/devices; access may stand in clear {\"protocol\",\"endpoint\",\"topic\",\"token\"?,\"deviceKey\"? or \"devicePassword\"?}, - for standard input");
    command.node(o->node);
    command.option("--key", o->key, "The provider's key file", true);
    command.option("--account", o->account, kAccountHelp);
    command.option("--device-password-file", o->device_password, "File whose one line is the password by which the devices log in at the broker; sealed like the rest of access");
    command.examples("  agiddi device register --node http://127.0.0.1:8101 --key provider.jwk devices.json");
    command.action([o] { return register_devices(o->node, o->key, o->account, o->file, o->device_password); });
  }
  {
    const auto o = std::make_shared<Options>();
    Command command = device.sub("update", "Replace a device's description by a new version");
    command.positional("ID", o->id, "urn:agiddi:device:…");
    command.positional("DEVICE.json", o->file, "The whole new description; \"id\" and \"version\" are filled in when they are not there");
    command.node(o->node);
    command.option("--key", o->key, "The provider's key file", true);
    command.option("--account", o->account, kAccountHelp);
    command.option("--device-password-file", o->device_password, "File whose one line is the password by which the devices log in at the broker; sealed like the rest of access");
    command.examples("  agiddi device update urn:agiddi:device:… device.json --node http://127.0.0.1:8101 --key provider.jwk");
    command.action([o] { return update_device(o->node, o->key, o->account, o->id, o->file, o->device_password); });
  }
  {
    const auto o = std::make_shared<Options>();
    Command command = device.sub("retire", "Take a device out of discovery; it stays readable");
    command.positional("ID", o->id, "urn:agiddi:device:…");
    command.node(o->node);
    command.option("--key", o->key, "The provider's key file", true);
    command.integer("--version", o->version, 1, INT32_MAX, "The version that you know (default: the latest)");
    command.examples("  agiddi device retire urn:agiddi:device:… --node http://127.0.0.1:8101 --key provider.jwk");
    command.action([o] { return retire_device(o->node, o->key, o->id, o->version); });
  }
  {
    const auto o = std::make_shared<Options>();
    Command command = device.sub("show", "Print a device's metadata, measurement template or versions");
    command.positional("ID", o->id, "urn:agiddi:device:…");
    command.node(o->node);
    command.integer("--version", o->version, 1, INT32_MAX, "An older version");
    command.choice("--what", o->what, {"metadata", "template", "versions", "usage"}, "metadata (default), template, versions, or usage: what it earned");
    command.choice("--format", o->format, {"jsonld", "turtle", "ntriples"}, "jsonld (default), turtle or ntriples; not for versions");
    command.examples("  agiddi device show urn:agiddi:device:… --format turtle --node http://127.0.0.1:8101");
    command.action([o] { return show_device(o->node, o->id, o->version, o->what, o->format); });
  }
}

}  // namespace agiddi::tools
