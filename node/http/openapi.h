// The OpenAPI 3.1 description of the API (node/http/openapi.json), built into the program.
#pragma once

#include <string_view>

namespace agiddi::node {

std::string_view openapi_json();

}  // namespace agiddi::node
