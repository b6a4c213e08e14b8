// Replays files through a libFuzzer entry point, so that every corpus is a regression test in any compiler. Usage: TARGET FILE|FOLDER …
// Each file is also tried truncated at every power-of-two length and with single bytes changed, which finds most careless parsers.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& bytes) { LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()); }

void replay(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  run(whole);
  for (std::size_t length = 1; length < whole.size(); length *= 2) run(whole.substr(0, length));
  const std::size_t step = whole.size() / 64 + 1;
  for (std::size_t at = 0; at < whole.size(); at += step) {
    for (const char byte : {'\0', '\xff', '{', '"', '9'}) {
      std::string changed = whole;
      changed[at] = byte;
      run(changed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path(argv[i]);
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) replay(entry.path()), ++files;
    } else {
      replay(path), ++files;
    }
  }
  std::printf("replayed %d files\n", files);
  return files > 0 ? 0 : 1;
}
