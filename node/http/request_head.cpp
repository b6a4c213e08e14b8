#include "node/http/request_head.h"

#include "node/http/uri.h"

namespace agiddi::node {
namespace {

Error refusal(unsigned status, std::string detail) { return Error{static_cast<Status>(status), std::move(detail), {}}; }

}  // namespace

std::optional<Error> read_head(const HeadParser& parser, const HttpLimits& limits, HttpRequest& out) {
  const auto& message = parser.get();
  if (message.target().size() > limits.target_max_bytes) {
    return refusal(414, "The request target is longer than " + std::to_string(limits.target_max_bytes) + " bytes; send long input as a body.");
  }
  out.method = std::string(message.method_string());
  out.target = std::string(message.target());
  std::size_t bytes = 0, hosts = 0;
  for (const auto& field : message) {
    bytes += field.name_string().size() + field.value().size() + 4;
    out.headers.emplace_back(lower_case(field.name_string()), std::string(field.value()));
    if (out.headers.back().first == "host") ++hosts;
  }
  if (out.headers.size() > limits.headers_max || bytes > limits.header_max_bytes) {
    return refusal(431, "A request has at most " + std::to_string(limits.headers_max) + " header fields of together at most " +
                            std::to_string(limits.header_max_bytes) + " bytes.");
  }
  if (message.version() != 11 && message.version() != 10) return refusal(505, "This server speaks HTTP/1.1.");
  if (hosts > 1 || (message.version() == 11 && hosts == 0)) return refusal(400, "An HTTP/1.1 request has exactly one Host field.");
  const std::string coding = lower_case(trim(out.header_list("transfer-encoding")));
  if (!coding.empty() && (coding != "chunked" || message.version() == 10)) {
    return refusal(501, "The only transfer coding that this server takes is chunked.");
  }
  std::string_view target = out.target;
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (lower_case(target.substr(0, scheme.size())) != scheme) continue;   // absolute form, as a proxy sends it
    target.remove_prefix(std::min(target.find('/', scheme.size()), target.size()));
    if (target.empty()) target = "/";
  }
  if (target.find('#') != std::string_view::npos) return refusal(400, "A request target has no fragment.");
  const std::size_t question = target.find('?');
  out.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) {
    auto query = form_decode(target.substr(question + 1));
    if (!query) return refusal(400, "The query part of the target holds a broken percent escape.");
    out.query = std::move(*query);
  }
  return std::nullopt;
}

}  // namespace agiddi::node
