#include "tools/cli/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "tools/cli/url.h"

namespace agiddi::tools {

namespace {

bool wants_json = false;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int report(const Failure& failure) {
  std::fputs(("agiddi: " + problem_text(failure.problem)).c_str(), stderr);
  if (wants_json) print(failure.problem.dump() + "\n");
  return failure.exit_status;
}

// An action's outcome travels out of CLI11's callback.
struct Chosen { Command::Action action; };

}  // namespace

struct Command::Impl {
  CLI::App* app;
  std::shared_ptr<Chosen> chosen;
};

Command Command::sub(const std::string& name, const std::string& description) {
  return Command(std::make_shared<Impl>(Impl{impl_->app->add_subcommand(name, description), impl_->chosen}));
}

void Command::positional(const std::string& name, std::string& target, const std::string& help, bool required) {
  impl_->app->add_option(name, target, help)->required(required);
}

void Command::positionals(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  impl_->app->add_option(name, target, help);
}

void Command::option(const std::string& name, std::string& target, const std::string& help, bool required) {
  impl_->app->add_option(name, target, help)->required(required);
}

void Command::options(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  impl_->app->add_option(name, target, help)->allow_extra_args(false)->take_all();
}

void Command::integer(const std::string& name, std::int64_t& target, std::int64_t min, std::int64_t max, const std::string& help, bool required) {
  impl_->app->add_option(name, target, help)->required(required)->check(CLI::Range(min, max));
}

void Command::flag(const std::string& name, bool& target, const std::string& help) { impl_->app->add_flag(name, target, help); }

void Command::choice(const std::string& name, std::string& target, const std::vector<std::string>& values, const std::string& help) {
  impl_->app->add_option(name, target, help)->check(CLI::IsMember(values));
}

void Command::node(std::string& target) {
  impl_->app->add_option("--node", target, "Address of a node, such as http://127.0.0.1:8101")->required()->envname("AGIDDI_NODE")->check([](const std::string& text) {
    const auto fits = check_node_url(text);
    return fits ? std::string() : fits.error().detail;
  });
}

void Command::examples(const std::string& text) { impl_->app->footer("Examples:\n" + text); }

void Command::action(Action action) {
  impl_->app->callback([chosen = impl_->chosen, action = std::move(action)] { chosen->action = action; });
}

int run_program(int argc, const char* const* argv, const std::function<void(Command&)>& declare) {
  CLI::App app("agiddi: the command line of aGIDDI, a ledger on which devices are found, paid and read.", "agiddi");
  app.set_version_flag("--version", "agiddi " AGIDDI_VERSION);
  app.add_flag("--json", wants_json, "One JSON document on standard output");
  app.fallthrough();
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  const auto chosen = std::make_shared<Chosen>();
  Command root(std::make_shared<Command::Impl>(Command::Impl{&app, chosen}));
  declare(root);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success, std::cout, std::cerr);
  } catch (const CLI::ParseError& error) {
    for (int i = 1; i < argc; ++i) wants_json = wants_json || std::string_view(argv[i]) == "--json";
    return report(wrong_usage(std::string(error.what()) + " (agiddi --help shows what there is)").value());
  }
  if (!chosen->action) return report(wrong_usage("the command needs a sub-command; --help lists them").value());
  const auto outcome = chosen->action();
  if (!outcome) return report(outcome.error());
  if (wants_json) {
    if (!outcome->document.is_null()) print(outcome->document.dump() + "\n");
  } else {
    print(outcome->text);
  }
  return kExitDone;
}

bool json_wanted() { return wants_json; }

void message(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

}  // namespace agiddi::tools
