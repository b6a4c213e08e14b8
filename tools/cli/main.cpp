#include <csignal>

#include "protocol/crypto/crypto.h"
#include "tools/cli/program.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  agiddi::crypto_init();
  return agiddi::tools::run_program(argc, argv, agiddi::tools::declare_program);
}
