/* Which fields of its argument the entry of each kind has, and what is said after it. */
#include "core/cluster/entry_private.h"
#include "core/exchange/flow_probe.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/exchange/stranger.h"
#include "core/import/walk_private.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"

#define SIZE(s, m)	sizeof(((struct s *)NULL)->m)
#define AT(s, m)	.at = offsetof(struct s, m)
#define NUMBER(s, m)	{ FIELD_NUMBER, AT(s, m), .size = SIZE(s, m) }
#define BELOW(s, m, n)	{ FIELD_NUMBER, AT(s, m), .size = SIZE(s, m), .max = (n) }
#define BOOL(s, m)	{ FIELD_BOOL, AT(s, m), .size = SIZE(s, m) }
#define TIME(s, m)	{ FIELD_TIME, AT(s, m), .size = SIZE(s, m) }
#define BYTES(s, m)	{ FIELD_BYTES, AT(s, m), .size = SIZE(s, m) }
#define TEXT(s, m)	{ FIELD_TEXT, AT(s, m) }
#define WORDS(s, m)	{ FIELD_WORDS, AT(s, m) }
#define CHARS(s, m)	{ FIELD_CHARS, AT(s, m), .size = SIZE(s, m) }
#define GROUP(s, m, of)	{ FIELD_GROUP, AT(s, m), .shape = &(of) }
#define POINTER(s, m, of) { FIELD_POINTER, AT(s, m), .shape = &(of) }
#define INTO(s, m, of)	{ FIELD_INTO, AT(s, m), .shape = &(of) }
#define COUNT(s, n)	.n_at = offsetof(struct s, n), .n_size = SIZE(s, n)
#define LIST(s, m, n, of) { FIELD_LIST, AT(s, m), COUNT(s, n), .shape = &(of) }
#define ARRAY(s, m, n, of, most) \
	{ FIELD_ARRAY, AT(s, m), COUNT(s, n), .shape = &(of), .max = (most) }
#define SHAPE(s, fields) { fields, sizeof(fields) / sizeof(fields[0]), sizeof(struct s) }
#define NONE(s)		{ NULL, 0, sizeof(struct s) }

/* A struct of one number. */
struct id { uint32_t n; };
struct time { int64_t us; };
struct wide { uint64_t n; };
static const struct field id_fields[] = { NUMBER(id, n) };
static const struct shape id_shape = SHAPE(id, id_fields);
static const struct field time_fields[] = { TIME(time, us) };
static const struct field wide_fields[] = { NUMBER(wide, n) };

/* --- who spoke, and what --- */

static const struct field rotation_fields[] = { BYTES(rotation, key),
	BYTES(rotation, signature) };
static const struct shape rotation_shape = SHAPE(rotation, rotation_fields);
static const struct field signer_fields[] = { BYTES(signer, key),
	ARRAY(signer, former, n_former, rotation_shape, OWN_KEY_FORMER),
	NUMBER(signer, created_s) };
static const struct shape signer_shape = SHAPE(signer, signer_fields);
static const struct field speaker_fields[] = { BOOL(speaker, is_signed),
	GROUP(speaker, signer, signer_shape), TEXT(speaker, from), BOOL(speaker, has_address),
	BYTES(speaker, address) };
static const struct shape speaker_shape = SHAPE(speaker, speaker_fields);
/* in this order: the first one sets all of it */
static const struct field body_fields[] = { { FIELD_BODY, .at = 0 },
	POINTER(wire_body, speaker, speaker_shape) };
static const struct shape body_shape = SHAPE(wire_body, body_fields);

static const struct field post_fields[] = { POINTER(change_post, b, body_shape) };
static const struct field left_out_fields[] = { TEXT(wire_left_out, url),
	TEXT(wire_left_out, reason) };
static const struct shape left_out_shape = SHAPE(wire_left_out, left_out_fields);
static const struct field receipt_fields[] = { BOOL(receipt, known), BOOL(receipt, removed),
	WORDS(receipt, refusal), NUMBER(receipt, code), BELOW(receipt, level, PIN_LEVELS),
	LIST(receipt, left_out, n_left_out, left_out_shape) };
static const struct shape receipt_shape = SHAPE(receipt, receipt_fields);
static const struct field post_results[] = { INTO(change_post, out, receipt_shape) };

static enum kodo_err
post_complete(struct arena *a, struct entry *e)
{
	struct change_post *q = e->arg;

	if (q->b == NULL && e->head.kind != CHANGE_LEAVE)
		return KODO_EINVAL;
	q->out = arena_zalloc(a, sizeof(*q->out));
	return q->out == NULL ? KODO_ENOMEM : KODO_OK;
}

static const struct field rest_fields[] = { NUMBER(change_rest, caller),
	BOOL(change_rest, has_kodo), NUMBER(change_rest, list),
	LIST(change_rest, nodes.all, nodes.n, id_shape) };

/* --- a start --- */

static const struct field options_fields[] = { { FIELD_OPTIONS, .at = 0 } };
static const struct shape options_shape = SHAPE(options, options_fields);
static const struct field cache_fields[] = { { FIELD_CACHE, .at = 0 } };
static const struct shape cache_shape = SHAPE(wire_cache, cache_fields);
static const struct field start_fields[] = { POINTER(change_start, o, options_shape),
	TEXT(change_start, own), TEXT(change_start, sources), TEXT(change_start, boot),
	BOOL(change_start, is_now), POINTER(change_start, cache, cache_shape) };
static const struct field start_results[] = { TEXT(change_start, before),
	BOOL(change_start, is_start), BOOL(change_start, is_kept) };

static enum kodo_err
start_complete(struct arena *a, struct entry *e)
{
	const struct change_start *start = e->arg;
	struct packed p;

	(void)a;
	e->options = start->o;
	if (start->o == NULL || start->sources.p == NULL || start->boot.p == NULL)
		return KODO_EINVAL;
	return start->own.p == NULL || packed_open(start->own, &p) == KODO_OK ? KODO_OK
	    : KODO_EINVAL;
}

static enum kodo_err
epoch_complete(struct arena *a, struct entry *e)
{
	static const struct options none;

	(void)a;
	e->options = &none;
	return KODO_OK;
}

static const struct field lines_fields[] = { LIST(startup_lines, list, n, body_shape) };

/* --- what people ask for --- */

static const struct field wish_fields[] = { TEXT(change_wish, key), TEXT(change_wish, url),
	TEXT(change_wish, public_key), TIME(change_wish, evicted_us) };
static const struct field wish_results[] = { NUMBER(change_wish, n) };

static const struct field moderation_fields[] = {
	BELOW(moderation_entry, kind, MODERATE_KINDS), BELOW(moderation_entry, verdict, VERDICTS),
	TIME(moderation_entry, since_us), TEXT(moderation_entry, pattern),
	TEXT(moderation_entry, text), BOOL(moderation_entry, any_before),
	BOOL(moderation_entry, any_after), BYTES(moderation_entry, net.net),
	BELOW(moderation_entry, net.bits, 129) };
static const struct shape moderation_shape = SHAPE(moderation_entry, moderation_fields);
static const struct field moderate_fields[] = { POINTER(change_moderate, e, moderation_shape),
	BOOL(change_moderate, forget) };
static const struct field moderate_results[] = { NUMBER(change_moderate, outcome),
	NUMBER(change_moderate, ticket) };

static enum kodo_err
moderate_complete(struct arena *a, struct entry *e)
{
	const struct change_moderate *w = e->arg;

	(void)a;
	return w->e != NULL ? KODO_OK : KODO_EINVAL;
}

static const struct field sweep_fields[] = { BELOW(change_sweep, verdict, VERDICTS),
	NUMBER(change_sweep, peer), NUMBER(change_sweep, next) };
static const struct field sweep_results[] = { NUMBER(change_sweep, next),
	BOOL(change_sweep, is_over) };
static const struct field rejudged_fields[] = { NUMBER(change_rejudged, at.peer),
	NUMBER(change_rejudged, at.ticket), NUMBER(change_rejudged, at.order),
	BOOL(change_rejudged, is_over) };

/* --- what a runner finds --- */

static const struct field round_fields[] = { TIME(change_round, w.seen_us),
	TIME(change_round, w.since_us), TIME(change_round, w.suspect_us),
	TIME(change_round, w.until_us), BOOL(change_round, is_suspect_changed),
	LIST(change_round, expired.all, expired.n, id_shape) };
static const struct field probe_fields[] = { NUMBER(change_probe, node),
	NUMBER(change_probe, flow), TIME(change_probe, result.at_us),
	BELOW(change_probe, result.verdict, PROBE_VERDICTS) };

static const struct field put_off_fields[] = { NUMBER(put_off, peer),
	BELOW(put_off, kind, EXCHANGE_HEARD + 1), NUMBER(put_off, wait_us) };
static const struct shape put_off_shape = SHAPE(put_off, put_off_fields);
static const struct field put_offs_fields[] = {
	ARRAY(put_offs, all, n, put_off_shape, PUT_OFFS) };

static const struct field chunk_fields[] = { NUMBER(exchange_chunk, node),
	NUMBER(exchange_chunk, from), NUMBER(exchange_chunk, to), NUMBER(exchange_chunk, of),
	NUMBER(exchange_chunk, id), NUMBER(exchange_chunk, at) };
static const struct shape chunk_shape = SHAPE(exchange_chunk, chunk_fields);
static const struct field pause_fields[] = { NUMBER(exchange_pause, node),
	TEXT(exchange_pause, why) };
static const struct shape pause_shape = SHAPE(exchange_pause, pause_fields);
/* what is for its sending alone is not here: to, and the body */
static const struct field job_fields[] = { NUMBER(exchange_job, peer),
	BELOW(exchange_job, kind, EXCHANGE_HEARD + 1), BOOL(exchange_job, is_post),
	BOOL(exchange_job, is_stranger), BOOL(exchange_job, is_target), TEXT(exchange_job, url),
	NUMBER(exchange_job, n_nodes), NUMBER(exchange_job, n_flows),
	NUMBER(exchange_job, gen), TIME(exchange_job, begun_us), TEXT(exchange_job, pin),
	NUMBER(exchange_job, pos), NUMBER(exchange_job, gone_pos),
	LIST(exchange_job, nodes, n_ids, id_shape), NUMBER(exchange_job, list_id),
	TEXT(exchange_job, leave_url), TEXT(exchange_job, view), BOOL(exchange_job, is_partial),
	GROUP(exchange_job, chunk, chunk_shape),
	LIST(exchange_job, pauses, n_pauses, pause_shape) };
static const struct shape job_shape = SHAPE(exchange_job, job_fields);
static const struct field result_fields[] = { NUMBER(exchange_result, status),
	TEXT(exchange_result, body), BOOL(exchange_result, is_cut), BOOL(exchange_result, reset),
	WORDS(exchange_result, error), NUMBER(exchange_result, retry_after_s),
	WORDS(exchange_result, moved), POINTER(exchange_result, who, speaker_shape) };
static const struct shape result_shape = SHAPE(exchange_result, result_fields);
static const struct field done_fields[] = { POINTER(outcome, job, job_shape),
	POINTER(outcome, res, result_shape), NUMBER(outcome, sent_bytes) };
static const struct field done_results[] = { CHARS(outcome, note) };

static enum kodo_err
done_complete(struct arena *a, struct entry *e)
{
	struct outcome *oc = e->arg;
	const bool is_message = oc->job != NULL && oc->job->kind < EXCHANGE_NOTHING;

	if (oc->job == NULL || is_message != (e->head.kind == CHANGE_DONE) ||
	    is_message != (oc->res != NULL))
		return KODO_EINVAL;
	if (is_message)
		outcome_read(a, oc, e->head.now_us);
	return KODO_OK;
}

/* --- imports --- */

static const struct field tag_fields[] = { { FIELD_TEXT, .at = 0 } };
static const struct shape tag_shape = SHAPE(str, tag_fields);

static const struct field doc_fields[] = { BELOW(import_doc, kind, IMPORT_KINDS),
	NUMBER(import_doc, depth), BOOL(import_doc, is_next), TEXT(import_doc, url) };
static const struct shape doc_shape = SHAPE(import_doc, doc_fields);
static const struct field work_fields[] = { BELOW(walk_work, step, WALK_SETTLE + 1),
	TEXT(walk_work, slug), GROUP(walk_work, doc, doc_shape), TEXT(walk_work, etag),
	NUMBER(walk_work, walk), BOOL(walk_work, is_listed) };
static const struct shape work_shape = SHAPE(walk_work, work_fields);
static const struct field answer_fields[] = { NUMBER(walk_answer, status),
	TEXT(walk_answer, etag), TEXT(walk_answer, problem), BOOL(walk_answer, is_final),
	BOOL(walk_answer, is_ours), NUMBER(walk_answer, retry_after_s) };
static const struct shape answer_shape = SHAPE(walk_answer, answer_fields);
static const struct field item_fields[] = { TEXT(import_entry, id),
	TEXT(import_entry, space), TEXT(import_entry, slug), TEXT(import_entry, name),
	TEXT(import_entry, description), TEXT(import_entry, author),
	TEXT(import_entry, organization), TEXT(import_entry, target),
	LIST(import_entry, tags, n_tags, tag_shape), BOOL(import_entry, is_gone),
	BOOL(import_entry, is_relayed) };
static const struct shape item_shape = SHAPE(import_entry, item_fields);
static const struct field rival_fields[] = { NUMBER(settle_rival, place),
	NUMBER(settle_rival, node) };
static const struct shape rival_shape = SHAPE(settle_rival, rival_fields);
static const struct field rivals_fields[] = { LIST(settle_rivals, all, n, rival_shape) };
static const struct shape rivals_shape = SHAPE(settle_rivals, rivals_fields);
static const struct field said_fields[] = { TEXT(source, slug), TEXT(source, error),
	TEXT(source, example), NUMBER(source, n_entries), NUMBER(source, n_new),
	NUMBER(source, n_changed), NUMBER(source, n_gone), NUMBER(source, requests),
	NUMBER(source, bytes) };
static const struct shape said_shape = SHAPE(source, said_fields);
static const struct field doubt_fields[] = { TEXT(walk_doubt, slug), TEXT(walk_doubt, space),
	NUMBER(walk_doubt, node), BOOL(walk_doubt, is_own) };
static const struct shape doubt_shape = SHAPE(walk_doubt, doubt_fields);

static const struct field next_fields[] = { TEXT(walk_next, slug) };
static const struct field next_results[] = { GROUP(walk_next, work, work_shape) };
static const struct field page_fields[] = { POINTER(walk_page, work, work_shape),
	POINTER(walk_page, answer, answer_shape), NUMBER(walk_page, n_bytes),
	BELOW(walk_page, kind, IMPORT_KINDS), WORDS(walk_page, why),
	LIST(walk_page, entries, n_entries, item_shape),
	LIST(walk_page, docs, n_docs, doc_shape),
	ARRAY(walk_page, refused, n_refused, id_shape, IMPORT_REFUSALS),
	TEXT(walk_page, example), BOOL(walk_page, is_first), BOOL(walk_page, is_last),
	NUMBER(walk_page, n_live), NUMBER(walk_page, n_again) };
static const struct field page_results[] = { NUMBER(walk_page, live_now),
	NUMBER(walk_page, again_now), BOOL(walk_page, is_over) };
static const struct field settle_fields[] = { TEXT(walk_settling, slug),
	POINTER(walk_settling, rivals, rivals_shape), BOOL(walk_settling, is_full) };
static const struct field settle_results[] = { BOOL(walk_settling, is_done),
	BOOL(walk_settling, is_ended), GROUP(walk_settling, s, said_shape),
	NUMBER(walk_settling, n_refused) };
static const struct field doubts_fields[] = { LIST(walk_doubts, all, n, doubt_shape),
	NUMBER(walk_doubts, position), BOOL(walk_doubts, is_to_store) };
static const struct field walk_wish_fields[] = { TEXT(walk_wish, text),
	BOOL(walk_wish, is_over) };
static const struct field walk_wish_results[] = { CHARS(walk_wish, slug) };

static enum kodo_err
page_complete(struct arena *a, struct entry *e)
{
	const struct walk_page *page = e->arg;

	(void)a;
	return page->work != NULL && page->answer != NULL ? KODO_OK : KODO_EINVAL;
}

static enum kodo_err
settle_complete(struct arena *a, struct entry *e)
{
	const struct walk_settling *g = e->arg;

	(void)a;
	return g->rivals != NULL ? KODO_OK : KODO_EINVAL;
}

#define ROW(c, s, in, out, complete) { &(c), SHAPE(s, in), SHAPE(s, out), complete }
#define PLAIN(c, s, in, complete) { &(c), SHAPE(s, in), NONE(s), complete }
#define BARE(c)		{ &(c), NONE(id), NONE(id), NULL }
#define POST(c)		ROW(c, change_post, post_fields, post_results, post_complete)
#define WISH(c)		ROW(c, change_wish, wish_fields, wish_results, NULL)
#define DONE(c)		ROW(c, outcome, done_fields, done_results, done_complete)

const struct entry_row entry_rows[CHANGE_KINDS] = {
	[CHANGE_CONNECT] = POST(change_connect),
	[CHANGE_UPDATE] = POST(change_update),
	[CHANGE_DISCONNECT] = POST(change_disconnect),
	[CHANGE_RECONNECT] = POST(change_reconnect),
	[CHANGE_LEAVE] = POST(change_leave),
	[CHANGE_REST] = PLAIN(change_rest, change_rest, rest_fields, NULL),
	[CHANGE_START] = ROW(change_start, change_start, start_fields, start_results,
	    start_complete),
	[CHANGE_EPOCH] = PLAIN(change_epoch, wide, wide_fields, epoch_complete),
	[CHANGE_RESTORED] = BARE(change_restored),
	[CHANGE_IMPORT] = PLAIN(change_import, wire_cache, cache_fields, NULL),
	[CHANGE_IMPORT_LINES] = PLAIN(change_import_lines, startup_lines, lines_fields, NULL),
	[CHANGE_EVICT] = WISH(change_evict),
	[CHANGE_FORGET] = WISH(change_forget),
	[CHANGE_CONNECT_AGAIN] = WISH(change_connect_again),
	[CHANGE_LEAVE_TARGET] = WISH(change_leave_target),
	[CHANGE_TRUST] = WISH(change_trust),
	[CHANGE_MODERATE] = ROW(change_moderate, change_moderate, moderate_fields,
	    moderate_results, moderate_complete),
	[CHANGE_SWEEP] = ROW(change_sweep, change_sweep, sweep_fields, sweep_results, NULL),
	[CHANGE_SWEPT] = PLAIN(change_swept, id, id_fields, NULL),
	[CHANGE_REJUDGED] = PLAIN(change_rejudged, change_rejudged, rejudged_fields, NULL),
	[CHANGE_EXPIRE] = BARE(change_expire),
	[CHANGE_ROUND] = PLAIN(change_round, change_round, round_fields, NULL),
	[CHANGE_WATCH] = PLAIN(change_watch, change_round, round_fields, NULL),
	[CHANGE_DONE] = DONE(change_done),
	[CHANGE_CLEAR] = DONE(change_clear),
	[CHANGE_PUT_OFF] = PLAIN(change_put_off, put_offs, put_offs_fields, NULL),
	[CHANGE_CLOCK_BACK] = PLAIN(change_clock_back, time, time_fields, NULL),
	[CHANGE_PROBE] = PLAIN(change_probe, change_probe, probe_fields, NULL),
	[CHANGE_SKIP] = { NULL, SHAPE(wide, wide_fields), NONE(wide), NULL },
	[CHANGE_WALK_NEXT] = ROW(change_walk_next, walk_next, next_fields, next_results, NULL),
	[CHANGE_WALK_TAKE] = ROW(change_walk_take, walk_page, page_fields, page_results,
	    page_complete),
	[CHANGE_WALK_SETTLE] = ROW(change_walk_settle, walk_settling, settle_fields,
	    settle_results, settle_complete),
	[CHANGE_WALK_DOUBTS] = PLAIN(change_walk_doubts, walk_doubts, doubts_fields, NULL),
	[CHANGE_WALK_WISH] = ROW(change_walk_wish, walk_wish, walk_wish_fields,
	    walk_wish_results, NULL),
};
