// Scenario files: stories of a few replicas, a command and its transcript. tests/scenario/README.md lists the commands.
//
// With AGIDDI_UPDATE_SCENARIOS=1 in the environment the files are rewritten with what really happens; read the difference before it is committed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "replica_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

class Story {
 public:
  // What a command prints.
  std::string run(const std::string& line) {
    const std::vector<std::string> words = words_of(line);
    const std::string& command = words.at(0);
    if (command == "cluster") {
      net_ = std::make_unique<ReplicaNet>(std::stoul(words.at(1)));
      return "";
    }
    if (!net_) return "a story begins with: cluster N\n";
    if (command == "propose") return propose(node(words), {words.begin() + 2, words.end()});
    if (command == "deliver") return deliver();
    if (command == "lose") return lose(words);
    if (command == "heal") return rules_.clear(), "";
    if (command == "down") return net_->down.insert(node(words)), "";
    if (command == "up") return net_->down.erase(node(words)), "";
    if (command == "restart") return net_->restart(node(words)), "";
    if (command == "wait") return net_->time_ms += std::stol(words.at(1)), "";
    if (command == "timeout") return net_->start_view_change(node(words), (*net_)[node(words)].view() + 1), "";
    if (command == "status") return net_->exchange_status(), "";
    if (command == "show") return show();
    return "unknown command\n";
  }

 private:
  std::size_t node(const std::vector<std::string>& words) const { return std::stoul(words.at(1)) % net_->size(); }

  std::string propose(std::size_t node, const std::vector<std::string>& names) {
    if (!(*net_)[node].can_propose()) return "may not propose\n";
    for (const std::string& name : names) names_[tx(name)] = name;
    const Batch batch = net_->propose(node, names);
    return "height " + std::to_string(batch.height) + ", view " + std::to_string(batch.view) + "\n";
  }

  // Equal messages in one line, in the order in which the first of them arrived.
  std::string deliver() {
    net_->stopped = [this](std::size_t from, std::size_t to, const PeerFrame& frame) {
      const std::string kind = words_of(describe(frame)).front();
      for (const auto& rule : rules_) {
        const auto fits = [](const std::string& word, const std::string& value) { return word == "*" || word == value; };
        if (fits(rule[0], kind) && fits(rule[1], std::to_string(from)) && fits(rule[2], std::to_string(to))) return true;
      }
      return false;
    };
    net_->transcript.clear();
    net_->deliver();
    std::vector<std::pair<std::string, std::string>> lines;
    for (const std::string& one : net_->transcript) {
      const std::size_t gap = one.find("  ");
      const std::string text = one.substr(gap + 2), to = one.substr(gap - 1, 1);
      const auto known = std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.first == text; });
      if (known == lines.end()) {
        lines.emplace_back(text, " " + to);
      } else {
        known->second += " " + to;
      }
    }
    std::string out;
    for (const auto& [text, to] : lines) out += text + " ->" + to + "\n";
    return out.empty() ? "nothing\n" : out;
  }

  std::string lose(const std::vector<std::string>& words) {
    rules_.push_back({words.at(1), words.size() > 2 ? words[2] : "*", words.size() > 3 ? words[3] : "*"});
    return "";
  }

  std::string show() {
    std::string out;
    for (std::size_t i = 0; i < net_->size(); ++i) {
      Replica& replica = (*net_)[i];
      out += std::to_string(i) + (net_->down.contains(i) ? " (down)" : "") + ": view " + std::to_string(replica.view()) +
             (replica.active() ? "" : " (waiting)") + ", certified " + std::to_string(replica.stable()) + ", chain";
      for (const Batch& batch : net_->chain(i)) {
        out += " [";
        for (const Hash& id : batch.transactions) out += (out.back() == '[' ? "" : " ") + names_[id];
        out += "]";
      }
      out += (net_->chain(i).empty() ? " empty\n" : "\n");
      if (net_->fatal(i)) out += "  fatal: " + *net_->fatal(i) + "\n";
    }
    return out;
  }

  std::unique_ptr<ReplicaNet> net_;
  std::vector<std::array<std::string, 3>> rules_;
  std::map<Hash, std::string> names_;
};

// The file again, with every transcript replaced by what happens.
std::string replay(const std::string& text) {
  Story story;
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("> ", 0) == 0) {
      out += line + "\n" + story.run(line.substr(2));
    } else if (line.empty() || line[0] == '#') {
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("scenario files tell what happens", "[scenario]") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(AGIDDI_SCENARIOS)) {
    if (entry.path().extension() == ".story") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 5);
  for (const auto& path : files) {
    std::ifstream in(path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::string happened = replay(text);
    if (std::getenv("AGIDDI_UPDATE_SCENARIOS") != nullptr && happened != text) {
      std::ofstream(path) << happened;
      WARN("rewrote " << path.filename());
      continue;
    }
    INFO(path.filename());
    CHECK(happened == text);
  }
}
