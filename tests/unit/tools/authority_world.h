// What the tests of a payment authority share: a folder that goes away, a request, and a rail's node whose answers are scripted.
#pragma once

#include <filesystem>
#include <functional>
#include <unistd.h>

#include "tools/authority/order_book.h"
#include "tools/authority/rpc.h"

namespace agiddi::tools {

class OwnFolder {
 public:
  OwnFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "agiddi-authority-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~OwnFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string journal() const { return path_ + "/orders.jsonl"; }

 private:
  std::string path_;
};

inline OrderRequest request_for(MicroUnits total) {
  OrderRequest request;
  request.payer = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
  request.currency = "LTC";
  request.items = blake2b("items");
  request.total = total;
  return request;
}

// Answers a call by a function that the test gives; calls are counted.
class ScriptedRpc : public Rpc {
 public:
  using Script = std::function<Result<Json>(const std::string& method, const Json::Array& params)>;
  explicit ScriptedRpc(Script script) : script_(std::move(script)) {}
  Result<Json> call(const std::string& method, Json::Array params) override {
    ++calls;
    return script_(method, params);
  }
  std::size_t calls = 0;

 private:
  Script script_;
};

}  // namespace agiddi::tools
