// Text inside XML 1.0 elements and attributes, for the writers of results and graphs. Pure.
#pragma once

#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

// Escapes what is markup, and line ends and tabs, which a reader would normalise away. U+FFFD stands for the characters that XML 1.0 cannot hold.
void append_xml(std::string& out, std::string_view text);

}  // namespace agiddi::ontology::sparql
