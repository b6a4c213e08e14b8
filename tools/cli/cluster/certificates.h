// The TLS material of a local cluster's broker: a certificate authority of the cluster's own and one certificate that it signed, for 127.0.0.1, ::1 and
// localhost, valid for ten years. The authority's key is forgotten at once: nothing else can be signed with it.
#pragma once

#include <string>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

// All in PEM; ECDSA with P-256.
struct TlsMaterial {
  std::string authority;       // what clients trust
  std::string certificate;
  std::string private_key;     // secret
};

Outcome<TlsMaterial> make_tls_material(const std::string& name);   // the cluster's, for people

}  // namespace agiddi::tools
