// agiddi-device: a device that knows nothing but its command topic and replays a table of real readings.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "protocol/device_password.h"
#include "protocol/identity.h"
#include "tools/device/replay.h"

namespace {

std::atomic<bool> stopping{false};
extern "C" void on_signal(int) { stopping = true; }

}  // namespace

int main(int argc, char** argv) {
  using namespace agiddi;
  CLI::App app{"A device that waits on its command topic and replays a table of readings over MQTT."};
  std::string broker, table, column, key_file, password_file, form = "reading";
  tools::DeviceOptions options;
  std::int64_t interval_ms = 1000;
  app.add_option("--broker", broker, "broker of the command topic, mqtt://host:port")->required();
  app.add_option("--command-topic", options.command_topic, "topic on which commands come")->required();
  app.add_option("--table", table, "CSV file with a header line")->required();
  app.add_option("--column", column, "column whose values are the readings")->required();
  app.add_option("--sensor", options.sensor, "name of the sensor as registered")->required();
  app.add_option("--interval-ms", interval_ms, "time from one reading to the next")->check(CLI::Range(1, 86'400'000));
  app.add_option("--token", options.token, "token that every command must carry");
  app.add_option("--form", form, "what is published: reading, number or senml")->check(CLI::IsMember({"reading", "number", "senml"}));
  app.add_option("--username", options.username, "user at the command broker");
  app.add_option("--password", options.password, "password at the command broker");
  app.add_option("--ca", options.ca_file, "PEM file of the certificate authority that is trusted for mqtts (default: the system's)");
  app.add_option("--key", key_file, "key file of the device, whose did:key stands in its access as deviceKey: it logs in by tokens");
  app.add_option("--password-file", password_file, "file whose one line is the password that the provider chose and sealed as devicePassword; needs --token");
  app.footer("Example: agiddi-device --broker mqtt://127.0.0.1:1883 --command-topic devices/4f1c… --table weather.csv --column temperature --sensor air");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  crypto_init();
  const auto url = node::parse_mqtt_url(broker);
  if (!url) {
    std::fprintf(stderr, "agiddi-device: --broker %s\n", url.error().detail.c_str());
    return 2;
  }
  auto values = tools::read_column(table, column);
  if (!values) {
    std::fprintf(stderr, "agiddi-device: %s\n", values.error().detail.c_str());
    return 1;
  }
  if (!key_file.empty()) {
    auto key = load_key_file(key_file);
    if (!key) {
      std::fprintf(stderr, "agiddi-device: %s\n", key.error().detail.c_str());
      return 1;
    }
    options.key = std::make_shared<const KeyPair>(std::move(*key));
  }
  if (!password_file.empty()) {
    auto password = load_device_password(password_file);
    if (!password) {
      std::fprintf(stderr, "agiddi-device: %s\n", password.error().detail.c_str());
      return 1;
    }
    if (options.token.empty()) {   // a start command names the broker that is told the password
      std::fprintf(stderr, "agiddi-device: --password-file needs --token: without it, whoever may write to the command topic is told the password\n");
      return 2;
    }
    options.own_password = std::move(*password);
  }
  options.broker = *url;
  options.values = std::move(*values);
  options.interval = std::chrono::milliseconds(interval_ms);
  options.form = form == "number" ? tools::PayloadForm::number : form == "senml" ? tools::PayloadForm::senml : tools::PayloadForm::reading;

  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  if (const auto done = tools::ReplayDevice(std::move(options)).run(stopping); !done) {
    std::fprintf(stderr, "agiddi-device: %s\n", done.error().detail.c_str());
    return 1;
  }
  return 0;
}
