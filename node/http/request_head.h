// Turns a parsed HTTP header into the value that handlers get, and refuses what the parser does not check. Internal to the HTTP server.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "node/http/server.h"

namespace agiddi::node {

using HeadParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

std::optional<Error> read_head(const HeadParser& parser, const HttpLimits& limits, HttpRequest& out);

}  // namespace agiddi::node
