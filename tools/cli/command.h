// Declares the commands of the program: a thin cover over CLI11, whose header costs seconds a compile unit and stays in command.cpp.
//
// Targets must live as long as the program runs; a command keeps its options in one shared struct that its action captures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

class Command {
 public:
  using Action = std::function<Outcome<Answer>()>;
  struct Impl;
  explicit Command(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  Command sub(const std::string& name, const std::string& description);   // a command of this one
  void positional(const std::string& name, std::string& target, const std::string& help, bool required = true);
  void positionals(const std::string& name, std::vector<std::string>& target, const std::string& help);
  void option(const std::string& name, std::string& target, const std::string& help, bool required = false);
  void options(const std::string& name, std::vector<std::string>& target, const std::string& help);  // may be repeated, one value each
  void integer(const std::string& name, std::int64_t& target, std::int64_t min, std::int64_t max, const std::string& help, bool required = false);
  void flag(const std::string& name, bool& target, const std::string& help);
  void choice(const std::string& name, std::string& target, const std::vector<std::string>& values, const std::string& help);
  void node(std::string& target);                                          // --node URL, or AGIDDI_NODE
  void examples(const std::string& text);                                  // below --help
  void action(Action action);                                              // a command without one needs a sub-command

 private:
  std::shared_ptr<Impl> impl_;
};

// Parses, runs the chosen command's action and prints. Returns the exit status.
int run_program(int argc, const char* const* argv, const std::function<void(Command&)>& declare);

// True while --json is in force: an action that prints as it goes (integrate --follow) asks.
bool json_wanted();
// A line for people, on standard error.
void message(const std::string& text);

}  // namespace agiddi::tools
