// agiddi-authority: a payment authority. Exit status 0 stopped as asked, 1 could not start, 2 wrong usage.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "node/log.h"
#include "protocol/crypto/crypto.h"
#include "tools/authority/authority.h"

namespace {

constexpr const char* kUsage =
    "Usage: agiddi-authority --config FILE\n"
    "\n"
    "A payment authority: takes orders over HTTP, watches one rail on which money moves outside the ledger, and signs a\n"
    "receipt when an order was paid. The receipt goes into payment.create as its authorization.\n"
    "\n"
    "  --config FILE   TOML configuration (docs/PAYMENT_AUTHORITIES.md has one for each rail)\n"
    "  --version       prints the version\n"
    "  --help          prints this\n"
    "\n"
    "Rails: bitcoin (Bitcoin Core's JSON-RPC, Litecoin too), evm (Ethereum's JSON-RPC), simulated (no money moves: for\n"
    "demonstrations and tests). SIGTERM and SIGINT stop it; it goes on where it was when it is started again.\n";

int usage(const std::string& problem) {
  std::fprintf(stderr, "agiddi-authority: %s\n%s", problem.c_str(), kUsage);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string config_file;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--version") {
      std::puts("agiddi-authority " AGIDDI_VERSION);
      return 0;
    }
    if (argument != "--config") return usage("does not know '" + argument + "'");
    if (i + 1 == argc) return usage("--config needs a file");
    config_file = argv[++i];
  }
  if (config_file.empty()) return usage("needs --config FILE");

  // Blocked before any thread starts, so that only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  agiddi::crypto_init();

  const auto config = agiddi::tools::load_authority_config(config_file);
  if (!config) {
    std::fprintf(stderr, "agiddi-authority: %s\n", config.error().detail.c_str());
    return 1;
  }
  const auto authority = agiddi::tools::Authority::start(*config);
  if (!authority) {
    std::fprintf(stderr, "agiddi-authority: %s\n", authority.error().detail.c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  agiddi::node::log_info("stopping", {{"signal", strsignal(signal)}});
  return 0;
}
