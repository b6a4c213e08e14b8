#include "node/peer/certificate.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "protocol/check.h"

namespace agiddi::node {
namespace {

// The handshake proves that the peer holds the certificate's key; who that key belongs to is decided afterwards by peer_member, so
// the chain itself (self-signed, no dates that matter) is not judged here.
int accept_certificate(int, X509_STORE_CTX*) { return 1; }

EVP_PKEY* private_key(const KeyPair& key) {
  const Bytes seed = key.seed();
  EVP_PKEY* made = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
  AGIDDI_CHECK(made, "OpenSSL takes an Ed25519 key");
  return made;
}

X509* self_signed(EVP_PKEY* key, const std::string& name) {
  X509* certificate = X509_new();
  AGIDDI_CHECK(certificate, "OpenSSL makes a certificate");
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20200101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z");
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_set_pubkey(certificate, key);
  AGIDDI_CHECK(X509_sign(certificate, key, nullptr) > 0, "OpenSSL signs a certificate with Ed25519");
  return certificate;
}

// The protocol's name as ALPN lists it, behind its length.
Bytes protocol_list() { return Bytes(1, static_cast<char>(kPeerProtocol.size())).append(kPeerProtocol); }

int select_protocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered, unsigned offered_length, void*) {
  static const Bytes ours = protocol_list();
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(ours.data()), static_cast<unsigned>(ours.size()),
                                            offered, offered_length);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

SSL_CTX* make_peer_tls_context(const KeyPair& key, const std::string& name) {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  AGIDDI_CHECK(context, "OpenSSL makes a context");
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_certificate);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  const Bytes protocols = protocol_list();
  AGIDDI_CHECK(SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()), static_cast<unsigned>(protocols.size())) == 0,
               "OpenSSL takes the protocol's name");
  SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
  EVP_PKEY* secret = private_key(key);
  X509* certificate = self_signed(secret, name);
  AGIDDI_CHECK(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, secret) == 1, "certificate and key belong together");
  X509_free(certificate);
  EVP_PKEY_free(secret);
  return context;
}

std::optional<PublicKey> peer_key(const SSL* tls) {
  X509* certificate = SSL_get1_peer_certificate(tls);
  if (!certificate) return std::nullopt;
  PublicKey key{};
  std::size_t length = key.size();
  EVP_PKEY* peer_key = X509_get0_pubkey(certificate);
  const bool read = peer_key && EVP_PKEY_get_id(peer_key) == EVP_PKEY_ED25519 &&
                    EVP_PKEY_get_raw_public_key(peer_key, key.data(), &length) == 1 && length == key.size();
  X509_free(certificate);
  return read ? std::optional(key) : std::nullopt;
}

bool speaks_peer_protocol(const SSL* tls) {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(tls, &name, &length);
  return std::string_view(reinterpret_cast<const char*>(name), length) == kPeerProtocol;
}

}  // namespace agiddi::node
