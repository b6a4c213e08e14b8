#include "ontology/sparql/iri.h"

namespace agiddi::ontology::sparql {

namespace {

bool alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Parts {
  std::string_view scheme, authority, path, query, fragment;
  bool has_authority = false, has_query = false, has_fragment = false;
};

Parts split(std::string_view iri) {
  Parts parts;
  if (const auto hash = iri.find('#'); hash != std::string_view::npos) {
    parts.has_fragment = true;
    parts.fragment = iri.substr(hash + 1);
    iri = iri.substr(0, hash);
  }
  if (has_scheme(iri)) {
    const auto colon = iri.find(':');
    parts.scheme = iri.substr(0, colon);
    iri = iri.substr(colon + 1);
  }
  if (const auto mark = iri.find('?'); mark != std::string_view::npos) {
    parts.has_query = true;
    parts.query = iri.substr(mark + 1);
    iri = iri.substr(0, mark);
  }
  if (iri.starts_with("//")) {
    parts.has_authority = true;
    iri = iri.substr(2);
    const auto slash = iri.find('/');
    parts.authority = iri.substr(0, slash);
    iri = slash == std::string_view::npos ? std::string_view{} : iri.substr(slash);
  }
  parts.path = iri;
  return parts;
}

std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../") || path == "/..") {
      path = path == "/.." ? std::string_view("/") : path.substr(3);
      const auto slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
    } else if (path == "." || path == "..") {
      break;
    } else {
      const auto next = path.find('/', path[0] == '/' ? 1 : 0);
      out.append(path.substr(0, next));
      path = next == std::string_view::npos ? std::string_view{} : path.substr(next);
    }
  }
  return out;
}

}  // namespace

bool has_scheme(std::string_view iri) {
  if (iri.empty() || !alpha(iri[0])) return false;
  for (std::size_t i = 1; i < iri.size(); ++i) {
    const char c = iri[i];
    if (c == ':') return true;
    if (!alpha(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.') return false;
  }
  return false;
}

std::string resolve(std::string_view base, std::string_view reference) {
  if (base.empty() || has_scheme(reference)) return std::string(reference);
  const Parts b = split(base), r = split(reference);
  Parts t = r;
  std::string path;
  t.scheme = b.scheme;
  if (r.has_authority) {
    path = remove_dot_segments(r.path);
  } else {
    t.has_authority = b.has_authority;
    t.authority = b.authority;
    if (r.path.empty()) {
      path = std::string(b.path);
      if (!r.has_query) {
        t.has_query = b.has_query;
        t.query = b.query;
      }
    } else if (r.path[0] == '/') {
      path = remove_dot_segments(r.path);
    } else {
      std::string merged;
      if (b.has_authority && b.path.empty()) {
        merged = "/";
      } else {
        const auto slash = b.path.rfind('/');
        merged = slash == std::string_view::npos ? std::string() : std::string(b.path.substr(0, slash + 1));
      }
      merged.append(r.path);
      path = remove_dot_segments(merged);
    }
  }
  std::string out(t.scheme);
  out += ':';
  if (t.has_authority) out.append("//").append(t.authority);
  out += path;
  if (t.has_query) out.append("?").append(t.query);
  if (t.has_fragment) out.append("#").append(t.fragment);
  return out;
}

}  // namespace agiddi::ontology::sparql
