// agiddi-node: the daemon. Exit status 0 stopped as asked, 1 could not start or a check failed, 2 wrong usage.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "node/daemon.h"
#include "node/last_words.h"
#include "node/log.h"
#include "protocol/crypto/crypto.h"

namespace {

constexpr int kRestart = SIGUSR2;  // from ourselves: a fetched snapshot is to be installed

constexpr const char* kUsage =
    "Usage: agiddi-node --config FILE [--check-store | --export-snapshot DIR | --restore DIR]\n"
    "  --config FILE          the node's configuration (TOML; see docs/OPERATIONS.md)\n"
    "  --check-store          checks the stopped node's store and exits\n"
    "  --export-snapshot DIR  writes a snapshot of the stopped node's ledger below DIR and exits\n"
    "  --restore DIR          fills an empty data folder from the snapshot in DIR and exits\n"
    "  --version              prints the version\n";

int usage(const std::string& problem) {
  std::fprintf(stderr, "agiddi-node: %s\n%s", problem.c_str(), kUsage);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string config_file;
  std::string export_folder, restore_folder;
  bool check_store = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--version") {
      std::puts("agiddi-node " AGIDDI_VERSION);
      return 0;
    }
    if (argument == "--check-store") {
      check_store = true;
    } else if (argument == "--config" || argument == "--export-snapshot" || argument == "--restore") {
      if (i + 1 == argc) return usage(argument + (argument == "--config" ? " needs a file" : " needs a folder"));
      (argument == "--config" ? config_file : argument == "--restore" ? restore_folder : export_folder) = argv[++i];
    } else {
      return usage("does not know '" + argument + "'");
    }
  }
  if (config_file.empty()) return usage("needs --config FILE");
  if ((check_store ? 1 : 0) + (export_folder.empty() ? 0 : 1) + (restore_folder.empty() ? 0 : 1) > 1) return usage("does one thing at a time");

  // Blocked before any thread starts, so that only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kRestart);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  agiddi::crypto_init();

  const auto config = agiddi::node::load_config(config_file);
  if (!config) {
    std::fprintf(stderr, "agiddi-node: %s\n", config.error().detail.c_str());
    return 1;
  }
  agiddi::node::set_last_words(config->data_folder);
  if (check_store) return agiddi::node::check_node_store(*config);

  if (!export_folder.empty()) return agiddi::node::export_node_snapshot(*config, export_folder);
  if (!restore_folder.empty()) return agiddi::node::restore_node_snapshot(*config, restore_folder);

  for (int signal = kRestart; signal == kRestart;) {
    auto daemon = agiddi::node::Daemon::start(*config);
    if (!daemon) {
      std::fprintf(stderr, "agiddi-node: %s\n", daemon.error().detail.c_str());
      return 1;
    }
    (*daemon)->on_restart_wanted([] { ::kill(::getpid(), kRestart); });
    sigwait(&signals, &signal);
    agiddi::node::log_info(signal == kRestart ? "stopping to install a snapshot" : "stopping", {{"signal", strsignal(signal)}});
    (*daemon)->stop();
  }
  return 0;
}
