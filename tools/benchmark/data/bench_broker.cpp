#include "tools/benchmark/data/bench_broker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tools/cli/cluster/broker_config.h"
#include "tools/cli/cluster/ports.h"

namespace agiddi::tools {
namespace {

constexpr int kStartTries = 500;
constexpr auto kStartPause = std::chrono::milliseconds(10);

}  // namespace

Outcome<std::unique_ptr<BenchBroker>> BenchBroker::start(bool with_plugin) {
  auto program = find_broker_program();
  if (!program) return tl::unexpected(program.error());
  auto plugin = find_broker_plugin();
  if (!plugin) return tl::unexpected(plugin.error());
  auto port = free_base_port(1);
  if (!port) return tl::unexpected(port.error());
  auto broker = std::unique_ptr<BenchBroker>(new BenchBroker);
  std::string folder = (std::filesystem::temp_directory_path() / "agiddi-bench-broker-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
  broker->folder_ = folder;
  broker->port_ = *port;
  ClusterPlan plan;
  plan.folder = folder;
  plan.broker_port = *port;
  std::filesystem::create_directory(plan.broker_folder());
  const std::string config = plan.broker_folder() + "/mosquitto.conf", admins = plan.broker_folder() + "/admins";
  std::string text = broker_config(plan, *plugin);
  if (!with_plugin) {
    // Lines of the plugin out, everybody in.
    std::string plain;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      if (line == "allow_anonymous false") {
        plain += "allow_anonymous true\n";
      } else if (!line.starts_with("plugin")) {
        plain += line + "\n";
      }
      at = end + 1;
    }
    text = std::move(plain);
  }
  std::ofstream(config) << text;
  std::ofstream(admins) << broker->node_account_.username << ':' << broker->node_account_.password << '\n';
  ::chmod(admins.c_str(), 0600);
  auto launch_plan = broker_launch(plan);
  if (!launch_plan) return tl::unexpected(launch_plan.error());
  auto process = launch(*launch_plan);
  if (!process) return tl::unexpected(process.error());
  broker->process_ = *process;
  for (int i = 0; !accepts_connections(*port); ++i) {
    if (i >= kStartTries || !is_running(broker->process_)) return failed("the broker does not start: " + last_lines(plan.broker_log(), 5));
    std::this_thread::sleep_for(kStartPause);
  }
  return broker;
}

BenchBroker::~BenchBroker() {
  if (process_.pid > 0) (void)stop_processes({process_}, true);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace agiddi::tools
