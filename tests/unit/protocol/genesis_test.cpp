#include <catch2/catch.hpp>
#include <functional>

#include "protocol/encoding.h"
#include "tests/unit/protocol/chain_fixture.h"

using namespace agiddi;
using agiddi::test::SmallChain;

namespace {

// The pointer of the first error after one replacement in a valid file; "" when accepted.
std::string refusal(std::string_view from, std::string_view to) {
  std::string file = write_genesis(SmallChain().genesis);
  const std::size_t at = file.find(from);
  REQUIRE(at != std::string::npos);
  file.replace(at, from.size(), to);
  const auto genesis = parse_genesis(file);
  if (genesis) return "";
  return genesis.error().fields.empty() ? "not JSON" : genesis.error().fields[0].pointer;
}

}  // namespace

TEST_CASE("a genesis file is written and read back") {
  const SmallChain chain;
  const Genesis& genesis = chain.genesis;
  const std::string file = write_genesis(genesis);
  const Genesis back = parse_genesis(file).value();
  CHECK(write_genesis(back) == file);
  CHECK(back.digest == blake2b(file));
  CHECK(back.network == "test-" + blake2b(file).hex().substr(0, 16));
  CHECK(back.members.size() == 4);
  CHECK(back.members[2].id == "node-3");
  CHECK(back.members[2].key == chain.keys[2].public_key());
  CHECK(back.members[2].sealing_key == genesis.members[2].sealing_key);
  CHECK(back.member_set().digest() == genesis.member_set().digest());
  CHECK(back.accounts[0].amount == 1'000'000 * kMicro);
  CHECK(back.issuers == genesis.issuers);
  CHECK(back.units_digest == blake2b("units"));
  CHECK(back.created == 1'769'846'400'000);
  CHECK(back.rules_version == 1);
  CHECK(file.find("rulesVersion") == std::string::npos);   // so that a file of the first version keeps its bytes
  Genesis later = genesis;
  later.rules_version = 3;
  CHECK(parse_genesis(write_genesis(later)).value().rules_version == 3);
  later.rules_version = kRulesWithAuthorities;
  later.authorities = {{"bank", genesis.members[0].did(), {"EUR", "USD"}}};
  const auto with_bank = parse_genesis(write_genesis(later)).value();
  CHECK(with_bank.authorities[0].id == "bank");
  CHECK(with_bank.authorities[0].did == genesis.members[0].did());
  CHECK(with_bank.authorities[0].currencies == std::vector<std::string>{"EUR", "USD"});
  for (const auto& spoil : std::vector<std::function<void(Genesis&)>>{[](Genesis& g) { g.rules_version = 4; }, [](Genesis& g) { g.authorities[0].id = "credit"; },
                                                                      [](Genesis& g) { g.authorities[0].did = "did:web:x"; }, [](Genesis& g) { g.authorities[0].currencies = {"eur"}; },
                                                                      [](Genesis& g) { g.authorities[0].currencies.clear(); }, [](Genesis& g) { g.authorities.push_back(g.authorities[0]); }}) {
    Genesis bad = later;
    spoil(bad);
    CHECK_FALSE(parse_genesis(write_genesis(bad)));
  }
  CHECK_FALSE(back.unverified_clients);
  Genesis benchmark = genesis;
  benchmark.unverified_clients = true;
  CHECK_FALSE(parse_genesis(write_genesis(benchmark)));        // "test" is a name that others may trust
  benchmark.name = "bench-1";
  const auto with_benchmark = parse_genesis(write_genesis(benchmark)).value();
  CHECK(with_benchmark.unverified_clients);
  CHECK(with_benchmark.network.starts_with("bench-1-"));
  benchmark.unverified_clients = false;
  CHECK(parse_genesis(write_genesis(benchmark)).value().digest != with_benchmark.digest);
  CHECK_FALSE(parse_genesis(write_genesis(benchmark)).value().unverified_clients);
  for (const std::string wrong : {"false", "1", "\"true\"", "true, \"more\": 1"}) {
    std::string other = write_genesis(with_benchmark);
    const std::string member = "\"unverifiedClients\": true";
    REQUIRE(other.find(member) != std::string::npos);
    other.replace(other.find(member), member.size(), "\"unverifiedClients\": " + wrong);
    CHECK_FALSE(parse_genesis(other));
  }
  CHECK(parse_genesis(file + " ").value().network != back.network);   // other bytes, another network
}

TEST_CASE("every wrong field of a genesis file is named") {
  CHECK(refusal("\"name\": \"test\"", "\"name\": \"Te st\"") == "/name");
  CHECK(refusal("\"name\": \"test\"", "\"name\": \"" + std::string(33, 'a') + "\"") == "/name");
  CHECK(refusal("\"name\": \"test\"", "\"name\": \"test\", \"nmae\": 1") == "/nmae");
  CHECK(refusal("\"name\": \"test\"", "\"name\": \"test\", \"name\": \"test\"") == "/name");
  CHECK(refusal("2026-01-31", "2026-02-31") == "/created");
  CHECK(refusal("\"node-2\"", "\"node-1\"") == "/members/1/id");
  CHECK(refusal("\"node-2\"", "\"Node\"") == "/members/1/id");
  CHECK(refusal("127.0.0.1:8202", "127.0.0.1:8201") == "/members/1/address");
  for (const char* address : {"127.0.0.1", ":8202", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:8a", "a b:1", "http://a:1"}) {
    CHECK(refusal("127.0.0.1:8202", address) == "/members/1/address");
  }
  const SmallChain chain;
  const std::string first = chain.genesis.members[0].did(), second = chain.genesis.members[1].did();
  CHECK(refusal(second, first) == "/members/1/did");
  CHECK(refusal(second, "did:web:x") == "/members/1/did");
  const std::string sealing = to_base64url(view(chain.genesis.members[1].sealing_key));
  CHECK(refusal(sealing, to_base64url(view(chain.genesis.members[0].sealing_key))) == "/members/1/sealingKey");
  CHECK(refusal(sealing, sealing + "=") == "/members/1/sealingKey");
  CHECK(refusal(sealing, sealing.substr(4)) == "/members/1/sealingKey");
  CHECK(refusal("\"EUR\"", "\"eur\"") == "/accounts/0/currency");
  CHECK(refusal("\"1000000\"", "\"-1\"") == "/accounts/0/amount");
  CHECK(refusal("\"1000000\"", "1000000") == "/accounts/0/amount");
  CHECK(refusal("\"issuers\": [", "\"issuers\": [\"did:key:zz\",") == "/issuers/0");
  CHECK(refusal("\"issuers\": [", "\"issuers\": [\"" + first + "\",") == "/issuers/1");
  CHECK(refusal("\"unitsDigest\": \"", "\"unitsDigest\": \"0") == "/unitsDigest");
  CHECK(refusal("\"members\"", "\"Members\"") == "/members");
  CHECK(refusal("\"unitsDigest\"", "\"rulesVersion\": 1, \"unitsDigest\"") == "/rulesVersion");
  CHECK(refusal("\"unitsDigest\"", "\"rulesVersion\": \"3\", \"unitsDigest\"") == "/rulesVersion");
  CHECK(refusal("{", "[") == "not JSON");
}

TEST_CASE("1 to 16 members, accounts once, totals that fit") {
  CHECK(SmallChain(1).genesis.members.size() == 1);
  CHECK(SmallChain(16).genesis.members.size() == 16);
  Genesis many = SmallChain(16).genesis;
  many.members.push_back(many.members[0]);
  CHECK_FALSE(parse_genesis(write_genesis(many)));
  Genesis none = many;
  none.members.clear();
  CHECK_FALSE(parse_genesis(write_genesis(none)));

  Genesis twice = SmallChain().genesis;
  twice.accounts.push_back(twice.accounts[0]);
  CHECK(parse_genesis(write_genesis(twice)).error().fields[0].pointer == "/accounts/1/did");
  twice.accounts[1].currency = "USD";
  CHECK(parse_genesis(write_genesis(twice)));

  Genesis rich = SmallChain().genesis;
  rich.accounts[0].amount = 9'000'000'000'000 * kMicro;
  rich.accounts.push_back({rich.members[1].did(), "EUR", 9'000'000'000'000 * kMicro});
  CHECK(parse_genesis(write_genesis(rich)).error().fields[0].pointer == "/accounts/1/amount");
}
