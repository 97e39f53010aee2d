#!/usr/bin/env python3
"""The query language once more, slowly, for comparison with the program's own: written from the description of the wire.

usage: reference.py DRIVER [QUERIES [SEED]]     random rows, queries and orders: DRIVER's answers against those of here

Exit status: 0 all are equal; 1 one is not (it is printed with its rows). Standard library only.
"""
import datetime
import random
import re
import subprocess
import sys
import unicodedata

TEXT = ("organization", "url", "name", "author", "description")
TIME = ("created", "modified", "heartbeat")
FIELDS = ("organization", "created", "modified", "heartbeat", "url", "name", "author", "description", "tags")


COMPARING = ("==", "!=", "<", "<=", ">", ">=", "in")
NOTHING = ("None", "null", "NULL", "nan", "NaN")
APOSTROPHES = "['\u00b4\u02bc\u2018-\u201b\u2032\uff07]"


class NotInTheLanguage(Exception):
    """The whole of the query is then one text to be searched."""


def fold(text):
    """Case folding one character at a time; a character never becomes two."""
    return "".join(c.lower() if len(c.lower()) == 1 else c.lower()[0] for c in text)


def moment(text):
    """An ISO date or date and time as a datetime, else None."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[Tt _](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
                         r"(Z|z|[+-]\d\d:?\d\d)?)?", text, re.ASCII)
    if not match:
        return None
    date, minutes, seconds, fraction, zone = match.groups()
    try:
        when = datetime.datetime.strptime(f"{date} {minutes or '00:00'}:{seconds or '00'}", "%Y-%m-%d %H:%M:%S")
        when = when.replace(microsecond=int(((fraction or "") + "000000")[:6]))
        if zone and zone not in "Zz":
            hours, rest = int(zone[1:3]), int(zone[-2:])
            if hours > 23 or rest > 59:
                return None
            shift = datetime.timedelta(hours=hours, minutes=rest)
            when = when - shift if zone[0] == "+" else when + shift
    except (ValueError, OverflowError):
        return None
    return when


# ---- words ----

BLANKS = "\t-\r \x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
PIECES = re.compile(r"""
    (?P<blank>[""" + BLANKS + r"""]+)
  | (?P<text>"(?:[^"\\\n]|\\.|\\\n)*"|'(?:[^'\\\n]|\\.|\\\n)*')
  | (?P<raw>[rR](?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
  | (?P<word>\w+)
  | (?P<sign>==|!=|<=|>=|=~|&&|\|\||[<>~&|@.,()\[\]≠≤≥])
""", re.VERBOSE | re.DOTALL)
ESCAPE = re.compile(r"\\(\n|[0-7]{1,3}|x.{0,2}|u.{0,4}|U.{0,8}|.)", re.DOTALL)
LETTERS = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
           "\n": ""}


def unescape(match):
    code = match.group(1)
    if code in LETTERS:
        return LETTERS[code]
    if code[0] in "01234567":
        number = int(code, 8)
    elif code[0] in "xuU":
        if not re.fullmatch(r"x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}", code):
            raise NotInTheLanguage("truncated escape")
        number = int(code[1:], 16)
    else:
        return "\\" + code
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise NotInTheLanguage("no such character")
    return chr(number)


SIGNS = {"&": "and", "&&": "and", "|": "or", "||": "or", "≠": "!=", "≤": "<=", "≥": ">="}


def words_of(query):
    found, at = [], 0
    while at < len(query):
        match = PIECES.match(query, at)
        if not match:
            raise NotInTheLanguage(f"at {at}")
        at = match.end()
        kind, value = match.lastgroup, match.group()
        if kind == "blank":
            continue
        if kind == "text":
            value = ESCAPE.sub(unescape, value[1:-1])
        elif kind == "raw":
            kind, value = "text", value[2:-1]
        elif kind == "word" and value in ("and", "or", "not", "in"):
            kind = "sign"
        elif kind == "sign":
            value = SIGNS.get(value, value)
        found.append((kind, value))
    return found


# ---- grammar: each function takes the words left and gives (meaning, words left) ----
# A test means a function of a row. An operand is ("text", str), ("field", name) or ("list", [str]).

def sign(words):
    return words[0][1] if words and words[0][0] == "sign" else None


def want(words, *signs):
    for s in signs:
        if sign(words) != s:
            raise NotInTheLanguage(f"{s} is missing")
        words = words[1:]
    return words


def any_test(words):
    left, words = all_tests(words)
    while sign(words) == "or":
        right, words = all_tests(words[1:])
        left = (lambda a, b: lambda row: a(row) or b(row))(part_of(left), part_of(right))
    return left, words


def all_tests(words):
    left, words = not_test(words)
    while sign(words) == "and":
        right, words = not_test(words[1:])
        left = (lambda a, b: lambda row: a(row) and b(row))(part_of(left), part_of(right))
    return left, words


def not_test(words):
    if sign(words) in ("not", "~"):
        inner, words = not_test(words[1:])
        inner = part_of(inner)
        return (lambda row: not inner(row)), words
    return one_test(words)


def test_only(thing):
    if not callable(thing):
        raise NotInTheLanguage("not a test")
    return thing


def part_of(thing):
    """A part of and, or, not: a test, or a text to search for."""
    if callable(thing) or thing[0] != "text":
        return test_only(thing)
    ways = written(thing[1])
    return lambda row: any(way in plain(search_text(row)) for way in ways)


def operand_only(thing):
    if callable(thing):
        raise NotInTheLanguage("a test compared")
    return thing


def text_field(thing):
    if callable(thing) or thing[0] != "field" or thing[1] not in TEXT:
        raise NotInTheLanguage("not a text field")
    return thing[1]


def one_test(words):
    left, words = operand(words)
    if sign(words) in ("~", "=~"):
        operator = sign(words)
        field = text_field(left)
        right, words = operand(words[1:])
        if callable(right) or right[0] != "text":
            raise NotInTheLanguage("text wanted")
        if operator == "~":
            part = fold(right[1])
            return (lambda row: row[field] is not None and part in fold(row[field])), words
        try:
            pattern = re.compile(right[1])
        except re.error as error:
            raise NotInTheLanguage(str(error))
        return (lambda row: row[field] is not None and pattern.search(row[field]) is not None), words
    tests = []
    while True:
        operator = sign(words)
        if operator == "not":
            words = want(words, "not", "in")
            operator = "not in"
        elif operator in COMPARING:
            words = words[1:]
        else:
            break
        if (not tests and operator in ("==", "!=") and not callable(left) and left[0] == "field" and words and words[0][0] == "word"
                and words[0][1] in NOTHING and sign(words[1:]) not in COMPARING):
            field = left[1]
            return (lambda row: (row[field] is None) == (operator == "==")), words[1:]
        right, words = operand(words)
        tests.append((left, operator, right))
        left = right
    if len(tests) == 1 and not callable(tests[0][0]) and tests[0][0][0] == "text" and tests[0][1:] in (
            ("in", ("field", "tags")), ("not in", ("field", "tags"))):
        (_, tag), operator, _ = tests[0]
        return (lambda row: (tag in row["tags"]) == (operator == "in")), words
    tests = [comparison(operand_only(a), operator, operand_only(b)) for a, operator, b in tests]
    if tests:
        return (lambda row: all(test(row) for test in tests)), words
    return left, words


def text_list(words, end):
    items = []
    while sign(words) != end:
        if not words or words[0][0] != "text":
            raise NotInTheLanguage("a list holds texts")
        items.append(words[0][1])
        words = words[1:]
        if sign(words) != end:
            words = want(words, ",")
    return items, words[1:]


def operand(words):
    if not words:
        raise NotInTheLanguage("the end")
    kind, value = words[0]
    if kind == "text":
        return ("text", value), words[1:]
    if kind == "word":
        if value not in FIELDS:
            raise NotInTheLanguage(f"{value} is no field")
        if sign(words[1:]) == ".":
            return method(value, words[2:])
        return ("field", value), words[1:]
    if value == "[":
        items, words = text_list(words[1:], "]")
        return ("list", items), words
    if value == "@":
        if words[1:2] != [("word", "tag")]:
            raise NotInTheLanguage("@tag")
        (name,), words = arguments(words[2:], 1)
        if name[0] != "text":
            raise NotInTheLanguage("@tag takes a text")
        return (lambda row: name[1] in row["tags"]), words
    if value == "(":
        if sign(words[1:]) == ")":
            return ("list", []), words[2:]
        inner, rest = any_test(words[1:])
        if not callable(inner) and inner[0] == "text" and sign(rest) == ",":
            items, rest = text_list(words[1:], ")")
            return ("list", items), rest
        return inner, want(rest, ")")
    raise NotInTheLanguage(value)


def arguments(words, count):
    words = want(words, "(")
    found = []
    while sign(words) != ")":
        argument, words = operand(words)
        found.append(operand_only(argument))
        if sign(words) != ")":
            words = want(words, ",")
    if len(found) != count:
        raise NotInTheLanguage("arguments")
    return found, words[1:]


def method(field, words):
    name = words[0][1] if words else ""
    words = words[1:]
    if name == "str" and sign(words) == ".":
        name = "str." + (words[1][1] if words[1:] else "")
        words = words[2:]
    if name in ("isnull", "isna", "notnull", "notna"):
        _, words = arguments(words, 0)
        null = name in ("isnull", "isna")
        return (lambda row: (row[field] is None) == null), words
    if name == "isin":
        (items,), words = arguments(words, 1)
        if items[0] != "list":
            raise NotInTheLanguage("isin takes a list")
        return comparison(("field", field), "in", items), words
    if name in ("str.contains", "str.startswith", "str.endswith") and field in TEXT:
        (part,), words = arguments(words, 1)
        if part[0] != "text":
            raise NotInTheLanguage("a text")
        does = {"str.contains": lambda s: part[1] in s, "str.startswith": lambda s: s.startswith(part[1]),
                "str.endswith": lambda s: s.endswith(part[1])}[name]
        return (lambda row: row[field] is not None and does(row[field])), words
    raise NotInTheLanguage(f"no method {name}")


# ---- comparing ----

ORDERS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
OPPOSITE = {"!=": "==", "not in": "in"}


def getter(side, is_time):
    """The value of an operand for a row; texts that are compared with times are moments."""
    if side[0] == "field":
        return lambda row: row[side[1]]
    value = moment(side[1]) if is_time else side[1]
    return lambda row: value


def comparison(left, operator, right):
    if operator in OPPOSITE:
        test = comparison(left, OPPOSITE[operator], right)
        return lambda row: not test(row)
    sides = (left, right)
    if ("field", "tags") in sides:
        raise NotInTheLanguage("tags are compared by @tag")
    lists = [s for s in sides if s[0] == "list"]
    times = [s for s in sides if s[0] == "field" and s[1] in TIME]
    texts = [s for s in sides if s[0] == "field" and s[1] in TEXT]
    if times and texts:
        raise NotInTheLanguage("a time and a text")
    if lists:
        if len(lists) == 2 or operator not in ("==", "in"):
            raise NotInTheLanguage("lists")
        single = right if left[0] == "list" else left
        items = lists[0][1]
        if times:
            items = [m for m in map(moment, items) if m is not None]
        get = getter(single, False)
        return lambda row: get(row) is not None and get(row) in items
    if operator == "in":
        if left[0] == right[0] == "field":
            raise NotInTheLanguage("in of two fields")
        a, b = getter(left, times), getter(right, times)
        return lambda row: None not in (a(row), b(row)) and a(row) == b(row)
    a, b = getter(left, times), getter(right, times)
    if operator == "==":
        if times:
            literal = next((s[1] for s in sides if s[0] == "text"), None)
            if literal == "" or literal is None:        # against "" or another time: null is equal to null
                return lambda row: a(row) == b(row)
            return lambda row: None not in (a(row), b(row)) and a(row) == b(row)
        return lambda row: (a(row) or "") == (b(row) or "")
    if times and any(s[0] == "text" and moment(s[1]) is None for s in sides):
        raise NotInTheLanguage("not a time")
    return lambda row: None not in (a(row), b(row)) and ORDERS[operator](a(row), b(row))


# ---- what the service does with q and by ----

def search_text(row):
    return " ".join([row["organization"] or "", row["name"] or "", row["author"] or "", row["description"] or "",
                     " ".join(row["tags"])])


def trim(text):
    return re.sub(f"^[{BLANKS}]+|[{BLANKS}]+$", "", text)


def plain(text):
    """What full text compares: folded, with one blank for any run of blanks."""
    return re.sub(f"[{BLANKS}]+", " ", fold(text))


def written(text):
    """A text, and what else may be meant: letters composed, wide ones narrow, apostrophes and hyphens of keyboards or of print."""
    def seen(form):
        return re.sub("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]", "", unicodedata.normalize(form, text))
    keys = re.sub("[\u2010-\u2013\u2212]", "-", re.sub("[\u201c-\u201f\u00ab\u00bb]", '"', re.sub(APOSTROPHES, "'", seen("NFKC"))))
    return {plain(way) for way in (text, seen("NFC"), keys, re.sub(APOSTROPHES, "\u2019", seen("NFC")))}


def predicate(query):
    """(kind, function of a row); kind is all, language or fulltext."""
    trimmed = trim(query)
    if query == "":
        return "all", lambda row: True
    words = None
    try:
        words = words_of(query)
        if len(words) == 1 and words[0][0] == "text":
            ways = written(words[0][1])
            return "language", lambda row: any(way in plain(search_text(row)) for way in ways)
        test, rest = any_test(words)
        if rest:
            raise NotInTheLanguage("more words")
        return "language", test_only(test)
    except NotInTheLanguage:
        ways = written(trimmed)
        return "fulltext", lambda row: any(way in plain(search_text(row)) for way in ways)


def ordered(rows, by):
    """(the answer's by, rows in order)."""
    keys, shown = [], []
    for item in fold(by).split(",") if by else []:
        item = trim(item)
        shown.append(item)
        parts = item.split(":")
        field, direction = trim(parts[0]), trim(parts[-1]) if len(parts) > 1 else ""
        if field not in FIELDS:
            keys, shown = [], [f"KeyError: {field!r}"]
            break
        if field not in [k for k, _ in keys]:
            keys.append((field, not "ascending".startswith(direction)))
    text = ", ".join(shown) or "name, url"
    result = list(rows)
    for field, descending in reversed(keys + [("name", False), ("url", False)]):
        if field == "tags":
            def value(row, down=descending):
                return "+".join(sorted(row["tags"], reverse=down))
        else:
            def value(row, name=field):
                return row[name]
        known = [row for row in result if value(row) is not None]
        null = [row for row in result if value(row) is None]
        # sorted() keeps the order of equals in both directions
        result = sorted(known, key=value, reverse=descending) + null
    return text, result


def answer(rows, query, by, skip, take):
    kind, test = predicate(query)
    text, found = ordered([row for row in rows if test(row)], by)
    return kind, text, [row["ref"] for row in found[skip:skip + take]]


# ---- random rows, queries and orders ----

SOME = ["", "a", "b", "ab", "Agent", "agent", "Agent Alpha", "Agent Alpha Bravo", "Zoë", "ZOË", "İx", "K", "ß", "Ⱥb",
        "日本", "🙂", "x y", "tom@x.de", "+", "a+b", "100%", "\\d", "it's", 'say "x"', "%", "abababac", "ababac", "\t",
        "a  b", "a \tb", "\u00a0a b\u3000", "a\u2003b", " a"]
TIMES = ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2025-12-31 23:59:59.999999", "2026-06-01",
         "1969-12-31", "x", "", "2026-13-01", "2026-02-29", "2026-06-01T12:00", "20260601", "2026-06-01T12:00:00.5Z"]
BY = ["name", "url", "author", "organization", "created", "modified", "heartbeat", "description", "tags", "name:d", "tags:d", "\u00a0author\u3000:\u2003d",
      "author:desc", "created:d", "heartbeat:descending", "Name:ASC", " name : d ", "organization:a:d", "url:x", "name:",
      "nosuch", "", "description:d", "modified:d", "organization:d"]


def some_text(r):
    if r.random() < 0.7:
        return r.choice(SOME)
    return "".join(r.choice("aAbB éÉ+ß\"'\\K") for _ in range(r.randrange(20)))


def random_rows(r):
    rows = []
    for ref in range(r.choice([0, 1, 5, 12, 30])):
        row = {"ref": ref}
        for field in TEXT:
            row[field] = None if r.random() < 0.2 and field not in ("url", "name") else some_text(r)
        for field in TIME:
            row[field] = moment(r.choice(TIMES)) if r.random() < 0.7 else None
        row["tags"] = [some_text(r) for _ in range(r.choice([0, 0, 1, 1, 2, 3, 5]))]
        rows.append(row)
    return rows


def quoted(r, text):
    if r.random() < 0.1:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 65536 else f"\\U{ord(c):08x}" for c in text) + '"'
    quote = r.choice("\"'")
    text = text.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", "\\n")
    return quote + text + quote


def random_field(r):
    return r.choice(TEXT * 3 + TIME + ("tags",)) if r.random() < 0.98 else "nosuch"


def random_operand(r, depth=0):
    kind = r.random()
    if kind < 0.4:
        return random_field(r)
    if kind < 0.75:
        return quoted(r, some_text(r) if r.random() < 0.8 else r.choice(TIMES))
    if kind < 0.9:
        items = [quoted(r, some_text(r) if r.random() < 0.8 else r.choice(TIMES)) for _ in range(r.randrange(5))]
        if r.random() < 0.5:
            return "[" + ", ".join(items) + r.choice(["", "", ","] if items else [""]) + "]"
        return "(" + ",".join(items) + ("," if len(items) == 1 else "") + ")"
    return "(" + random_operand(r, depth + 1) + ")" if depth < 3 else "name"


def random_test(r):
    kind, space = r.random(), r.choice(["", " ", " ", "  "])
    if kind < 0.30:
        field = random_field(r)
        value = r.choice(TIMES) if field in TIME else some_text(r)
        return field + space + r.choice(["==", "!=", "<", "<=", ">", ">=", " in ", " not in "]) + space + quoted(r, value)
    if kind < 0.33:
        return quoted(r, some_text(r))
    if kind < 0.45:
        return random_field(r) + space + "~" + space + quoted(r, some_text(r))
    if kind < 0.50:
        return r.choice(TEXT) + space + "=~" + space + quoted(r, r.choice(
            ["^A", "[ab]+$", "Agent (Alpha|Bravo)", "^$", ".", "(?i)AGENT", "o|ö|ë", "[", "(a+)+b", "\\bb"]))
    if kind < 0.60:
        return "@tag(" + quoted(r, some_text(r)) + ")"
    if kind < 0.62:
        return random_field(r) + space + r.choice(["==", "!=", "<"]) + space + r.choice(NOTHING)
    if kind < 0.75:
        name = r.choice(["isnull", "notnull", "notna", "isna", "str.contains", "str.startswith", "str.endswith", "isin", "len"])
        argument = quoted(r, some_text(r)) if name.startswith("str.") else ""
        if name == "isin":
            argument = "[" + ", ".join(quoted(r, some_text(r)) for _ in range(r.randrange(4))) + "]"
        return random_field(r) + "." + name + "(" + argument + ")"
    chain = random_operand(r)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        chain += space + r.choice(["==", "!=", "<", "<=", ">", ">=", " in ", " not in "]) + space + random_operand(r)
    return chain


def random_query(r, depth=0):
    kind = r.random()
    if depth > 3 or kind < 0.45:
        return random_test(r)
    if kind < 0.60:
        return r.choice(["not ", "~", "~ ", "not not "]) + random_query(r, depth + 1)
    if kind < 0.75:
        return "(" + random_query(r, depth + 1) + ")"
    parts = [random_query(r, depth + 1) for _ in range(r.choice([2, 2, 3]))]
    return r.choice([" and ", " or ", "&", " & ", "|", " | ", " && ", "||", "\u00a0and\u3000"]).join(parts)


def random_asked(r):
    kind = r.random()
    if kind < 0.05:
        return r.choice([some_text(r), '"' + some_text(r) + '"', some_text(r)[1:3], " ",
                         " " + some_text(r) + "\u00a0", some_text(r) + r.choice([" ", "  ", "\u3000"]) + some_text(r)]).replace("\t", " ")
    query = random_query(r)
    while "=~" not in query and r.random() < 0.12:          # re and PCRE2 read broken expressions differently
        at = r.randrange(len(query) + 1)
        query = query[:at] + r.choice(["", "\"", "(", ")", " x ", "=", "~", "\\", ",", "not ", "🙂", "name"]) + \
            query[at + r.randrange(3):]
    return query


def escape(text):
    return "\\N" if text is None else (text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
                                       .replace("\r", "\\r").replace("|", "\\p"))


def time_text(when):
    return "\\N" if when is None else when.isoformat() + "Z"


def row_line(row):
    fields = [escape(row["organization"])] + [time_text(row[f]) for f in TIME]
    fields += [escape(row[f]) for f in ("url", "name", "author", "description")]
    fields.append("|".join(escape(t) or "\\0" for t in row["tags"]))
    return "R " + "\t".join(fields)


def compare(driver, queries, seed):
    r = random.Random(seed)
    lines, wanted, rows = [], [], []
    for number in range(queries):
        if number % 20 == 0:
            rows = random_rows(r)
            lines += ["N"] + [row_line(row) for row in rows]
        query, by = random_asked(r), ", ".join(r.choice(BY) for _ in range(r.choice([0, 1, 1, 2, 3])))
        skip, take = r.choice([(0, 1000), (0, 1000), (0, 3), (2, 4), (7, 1), (100, 5), (0, 0)])
        lines.append(f"Q {escape(query)}\t{escape(by)}\t{skip}\t{take}")
        wanted.append((rows, query, by, answer(rows, query, by, skip, take)))
    output = subprocess.run([driver], input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8")
    answers = output.stdout.split("\n")[:-1]
    kinds = {}
    for (rows, query, by, want_this), got in zip(wanted, answers):
        line = "\t".join([want_this[0], want_this[1], " ".join(map(str, want_this[2]))])
        kinds[want_this[0]] = kinds.get(want_this[0], 0) + 1
        if got != line:
            print(f"q    {query!r}\nby   {by!r}\nwant {line!r}\ngot  {got!r}")
            print("\n".join(row_line(row) for row in rows))
            return 1
    if output.returncode != 0 or len(answers) != queries:
        print(f"driver: status {output.returncode}, {len(answers)} of {queries} answers\n{output.stdout[-500:]}{output.stderr[-3000:]}")
        return 1
    print(f"{queries} queries from seed {seed}: equal rows in equal order; " +
          ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(compare(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000,
                     int(sys.argv[3]) if len(sys.argv) > 3 else 1))
