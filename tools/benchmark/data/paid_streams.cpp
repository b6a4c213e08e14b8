#include "tools/benchmark/data/paid_streams.h"

#include <poll.h>

#include "protocol/identity.h"
#include "tools/cli/node_client.h"
#include "tools/cli/purchase.h"
#include "tools/cli/sealing.h"
#include "tools/cli/url.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kDevicesPerDocument = 50;
constexpr int kCommand_ms = 15'000;
constexpr const char* kKilobytes = "100000000";   // 100 GB for each stream: what the network is asked for is rate, not the end

Json bench_device(const std::string& broker, std::size_t index) {
  return *parse_json(R"({"name":"Bench stream )" + std::to_string(index) + R"(","type":"WeatherStation","location":{"latitude":47.6,"longitude":-122.3},
"sensors":[{"name":"t","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":120},"accuracy":0.1}],
"cost":{"currency":"EUR","perMegabyte":"0.0001"},"payment":{"methods":["credit"]},
"access":{"protocol":"mqtt","endpoint":")" + broker + R"(","topic":"devices/bench-)" + std::to_string(index) + R"("}})");
}

std::uint64_t whole(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value && value->is_number() ? std::stoull(value->number_text()) : 0;
}

}  // namespace

Outcome<std::unique_ptr<PaidStreams>> PaidStreams::open(std::size_t nodes, std::size_t count, Json delivery) {
  auto streams = std::unique_ptr<PaidStreams>(new PaidStreams(std::move(delivery)));
  auto cluster = BenchCluster::start(nodes);
  if (!cluster) return tl::unexpected(cluster.error());
  streams->cluster_ = std::move(*cluster);
  const auto url = parse_url("http" + streams->cluster_->broker().substr(4));
  if (!url) return tl::unexpected(url.error());
  streams->broker_port_ = url->port;
  streams->broker_pid_ = streams->cluster_->broker_pid();
  if (auto done = streams->register_devices(count); !done) return tl::unexpected(done.error());
  auto commands = MqttLink::open(streams->broker_port_, "bench-commands", {});
  if (!commands) return tl::unexpected(commands.error());
  streams->commands_ = std::move(*commands);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto done = streams->commands_.subscribe("devices/bench-" + std::to_string(i), 1); !done) return tl::unexpected(done.error());
  }
  streams->streams_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto done = streams->integrate(i); !done) return tl::unexpected(done.error());
  }
  if (auto done = streams->take_commands(); !done) return tl::unexpected(done.error());
  return streams;
}

Outcome<void> PaidStreams::register_devices(std::size_t count) {
  NodeClient node(cluster_->urls()[0]);
  const KeyPair provider = cluster_->account("provider");
  auto validators = node.validators();
  if (!validators) return tl::unexpected(validators.error());
  auto recipients = recipients_of(*validators);
  if (!recipients) return tl::unexpected(recipients.error());
  for (std::size_t from = 0; from < count; from += kDevicesPerDocument) {
    Json documents = Json::array();
    for (std::size_t i = from; i < std::min(count, from + kDevicesPerDocument); ++i) {
      auto device = seal_device(bench_device(cluster_->broker(), i), "", did_from_key(provider.public_key()), cluster_->network(), *recipients);
      if (!device) return tl::unexpected(device.error());
      documents.push(std::move(*device));
    }
    auto registered = node.write("POST", "/v1/devices", "device.register", provider, Json::object({{"devices", std::move(documents)}}));
    if (!registered) return tl::unexpected(registered.error());
    for (const Json& device : registered->find("devices")->items()) devices_.push_back(device.find("id")->as_string());
  }
  return {};
}

Outcome<void> PaidStreams::integrate(std::size_t index) {
  Stream& stream = streams_[index];
  const KeyPair payer = cluster_->account("application-1");
  stream.node = cluster_->urls()[index % cluster_->urls().size()];
  NodeClient node(stream.node);
  const Json wanted = Json::object({{"items", Json::array({Json::object({{"device", devices_[index]}, {"kilobytes", Json::number(kKilobytes)}})})}});
  auto quote = node.post_json("/v1/quotes", wanted);
  if (!quote) return tl::unexpected(quote.error());
  auto body = payment_body(wanted, *quote, did_from_key(payer.public_key()), "credit", "");
  if (!body) return tl::unexpected(body.error());
  auto paid = node.write("POST", "/v1/payments", "payment.create", payer, *body);
  if (!paid) return tl::unexpected(paid.error());
  auto payment = text_member(*paid, "payment");
  if (!payment) return tl::unexpected(payment.error());
  const Json document = Json::object({{"application", did_from_key(payer.public_key())},
                                      {"payment", *payment},
                                      {"devices", Json::array({devices_[index]})},
                                      {"delivery", delivery_}});
  auto made = node.write("POST", "/v1/integrations", "integration.create", payer, document);
  if (!made) return tl::unexpected(made.error());
  auto id = text_member(*made, "integration");
  if (!id) return tl::unexpected(id.error());
  stream.integration = *id;
  const Json* delivery = made->find("delivery");
  if (!delivery) return failed("an integration came without credentials");
  auto topic = text_member(*delivery, "topic"), username = text_member(*delivery, "username"), password = text_member(*delivery, "password");
  for (const auto* part : {&topic, &username, &password}) {
    if (!*part) return tl::unexpected(part->error());
  }
  stream.application_topic = *topic;
  stream.application = {*username, *password};
  return {};
}

// Start commands, of all devices.
Outcome<void> PaidStreams::take_commands() {
  std::size_t missing = streams_.size();
  while (missing > 0) {
    pollfd ready{commands_.descriptor(), POLLIN, 0};
    if (::poll(&ready, 1, kCommand_ms) <= 0) return failed("a device got no start command");
    const bool open = commands_.receive([&](const MqttPublish& command) {
      const auto json = parse_json(command.payload);
      const Json* what = json ? json->find("command") : nullptr;
      if (!what || what->as_string() != "start") return;
      Stream& stream = streams_.at(std::stoull(std::string(command.topic.substr(std::string_view("devices/bench-").size()))));
      if (stream.device_topic.empty()) --missing;
      stream.device_topic = json->find("topic")->as_string();
      stream.device = {json->find("username")->as_string(), json->find("password")->as_string()};
    });
    if (!open || !commands_.flush()) return failed("the broker closed the connection of the commands");
  }
  return {};
}

Outcome<std::vector<Pair>> PaidStreams::connect(int qos) const {
  std::vector<Pair> pairs;
  for (const Stream& stream : streams_) {
    Pair pair;
    auto subscriber = MqttLink::open(broker_port_, "bench-app-" + stream.integration, stream.application);
    if (!subscriber) return tl::unexpected(subscriber.error());
    if (auto done = subscriber->subscribe(stream.application_topic, qos); !done) return tl::unexpected(done.error());
    auto publisher = MqttLink::open(broker_port_, "bench-device-" + stream.integration, stream.device);
    if (!publisher) return tl::unexpected(publisher.error());
    pair.subscriber = std::move(*subscriber);
    pair.publisher = std::move(*publisher);
    pair.topic = stream.device_topic;
    const Json* format = delivery_.find("format");
    pair.form = format != nullptr && format->as_string() == "senml" ? Pair::Form::senml : Pair::Form::unified;
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Outcome<std::vector<CountedUsage>> PaidStreams::usage() const {
  std::vector<CountedUsage> out;
  for (const Stream& stream : streams_) {
    auto state = NodeClient(stream.node).get_json("/v1/integrations/" + stream.integration);
    if (!state) return tl::unexpected(state.error());
    const Json* devices = state->find("devices");
    if (!devices || !devices->is_array() || devices->items().size() != 1) return failed("a node does not say what its integration used");
    out.push_back({whole(devices->items()[0], "readings"), whole(devices->items()[0], "bytesUsed")});
  }
  return out;
}

}  // namespace agiddi::tools
