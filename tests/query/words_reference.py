"""Words once more, slowly, for comparison with the program's own: written from PROTOCOL.md's *Words*.

rank(words, item) gives the rank of an item of /flows, None where it has not got them; order(words, items) the items that have them,
the best first; meant(words, items) what is searched for instead. Standard library only.
"""
import functools
import re
import unicodedata

from reference import BLANKS, fold

PLACES = {"name": 0, "tags": 2, "author": 4, "organization": 4, "description": 6}
FIELDS = {"name": "name", "tag": "tags", "tags": "tags", "author": "author", "org": "organization", "organization": "organization",
          "description": "description"}
QUOTES, DASHES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb', "-\u2010\u2011\u2012\u2013\u2212"
APOSTROPHES = "'\u00b4\u02bc\u2018\u2019\u201a\u201b\u2032\uff07"
BLANK = re.compile("[" + BLANKS + "]+")
TERM = re.compile("(?P<without>[" + DASHES + "](?=[^" + BLANKS + "]))?"
                  "(?:(?P<field>" + "|".join(FIELDS) + "):(?=[^" + BLANKS + "]))?"
                  "(?:[" + QUOTES + "](?P<phrase>[^" + QUOTES + "]*)[" + QUOTES + "]?|(?P<word>[^" + BLANKS + QUOTES + "]+))", re.I)


def is_letter(c):
    return c != "_" and (unicodedata.category(c)[0] in "LM" or unicodedata.category(c) in ("Nd", "Nl", "Pc"))


def is_unspaced(c):
    return any(first <= ord(c) <= last for first, last in (
        (0xe00, 0xeff), (0x1000, 0x109f), (0x1780, 0x17ff), (0x3040, 0x30ff), (0x31f0, 0x31ff), (0x3400, 0x4dbf), (0x4e00, 0x9fff),
        (0xf900, 0xfaff), (0xff66, 0xff9f), (0x20000, 0x3ffff)))


def is_inside(text, at):
    """Is that place inside of a word?"""
    return 0 < at < len(text) and all(is_letter(c) and not is_unspaced(c) for c in text[at - 1:at + 1])


def ways(text):
    """The text and other ways to write it, folded."""
    narrow = unicodedata.normalize("NFKC", text)
    for group, key in ((APOSTROPHES, "'"), (QUOTES, '"'), (DASHES, "-")):
        narrow = re.sub("[" + re.escape(group) + "]", key, narrow)
    composed = unicodedata.normalize("NFC", text)
    every = {text} if text.isascii() and "'" not in text else {
        text, composed, narrow, re.sub("[" + re.escape(APOSTROPHES) + "]", "\u2019", composed)}
    return {BLANK.sub(" ", fold(way)) for way in every}


def terms(words):
    """(without, fields, is_phrase, ways, span) of each word and phrase."""
    for match in TERM.finditer(words):
        part = "word" if match["word"] is not None else "phrase"
        text = match[part]
        if any(is_letter(c) or (ord(c) > 127 and c not in QUOTES + DASHES + APOSTROPHES and not BLANK.match(c)) for c in text):
            fields = [FIELDS[match["field"].lower()]] if match["field"] else list(PLACES)
            yield match["without"] is not None, fields, part == "phrase", ways(BLANK.sub(" ", text).strip(" ")), match.span(part)


def texts(item, field):
    """The field folded, each run of blanks as one; remembered in the item."""
    folded = item.setdefault("folded", {})
    if field not in folded:
        value = item[field]
        folded[field] = BLANK.sub(" ", fold(" ".join(value) if field == "tags" else value or ""))
    return folded[field]


def term_rank(fields, is_phrase, wanted, item):
    best = None
    for field in fields:
        text = texts(item, field)
        for way in filter(text.__contains__, wanted):
            for match in re.finditer("(?=" + re.escape(way) + ")", text):
                end = match.start() + len(way)
                whole = not is_inside(text, end)
                if not is_inside(text, match.start()) and (whole or not is_phrase):
                    rank = PLACES[field] + (not whole)
                    best = rank if best is None else min(best, rank)
    return best


def rank(words, item):
    total = 1
    for without, fields, is_phrase, wanted, _ in terms(words):
        found = term_rank(fields, is_phrase, wanted, item)
        if (found is None) != without:
            return None
        total += found or 0
    return total


def order(words, items):
    found = [(rank(words, item), item["name"], item["url"], item) for item in items]
    return [row[3] for row in sorted((row for row in found if row[0] is not None), key=lambda row: row[:3])]


@functools.lru_cache(None)
def is_near(a, b):
    """Is b a with one letter more, less, other, or two side by side changed?"""
    edits = {a[:i] + a[i + 1:] for i in range(len(a))} | {a[:i] + a[i + 1] + a[i] + a[i + 2:] for i in range(len(a) - 1)}
    return b in edits or (len(a) == len(b) and sum(x != y for x, y in zip(a, b)) == 1) or (
        len(b) == len(a) + 1 and any(b[:i] + b[i + 1:] == a for i in range(len(b))))


def meant(words, items):
    """The text that is searched for instead of words that nothing has; None: nothing is near."""
    out, last = "", 0
    for without, fields, is_phrase, wanted, span in terms(words):
        word = BLANK.sub(" ", fold(words[slice(*span)]))
        if without or is_phrase or len(word) < 3 or not all(map(is_letter, word)):
            continue
        if any(term_rank(fields, False, {word}, item) is not None for item in items):
            continue
        count = {}
        for item in items:
            for field in fields:
                for found in "".join(c if is_letter(c) else " " for c in texts(item, field)).split():
                    near = [n for n in range(len(word) - 1, len(word) + 2) if (3 if n == len(found) else 4) <= n <= len(found) and is_near(word, found[:n])]
                    for n in [len(found)] if len(found) in near else near[:1]:
                        count.setdefault(found[:n], [0, 0])[n < len(found)] -= 1
        if count:
            out += words[last:span[0]] + min(
                count, key=lambda text: (count[text][0] == 0, text[0] != word[0], count[text], text))
            last = span[1]
    return out + words[last:] if out else None
