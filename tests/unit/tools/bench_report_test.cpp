// What a benchmark's figures become: tables, CSV, a page with plots. And medians and lists of numbers.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "tools/benchmark/report/images.h"
#include "tools/benchmark/report/page.h"
#include "tools/benchmark/report/plot.h"
#include "tools/benchmark/report/tables.h"
#include "tools/benchmark/spread.h"
#include "tools/cli/files.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

Json document() {
  return *parse_json(R"({"benchmark":"some <kind>","nodes":4,"load":{"seconds":2.5},
    "runs":[{"system":"a","rate":10,"p50":{"ms":1}},{"system":"b, \"c\"","rate":20}],
    "peers":[{"name":"x","queries":[{"q":"q1"},{"q":"q2"}]}],
    "plots":[{"title":"t","table":"runs","x":"rate","y":"p50.ms","series":"system"}],
    "conditions":{"commit":"abc"}})");
}

}  // namespace

TEST_CASE("texts and numbers are the first table, each array of objects is one") {
  const auto tables = tables_of(document());
  REQUIRE(tables.size() == 4);
  CHECK(tables[0].name.empty());
  CHECK(tables[0].rows == std::vector<std::vector<std::string>>{{"benchmark", "some <kind>"}, {"nodes", "4"}, {"load.seconds", "2.5"}});
  CHECK(tables[1].name == "runs");
  CHECK(tables[1].columns == std::vector<std::string>{"system", "rate", "p50.ms"});
  CHECK(tables[1].rows == std::vector<std::vector<std::string>>{{"a", "10", "1"}, {"b, \"c\"", "20", ""}});
  CHECK(tables[2].name == "peers[0].queries");
  CHECK(tables[2].rows.size() == 2);
  CHECK(tables[3].name == "peers");
}

TEST_CASE("the CSV file holds every figure once, quoted where it must be") {
  const std::string csv = tables_csv({document()});
  CHECK(csv.starts_with("benchmark,table,row,column,value\r\n"));
  CHECK(csv.find("some <kind>,runs,1,p50.ms,1\r\n") != csv.npos);
  CHECK(csv.find("some <kind>,runs,2,system,\"b, \"\"c\"\"\"\r\n") != csv.npos);
  CHECK(csv.find("some <kind>,runs,2,p50.ms") == csv.npos);
}

TEST_CASE("the page has the plot of its table, is escaped, and asks for nothing from outside") {
  const std::string page = report_page({document()});
  CHECK(page.find("some &lt;kind&gt;") != page.npos);
  CHECK(page.find("<kind>") == page.npos);
  CHECK(page.find("<title>system a 10.000, 1.000</title>") != page.npos);
  CHECK(page.find("commit</td><td>abc") != page.npos);
  for (const char* outside : {"<script", "src=", "href=", "@import", "url("}) CHECK(page.find(outside) == page.npos);
}

TEST_CASE("plots have names of files, and become PNG files where there is rsvg-convert") {
  const auto plots = report_plots({document(), document()});
  REQUIRE(plots.size() == 2);
  CHECK(plots[0].name == "some--kind--1-runs");
  CHECK(plots[1].name == "some--kind--1-runs--2");
  char folder[] = "/tmp/agiddi-report-XXXXXX";
  REQUIRE(::mkdtemp(folder));
  const auto written = write_images(plots, folder);
  REQUIRE(written);
  CHECK(written->size() == (can_write_images() ? 2 : 0));
  for (const std::string& path : *written) {
    const auto file = read_file(path);
    REQUIRE(file);
    CHECK(file->starts_with("\x89PNG"));
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder)) ++files;
  CHECK(files == written->size());
  if (can_write_images()) CHECK_FALSE(write_images({{"broken", "<svg"}}, folder));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a plot without points is none, and what is largest lies inside the axes") {
  CHECK(plot_svg({"t", "x", "y", {{"s", {}}}}).empty());
  const std::string svg = plot_svg({"t", "x", "y", {{"s", {{0, 0}, {7'300, 0.034}}}}});
  CHECK(svg.find(">8000</text>") != svg.npos);
  CHECK(svg.find(">0.04</text>") != svg.npos);
}

TEST_CASE("a spread is the median between the least and the most") {
  const Spread spread = spread_of({5, 1, 3});
  CHECK(spread.median == 3);
  CHECK(spread.least == 1);
  CHECK(spread.most == 5);
  CHECK(spread_of({}).most == 0);
}

TEST_CASE("lists of numbers are strict") {
  CHECK(parse_numbers("--n", "1,16,4", 1, 16).value() == std::vector<std::int64_t>{1, 16, 4});
  for (const char* wrong : {"", "1,", ",1", "0", "17", "1;2", "1,x", "1, 2"}) CHECK(!parse_numbers("--n", wrong, 1, 16));
}
