#!/usr/bin/env python3
"""Runs the query set on Apache Jena (TDB1) in one Java process: finds the libraries of Debian's package, then becomes Java.
Usage: jena.py JOB RESULT"""

import json
import os
import shutil
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = "/usr/share/java"


def unpack_messages(folder):
    """Debian 12's jena-core has renamed the package of its Xerces, but not the folder of its messages, without which no literal can be read."""
    prefix = "org/apache/jena/ext/"
    with zipfile.ZipFile(os.path.join(LIBRARIES, "jena-core.jar")) as jar:
        for name in jar.namelist():
            if name.startswith(prefix + "xerces/") and name.endswith(".properties"):
                path = os.path.join(folder, name[len(prefix):])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(jar.read(name))


def main():
    job, result = sys.argv[1:3]
    problem = None
    if not os.path.exists(os.path.join(LIBRARIES, "jena-tdb.jar")):
        problem = "not installed (tools/bootstrap --peers)"
    elif not shutil.which("javac"):
        problem = "there is no Java compiler (tools/bootstrap --peers)"
    if problem:
        with open(result, "w", encoding="utf-8") as file:
            json.dump({"problem": problem}, file)
        return
    with open(job, encoding="utf-8") as file:
        messages = os.path.join(json.load(file)["folder"], "messages")
    unpack_messages(messages)
    os.execvp("java", ["java", "-Xmx8g", "-cp", f"{messages}:{LIBRARIES}/*", os.path.join(HERE, "JenaRunner.java"), job, result])


main()
