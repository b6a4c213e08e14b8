// The program's commands, one a file in commands/.
#pragma once

#include "tools/cli/command.h"

namespace agiddi::tools {

void declare_keygen(Command& program);
void declare_sign(Command& program);
void declare_seal(Command& program);
void declare_device(Command& program);
void declare_query(Command& program);
void declare_sparql(Command& program);
void declare_quote(Command& program);
void declare_pay(Command& program);
void declare_integrate(Command& program);
void declare_integration(Command& program);
void declare_count(Command& program);
void declare_account(Command& program);
void declare_admission(Command& program);
void declare_credit(Command& program);
void declare_authority(Command& program);
void declare_status(Command& program);
void declare_block(Command& program);
void declare_tx(Command& program);
void declare_verify(Command& program);
void declare_cluster(Command& program);
void declare_member(Command& program);
void declare_rotate_key(Command& program);

void declare_program(Command& program);   // all of them

}  // namespace agiddi::tools
