// Reads a configuration file in TOML. TableReader takes the keys of one table and remembers which it knows, so that a typing error is named rather than
// ignored; of all errors the first is kept, one sentence that names the file, the key and what to write.
//
// For the sources that load a configuration alone: it brings the whole of toml++. Threads: each reader belongs to one. The table must live as long.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <toml++/toml.h>
#include <vector>

#include "protocol/result.h"

namespace agiddi::node {

// The file's top table. usual_name: what the file is called when path names the folder in which it lies.
inline Result<toml::table> read_table(const std::string& path, const char* usual_name) {
  if (std::filesystem::is_directory(path)) {
    return fail(Status::invalid, path + " is a directory; give the configuration file in it, such as " + (std::filesystem::path(path) / usual_name).string());
  }
  if (!std::filesystem::is_regular_file(path)) return fail(Status::not_found, path + ": no such configuration file");
  try {
    return toml::parse_file(path);
  } catch (const toml::parse_error& problem) {
    return fail(Status::invalid, path + ":" + std::to_string(problem.source().begin.line) + ": " + std::string(problem.description()));
  }
}

class TableReader {
 public:
  TableReader(const toml::table* table, std::string file, std::string section)
      : table_(table), file_(std::move(file)), section_(std::move(section)) {}

  std::string string(std::string_view key, bool required, std::string_view example) {
    known_.emplace(key);
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) {
      if (required) error("needs " + name(key) + ", for example: " + std::string(key) + " = \"" + std::string(example) + "\"");
      return {};
    }
    const auto value = node->value_exact<std::string>();
    if (!value) error(name(key) + " must be a string, for example \"" + std::string(example) + "\"");
    return value.value_or("");
  }

  bool boolean(std::string_view key, bool otherwise) {
    known_.emplace(key);
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) return otherwise;
    const auto value = node->value_exact<bool>();
    if (!value) error(name(key) + " must be true or false");
    return value.value_or(otherwise);
  }

  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
    known_.emplace(key);
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) return otherwise;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < low || *value > high) {
      error(name(key) + " must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
      return otherwise;
    }
    return *value;
  }

  const toml::table* section(std::string_view key) {
    known_.emplace(key);
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) return nullptr;
    if (!node->is_table()) error("[" + name(key) + "] must be a section");
    return node->as_table();
  }

  // A list of strings; an absent one is empty.
  std::vector<std::string> string_list(std::string_view key, std::size_t most, std::string_view example) {
    known_.emplace(key);
    std::vector<std::string> all;
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) return all;
    const toml::array* list = node->as_array();
    bool strings_only = list && list->size() <= most;
    for (std::size_t i = 0; strings_only && i < list->size(); ++i) {
      const auto text = (*list)[i].value_exact<std::string>();
      strings_only = text.has_value();
      if (text) all.push_back(*text);
    }
    if (!strings_only) error(name(key) + " must be a list of at most " + std::to_string(most) + " strings, for example [\"" + std::string(example) + "\"]");
    return all;
  }

  // An array of sections; each() reads one, under a name such as peer.bootstrap[0].
  void sections(std::string_view key, std::size_t most, const std::function<void(TableReader& entry)>& each) {
    known_.emplace(key);
    const toml::node* node = table_ ? table_->get(key) : nullptr;
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list || list->size() > most) return error(name(key) + " must be a list of at most " + std::to_string(most) + " { … }");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string entry_name = name(key) + "[" + std::to_string(i) + "]";
      if (!(*list)[i].is_table()) return error(entry_name + " must be { … }");
      TableReader entry((*list)[i].as_table(), file_, entry_name);
      each(entry);
      entry.finish();
      if (first_error_.empty()) first_error_ = entry.first_error();
    }
  }

  // Every key of the table with its string, for tables whose keys are names that the operator chose.
  std::map<std::string, std::string> strings(std::string_view example) {
    std::map<std::string, std::string> all;
    if (!table_) return all;
    for (const auto& [key, node] : *table_) {
      const std::string text(key.str());
      known_.emplace(text);
      all.emplace(text, string(text, true, example));
    }
    return all;
  }

  void finish() {
    if (!table_) return;
    for (const auto& [key, value] : *table_) {
      if (!known_.contains(std::string(key.str()))) error("does not know " + name(key.str()) + " (a typing error?)");
    }
  }

  void error(std::string text) {
    if (first_error_.empty()) first_error_ = file_ + ": " + std::move(text);
  }
  const std::string& first_error() const { return first_error_; }
  std::string name(std::string_view key) const { return section_.empty() ? std::string(key) : section_ + "." + std::string(key); }

 private:
  const toml::table* table_;
  std::string file_, section_;
  std::set<std::string, std::less<>> known_;
  std::string first_error_;
};

}  // namespace agiddi::node
