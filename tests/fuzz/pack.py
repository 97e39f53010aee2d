#!/usr/bin/env python3
"""The corpus of a fuzz target as one file: for each input a line `NAME BYTES`, its bytes, a newline. Standard library only.

usage: pack.py unpack PACK FOLDER               write each input to a file in FOLDER, which is made
       pack.py pack FOLDER PACK                 the files of FOLDER, in the order of their names
       pack.py merge PROGRAM PACK [FOLDER ..]   with a libFuzzer program: all inputs that somebody named, and of the others, in
                                                PACK or found by the fuzzer in a FOLDER, what adds to their coverage
"""
import os
import re
import subprocess
import sys
import tempfile


def read_pack(pack):
    inputs = {}
    with open(pack, "rb") as f:
        for line in f:
            name, length = line.decode().split()
            inputs[os.path.basename(name)] = f.read(int(length))
            if f.read(1) != b"\n":
                raise ValueError(f"{pack}: {name} does not have {length} bytes")
    return inputs


def write_folder(inputs, folder):
    os.makedirs(folder, exist_ok=True)
    for name, data in inputs.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def pack_folder(folder, pack):
    with open(pack, "wb") as out:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            out.write(b"%s %d\n%s\n" % (name.encode(), len(data), data))


def merge(program, pack, found):
    """libFuzzer names an input by the 40 hexadecimal digits of its hash; all other names are somebody's."""
    inputs = read_pack(pack)
    named = {name: data for name, data in inputs.items() if not re.fullmatch("[0-9a-f]{40}", name)}
    with tempfile.TemporaryDirectory(prefix="kodo-merge-") as folder:
        kept, others = os.path.join(folder, "kept"), os.path.join(folder, "others")
        write_folder(named, kept)
        write_folder(inputs, others)
        subprocess.run([os.path.abspath(program), "-merge=1", kept, others] + [os.path.abspath(name) for name in found],
                       cwd=folder, check=True)
        pack_folder(kept, pack)


def main(verb="", *names):
    if verb == "unpack" and len(names) == 2:
        write_folder(read_pack(names[0]), names[1])
    elif verb == "pack" and len(names) == 2:
        pack_folder(*names)
    elif verb == "merge" and len(names) >= 2:
        merge(names[0], names[1], names[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
