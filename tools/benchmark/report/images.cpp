#include "tools/benchmark/report/images.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tools/cli/cluster/process.h"
#include "tools/cli/files.h"

namespace agiddi::tools {
namespace {

constexpr const char* kConvert = "/usr/bin/rsvg-convert";
constexpr const char* kWidth_px = "1400";
constexpr auto kConvertWithin = std::chrono::seconds(20);

Outcome<void> convert(const std::string& svg, const std::string& png, const std::string& folder) {
  const std::string log = svg + ".log";
  auto process = launch({{kConvert, "--width", kWidth_px, "--keep-aspect-ratio", "--background-color", "white", "--output", png, svg}, folder, log, {}});
  if (!process) return tl::unexpected(process.error());
  const auto deadline = std::chrono::steady_clock::now() + kConvertWithin;
  int status = 0;
  while (::waitpid(process->pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      (void)stop_processes({*process}, true);
      return failed("rsvg-convert takes too long for " + png);
    }
    ::usleep(2'000);
  }
  const std::string said = last_lines(log, 3);
  for (const std::string& file : {svg, log}) ::unlink(file.c_str());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed("rsvg-convert cannot make " + png + ": " + said);
  return {};
}

}  // namespace

bool can_write_images() { return ::access(kConvert, X_OK) == 0; }

Outcome<std::vector<std::string>> write_images(const std::vector<ReportPlot>& plots, const std::string& folder) {
  std::vector<std::string> written;
  if (!can_write_images()) return written;
  const std::string absolute = std::filesystem::absolute(folder).string();
  for (const ReportPlot& plot : plots) {
    const std::string stem = absolute + "/" + plot.name;
    if (auto saved = write_file(stem + ".svg.part", plot.svg); !saved) return passed_on(saved.error());
    if (auto done = convert(stem + ".svg.part", stem + ".png", absolute); !done) return tl::unexpected(done.error());
    written.push_back(stem + ".png");
  }
  return written;
}

}  // namespace agiddi::tools
