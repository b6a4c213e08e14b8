#!/usr/bin/env python3
"""Runs the query set on Virtuoso 7: starts a server of its own on loopback, loads the parts with two bulk loaders, measures inside the server.

The times are the server's own: a stored procedure runs the query and fetches all its rows, with the clock of microseconds around each run, so no client,
network or formatting counts. "ms" are runs of the text, parsed and planned each time; "executionMs" runs of the query compiled once as a part of the procedure.
Usage: virtuoso.py JOB RESULT"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

GRAPH = "http://devices.example/"
PASSWORD = "dba"

INI = """[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
ErrorLogLevel = 3
FileExtend = 200
MaxCheckpointRemap = 2000
Striping = 0
TempStorage = TempDatabase
[TempDatabase]
DatabaseFile = {folder}/virtuoso-temp.db
TransactionFile = {folder}/virtuoso-temp.trx
MaxCheckpointRemap = 2000
Striping = 0
[Parameters]
ServerPort = 127.0.0.1:{port}
DisableUnixSocket = 1
MaxClientConnections = 10
CheckpointInterval = 0
CaseMode = 2
DirsAllowed = {folder}, {data}
NumberOfBuffers = {buffers}
MaxDirtyBuffers = {dirty}
MaxQueryMem = 2G
VectorSize = 1000
MaxVectorSize = 1000000
AdjustVectorSize = 0
ThreadsPerQuery = 2
AsyncQueueMaxThreads = 2
IndexTreeMaps = 64
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerThreads = 4
[SPARQL]
ResultSetMaxRows = 10000000
MaxQueryExecutionTime = 600
"""

# Compiles the text each time; all rows are fetched into memory.
TEXT_PROCEDURE = """create procedure DB.DBA.BENCH_TEXT (in query any, in times integer, in budget_ms integer)
{
  declare state, message, meta, data any;
  declare i, begun, start, us integer;
  result_names (us);
  begun := msec_time ();
  for (i := 0; i < times and (i < 3 or msec_time () - begun < budget_ms); i := i + 1)
    {
      state := '00000';
      start := usec_time ();
      exec (query, state, message, vector (), 0, meta, data);
      us := usec_time () - start;
      if (state <> '00000') signal (state, message);
      result (us);
    }
}"""

# The query is a part of the procedure, compiled with it.
COMPILED_PROCEDURE = """create procedure DB.DBA.BENCH_COMPILED (in times integer, in budget_ms integer)
{
  declare i, begun, start, us integer;
  result_names (us);
  begun := msec_time ();
  for (i := 0; i < times and (i < 3 or msec_time () - begun < budget_ms); i := i + 1)
    {
      start := usec_time ();
      for (%s) do { ; }
      us := usec_time () - start;
      result (us);
    }
}"""


def statement(query):
    return f"sparql define input:default-graph-uri <{GRAPH}> {query}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def dies_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    def __init__(self, job):
        self.folder = os.path.join(job["folder"], "store")
        os.makedirs(self.folder)
        self.port, self.http = free_port(), free_port()
        # A buffer is a page of 8 KiB; the whole graph fits.
        buffers = max(30_000, job["triples"] // 50)
        data = os.path.dirname(job["parts"][0])
        ini = os.path.join(self.folder, "virtuoso.ini")
        with open(ini, "w", encoding="utf-8") as file:
            file.write(INI.format(folder=self.folder, data=data, port=self.port, http=self.http, buffers=buffers, dirty=buffers * 3 // 4))
        self.process = subprocess.Popen(["virtuoso-t", "+foreground", "+configfile", ini], cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=dies_with_parent)

    def wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}; see {self.folder}/virtuoso.log")
            try:
                if "READY" in self.sql("select 'READY';"):
                    return
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def client(self):
        return subprocess.Popen(["isql-vt", f"127.0.0.1:{self.port}", "dba", PASSWORD, "ERRORS=STDOUT", "BANNER=OFF", "VERBOSE=OFF", "PROMPT=OFF"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=dies_with_parent)

    def sql(self, text):
        client = self.client()
        output, _ = client.communicate(text + "\n")
        if client.returncode != 0 or "*** Error" in output:
            raise RuntimeError(output.strip()[:500])
        return output

    def load(self, parts):
        for part in parts:
            self.sql(f"ld_dir ('{os.path.dirname(part)}', '{os.path.basename(part)}', '{GRAPH}');")
        loaders = [self.client() for _ in range(2)]
        for loader in loaders:
            loader.stdin.write("rdf_loader_run ();\n")
            loader.stdin.close()
        for loader in loaders:
            loader.stdout.read()
            loader.wait()
        self.sql("checkpoint;")
        failed = self.sql("select ll_file, ll_error from DB.DBA.load_list where ll_error is not null or ll_state <> 2;").strip()
        if failed:
            raise RuntimeError("loading: " + failed[:300])

    def times_ms(self, call):
        return [int(word) / 1000 for word in re.findall(r"^\s*(\d+)\s*$", self.sql(call), re.MULTILINE)]

    def text_times_ms(self, query, repetitions, budget_ms):
        quoted = statement(query).replace("'", "''")
        return self.times_ms(f"DB.DBA.BENCH_TEXT ('{quoted}', {repetitions}, {budget_ms});")

    def execution_times_ms(self, query, repetitions, budget_ms):
        self.sql(COMPILED_PROCEDURE % statement(query) + ";")
        return self.times_ms(f"DB.DBA.BENCH_COMPILED ({repetitions}, {budget_ms});")

    def rows(self, query):
        """The rows by HTTP, which is not timed."""
        parameters = urllib.parse.urlencode({"query": query, "default-graph-uri": GRAPH, "format": "application/sparql-results+json"})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/sparql", data=parameters.encode(), timeout=600) as answer:
            return json.load(answer)

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096 / (1 << 20)

    def version(self):
        found = re.search(r"\d+\.\d+\.\d+", self.sql("select sys_stat ('st_dbms_ver');"))
        return "Virtuoso " + (found.group(0) if found else "")

    def disk_mib(self):
        return sum(entry.stat().st_blocks * 512 for entry in os.scandir(self.folder) if "temp" not in entry.name) / (1 << 20)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def cell(term):
    if term is None:
        return ""
    return "I" + term["value"] if term["type"] == "uri" else "L" + term.get("datatype", "") + "|" + term["value"]


def write_rows(answer, path):
    names = answer["head"]["vars"]
    with open(path, "w", encoding="utf-8") as file:
        for row in answer["results"]["bindings"]:
            file.write("\t".join(cell(row.get(name)) for name in names) + "\n")


def measured(server, job, query):
    out = {"name": query["name"]}
    try:
        effort = query["repetitions"], job["budgetMs"]
        server.text_times_ms(query["text"], 5, job["budgetMs"])
        out["ms"] = server.text_times_ms(query["text"], *effort)
        out["executionMs"] = server.execution_times_ms(query["text"], *effort)
        out["rows"] = len(server.rows(query["text"])["results"]["bindings"])
        out["wholeRows"] = os.path.join(job["folder"], query["name"] + ".rows")
        write_rows(server.rows(query["whole"]), out["wholeRows"])
    except (RuntimeError, OSError, ValueError) as problem:
        out["problem"] = str(problem)
    return out


def run(job):
    if not shutil.which("virtuoso-t") or not shutil.which("isql-vt"):
        return {"problem": "not installed (tools/bootstrap --peers)"}
    server = Server(job)
    try:
        server.wait()
        begin = time.monotonic()
        server.load(job["parts"])
        result = {"version": server.version(), "loadSeconds": round(time.monotonic() - begin, 3), "diskMib": round(server.disk_mib(), 2)}
        server.sql(TEXT_PROCEDURE + ";")
        result["queries"] = [measured(server, job, query) for query in job["queries"]]
        result["memoryMib"] = round(server.resident_mib(), 2)
        return result
    except RuntimeError as problem:
        return {"problem": str(problem)}
    finally:
        server.stop()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    result = run(job)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(result, file)


main()
