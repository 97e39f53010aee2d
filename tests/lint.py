#!/usr/bin/env python3
"""Check what a compiler does not: rooms, circles, one includer of each library, banned functions, lengths, blanks, file lists.

usage: lint.py [TREE]            one line for each finding: file:line: what; what to do. Exit status 1 if there is one.
       lint.py --lists [TREE]    bring Makefile.am's lists in step with the tree

Standard library only.
"""
import glob
import os
import re
import sys

FUNCTION_LINES = 70
FILE_LINES = 600
COLUMNS = 100

# The rooms of core, from the lowest: a file includes its own room and those before it in this list.
ROOMS = ["base", "flow", "config", "words", "query", "wire", "storage", "metrics", "auth", "records", "trust", "liveness", "probe", "merge", "registry", "import", "views", "exchange", "cluster", "check"]
# the others -> the folders beside core that they may include; main.c is what joins them
FOLDERS = {
    "fcgi-app/http": {"fcgi-app/http", "fcgi-app/http/bridges"},
    "fcgi-app/http/bridges": {"fcgi-app/http", "fcgi-app/http/bridges"},
    "fcgi-app/cmd": {"fcgi-app/cmd"},
    "fcgi-app": {"fcgi-app/http", "fcgi-app/cmd"},
    "cron": {"cron", "cron/cluster"},
    "cron/cluster": {"cron/cluster"},
}
INCLUDERS = [
    (r"lmdb\.h", "fcgi-app/core/storage/store_private.h|cron/cluster/queue.c"),
    (r"json-c/.*|json_.*", "fcgi-app/core/wire/jread.c"),
    (r"yaml\.h", "fcgi-app/core/config/loader.c"),
    (r"curl/.*", "cron/sender.c|cron/cluster/etcd_private.h|cron/cluster/fetch.c"),
    (r"fcgi.*\.h", "fcgi-app/http/fcgi.c"),
    (r"utf8proc\.h", "fcgi-app/core/base/utf8.c"),
    (r"zlib\.h", "fcgi-app/http/gzip.c"),
    (r"pcre2.*\.h", "fcgi-app/core/query/regex.c"),
    (r"openssl/.*", "fcgi-app/core/base/crypto_private.h"),
]
BANNED = {
    "sprintf": "snprintf or buf_printf", "vsprintf": "vsnprintf", "strcpy": "arena_strz or memcpy with a length",
    "strcat": "struct buf", "strncpy": "memcpy with a length", "strncat": "struct buf", "stpcpy": "struct buf",
    "strtok": "a loop over struct str", "strtok_r": "a loop over struct str",
    "atoi": "strtol or a parser that tells errors", "atol": "strtol", "atoll": "strtoll", "atof": "strtod",
    "sscanf": "a parser that tells errors", "gets": "fgets or read", "alloca": "the arena",
    "system": "spawn_detached", "popen": "spawn_detached", "tmpnam": "mkstemp", "mktemp": "mkstemp", "tempnam": "mkstemp",
}
# What a change comes to follows from the state and from its argument alone (core/registry/change_type.h): clocks, randomness, files, the
# environment, the machine's own hash keys and the pages of its map are not for these rooms to ask; nor is anything written past
# registry_change. Each exception has its reason.
PURE_ROOMS = ["flow", "query", "words", "wire", "records", "trust", "liveness", "probe", "merge", "registry", "exchange", "cluster"]
IMPURE = ("clock|clock_gettime|clock_nanosleep|clock_mono_us|isotime_now_us|time|gettimeofday|localtime|localtime_r|arc4random|arc4random_buf|"
          "arc4random_uniform|getrandom|rand|random|drand48|getenv|secure_getenv|getpid|gethostname|uname|open|openat|fopen|fdopen|opendir|"
          "stat|lstat|fstat|statx|access|pread|path_read|state_boot_id|hash_key_own|store_room|store_room_below|store_stat|store_last|"
          "store_seen|store_write")
IMPURE_ALLOWED = {
    ("fcgi-app/core/query/regex.c", "clock_gettime"): "the budget of a reader's expression; no change asks one",
    ("fcgi-app/core/merge/change.c", "store_room"): "where it is for this machine to say: change_room",
    ("fcgi-app/core/registry/registry.c", "arc4random_buf"): "the id of a new state, which CHANGE_EPOCH sets anew in a cluster",
    ("fcgi-app/core/registry/registry.c", "access"): "registry_open: is the key of the admin there",
    ("fcgi-app/core/registry/registry.c", "state_boot_id"): "registry_is_current: has this machine been started since",
    ("fcgi-app/core/registry/registry.c", "store_last"): "what was read at a commit is shown until the next one",
    ("fcgi-app/core/registry/registry.c", "store_seen"): "the same",
    ("fcgi-app/core/cluster/link.c", "getpid"): "link_ensure: whose child the process of the log is",
    # what is written past registry_change is on no other machine
    ("fcgi-app/core/registry/registry.c", "store_write"): "a change; and the head of a new state",
    ("fcgi-app/core/registry/startup.c", "store_write"): "the stamp of this machine's files",
    ("fcgi-app/core/exchange/flow_probe.c", "store_write"): "T_PROBE_HOST: when this machine may ask a host",
    ("fcgi-app/core/cluster/apply.c", "store_write"): "entries",
    ("fcgi-app/core/cluster/snapshot.c", "store_write"): "another machine's state",
    ("fcgi-app/core/cluster/snapshot.c", "store_stat"): "how much room that state takes here",
    ("fcgi-app/core/registry/startup.c", "path_read"): "before the change: the original's cache file becomes a part of it",
    ("fcgi-app/core/registry/startup.c", "state_boot_id"): "before the change, of which it becomes a part",
    ("fcgi-app/core/registry/moderate.c", "clock_mono_us"): "how many changes a sweep makes at once, not what one does",
    ("fcgi-app/core/trust/own_key.c", "arc4random_buf"): "a new key of this service; no change makes one",
    ("fcgi-app/core/cluster/poison.c", "open"): "a note of this machine, before a change",
    ("fcgi-app/core/cluster/poison.c", "pread"): "the same",
    ("fcgi-app/core/cluster/entry.c", "store_room"): "the proposer's, for its entry",
}
# Makefile.am's lists: variable -> patterns in the tree
LISTS = {
    "bin_PROGRAMS": ["fcgi-app/main.c", "cron/main.c"],
    "CORE_SOURCES": ["fcgi-app/core/*/*.[ch]"],
    "HTTP_SOURCES": ["fcgi-app/http/*.[ch]", "fcgi-app/http/bridges/*.[ch]"],
    "KODO_SOURCES": ["fcgi-app/*.[ch]", "fcgi-app/cmd/*.[ch]"],
    "CRON_SOURCES": ["cron/*.[ch]", "cron/cluster/*.[ch]"],
    "UNIT": ["tests/unit/test_*.c"],
    "FUZZ": ["tests/fuzz/fuzz_*.c"],
    # programs that the end-to-end tests use; the library of tests/histories has a rule of its own
    "HELPERS": ["tests/*/*.c"],
    # the simulator of networks, one program
    "MESH_SOURCES": ["tests/mesh/*.c", "tests/mesh/*.h"],
    # folders go as a whole
    "DIST": ["DESIGN.md", "HACKING.md", "LICENSE", "PROTOCOL.md", "autogen.sh", "conf", "www", "tests/*", "tests/unit/*", "tests/fuzz/corpus",
             "tests/fuzz/*.py"],
}
PROGRAMS = ("UNIT", "FUZZ", "HELPERS")
MAINS = {"fcgi-app/main.c": "fcgi-app/kodo", "cron/main.c": "cron/kodo-reconnect"}

findings = []
allowed_calls = set()


def read(tree, path):
    with open(os.path.join(tree, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def complain(path, line, text):
    findings.append((path, line, text))


def without_comments_and_texts(text):
    """Blank comments and the contents of literals; lines stay where they are."""
    def blank(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece[0] + re.sub(r"[^\n]", " ", piece[1:-1]) + piece[0]
        return re.sub(r"[^\n]", " ", piece)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def quoted_includes(text):
    """(line, name) of each include in quotes."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def room(path):
    """The place of a file's room in ROOMS; None: it is not in core."""
    match = re.match(r"fcgi-app/core/(?:(\w+)/)?", path)
    if match is None:
        return None
    return ROOMS.index(match.group(1)) if match.group(1) in ROOMS else -1


def resolve(tree, path, name):
    """The file that a quoted include means, as the -iquote options of Makefile.am find it; None: there is none."""
    for folder in (os.path.dirname(path), "fcgi-app", "."):
        found = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(tree, found)):
            return found
    return None


def check_quoted_include(tree, path, line, name):
    target = resolve(tree, path, name)
    if target is None:
        complain(path, line, f'"{name}" is not in the tree; use <> for headers of the system')
        return
    if path.startswith("tests/"):                           # tests may look at everything
        return
    if "/" not in name or ".." in name:
        complain(path, line, f'"{name}": name the room, as in "core/merge/resolve.h"')
    own, other = room(path), room(target)
    if other is None:
        allowed = FOLDERS.get(os.path.dirname(path), set())
        if os.path.dirname(target) not in allowed:
            complain(path, line, f"{os.path.dirname(path)} must not know {os.path.dirname(target)}; "
                     "move what is shared down to core")
    elif own is not None and other > own:
        complain(path, line, f"{ROOMS[own]} must not know {ROOMS[other]}, which is above it; turn the dependency round "
                 "(ROOMS of tests/lint.py)")


def check_room(path):
    if room(path) == -1:
        complain(path, 1, "in no room of core; put it into one of " + ", ".join(ROOMS))


def check_includes(tree, path, text):
    for line, name in quoted_includes(text):
        check_quoted_include(tree, path, line, name)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if match is None or path.startswith("tests/"):       # tests may speak to a library without us
            continue
        for pattern, owner in INCLUDERS:
            if re.fullmatch(pattern, match.group(1)) and path not in owner.split("|") and not resolve(tree, path, match.group(1)):
                complain(path, number, f"only {owner} includes {match.group(1)}; call what its header offers")


def unit_of(path):
    """A header, its private half and the file of its name are one."""
    return re.sub(r"_private$", "", path[:-2])


def check_circles(tree):
    """Headers that include each other, and files that do so through their headers."""
    knows = {}
    for path in sources(tree):
        if path.endswith((".c", ".h")) and not path.startswith("tests/"):
            unit = unit_of(path)
            targets = (resolve(tree, path, name) for _, name in quoted_includes(read(tree, path)))
            knows.setdefault(unit, set()).update(unit_of(t) for t in targets if t is not None and unit_of(t) != unit)
    done, path = set(), []

    def walk(unit):
        if unit in path:
            circle = path[path.index(unit):] + [unit]
            complain(unit + ".c" if os.path.isfile(os.path.join(tree, unit + ".c")) else unit + ".h", 1,
                     "circle of includes: " + " -> ".join(circle) + "; move what both need below them")
            return
        if unit in done:
            return
        path.append(unit)
        for other in sorted(knows.get(unit, ())):
            walk(other)
        path.pop()
        done.add(unit)

    for unit in sorted(knows):
        walk(unit)


# headers of tables, whose rows are a file each
FACES = {"fcgi-app/http/handlers.h": "handle_", "fcgi-app/cmd/cmd.h": "cmd_"}
PROTOTYPE = re.compile(r"^(?!static|typedef|#|\s)[A-Za-z_][\w ]*[ *]+(\w+)\([^;{}]*\)[^;{}]*;", re.M)


def check_homes(tree):
    """A header is implemented by the file of its name, or by files that carry its name as prefix, in its room."""
    defined = {}
    texts = {p: without_comments_and_texts(read(tree, p)) for p in sources(tree)
             if p.endswith((".c", ".h")) and not p.startswith("tests/")}
    for path, code in texts.items():
        if path.endswith(".c"):
            for match in re.finditer(r"^(\w+)\([^;]*?\)\n\{", code, re.M):
                defined.setdefault(match.group(1), []).append(path)
    for path, code in texts.items():
        if not path.endswith(".h"):
            continue
        stem = unit_of(path)
        for match in PROTOTYPE.finditer(code):
            homes = defined.get(match.group(1), [])
            good = any(p[:-2] == stem or p.startswith(stem + "_") for p in homes)
            if homes and not good and not match.group(1).startswith(FACES.get(path, " ")):
                complain(path, code.count("\n", 0, match.start()) + 1,
                         f"{match.group(1)} is in {homes[0]}; a header is implemented by files of its name")


def check_banned(path, code):
    for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", code):
        if match.group(1) in BANNED:
            complain(path, code.count("\n", 0, match.start()) + 1,
                     f"{match.group(1)} is banned; use {BANNED[match.group(1)]}")


def check_pure(path, code):
    """Does a file of PURE_ROOMS ask what no change may?"""
    at = room(path)
    if at is None or at < 0 or ROOMS[at] not in PURE_ROOMS or not path.endswith(".c"):
        return
    for match in re.finditer(rf"(?<![\w.>])({IMPURE})\s*\(", code):
        allowed_calls.add((path, match.group(1)))
        if (path, match.group(1)) not in IMPURE_ALLOWED:
            complain(path, code.count("\n", 0, match.start()) + 1,
                     f"{match.group(1)} in a room whose changes follow from state and argument alone; take it before the change, into its argument "
                     "(IMPURE_ALLOWED of tests/lint.py)")


def check_functions(path, code):
    start = 0
    for number, line in enumerate(code.split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > FUNCTION_LINES:
                complain(path, start, f"function of {number - start} lines; at most {FUNCTION_LINES}: cut a piece out of it")
            start = 0


# KNF as far as a line shows it; (pattern over a line without comments and texts, what to do)
LAYOUT = [
    (r"^\t* {5,}\S", "indent with tabs, continue a line with four blanks"),
    (r"\b(if|for|while|switch|return)\(", "a blank between the keyword and ("),
    (r"\)\{$", "a blank before {"),
    (r"^\s*\}\s*\n?$^\s*else", "else stands beside }"),
    (r"^(static |extern )?[a-z_][\w ]*[\w*] \**\w+\(.*\)\s*\{$", "return type and { of a function on lines of their own"),
    (r"\b(char|int|void|size_t|struct \w+)\* \w", "the * stands at the name"),
    (r"^typedef (struct|enum|union)\b", "struct tags without typedef"),
    (r"(==|!=)\s*NULL\s*\?\s*true\s*:\s*false", "the comparison is the value"),
]


def check_layout(path, code):
    for number, line in enumerate(code.split("\n"), 1):
        for pattern, remedy in LAYOUT:
            if re.search(pattern, line):
                complain(path, number, f"layout; {remedy}")


def check_lines(path, text):
    lines = text.split("\n")
    is_c = path.endswith((".c", ".h"))
    # what --lists writes is not to be read
    written = len(re.sub("# lists: begin\n.*?# lists: end\n", "", text, flags=re.S).split("\n")) - 1
    if written > FILE_LINES:
        complain(path, FILE_LINES, f"file of {written} lines; at most {FILE_LINES}: cut a module out of it")
    if text and not text.endswith("\n"):
        complain(path, len(lines), "no newline at the end of the file; add it")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            complain(path, number, "blanks at the end of the line; cut them")
        if is_c and len(line.expandtabs(8)) > COLUMNS:
            complain(path, number, f"{len(line.expandtabs(8))} columns; at most {COLUMNS}: break the line")
        if re.search(r"\b(TODO|FIXME|XX" r"X)\b", line) and not path.endswith("lint.py"):
            complain(path, number, "left open; do it, or file an issue")


def listed(makefile):
    """The lists between the marks of Makefile.am: variable -> names."""
    part = makefile.split("# lists: begin\n")[1].split("# lists: end\n")[0].replace("\\\n", " ")
    return {line.split("=")[0].strip(): line.split("=")[1].split() for line in part.splitlines() if "=" in line}


def packable(tree, name):
    """Is it something of ours that no other list names? Empty folders and what a build or a test run leaves are not."""
    path = os.path.join(tree, name)
    if os.path.isdir(path):
        return os.path.basename(path)[0] not in "._" and any(files for _, _, files in os.walk(path))
    return not name.startswith("tests/unit/test_") and not name.endswith(".o")


def wanted(tree, variable):
    names = set()
    for pattern in LISTS[variable]:
        names.update(os.path.relpath(p, tree) for p in glob.glob(os.path.join(tree, pattern)))
    if variable == "DIST":
        names = {n for n in names if n not in ("tests/unit", "tests/fuzz") and packable(tree, n)}
    if variable == "HELPERS":
        names = {n for n in names if not n.startswith(("tests/unit/", "tests/fuzz/", "tests/mesh/", "tests/faults/", "tests/histories/", "tests/upgrade/"))}
    if variable == "bin_PROGRAMS":
        names = {MAINS[n] for n in names}
    return sorted(n[:-2] if variable in PROGRAMS else n for n in names)


def check_lists(tree, makefile):
    lists = listed(makefile)
    for variable in LISTS:
        there, names = wanted(tree, variable), lists.get(variable, [])
        for name in sorted(set(there) ^ set(names)):
            complain("Makefile.am", 1, f"{name} is {'not' if name in there else 'wrongly'} in {variable}; "
                     "run tests/lint.py --lists")


def write_lists(tree):
    path = os.path.join(tree, "Makefile.am")
    makefile = read(tree, "Makefile.am")
    before, rest = makefile.split("# lists: begin\n")
    after = rest.split("# lists: end\n")[1]
    text = "".join(f"{v} =" + "".join(f" \\\n\t{n}" for n in wanted(tree, v)) + "\n" for v in LISTS)
    text += "".join(f"{re.sub('[^A-Za-z0-9_]', '_', n)}_LDADD = $(FUZZ_LIBS)\n" for n in wanted(tree, "FUZZ"))
    new = f"{before}# lists: begin\n{text}# lists: end\n{after}"
    if new != makefile:
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(new)
        os.replace(path + ".new", path)


def sources(tree):
    for folder in ("fcgi-app", "cron", "tests", "www", "conf", ".ci"):
        for path, folders, names in os.walk(os.path.join(tree, folder)):
            folders[:] = sorted(d for d in folders if d not in ("corpus", "__pycache__", ".deps"))
            for name in sorted(names):
                relative = os.path.relpath(os.path.join(path, name), tree)
                if name.endswith((".c", ".h", ".py", ".js", ".css", ".sh", ".yaml")):
                    yield relative
    yield from (n for n in ("autogen.sh", "configure.ac", "Makefile.am") if os.path.isfile(os.path.join(tree, n)))


def check_tree(tree):
    check_circles(tree)
    check_homes(tree)
    for path in sources(tree):
        text = read(tree, path)
        check_lines(path, text)
        if path.endswith((".c", ".h")):
            code = without_comments_and_texts(text)
            check_room(path)
            check_includes(tree, path, text)
            check_banned(path, code)
            check_layout(path, code)
            check_functions(path, code)
            check_pure(path, code)
        elif path == "Makefile.am":
            check_lists(tree, text)
    for path, name in sorted(set(IMPURE_ALLOWED) - allowed_calls):
        complain(path, 1, f"{name} is not called here any more; take it out of IMPURE_ALLOWED of tests/lint.py")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--lists"]
    tree = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if "--lists" in sys.argv:
        write_lists(tree)
        return 0
    check_tree(tree)
    for path, line, text in sorted(findings):
        print(f"{path}:{line}: {text}")
    print(f"lint: {len(findings)} findings" if findings else "lint: nothing to complain about")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
