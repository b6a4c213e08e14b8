// The program as a script sees it: what goes to standard output, and the exit status. Commands that need no node.
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/transaction.h"
#include "tests/unit/protocol/chain_fixture.h"
#include "tools/cli/files.h"
#include "tools/cli/program.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

struct ProgramFolder {
  std::string path = (std::filesystem::temp_directory_path() / ("agiddi-program-" + random_token())).string();
  ProgramFolder() { std::filesystem::create_directory(path); }
  ~ProgramFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return path + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name), std::ios::binary) << content;
    return file(name);
  }
};

struct Run { int status; std::string out, err; Json json; };

// In a child, so that each run is a fresh program.
Run run(std::vector<std::string> arguments) {
  const ProgramFolder folder;
  const std::string out = folder.file("out"), err = folder.file("err");
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    std::vector<const char*> argv{"agiddi"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    const int status = run_program(static_cast<int>(argv.size()), argv.data(), declare_program);
    std::fflush(stdout);
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  Run result{WEXITSTATUS(status), read_file(out).value_or(""), read_file(err).value_or(""), {}};
  if (auto json = parse_json(result.out)) result.json = std::move(*json);
  return result;
}

}  // namespace

TEST_CASE("keygen, sign, and what sign refuses") {
  const ProgramFolder folder;
  const std::string key = folder.file("a.jwk"), body = folder.write("body.json", "{\"a\":1}\n");
  const Run made = run({"keygen", key, "--json"});
  REQUIRE(made.status == 0);
  const std::string did = made.json.find("did")->as_string();
  CHECK(did_from_key(load_key_file(key).value().public_key()) == did);
  CHECK(run({"keygen", key}).status == 1);

  const Run signed_value = run({"sign", "--key", key, "--network", "demo-1", "--action", "device.register", body});
  REQUIRE(signed_value.status == 0);
  REQUIRE(signed_value.out.back() == '\n');
  const auto transaction = parse_transaction(signed_value.out.substr(0, signed_value.out.size() - 1), "{\"a\":1}\n").value();
  CHECK(verify_signature(transaction));
  CHECK(transaction.header.kid == did);
  CHECK(transaction.header.network == "demo-1");

  const Run as_json = run({"--json", "sign", "--key", key, "--network", "n", "--action", "a", "--any-action", "--jti", "j", "--issued-at", "7", body});
  const auto again = parse_transaction(as_json.json.find("signature")->as_string(), "{\"a\":1}\n").value();
  CHECK(as_json.json.find("transaction")->as_string() == again.id.hex());
  CHECK(again.header.issued_at_s == 7);
  CHECK(again.header.jti == "j");

  CHECK(run({"sign", "--key", key, "--network", "n", "--action", "device.retire", folder.file("absent")}).status == 1);
  CHECK(run({"sign", "--key", key, "--network", "n", "--action", "device.retire", "--jti", std::string(200, 'j'), body}).status == 2);
  CHECK(run({"sign", "--key", body, "--network", "n", "--action", "device.retire", body}).status == 1);
  const Run bogus = run({"sign", "--key", key, "--network", "n", "--action", "device.registr", body});
  CHECK(bogus.status == 2);
  CHECK(bogus.err.find("device.register, ") != std::string::npos);
  CHECK(run({"sign", "--key", key, "--network", "n", "--action", "integration.credentials", body}).status == 0);
}

TEST_CASE("readings go to one receiver: what excludes a webhook is wrong usage") {
  const ProgramFolder folder;
  const std::string key = folder.file("a.jwk"), id(64, '0');
  REQUIRE(run({"keygen", key}).status == 0);
  const std::vector<std::string> integrate{"integrate", "--node", "http://127.0.0.1:1", "--key", key, "--payment", id, "--webhook", "https://h/"};
  const std::vector<std::string> webhook{"integration", "webhook", id, "--node", "http://127.0.0.1:1", "--key", key};
  const auto with = [](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments).status;
  };
  CHECK(with(integrate, {"--follow"}) == 2);
  CHECK(with(integrate, {"--protocol", "mqtt"}) == 2);
  CHECK(with(integrate, {}) == 1);   // nobody listens there
  CHECK(with(webhook, {}) == 2);
  CHECK(with(webhook, {"--url", "https://h/", "--end"}) == 2);
  CHECK(with(webhook, {"--url", "https://h/"}) == 1);
}

TEST_CASE("verify accepts a proof and refuses a changed one") {
  const ProgramFolder folder;
  const test::SmallChain chain;
  const Block block = chain.block(3);
  const std::string genesis = folder.write("genesis.json", write_genesis(chain.genesis));
  const std::string proof = make_proof(block, chain.certificate(block.header), 1).dump();
  const Run good = run({"verify", "--genesis", genesis, folder.write("proof.json", proof), "--json"});
  REQUIRE(good.status == 0);
  CHECK(good.json.find("transaction")->as_string() == block.transactions[1].id.hex());
  CHECK(good.json.find("state")->as_string() == "rejected");
  std::string changed = proof;
  changed.replace(changed.find("\"height\":7"), 10, "\"height\":8");
  const Run bad = run({"verify", "--genesis", genesis, folder.write("bad.json", changed), "--json"});
  CHECK(bad.status == 1);
  CHECK(bad.json.find("errors")->items()[0].find("pointer")->as_string() == "/header/hash");
  CHECK(run({"verify", "--genesis", folder.file("bad.json"), folder.file("proof.json")}).status == 1);
}

TEST_CASE("wrong usage is 2 and says so in JSON too; help and version are 0") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"nonsense"}, {}, {"keygen"}, {"sign", "x"}, {"cluster"}, {"cluster", "up"},
           {"cluster", "up", "--dir", "/tmp/x", "--nodes", "17"}, {"cluster", "up", "--dir", "/tmp/x", "--nodes", "0"}, {"device"}, {"query", "--node", "http://h", "nonsense"},
           {"quote", "--node", "http://h"}, {"tx", "--node", "http://h", "xyz"}, {"block", "--node", "http://h", "-5"}, {"keygen", "a", "b"}, {"status", "--nod", "x"}}) {
    auto with_json = arguments;
    with_json.push_back("--json");
    CAPTURE(arguments);
    CHECK(run(arguments).status == 2);
    const Run result = run(with_json);
    CHECK(result.status == 2);
    CHECK(result.json.find("detail") != nullptr);
  }
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"--help"}, {"--version"}, {"query", "--help"}, {"cluster", "up", "--help"}}) {
    const Run result = run(arguments);
    CHECK(result.status == 0);
    CHECK_FALSE(result.out.empty());
  }
  CHECK(run({"query", "--help"}).out.find("Examples") != std::string::npos);
}

TEST_CASE("a node that cannot be reached is a failure, not wrong usage") {
  const Run result = run({"status", "--node", "http://127.0.0.1:1", "--json"});
  CHECK(result.status == 1);
  CHECK(result.json.find("detail")->as_string().find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("an address that cannot be one is wrong usage that names --node and shows one") {
  for (const char* bad : {"", "nonsense", "127.0.0.1:8101", "mqtt://127.0.0.1:8101", "http://", "http://127.0.0.1:99999", "http://a b", "http://h?x=1", "http://h!"}) {
    CAPTURE(bad);
    const Run result = run({"status", "--node", bad});
    CHECK(result.status == 2);
    CHECK(result.err.find("--node") != std::string::npos);
    CHECK(result.err.find("http://127.0.0.1:8101") != std::string::npos);
  }
  CHECK(run({"status", "--node=http://127.0.0.1:1/"}).status == 1);
}

TEST_CASE("ids of the wrong form are wrong usage before anything is sent") {
  const ProgramFolder folder;
  const std::string key = folder.file("a.jwk"), id(64, 'a'), urn = "urn:agiddi:device:" + id;
  REQUIRE(run({"keygen", key}).status == 0);
  const std::string node = "http://127.0.0.1:1";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"integrate", "--payment", "5f", "--key", key}, {"integrate", "--payment", std::string(64, 'A'), "--key", key}, {"integrate", "--payment", id, "--device", "x", "--key", key},
           {"integration", "show", "x"}, {"integration", "close", "x", "--key", key}, {"integration", "credentials", "x", "--key", key}, {"account"}, {"account", "did:key:x"},
           {"account", "did:key:x", "--key", key}, {"pay", "--device", "x", "--minutes", "1", "--key", key}, {"device", "show", "x"}, {"device", "retire", "x", "--key", key},
           {"device", "show", urn, "--what", "versions", "--format", "turtle"}, {"device", "show", urn, "--what", "versions", "--version", "1"}}) {
    auto with_node = arguments;
    with_node.insert(with_node.end(), {"--node", node});
    CAPTURE(arguments);
    const Run result = run(with_node);
    CHECK(result.status == 2);
    CHECK(result.err.find("cannot reach") == std::string::npos);
  }
  CHECK(run({"integration", "show", id, "--node", node}).status == 1);
  CHECK(run({"account", "--key", key, "--node", node}).status == 1);
  CHECK(run({"device", "show", urn, "--what", "versions", "--node", node}).status == 1);
  const Run form = run({"device", "update", urn, folder.write("devices.json", R"({"devices":[]})"), "--key", key, "--node", node});
  CHECK(form.status == 1);
  CHECK(form.err.find("one device") != std::string::npos);
}

TEST_CASE("one error is one line, several have a line each") {
  const Json one = parse_json(R"({"title":"T","status":422,"detail":"/a is unknown","errors":[{"pointer":"/a","detail":"is unknown"}]})").value();
  CHECK(problem_text(one) == "refused (422 T): /a is unknown\n");
  const Json two = parse_json(R"json({"detail":"/a is unknown (and 1 more)","errors":[{"pointer":"/a","detail":"is unknown"},{"pointer":"/b","detail":"is missing"}]})json").value();
  CHECK(problem_text(two) == "/a is unknown (and 1 more)\n  /b: is missing\n");
  const Json other = parse_json(R"({"detail":"not valid","errors":[{"pointer":"/a","detail":"is unknown"}]})").value();
  CHECK(problem_text(other) == "not valid\n  /a: is unknown\n");
}
