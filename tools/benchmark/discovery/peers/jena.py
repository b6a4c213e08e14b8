#!/usr/bin/env python3
"""Runs the query set on Apache Jena (TDB1) in one Java process: finds the libraries of Debian's package, then becomes Java.
Usage: jena.py JOB RESULT"""

import glob
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    job, result = sys.argv[1:3]
    problem = None
    if not glob.glob("/usr/share/java/jena-tdb.jar"):
        problem = "not installed (tools/bootstrap --peers)"
    elif not shutil.which("javac"):
        problem = "there is no Java compiler (tools/bootstrap --peers)"
    if problem:
        with open(result, "w", encoding="utf-8") as file:
            json.dump({"problem": problem}, file)
        return
    os.execvp("java", ["java", "-Xmx8g", "-cp", "/usr/share/java/*", os.path.join(HERE, "JenaRunner.java"), job, result])


main()
