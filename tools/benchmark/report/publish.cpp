#include "tools/benchmark/report/publish.h"

#include <filesystem>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/report/conditions.h"
#include "tools/benchmark/report/images.h"
#include "tools/benchmark/report/page.h"
#include "tools/benchmark/report/tables.h"
#include "tools/cli/files.h"

namespace agiddi::tools {

Outcome<void> write_documents(const std::vector<Json>& documents, const PublishOptions& options) {
  const auto write = [](const std::string& path, const std::string& content) -> Outcome<void> {
    if (auto written = write_file(path, content); !written) return passed_on(written.error());
    message("written: " + path);
    return {};
  };
  if (!options.csv.empty()) {
    if (auto done = write(options.csv, tables_csv(documents)); !done) return done;
  }
  if (options.folder.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return failed("cannot make the folder " + options.folder + ": " + error.message());
  Json all = Json::array();
  for (const Json& document : documents) all.push(document);
  auto images = write_images(report_plots(documents), options.folder);
  if (!images) return tl::unexpected(images.error());
  for (const std::string& path : *images) message("written: " + path);
  const std::string note = can_write_images() ? "Each plot is also a PNG file beside this page." : "The plots are not here as PNG files: rsvg-convert is missing (Debian package librsvg2-bin; tools/bootstrap --peers installs it).";
  if (!can_write_images()) message(note);
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"index.html", report_page(documents, note)}, {"figures.csv", tables_csv(documents)}, {"figures.json", all.pretty()}}) {
    if (auto done = write(options.folder + "/" + name, content); !done) return done;
  }
  return {};
}

Outcome<Answer> publish(Outcome<Answer> answer, const std::string& benchmark, const PublishOptions& options) {
  if (!answer) return answer;
  const Json* signatures = answer->document.find("clientSignatures");
  answer->document.set("conditions", conditions(benchmark, signatures && signatures->as_string() == kNoClientSignatures));
  if (auto done = write_documents({answer->document}, options); !done) {
    message(answer->text);
    return tl::unexpected(done.error());
  }
  return answer;
}

}  // namespace agiddi::tools
