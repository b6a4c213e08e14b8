// Answers of the search with texts that were kept from the answers before: the same bytes as without, at every height.
#include <thread>

#include "protocol/json_answer.h"
#include "subservices/query/query_service.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

using Snapshot = std::shared_ptr<const ledger::LedgerSnapshot>;

const std::vector<std::string> kSearches = {
    R"({"conditions":{}})",
    R"({"conditions":{"sensor.observedProperty":"Temperature"},"limit":2})",
    R"({"conditions":{"near":{"latitude":0,"longitude":0,"km":20000}}})",
    R"({"conditions":{"name":"nobody's"}})",
};

std::string answer(const std::string& body, const ledger::LedgerSnapshot& snapshot, DeviceTexts* texts) {
  const auto text = QueryService({}, texts).search(parse(body), snapshot.triples());
  if (!text) FAIL(text.error().detail);
  return *text;
}

std::vector<std::string> answers(const ledger::LedgerSnapshot& snapshot, DeviceTexts* texts) {
  std::vector<std::string> out;
  for (const std::string& body : kSearches) out.push_back(answer(body, snapshot, texts));
  return out;
}

// What the answer has to be, made from the records of the devices that it names.
std::string from_records(const std::string& text, const ledger::LedgerSnapshot& snapshot) {
  auto json = parse_json_answer(text);
  REQUIRE(json);
  for (auto& [name, value] : json->members()) {
    if (name != "devices") continue;
    for (Json& entry : value.items()) {
      const auto view = RegistrationService(snapshot).device(entry.find("id")->as_string());
      REQUIRE(view);
      Json made = Json::object({{"id", device_urn(view->device)}, {"version", view->version}, {"metadata", view->metadata}});
      if (const Json* distance = entry.find("distanceKm")) made.set("distanceKm", *distance);
      entry = std::move(made);
    }
  }
  return json->dump();
}

Json change_of(World& world, const std::string& urn, int version, const std::string& name) {
  Json json = world.device(R"({"perMinute":"0.20"})", name);
  return json.set("id", urn).set("version", version);
}

Hash device(int number) {
  Hash hash;
  hash.bytes[0] = static_cast<std::uint8_t>(number);
  hash.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  hash.bytes.back() = static_cast<std::uint8_t>(number);   // all parts
  return hash;
}

}  // namespace

TEST_CASE("answers with kept texts are those without, byte for byte") {
  World world;
  for (int i = 0; i < 4; ++i) world.registered(R"({"perMinute":"0.10"})");
  Json quoted = world.device(R"({"perHour":"0.7","perMegabyte":"3"})");
  quoted.set("name", "A \"quoted\" \\ Ü one");
  REQUIRE(world.run(world.provider, "device.register", Json::object({{"devices", Json::array({quoted})}})).status() == 201);
  const Snapshot snapshot = world.snapshot();
  const auto plain = answers(*snapshot, nullptr);
  CHECK(parse_json_answer(plain[0])->find("devices")->items().size() == 5);
  CHECK(parse_json_answer(plain[1])->find("next") != nullptr);
  CHECK(parse_json_answer(plain[3])->dump() == plain[3]);
  for (const std::string& text : plain) CHECK(from_records(text, *snapshot) == text);

  DeviceTexts texts;
  CHECK(answers(*snapshot, &texts) == plain);
  CHECK(texts.missed() == 5);
  const std::uint64_t found = texts.found();
  CHECK(answers(*snapshot, &texts) == plain);
  CHECK(texts.missed() == 5);
  CHECK(texts.found() == found + 5 + 2 + 5);

  DeviceTexts none(0);   // keeps nothing
  CHECK(answers(*snapshot, &none) == plain);
  CHECK(answers(*snapshot, &none) == plain);
  CHECK(none.found() == 0);
  CHECK(none.bytes() == 0);
}

TEST_CASE("the height stands last in an answer that is asked for it") {
  World world;
  world.registered(R"({"perMinute":"0.10"})");
  const Snapshot snapshot = world.snapshot();
  const auto plan = plan_search(parse(kSearches[0]));
  REQUIRE(plan);
  const auto with = QueryService().search(*plan, snapshot->triples(), 7);
  REQUIRE(with);
  CHECK(*with == parse_json_answer(answer(kSearches[0], *snapshot, nullptr))->set("height", 7).dump());
}

TEST_CASE("a new version shows its own text, an old snapshot the old one, a retired device none") {
  World world;
  DeviceTexts texts;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})"), other = world.registered(R"({"perMinute":"0.10"})");
  std::vector<Snapshot> snapshots = {world.snapshot()};
  const auto step = [&](const std::string& action, const Json& body) {
    const auto done = world.run(world.provider, action, body);
    INFO(done.detail());
    REQUIRE(done.status() < 300);
    snapshots.push_back(world.snapshot());
    (void)answers(*snapshots.back(), &texts);
  };
  (void)answers(*snapshots.back(), &texts);
  step("device.update", change_of(world, urn, 1, "Renamed"));
  step("device.update", change_of(world, urn, 2, "Renamed again"));
  step("device.update", change_of(world, other, 1, "Renamed"));
  // A payment speaks of the device, and changes nothing in its metadata.
  REQUIRE(world.run(world.application, "payment.create", world.payment(world.item(urn, R"("minutes":10)", "2", 3), "2")).status() == 201);
  snapshots.push_back(world.snapshot());
  step("device.retire", Json::object({{"id", urn}, {"version", 3}}));

  const char *first = "\"name\":\"Station\"", *second = "\"name\":\"Renamed\"", *third = "\"name\":\"Renamed again\"";
  const std::vector<const char*> names = {first, second, third, third, third};
  for (const bool backwards : {false, true}) {
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
      const std::size_t at = backwards ? snapshots.size() - 1 - i : i;
      const auto kept = answers(*snapshots[at], &texts);
      CHECK(kept == answers(*snapshots[at], nullptr));
      if (at < names.size()) CHECK(kept[0].find(names[at]) != std::string::npos);
      else CHECK(kept[0].find(urn) == std::string::npos);
    }
  }
  const std::string last = answers(*snapshots.back(), &texts)[0];
  CHECK(from_records(last, *snapshots.back()) == last);
  CHECK(texts.missed() == 5);   // versions that there were
}

TEST_CASE("texts stay within their bytes: those used longest ago go first, and what is too long is not kept") {
  constexpr std::size_t kMax = 64 * 1024;
  DeviceTexts texts(kMax);
  std::string out;
  for (int i = 0; i < 2000; ++i) {
    texts.keep(device(i), 1, std::string(300, static_cast<char>('a' + i % 26)));
    REQUIRE(texts.bytes() <= kMax);
    REQUIRE(texts.append(device(0), 1, out));   // used each time, so it stays
  }
  CHECK(out == std::string(2000 * 300, 'a'));
  CHECK(texts.bytes() > kMax / 2);
  out.clear();
  CHECK_FALSE(texts.append(device(16), 1, out));
  CHECK(out.empty());
  REQUIRE(texts.append(device(1999), 1, out));
  CHECK(out == std::string(300, static_cast<char>('a' + 1999 % 26)));

  const std::size_t before = texts.bytes();
  texts.keep(device(5000), 1, std::string(kMax / DeviceTexts::kParts, 'x'));
  CHECK(texts.bytes() == before);
  CHECK_FALSE(texts.append(device(5000), 1, out));
  texts.keep(device(1999), 1, "another");         // the first stays: a version has one text
  texts.keep(device(1999), 2, "of version 2");
  out.clear();
  CHECK(texts.append(device(1999), 1, out));
  CHECK(out.size() == 300);
  CHECK(texts.append(device(1999), 2, out));
  CHECK(out.substr(300) == "of version 2");
}

TEST_CASE("texts are shared by threads while they come and go") {
  DeviceTexts texts(16 * 1024);
  const auto work = [&texts](int seed, bool* right) {
    std::string out;
    for (int i = 0; i < 20'000; ++i) {
      const int number = (i * 7 + seed) % 97;
      const std::string text(static_cast<std::size_t>(50 + number), static_cast<char>('a' + number % 26));
      out.clear();
      if (texts.append(device(number), 1, out)) *right &= out == text;
      else texts.keep(device(number), 1, text);
    }
  };
  bool first = true, second = true;
  std::thread one(work, 1, &first), two(work, 50, &second);
  one.join();
  two.join();
  CHECK(first);
  CHECK(second);
  CHECK(texts.found() + texts.missed() == 40'000);
  CHECK(texts.bytes() <= 16 * 1024);
}
