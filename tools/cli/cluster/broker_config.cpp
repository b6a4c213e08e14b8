#include "tools/cli/cluster/broker_config.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace agiddi::tools {

std::string broker_config(const ClusterPlan& plan, const std::string& plugin) {
  const std::string tls = plan.broker_tls_port == 0 ? "" :
      "listener " + std::to_string(plan.broker_tls_port) + " 127.0.0.1\n"
      "certfile " + plan.broker_folder() + "/server.crt\n"
      "keyfile " + plan.broker_folder() + "/server.key\n";
  std::string out =
      "# Written by agiddi cluster up.\n"
      "listener " + std::to_string(plan.broker_port) + " 127.0.0.1\n" + tls +
      "allow_anonymous false\n"
      "per_listener_settings false\n"
      "persistence false\n"
      "log_type error\n"
      "log_type warning\n"
      "log_dest stderr\n"
      "max_queued_messages 10000\n"
      "max_queued_bytes 67108864\n"
      "message_size_limit 262144\n"
      "set_tcp_nodelay true\n"
      "plugin " + plugin + "\n"
      "plugin_opt_admins " + plan.broker_folder() + "/admins\n"
      "plugin_opt_anonymous loopback\n";
  if (::geteuid() == 0) out += "user root\n";   // else the broker would drop to an account that cannot read these files
  return out;
}

Outcome<std::string> find_broker_program() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path ? path : "") + ":/usr/sbin:/usr/local/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string program = folder + "/mosquitto";
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return failed("mosquitto is not installed (Debian package mosquitto; tools/bootstrap installs it)");
}

Outcome<std::string> find_broker_plugin() {
  const std::string plugin = (std::filesystem::path(own_folder()).parent_path() / "lib" / "agiddi_broker_plugin.so").string();
  if (::access(plugin.c_str(), R_OK) != 0) return failed("the broker plugin is not built: " + plugin + " is missing");
  return plugin;
}

Outcome<Launch> broker_launch(const ClusterPlan& plan) {
  auto program = find_broker_program();
  if (!program) return tl::unexpected(program.error());
  Launch launch{{*program, "-c", plan.broker_folder() + "/mosquitto.conf"}, plan.broker_folder(), plan.broker_log(), {}};
  if (const char* preload = std::getenv("AGIDDI_BROKER_PRELOAD"); preload && *preload) {
    launch.environment = {{"LD_PRELOAD", preload}, {"ASAN_OPTIONS", "detect_leaks=0"}};
  }
  return launch;
}

}  // namespace agiddi::tools
