// The rails against nodes whose answers are scripted: what they read, what they refuse, and how they follow a chain that changes.
#include <catch2/catch.hpp>

#include "protocol/json_answer.h"
#include "tests/unit/tools/authority_world.h"
#include "tools/authority/bitcoin_rail.h"
#include "tools/authority/evm_rail.h"
#include "tools/authority/simulated_rail.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

Json answer_of(const char* text) { return parse_json_answer(text).value(); }

std::string shown(const Result<RailView>& view) {
  if (!view) return "error: " + view.error().detail;
  std::string text = view->complete ? "" : "incomplete ";
  for (const Sighting& sighting : view->sightings) {
    text += sighting.order + ":";
    for (const PaymentPart& part : sighting.parts) text += " " + coin_digits(part.amount) + "@" + std::to_string(part.confirmations);
    text += ";";
  }
  return text;
}

}  // namespace

TEST_CASE("an answer of JSON-RPC, and what is none") {
  CHECK(read_rpc_answer("m", 200, R"({"result":{"a":4.656542373906925e-10},"error":null,"id":1})").value().find("a")->number_text() == "4.656542373906925e-10");
  CHECK(read_rpc_answer("m", 500, R"({"result":null,"error":{"code":-18,"message":"Requested wallet does not exist"},"id":1})").error().detail ==
        "m: the rail's node says: Requested wallet does not exist");
  CHECK(read_rpc_answer("m", 401, "").error().detail.find("rail.credentials_file") != std::string::npos);
  CHECK(read_rpc_answer("m", 404, "<html>").error().detail.find("rail.url") != std::string::npos);
  CHECK_FALSE(read_rpc_answer("m", 200, "[]"));
  CHECK_FALSE(read_rpc_answer("m", 200, "{}"));
  CHECK(basic_authorization("Aladdin:open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");   // RFC 7617
  CHECK(basic_authorization("a:\xff\xfe\xfb") == "Basic YTr//vs=");
}

TEST_CASE("bitcoin: a fresh address, and what came to it") {
  std::string transactions = "[]", chain = "main", loading = "false";
  std::string asked_since;
  int used = 0;
  ScriptedRpc rpc([&](const std::string& method, const Json::Array& params) -> Result<Json> {
    if (method == "getblockchaininfo") return answer_of((R"({"chain":")" + chain + R"(","bestblockhash":"b7","initialblockdownload":)" + loading + "}").c_str());
    if (method == "getnewaddress") return Json("addr-" + params[0].as_string() + std::string(used > 0 ? "-used" : ""));
    if (method == "getreceivedbyaddress") return Json::number(used-- > 0 ? "0.00000001" : "0.00000000");
    if (method != "listsinceblock") return fail(Status::unavailable, "unexpected " + method);
    asked_since = params[0].as_string();
    return answer_of((R"({"transactions":)" + transactions + R"(,"lastblock":"b9"})").c_str());
  });
  BitcoinRail rail(rpc, "main");
  const auto way = rail.open("a", 100'000).value();
  CHECK(way.place == "addr-a b7");
  CHECK(way.pay.dump() == R"({"address":"addr-a","amount":"0.1"})");

  used = 3;
  CHECK(rail.open("a", 100'000)->place == "addr-a b7");   // not one of the three that were paid before
  used = 1000;
  CHECK_FALSE(rail.open("a", 100'000));
  used = 0;

  const std::vector<WatchedOrder> watched{{"a", way.place}, {"b", "addr-b b8"}};
  CHECK(shown(rail.poll(watched)) == "a:;b:;");
  CHECK(asked_since == "b7");
  transactions = R"([{"address":"addr-a","category":"receive","amount":0.10000000,"confirmations":3},
                     {"address":"addr-a","category":"send","amount":-0.10000000,"confirmations":3},
                     {"address":"addr-a","category":"immature","amount":50.00000000,"confirmations":3},
                     {"address":"addr-a","category":"receive","amount":0.2,"confirmations":-1},
                     {"address":"addr-x","category":"receive","amount":0.3,"confirmations":1},
                     {"category":"receive","amount":0.3,"confirmations":1},
                     {"address":"addr-b","category":"receive","amount":1e-8,"confirmations":0}])";
  CHECK(shown(rail.poll(watched)) == "a: 10000000@3;b: 1@0;");
  loading = "true";
  CHECK(shown(rail.poll(watched)).starts_with("incomplete "));
  for (const char* wrong : {R"([{"address":"addr-a","category":"receive","amount":"0.1","confirmations":3}])", R"([{"address":"addr-a","category":"receive","amount":0.1}])",
                            R"([{"address":"addr-a","category":"receive","amount":0.123456789,"confirmations":1}])", "{}"}) {
    transactions = wrong;
    CHECK(shown(rail.poll(watched)).starts_with("error: listsinceblock"));
  }
  chain = "test";
  CHECK(rail.open("c", 1).error().detail.find("rail.chain is main") != std::string::npos);
  const std::size_t before = rpc.calls;
  CHECK(rail.poll({})->complete);
  CHECK(rpc.calls == before);
}

TEST_CASE("simulated: nothing comes by itself") {
  SimulatedRail rail("http://127.0.0.1:1");
  CHECK(rail.open("a", 1)->pay.dump() == R"({"url":"http://127.0.0.1:1/v1/orders/a/pay"})");
  CHECK(shown(rail.poll(std::vector<WatchedOrder>{{"a", ""}})) == "a:;");
}

namespace {

const std::string kOwn = "0x" + std::string(40, 'A');

// A chain whose blocks the test writes; a block's hash tells its branch and number.
struct FakeChain {
  struct Tx { std::string to, input, value, status; };
  struct Block { std::string hash; std::vector<Tx> transactions; };
  std::vector<Block> blocks;
  std::int64_t chain_id = 5;
  bool lagging = false;        // the newest block's number is known, the block is not
  std::size_t behind = 0;      // of the number that is told, while the blocks are given
  std::size_t change_at = 0;   // before this call, counted from 1, change() happens
  std::function<void()> change;
  ScriptedRpc rpc{[this](const std::string& method, const Json::Array& params) {
    if (change_at > 0 && --change_at == 0) change();
    return answer(method, params);
  }};
  EvmRail rail{rpc, kOwn, 5};

  void mine(int count = 1, const std::string& branch = "a") {
    while (count-- > 0) blocks.push_back({"0x" + branch + std::to_string(blocks.size()), {}});
  }
  void pay(const std::string& order, const std::string& value = "0x10", const std::string& status = "0x1") {
    blocks.back().transactions.push_back({"0x" + std::string(40, 'a'), evm_input(order), value, status});
  }
  void cut(std::size_t size) { blocks.resize(size); }

  Result<Json> answer(const std::string& method, const Json::Array& params) {
    if (method == "eth_chainId") return hex(static_cast<std::size_t>(chain_id));
    if (method == "eth_blockNumber") return hex(blocks.size() - 1 - behind);
    if (method == "eth_getTransactionReceipt") {
      const std::string& id = params[0].as_string();
      const auto colon = id.find(':');
      for (const Block& block : blocks) {
        if (block.hash == id.substr(0, colon)) return Json::object({{"status", block.transactions[std::stoul(id.substr(colon + 1))].status}, {"blockHash", block.hash}});
      }
      return Json();
    }
    const std::size_t number = std::stoul(params[0].as_string(), nullptr, 16);
    if (number >= blocks.size() - (lagging ? 1 : 0)) return Json();
    const Block& block = blocks[number];
    Json list = Json::array();
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
      const Tx& tx = block.transactions[i];
      list.push(Json::object({{"hash", block.hash + ":" + std::to_string(i)}, {"to", tx.to.empty() ? Json() : Json(tx.to)}, {"input", tx.input}, {"value", tx.value}}));
    }
    return Json::object({{"hash", block.hash}, {"parentHash", number == 0 ? "0x" : blocks[number - 1].hash}, {"transactions", std::move(list)}});
  }
  static Json hex(std::size_t number) {
    std::ostringstream text;
    text << "0x" << std::hex << number;
    return text.str();
  }
  std::string look(const std::vector<WatchedOrder>& watched) { return shown(rail.poll(watched)); }
  // Until the rail has caught up.
  std::string looks(const std::vector<WatchedOrder>& watched) {
    std::string seen = look(watched);
    for (int i = 0; i < 40 && seen.starts_with("incomplete"); ++i) seen = look(watched);
    return seen;
  }
};

}  // namespace

TEST_CASE("evm: how to pay, and what pays") {
  FakeChain chain;
  chain.mine(4);
  const auto way = chain.rail.open("order-1", 1).value();
  CHECK(way.place == "3");
  CHECK(way.pay.dump() == R"({"to":")" + kOwn + R"(","valueWei":"1000000000000","data":"0x6f726465722d31)" + std::string(50, '0') + R"(","chainId":5})");
  const std::vector<WatchedOrder> watched{{"order-1", way.place}};
  CHECK(chain.look(watched) == "order-1:;");
  chain.mine();
  chain.pay("order-1");
  chain.pay("order-1", "0x5", "0x0");                                                         // failed
  chain.pay("order-2");                                                                       // nobody's
  chain.blocks.back().transactions.push_back({"", evm_input("order-1"), "0x5", "0x1"});       // makes a contract
  chain.blocks.back().transactions.push_back({"0x" + std::string(40, 'b'), evm_input("order-1"), "0x5", "0x1"});
  chain.blocks.back().transactions.push_back({kOwn, evm_input("order-1") + "00", "0x5", "0x1"});
  CHECK(chain.look(watched) == "order-1: 16@1;");
  chain.mine(2);
  chain.pay("order-1", "0x7");
  CHECK(chain.look(watched) == "order-1: 16@3 7@1;");
  chain.chain_id = 1;
  CHECK(chain.look(watched).find("rail.chain_id is 5") != std::string::npos);
}

TEST_CASE("evm: reorganisations take payments away and bring them back") {
  FakeChain chain;
  chain.mine(10);
  const std::vector<WatchedOrder> watched{{"a", "9"}};
  chain.look(watched);
  chain.mine();
  chain.pay("a");
  chain.mine(3);
  CHECK(chain.look(watched) == "a: 16@4;");
  SECTION("a longer branch without it") {
    chain.cut(10);
    chain.mine(8, "b");
    CHECK(chain.looks(watched) == "a:;");
  }
  SECTION("a branch of the same length with it in another block") {
    chain.cut(10);
    chain.mine(2, "b");
    chain.pay("a");
    chain.mine(2, "b");
    CHECK(chain.looks(watched) == "a: 16@3;");
  }
  SECTION("a shorter chain") {
    chain.cut(10);
    CHECK(chain.looks(watched) == "a:;");
    chain.mine();
    chain.pay("a");
    CHECK(chain.looks(watched) == "a: 16@1;");
  }
  SECTION("a fork before all that was read") {
    chain.cut(5);
    chain.mine(1, "b");
    chain.pay("a");
    chain.mine(20, "b");
    CHECK(chain.looks(watched) == "a: 16@21;");
  }
}

TEST_CASE("evm: a reorganisation between any two calls of a look") {
  const std::vector<WatchedOrder> watched{{"a", "4"}};
  for (std::size_t call = 1; call < 14; ++call) {
    FakeChain chain;
    chain.mine(5);
    chain.look(watched);
    chain.mine();
    chain.pay("a");
    chain.mine(3);
    chain.change_at = call;
    chain.change = [&] {
      chain.cut(5);
      chain.mine(3, "b");
      chain.pay("a", "0x7");
      chain.mine(2, "b");
    };
    chain.look(watched);
    INFO(call);
    while (chain.change_at > 0) chain.look(watched);
    for (int i = 0; i < 6; ++i) chain.look(watched);
    CHECK(chain.look(watched) == "a: 7@3;");
  }
}

TEST_CASE("evm: an endpoint whose number is behind its blocks takes nothing back") {
  FakeChain chain;
  chain.mine(5);
  const std::vector<WatchedOrder> watched{{"a", "4"}};
  chain.look(watched);
  chain.mine();
  chain.pay("a");
  chain.mine(2);
  CHECK(chain.look(watched) == "a: 16@3;");
  chain.behind = 3;
  CHECK(chain.look(watched) == "a: 16@3;");
}

TEST_CASE("evm: a chain that is read again from the start, piece by piece, and from its middle") {
  FakeChain chain;
  chain.mine(3);
  chain.mine();
  chain.pay("a");
  chain.mine(1200);
  const std::vector<WatchedOrder> watched{{"a", "2"}};
  CHECK(chain.look(watched) == "incomplete a: 16@" + std::to_string(1201) + ";");
  chain.cut(300);                                    // while it is behind
  chain.mine(1000, "b");
  CHECK(chain.looks(watched) == "a: 16@" + std::to_string(1297) + ";");
  const std::size_t before = chain.rpc.calls;
  CHECK(chain.look(watched).starts_with("a:"));
  CHECK(chain.rpc.calls - before <= 4);

  // An order that was opened before what was read last.
  chain.mine();
  chain.pay("b", "0x3");
  chain.look(watched);
  const std::vector<WatchedOrder> both{{"a", "2"}, {"b", "1299"}};
  CHECK(chain.looks(both) == "a: 16@" + std::to_string(1298) + ";b: 3@1;");
  // Only new orders: nothing of the old ones is read again.
  chain.mine(2000);
  const std::size_t later = chain.rpc.calls;
  CHECK(chain.look(std::vector<WatchedOrder>{{"c", std::to_string(chain.blocks.size() - 1)}}) == "c:;");
  CHECK(chain.rpc.calls - later < 6);
}

TEST_CASE("evm: a node that knows a number and not yet the block, or answers nonsense") {
  FakeChain chain;
  chain.mine(3);
  const std::vector<WatchedOrder> watched{{"a", "2"}};
  chain.look(watched);
  chain.mine();
  chain.pay("a");
  chain.lagging = true;
  CHECK(chain.look(watched) == "incomplete a:;");
  chain.lagging = false;
  CHECK(chain.look(watched) == "a: 16@1;");
  chain.mine();
  chain.pay("a", "16");
  CHECK(chain.look(watched).starts_with("error: eth_getBlockByNumber"));
  chain.blocks.back().transactions.back().value = "0x1";
  CHECK(chain.look(watched) == "a: 16@2 1@1;");
}
