#include "tools/authority/config.h"

#include <algorithm>

#include "node/table_reader.h"
#include "protocol/money.h"
#include "tools/cli/url.h"

namespace agiddi::tools {
namespace {

using node::TableReader;

constexpr std::size_t kNodesMax = 16;
constexpr std::size_t kConnectionsMax = 256;

// An address that is dialled, without a slash at its end.
void check_dialled(TableReader& table, std::string_view key, std::string& text) {
  if (text.empty()) return;
  while (text.ends_with('/')) text.pop_back();
  const auto url = parse_url(text);
  if (!url || (url->scheme != "http" && url->scheme != "https")) {
    return table.error(table.name(key) + " must be an address such as http://127.0.0.1:8101");   // what stands there may hold a key
  }
  if (!url->tls() && !node::is_loopback(url->host)) table.error(table.name(key) + " is plain http:// on " + url->host + ", which is not loopback: use https://");
}

bool is_evm_address(const std::string& text) {
  return text.size() == 42 && text.starts_with("0x") && text.find_first_not_of("0123456789abcdefABCDEF", 2) == text.npos;
}

template <class Resolve>
RailConfig read_rail(TableReader& table, const Resolve& resolved) {
  RailConfig rail;
  const std::string kind = table.string("kind", true, "bitcoin");
  if (kind != "simulated" && kind != "bitcoin" && kind != "evm") table.error(table.name("kind") + " must be \"simulated\", \"bitcoin\" or \"evm\"");
  rail.kind = kind == "bitcoin" ? RailKind::bitcoin : kind == "evm" ? RailKind::evm : RailKind::simulated;
  rail.currency = table.string("currency", true, "LTC");
  if (!is_currency(rail.currency)) table.error(table.name("currency") + " must be 3 to 12 capital letters");
  rail.order_minutes = table.integer("order_minutes", 60, 1, 7 * 24 * 60);
  rail.poll_ms = table.integer("poll_ms", rail.kind == RailKind::simulated ? 1000 : 5000, 50, 600'000);
  if (rail.kind == RailKind::simulated) return rail;

  rail.confirmations = table.integer("confirmations", 6, 1, 10'000);
  rail.further_confirmations = table.integer("further_confirmations", rail.kind == RailKind::bitcoin ? 100 : 6, 0, 10'000);
  rail.url = table.string("url", true, "http://127.0.0.1:9332/wallet/authority");
  check_dialled(table, "url", rail.url);
  rail.credentials_file = resolved(table.string("credentials_file", false, "rail.auth"));
  if (rail.kind == RailKind::bitcoin) {
    rail.chain = table.string("chain", true, "main");
  } else {
    rail.chain_id = table.integer("chain_id", 0, 1, std::int64_t{1} << 53);
    if (rail.chain_id == 0) table.error("needs " + table.name("chain_id") + ", for example: chain_id = 1");
    rail.address = table.string("address", true, "0x52908400098527886E0F7030069857D2E4169EE7");
    if (!is_evm_address(rail.address)) table.error(table.name("address") + " must be 0x and 40 hexadecimal digits");
  }
  return rail;
}

}  // namespace

Result<AuthorityConfig> load_authority_config(const std::string& path) {
  const auto root = node::read_table(path, "authority.toml");
  if (!root) return tl::unexpected(root.error());
  const auto folder = std::filesystem::absolute(path).parent_path();
  const auto resolved = [&](const std::string& file) { return file.empty() ? file : (folder / file).lexically_normal().string(); };

  AuthorityConfig config;
  TableReader top(&*root, path, "");
  config.id = top.string("id", true, "acme-ltc");
  if (!is_member_id(config.id)) top.error("id must be made of a to z, 0 to 9 and -");
  config.key_file = resolved(top.string("key_file", true, "authority.jwk"));
  config.network = top.string("network", true, "harbour-0123456789abcdef");
  config.data_folder = resolved(top.string("data_folder", true, "authority"));
  config.receipt_hours = top.integer("receipt_hours", 24, 1, 24 * 30);
  config.open_orders_max = static_cast<std::size_t>(top.integer("open_orders_max", 1000, 1, 10'000));
  config.nodes = top.string_list("nodes", kNodesMax, "http://127.0.0.1:8101");
  if (config.nodes.empty()) top.error("needs nodes, for example: nodes = [\"http://127.0.0.1:8101\"]");
  for (std::string& url : config.nodes) check_dialled(top, "nodes", url);

  node::HttpConfig& http = config.http;
  const std::string listen = top.string("listen", true, "127.0.0.1:8301");
  const auto endpoint = node::parse_endpoint(listen);
  if (!endpoint) top.error("listen " + endpoint.error().detail);
  else http.listen = *endpoint;
  if (endpoint && endpoint->port == 0) top.error("listen must have a port above 0");
  http.certificate_file = resolved(top.string("certificate", false, "server.crt"));
  http.private_key_file = resolved(top.string("private_key", false, "server.key"));
  http.connections_max = kConnectionsMax;
  if (http.certificate_file.empty() != http.private_key_file.empty()) top.error("certificate and private_key belong together; give both or none");
  if (http.certificate_file.empty() && endpoint && !node::is_loopback(endpoint->host)) {
    top.error("listen is " + listen + ", which is not loopback: give certificate and private_key (https), or listen on 127.0.0.1");
  }
  http.public_url = top.string("public_url", false, "https://pay.example.org");
  check_dialled(top, "public_url", http.public_url);
  if (http.public_url.empty()) {
    const Url own{http.certificate_file.empty() ? "http" : "https", http.listen.host, http.listen.port, "/"};
    http.public_url = own.scheme + "://" + own.authority();
  }

  const toml::table* section = top.section("rail");
  if (!section) top.error("needs the section [rail]");
  TableReader table(section, path, "rail");
  if (section) config.rail = read_rail(table, resolved);
  table.finish();
  top.finish();
  for (const TableReader* reader : {&top, &table}) {
    if (!reader->first_error().empty()) return fail(Status::invalid, reader->first_error());
  }
  return config;
}

}  // namespace agiddi::tools
