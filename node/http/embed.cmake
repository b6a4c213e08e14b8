# cmake -DINPUT=openapi.json -DOUTPUT=file.cpp -P embed.cmake: the file's bytes as agiddi::node::openapi_json().
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){32})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"node/http/openapi.h\"
namespace agiddi::node {
namespace {
const unsigned char kBytes[] = {
${bytes}};
}
std::string_view openapi_json() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }
}
")
