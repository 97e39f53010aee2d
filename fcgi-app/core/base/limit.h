/*
 * Every ceiling on input from outside: a name, a unit, a reason. What is over one is refused with a
 * clear 4xx, never cut off. A node over a ceiling is left out and named, so that one flow cannot
 * shut out a whole registry.
 */
#ifndef KODO_LIMIT_H
#define KODO_LIMIT_H

/* the length that browsers and servers agree on */
#define LIMIT_URL_BYTES		2048u
/* name, author, organization, status of a flow or node: one line for people */
#define LIMIT_NAME_BYTES	1024u
#define LIMIT_DESCRIPTION_BYTES	65536u	/* a page of text, not a book */
#define LIMIT_TAG_BYTES		256u	/* a word or two */
#define LIMIT_TAGS		64u	/* per flow */
/* what people may ask to find a flow: ARD wants as many */
#define LIMIT_QUERIES_LEAST	2u
#define LIMIT_QUERIES		5u
#define LIMIT_QUERY_TEXT_BYTES	512u	/* one of them: a sentence */
#define LIMIT_NODE_FLOWS	100000u	/* flows of one node */
/* a node in chunks, as it is stored; some 50,000 flows of the usual size */
#define LIMIT_NODE_BYTES	(16u << 20)
/* nodes in one body; the body ceiling is reached first */
#define LIMIT_BODY_NODES	1000000u
/*
 * The nodes of a body, as they are stored: bytes, and besides so many times the body. A long url or
 * organization is repeated in each flow, so that 30 KB could become 3 MB. Flows as people write
 * them take 2 times, the shortest that there are 7 times, with a url of 40 bytes.
 */
#define LIMIT_STORED_BYTES	4096u
#define LIMIT_STORED_TIMES	8u
#define LIMIT_MESSAGES		1000u	/* lines of `message` in one body */
#define LIMIT_DISCONNECT_URLS	100000u	/* urls in one disconnect */
/*
 * peers that signed off and whose acknowledged sequence is remembered (expire.c). Some thousand may
 * leave at once at the end of a registry; without a ceiling strangers decide how much is stored
 */
#define LIMIT_SIGNED_OFF	4096u
/* of a field Signature-Input or Signature, to which proxies may have added their own */
#define LIMIT_SIGNATURE_BYTES	4096u
#define LIMIT_DEPTH		32u	/* nesting of JSON and YAML; ours needs 6 */
#define LIMIT_QUERY_BYTES	8192u	/* raw query string, and q by itself */
/* a q over these two is searched as one text (PROTOCOL.md) */
#define LIMIT_QUERY_DEPTH	64u	/* nesting of parentheses and nots in q */
#define LIMIT_QUERY_NODES	1024u	/* operators and texts in q */
/*
 * All regular expressions of a request: steps of the interpreter (about 10 ns each), and so many
 * more a row. The time, likewise, is some five times that of the steps.
 */
#define LIMIT_REGEX_STEPS	400000u
#define LIMIT_REGEX_ROW_STEPS	22u
#define LIMIT_REGEX_NS		50000000
#define LIMIT_REGEX_ROW_NS	1500
/*
 * Tests of a query on rows, in steps of about 10 ns: one a test, one for 16 characters searched. A
 * fifth of a second, and 1 us a row: dozens of tests on each of a million flows.
 */
#define LIMIT_QUERY_STEPS	20000000u
#define LIMIT_QUERY_ROW_STEPS	100u
#define LIMIT_WORDS		32u	/* of words=: a long sentence */
#define LIMIT_WORD_BYTES	256u	/* one of them, or a phrase */
#define LIMIT_BY_FIELDS		16u	/* sort fields in by */
#define LIMIT_VERSION_MAX	((1ull << 53) - 1)	/* what a JSON number holds exactly */
/* a version from further in the future is a broken clock */
#define LIMIT_VERSION_AHEAD_US	(30ll * 86400 * 1000000)
/* an answer of a peer; more is cut off and counts as garbage */
#define LIMIT_ANSWER_BYTES	(16u << 20)
/* the same of peers that no operator named: an acknowledgement, and some tombstones */
#define LIMIT_ANSWER_OTHERS_BYTES 65536u
/* nodes in our answer to a feeding caller; the rest follows as updates */
#define LIMIT_ANSWER_NODES_BYTES (4u << 20)
/* a larger answer goes to an unlinked file before it is sent */
#define LIMIT_SPILL_BYTES	(1u << 20)
/*
 * the same where its process serves others meanwhile: what the buffer of a socket takes at once,
 * however slow the client is
 */
#define LIMIT_SHARED_SPILL_BYTES (128u << 10)
/* a token with the roles of a user in some hundred clients of its issuer; heads end at 64 KiB */
#define LIMIT_JWT_BYTES		16384u
/* members of an object of a token: they are compared with one another */
#define LIMIT_JWT_MEMBERS	128u
/* a key set of an issuer, with certificates; the usual one has 2 to 10 keys in 1 to 20 KB */
#define LIMIT_JWKS_BYTES	(256u << 10)
#define LIMIT_JWKS_KEYS		100u

#endif
