#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_program(Command& program) {
  for (const auto declare : {declare_keygen, declare_sign, declare_seal, declare_device, declare_query, declare_sparql, declare_quote, declare_pay,
                             declare_integrate, declare_integration, declare_count, declare_account, declare_credit, declare_authority, declare_admission,
                             declare_status, declare_block, declare_tx, declare_verify, declare_cluster, declare_member, declare_rotate_key}) {
    declare(program);
  }
  program.examples(
      "  agiddi cluster up --nodes 4 --dir demo          a network on this machine\n"
      "  agiddi query 'sensor.observedProperty=Temperature' 'sensor.range>100' --node http://127.0.0.1:8101\n"
      "  agiddi pay --device urn:agiddi:device:… --minutes 10 --key demo/accounts/application-1.jwk --node http://127.0.0.1:8101\n"
      "Every command takes --json and --help. Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n"
      "AGIDDI_NODE stands for --node.");
}

}  // namespace agiddi::tools
