// A benchmark's JSON document as tables: what the text, the CSV file and the page are made of, so that all of them hold the same figures.
//
// The shape that every benchmark keeps: texts and numbers of the document are parameters or single figures, each array of objects is a table, and
// "plots" names tables: [{"title","table","x","y","series"?,"logX"?}] (columns of that table). Pure, any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/json.h"

namespace agiddi::tools {

struct ResultTable {
  std::string name;                             // dotted path of the array; "" holds the document's own texts and numbers, as name and value
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;   // as wide as columns; "" where an object lacks the member
};

std::vector<ResultTable> tables_of(const Json& document);
std::string tables_text(const Json& document);                    // for people
std::string tables_csv(const std::vector<Json>& documents);       // benchmark,table,row,column,value; RFC 4180
std::string json_text(const Json& value);                         // a text as it is, anything else as JSON

}  // namespace agiddi::tools
