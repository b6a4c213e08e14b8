// Step 1: devices, their versions and their retirement, as every validator decides them.
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

Json registration(Json device) { return Json::object({{"devices", Json::array({std::move(device)})}}); }

}  // namespace

TEST_CASE("a registration is version 1 of each device, readable and in the graph") {
  World world;
  const auto transaction = world.sign(world.provider, "device.register",
                                      Json::object({{"devices", Json::array({world.device(R"({"perMinute":"0.10"})", "First"), world.device(R"({"perHour":"1"})", "Second")})}}));
  const auto preview = preview_registration(world.executor->genesis().member_set(), *world.snapshot(), transaction);
  REQUIRE(preview.has_value());
  const auto answer = world.block({transaction}).front();
  REQUIRE(answer.status() == 201);
  CHECK(world.last_event() == "device:registered");

  const auto snapshot = world.snapshot();
  const auto full = answer_for(*snapshot, transaction, answer.receipt, snapshot->height(), world.now);
  REQUIRE(full.has_value());
  CHECK(full->find("transaction")->as_string() == transaction.id.hex());
  CHECK(full->find("height")->number_text() == "1");
  const auto& devices = full->find("devices")->items();
  REQUIRE(devices.size() == 2);
  for (std::uint32_t k = 0; k < 2; ++k) {
    const std::string urn = device_urn(device_id(transaction.id, k));
    CHECK(devices[k].find("id")->as_string() == urn);
    CHECK(preview->find("devices")->items()[k].find("id")->as_string() == urn);
    CHECK(preview->find("devices")->items()[k].find("metadata")->is_object());
    CHECK(devices[k].find("metadata")->dump().find(k == 0 ? "First" : "Second") != std::string::npos);
    CHECK(devices[k].find("template")->is_object());
    CHECK(world.has_triple(urn, "schema.org/name", k == 0 ? "First" : "Second"));
  }
  const auto view = RegistrationService(*snapshot).device(device_urn(device_id(transaction.id, 1)));
  REQUIRE(view.has_value());
  CHECK(view->metadata.dump() == devices[1].find("metadata")->dump());
  CHECK((view->version == 1 && view->current && !view->retired && view->provider == world.provider.did));
  CHECK_FALSE(view->metadata_triples.empty());
  CHECK_FALSE(view->template_triples.empty());
  // Nothing sealed leaves the ledger by these ways.
  CHECK(view->metadata.dump().find("ciphertext") == std::string::npos);
  CHECK(full->dump().find(to_base64url(Bytes(80, 2))) == std::string::npos);
}

TEST_CASE("an update is a new version; the old one stays readable and leaves the graph") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const auto update = [&](int version, const std::string& name) {
    Json json = world.device(R"({"perMinute":"0.20"})", name);
    return json.set("id", urn).set("version", version);
  };
  CHECK(world.run(world.other, "device.update", update(1, "Theirs")).status() == 403);
  CHECK(world.run(world.provider, "device.update", update(2, "Early")).status() == 409);
  const auto transaction = world.sign(world.provider, "device.update", update(1, "Renamed"));
  const auto answer = world.block({transaction}).front();
  INFO(answer.detail());
  REQUIRE(answer.status() == 201);
  CHECK(world.run(world.provider, "device.update", update(1, "Stale")).status() == 409);

  const auto snapshot = world.snapshot();
  const RegistrationService service(*snapshot);
  CHECK(service.device(urn)->version == 2);
  CHECK(service.device(urn)->metadata.dump().find("Renamed") != std::string::npos);
  CHECK(service.device(urn)->metadata.dump().find("wasRevisionOf") != std::string::npos);
  CHECK(service.device(urn, 1)->metadata.dump().find("Station") != std::string::npos);
  CHECK_FALSE(service.device(urn, 1)->current);
  CHECK(service.device(urn, 3).error().status == Status::not_found);
  const auto versions = service.versions(urn);
  REQUIRE(versions->find("versions")->items().size() == 2);
  CHECK(versions->find("versions")->items()[1].find("transaction")->as_string() == transaction.id.hex());
  CHECK(world.has_triple(urn, "schema.org/name", "Renamed"));
  CHECK_FALSE(world.has_triple(urn, "schema.org/name", "Station"));
  const auto full = answer_for(*snapshot, transaction, answer.receipt, snapshot->height(), world.now);
  CHECK(full->find("devices")->items()[0].find("version")->number_text() == "2");
}

TEST_CASE("a retired device leaves the graph, stays readable, and changes no more") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const auto target = [&](int version) { return Json::object({{"id", urn}, {"version", version}}); };
  CHECK(world.run(world.other, "device.retire", target(1)).status() == 403);
  CHECK(world.run(world.provider, "device.retire", target(2)).status() == 409);
  CHECK(world.run(world.provider, "device.retire", target(1)).status() == 200);
  CHECK(world.run(world.provider, "device.retire", target(1)).status() == 409);
  CHECK_FALSE(world.has_triple(urn, ""));
  const auto snapshot = world.snapshot();
  const auto view = RegistrationService(*snapshot).device(urn);
  REQUIRE(view.has_value());
  CHECK((view->retired && view->metadata.is_object()));
  Json update = world.device(R"({"perMinute":"0.20"})");
  CHECK(world.run(world.provider, "device.update", update.set("id", urn).set("version", 1)).status() == 409);
  CHECK(world.run(world.application, "payment.create", world.payment(world.item(urn, R"("minutes":1)", "0.1"), "0.1")).status() == 409);
}

TEST_CASE("sealed access cannot be copied by another provider, nor sealed for other members") {
  World world;
  const Json device = world.device(R"({"perMinute":"0.10"})");
  REQUIRE(world.run(world.provider, "device.register", registration(device)).status() == 201);
  const auto copied = world.run(world.other, "device.register", registration(device));
  CHECK(copied.status() == 422);
  CHECK(copied.detail().find("/devices/0/access/sealed/ciphertext") != std::string::npos);
  CHECK(world.at_door(world.other, "device.register", registration(device)) == Status::invalid);
  CHECK(world.run(world.provider, "device.register", registration(device)).status() == 201);   // the provider's own second device

  Json fewer = world.device(R"({"perMinute":"0.10"})");
  Json access = *fewer.find("access"), sealed = *access.find("sealed"), recipients = *sealed.find("recipients");
  recipients.items().pop_back();
  fewer.set("access", access.set("sealed", sealed.set("recipients", recipients)));
  CHECK(world.run(world.provider, "device.register", registration(fewer)).status() == 422);
}

TEST_CASE("what registration refuses") {
  World world;
  const auto refused = [&](const char* action, const Json& body) { return world.run(world.provider, action, body).status(); };
  CHECK(refused("device.register", Json::object({{"devices", Json::array()}})) == 422);
  CHECK(refused("device.register", registration(world.device(R"({"perMinute":"0.10"})").set("surprise", 1))) == 422);
  CHECK(refused("device.register", registration(world.device(R"({})"))) == 422);
  Json elsewhere = world.device(R"({"perMinute":"0.10"})");
  CHECK(refused("device.register", registration(elsewhere.set("payment", parse(R"({"methods":["credit"],"address":"somewhere"})")))) == 422);
  const std::string nobody = device_urn(Hash{});
  Json update = world.device(R"({"perMinute":"0.10"})");
  CHECK(refused("device.update", update) == 422);                                              // names no device
  CHECK(refused("device.update", update.set("id", nobody).set("version", 1)) == 404);
  CHECK(refused("device.retire", Json::object({{"id", nobody}, {"version", 1}})) == 404);
  CHECK(refused("device.retire", Json::object({{"id", "nothing"}, {"version", 1}})) == 422);
  CHECK(refused("device.retire", Json::object({{"id", nobody}})) == 422);
  const auto snapshot = world.snapshot();
  CHECK(RegistrationService(*snapshot).device(nobody).error().status == Status::not_found);
  CHECK(RegistrationService(*snapshot).versions(nobody).error().status == Status::not_found);
}
