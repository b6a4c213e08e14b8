// The Thing Description of a node's own directory (W3C WoT Discovery, class ThingDirectory): what /.well-known/wot answers. Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/json.h"

namespace agiddi::node {

// base: absolute URL of the node, ends with "/".
Json directory_thing(std::string_view network, std::string_view member, std::string_view base);

}  // namespace agiddi::node
