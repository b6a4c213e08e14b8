#include "tools/cli/cluster/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace agiddi::tools {
namespace {

constexpr long kValid_s = 10L * 365 * 86'400, kClocksDiffer_s = 86'400;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* held) const { Free(held); }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;

bool extend(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  const bool done = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return done;
}

// Unsigned yet. Nothing when OpenSSL fails.
Certificate begin_certificate(EVP_PKEY* key, const std::string& name, long serial) {
  Certificate made(X509_new());
  if (!made || !X509_set_version(made.get(), X509_VERSION_3) || !ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial) ||
      !X509_gmtime_adj(X509_getm_notBefore(made.get()), -kClocksDiffer_s) || !X509_gmtime_adj(X509_getm_notAfter(made.get()), kValid_s) ||
      !X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) ||
      !X509_set_pubkey(made.get(), key)) {
    return {};
  }
  return made;
}

template <class Write>
std::string pem(Write write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || write(memory.get()) != 1) return "";
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Outcome<TlsMaterial> make_tls_material(const std::string& name) {
  const auto no = [] { return failed("OpenSSL cannot make the broker's certificate"); };
  const PrivateKey authority_key(EVP_EC_gen("P-256")), key(EVP_EC_gen("P-256"));
  if (!authority_key || !key) return no();
  const Certificate authority = begin_certificate(authority_key.get(), "aGIDDI cluster " + name, 1), certificate = begin_certificate(key.get(), "localhost", 2);
  if (!authority || !certificate) return no();
  const bool good = X509_set_issuer_name(authority.get(), X509_get_subject_name(authority.get())) && extend(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    extend(authority.get(), authority.get(), NID_key_usage, "critical,keyCertSign") &&
                    extend(authority.get(), authority.get(), NID_subject_key_identifier, "hash") && X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0 &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.get())) &&
                    extend(certificate.get(), authority.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    extend(certificate.get(), authority.get(), NID_key_usage, "critical,digitalSignature") &&
                    extend(certificate.get(), authority.get(), NID_ext_key_usage, "serverAuth") &&
                    extend(certificate.get(), authority.get(), NID_authority_key_identifier, "keyid") &&
                    extend(certificate.get(), authority.get(), NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost") &&
                    X509_sign(certificate.get(), authority_key.get(), EVP_sha256()) > 0;
  if (!good) return no();
  TlsMaterial made;
  made.authority = pem([&](BIO* out) { return PEM_write_bio_X509(out, authority.get()); });
  made.certificate = pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
  made.private_key = pem([&](BIO* out) { return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  if (made.authority.empty() || made.certificate.empty() || made.private_key.empty()) return no();
  return made;
}

}  // namespace agiddi::tools
