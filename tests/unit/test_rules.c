/*
 * Conflict resolution as a table: what is known of a node, who speaks, the word, what is known then
 * and what follows (rules_help.h has the notation). Linked without the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules_help.h"

#define END "1000000000000" /* VERSION_RELAYED_END */

/* --- what is seen --- */

static void
test_who_wins(void **state)
{
	static const struct row rows[] = {
		{ "", "1", "5a", "1:5a+*", "all-1 ask" },
		/* the higher version; of equal ones the greater text, then what is seen already */
		{ "1:5b*", "2", "6a", "1:5b 2:6a+*", "all-2 ask" },
		{ "1:5a*", "2", "5b", "1:5a 2:5b+*", "all-2 ask" },
		{ "1:5b*", "2", "5a", "1:5b* 2:5a+", "you" },
		{ "2:4b 1:5a*", "2", "5b", "2:5b+* 1:5a", "all-2 ask" },
		{ "1:5a*", "2", "5ab", "1:5a 2:5ab+*", "all-2 ask" },
		{ "1:5a*", "2", "5a", "1:5a* 2:5a+", "" },
		{ "2:5a*", "1", "5a", "2:5a* 1:5a+", "" },
		{ "1:5a 2:5a*", "3", "drops", "1:5a 2:5a*", "" },
		{ "1:5a 2:5a #9@3", "", "expires", "1:5a* 2:5a", "all-1 ask" },
		{ "~1:6a 2:4b #5@0", "2", "6a", "1:6a* 2:6a+", "all-1 ask" },
		{ "1:4c 2:5a 3:5b #9@1", "", "expires", "1:4c 2:5a 3:5b*", "all-3 ask" },
		/* without versions whoever connected first; no peer is corrected */
		{ "1:0a*", "2", "0b", "1:0a* 2:0b+", "" },
		{ "2:0b*", "1", "0a", "2:0b 1:0a+*", "all-1 ask" },
		{ "2:0a 1:0a #9@3", "", "expires", "2:0a 1:0a*", "all-1 ask" },
		{ "1:0b*", "2", "1a", "1:0b 2:1a+*", "all-2 ask" },
		{ "2:1a*", "1", "0b", "2:1a* 1:0b+", "you" },
		/* the own node before all */
		{ "1:5b*", "0!", "0a", "1:5b 0:100a+*", "all ask" },
		{ "0:1a* 1:5b", "1!", "drops", "0:1a*", "" },
		{ "1:5b 0:1a*", "2!", "drops", "1:5b 0:1a*", "" },
		{ "~0:1a*", "2", "5b", "0:1a* 2:5b+", "you" },
		{ "~0:4a 1:6b #5@1", "", "expires", "0:4a* 1:6b", "all ask" },
		/* a change of the version alone is sent on, but no peer differs */
		{ "1:5a*", "1", "6a", "1:6a+*", "all-1" },
		{ "1:5a*", "2", "6a", "1:5a 2:6a+*", "all-2" },
		/* repeated */
		{ "1:5a*", "1", "5a", "1:5a*", "" },
		{ "1:5a* 2:5a", "2", "5a", "1:5a* 2:5a", "" },
		{ "1:0a*", "1", "0a", "1:0a*", "" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

/* A node that this service imports is as its own: nobody else says, changes or ends it. */
static void
test_imported_is_own(void **state)
{
	static const struct row rows[] = {
		{ "", "1!", "5a", "1:5a+ #100@0+", "all ask" },
		{ "1:5a #100@0", "1!", "200a", "1:200a+ #202@0+", "all ask" },
		{ "1:5a #100@0", "1!", "5a", "1:5a #100@0", "you" },
		{ "1:5a #100@0", "2i!", "0b", "1:5a 2:102b+*", "all-2 ask" },
		{ "2:90a^*", "1!", "90a", "2:90a* 1:90a+", "" },
		{ "2:90a^*", "1!", "80b", "2:90a* 1:80b+", "you" },
		{ "2:90a^*", "1!", "200b", "2:202a* 1:200b+", "all" },
		{ "2:90a^*", "1!", "gone 95", "2:100a*", "all" },
		{ "2:90a^*", "1!", "gone 80", "2:90a*", "you" },
		/* given back after a restore: PEER_SELF ends what no import states */
		{ "2:90a^*", "0!", "gone 200", "2:202a*", "all" },
		{ "", "0!", "gone 200", "#200@0+", "all ask" },
		/* the source has dropped it */
		{ "2:90a^* 1:80b", "2i!", "drops", "1:80b #100@0+", "all-2 ask" },
		{ "~2:4a^ 1:6b #5@1", "", "expires", "2:4a* 1:6b", "all-2 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_tombstone_hides(void **state)
{
	static const struct row rows[] = {
		{ "#5@0", "1", "4a", "1:4a+ #5@0", "you" },
		{ "#5@0", "1", "5a", "1:5a+ #5@0", "you" },
		{ "#5@0", "1", "6a", "1:6a+*", "all-1 ask" },
		{ "2:5b #5@0", "1", "6a", "2:5b 1:6a+*", "all-1 ask" },
		{ "#0@0", "1", "0a", "1:0a+*", "all-1 ask" },
		{ "#5@0", "0!", "0a at 0", "0:7a+*", "all ask" },
		{ "~0:4a* #5@1", "1!", "drops", "0:4a*", "" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

/* --- the numbered rules --- */

static void
test_rule_1(void **state)
{
	static const struct row rows[] = {
		/* withdrawn, lowered: others may state the same version because of this registry */
		{ "1:5a*", "1", "drops", "#6@0+", "all-1 ask" },
		{ "1:5a* 2:5a", "1", "drops", "2:5a #6@0+", "all-1 ask" },
		{ "1:5a* 2:5a", "1", "4a", "1:4a+ 2:5a #6@0+", "all-1 ask you" },
		{ "1:5a*", "1", "0a", "1:0a+ #6@0+", "all-1 ask you" },
		/* not lowered */
		{ "1:5b* 2:5a", "1", "5a", "1:5a+* 2:5a", "all-1 ask" },
		{ "1:5c* 2:5b", "1", "5a", "1:5a+ 2:5b*", "all-2 ask you" },
		{ "1:5a* 2:5a", "1", "6b", "1:6b+* 2:5a", "all-1 ask" },
		/* not seen, or of another */
		{ "1:5a* 2:4b", "2", "drops", "1:5a*", "" },
		{ "1:5a* 2:4b", "2", "3b", "1:5a* 2:3b+", "you" },
		{ "2:4b #5@1", "2", "drops", "#5@1", "" },
		{ "1:5a*", "2", "drops", "1:5a*", "" },
		{ "1:3a 2:5b* 3:4c", "1", "drops", "2:5b* 3:4c", "" },
		{ "1:3a 2:4c 3:5b*", "2", "drops", "1:3a 3:5b*", "" },
		/* what is higher is no echo of it */
		{ "0:5a* 1:6b", "0!", "drops", "1:6b*", "all-1 ask" },
		{ "0:5a* 1:5b", "0!", "drops", "1:5b #100@0+", "all ask" },
		{ "~1:5a* 0:1b", "1!", "drops", "0:1b #6@0+", "all-1 ask" },
		/* without versions the next one steps in */
		{ "1:0a* 2:0b", "1", "drops", "2:0b*", "all-2 ask" },
		{ "1:0a* 2:0a", "1", "drops", "2:0a*", "" },
		{ "1:0a*", "1", "drops", "#0@0+", "all-1 ask" },
		{ "1:0a*", "1o", "drops", "#0@0+", "all-1 ask" },
		/* the owner's side removes with a version of its own */
		{ "1:5a*", "1o", "drops", "#100@0+", "all-1 ask" },
		{ "1:5a*", "1s", "drops", "#100@0+", "all-1 ask" },
		{ "1:5a*", "1o", "drops at 3", "#7@0+", "all-1 ask" },
		{ "0:5a*", "0!", "drops at 5", "#7@0+", "all ask" },
		/* it is under a tombstone already */
		{ "1:5a*", "1", "gone 5", "#5@1+", "all-1 ask" },
		{ "1:5a*", "1", "gone 7", "#7@1+", "all-1 ask" },
		{ "1:5a*", "1", "4a", "1:4a+ #6@0+", "all-1 ask you" },
		{ "1:0a*", "1", "gone 0", "#0@0+", "all-1 ask" },
		{ "~1:5a* #3@2", "1", "drops", "#6@0+", "all-1 ask" },
		{ "~1:5a* #0@2", "1", "drops", "#6@0+", "all-1 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_rule_2(void **state)
{
	static const struct row rows[] = {
		{ "1:5b*", "2", "4a", "1:5b* 2:4a+", "you" },
		{ "1:5b*", "2", "0a", "1:5b* 2:0a+", "you" },
		{ "1:5a*", "2", "4a", "1:5a* 2:4a+", "" },
		/* again, as long as it does not win */
		{ "1:5b* 2:4a", "2", "4a", "1:5b* 2:4a", "you" },
		{ "1:4a #5@2", "1", "4a", "1:4a #5@2", "you" },
		{ "1:0a* 2:0b", "2", "0b", "1:0a* 2:0b", "" },
		/* who echoes is not corrected */
		{ "1:" END "b*", "2e", "0a list", "1:" END "b* 2:0a+", "" },
		{ "1:" END "b* 2:0a", "2e", "0a list", "1:" END "b* 2:0a", "" },
		{ "1:" END "b* 2:0a", "2s", "0a list", "1:" END "b* 2:0a", "you" },
		/* a tombstone that the speaker has lost becomes this registry's */
		{ "#5@1", "1", "4a", "1:4a+ #5@0+", "you" },
		{ "#5@2", "1", "4a", "1:4a+ #5@2", "you" },
		{ "1:4a #5@1", "1", "4a", "1:4a #5@0+", "you" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_rule_3_owner_last(void **state)
{
	static const struct row rows[] = {
		{ "1:5b*", "2o", "3a", "1:5b 2:100a+*", "all-2 ask" },
		{ "1:5b*", "2o", "5a", "1:5b 2:100a+*", "all-2 ask" },
		{ "1:5b*", "2o", "6a", "1:5b 2:6a+*", "all-2 ask" },
		{ "1:5b*", "2o", "3a at 3", "1:5b 2:7a+*", "all-2 ask" },
		{ "1:5b*", "2o", "3a at 5", "1:5b 2:7a+*", "all-2 ask" },
		{ "1:5b*", "2o", "3a at 6", "1:5b 2:7a+*", "all-2 ask" },
		{ "1:5b*", "2o", "3a at 7", "1:5b 2:7a+*", "all-2 ask" },
		{ "", "2o", "0a at 0", "2:2a+*", "all-2 ask" },
		{ "", "2o", "0a at -5", "2:2a+*", "all-2 ask" },
		{ "", "2o", "0a at 1", "2:2a+*", "all-2 ask" },
		{ "#5@1", "2o", "0a", "2:100a+*", "all-2 ask" },
		{ "#200@1", "2o", "0a", "2:202a+*", "all-2 ask" },
		{ "2:100b*", "2o", "0a", "2:102a+*", "all-2 ask" },
		/* unless it is what is seen */
		{ "1:5a*", "2o", "3a", "1:5a* 2:5a+", "" },
		{ "2:100a*", "2o", "0a", "2:100a*", "" },
		{ "1:0a*", "2o", "0a", "1:0a 2:100a+*", "all-2" },
		{ "~1:5a* #9@1", "2o", "3a", "1:5a 2:9a+ #9@1", "all-2 ask you" },
		/* a legacy peer that does not feed speaks for its owners, but once */
		{ "1:5b*", "2s", "0a", "1:5b 2:100a+*", "all-2 ask" },
		{ "1:200b* 2:100a", "2s", "0a", "1:200b* 2:100a", "you" },
		{ "1:200b* 2:100a", "2s", "0c", "1:200b 2:202c+*", "all-2 ask" },
		{ "1:200a* 2:100a", "2s", "0a", "1:200a* 2:200a+", "" },
		{ "2:100a #200@1", "2s", "0a", "2:202a+*", "all-2 ask" },
		{ "1:200b* 2:100a", "2os", "0a", "1:200b 2:202a+*", "all-2 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_rule_3_own_raised(void **state)
{
	static const struct row rows[] = {
		{ "0:50a*", "2!", "60b", "0:100a* 2:60b+", "all" },
		{ "0:50a*", "2!", "60a", "0:100a* 2:60a+", "all" },
		{ "0:50a*", "2!", "50b", "0:100a* 2:50b+", "all" },
		{ "0:50a*", "2!", "50a", "0:50a* 2:50a+", "" },
		{ "0:50a*", "2!", "40a", "0:50a* 2:40a+", "" },
		{ "0:50a*", "2!", "40b", "0:50a* 2:40b+", "you" },
		{ "0:50a*", "2!", "60b at 3", "0:62a* 2:60b+", "all" },
		{ "0:50a* 2:60b", "2!", "60b", "0:100a* 2:60b", "all" },
		{ "0:50a*", "0!", "0b", "0:100b+*", "all ask" },
		{ "0:50a*", "0!", "0a", "0:50a*", "" },
		{ "0:" END "a*", "2e!", "0b list", "0:" END "a* 2:0b+", "" },
		/* no flows are offered: a tombstone, once */
		{ "", "2!", "5a", "2:5a+ #100@0+", "all ask" },
		{ "", "2!", "0a", "2:0a+ #100@0+", "all ask" },
		{ "", "2!", "5a at 3", "2:5a+ #7@0+", "all ask" },
		{ "2:5a #9@0", "2!", "5a", "2:5a #9@0", "you" },
		{ "#9@0", "2!", "9a", "2:9a+ #9@0", "you" },
		{ "#9@0", "2!", "10a", "2:10a+ #100@0+", "all ask" },
		{ "#" END "@0", "2e!", "0a list", "2:0a+ #" END "@0", "" },
		/* another's statement from before the url was ours */
		{ "1:5b*", "2!", "4a", "1:5b* 2:4a+", "you" },
		{ "1:5b*", "2!", "5a", "1:5b 2:5a+ #100@0+", "all ask" },
		{ "1:5b*", "2!", "5b", "1:5b 2:5b+ #100@0+", "all ask" },
		{ "2:5b*", "2!", "5b", "2:5b*", "" },
		/* removals; what was stated before is void */
		{ "0:50a*", "2!", "gone 50", "0:100a*", "all" },
		{ "0:50a*", "2!", "gone 60", "0:100a*", "all" },
		{ "0:50a*", "2!", "gone 200", "0:202a*", "all" },
		{ "0:50a*", "2!", "gone 49", "0:50a*", "you" },
		{ "0:50a* 2:3b", "2!", "gone 49", "0:50a*", "you" },
		{ "2:3b 0:50a*", "2!", "gone 50", "0:100a*", "all" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_rule_3_owner_stays(void **state)
{
	static const struct row rows[] = {
		/* the link of another ended: what the owner says lies here, whoever was seen */
		{ "2:5a'*", "1", "gone 6", "2:100a*", "all-2" },
		{ "2:5a'*", "1", "gone 6 at 3", "2:8a*", "all-2" },
		{ "1:5a* 2:3a'", "1", "gone 6", "2:100a*", "all-2" },
		{ "1:5a* 2:3a'", "3", "gone 6", "1:5a 2:100a*", "all-2" },
		{ "1:5a* 2:3a'", "1", "drops", "2:100a*", "all-2" },
		{ "1:5a* 2:3a'", "1", "4b", "1:4b+ 2:100a*", "all-2 you" },
		/* but a version that its side gave is an end */
		{ "2:5a'*", "1", "gone 7", "2:5a #7@1+", "all-1 ask" },
		{ "1:5a* 2:3a'", "1s", "drops", "2:3a #100@0+", "all-1 ask" },
		/* and what it said here is not what was seen last, or has no version */
		{ "1:5b* 2:3a'", "1", "gone 6", "2:3a #6@1+", "all-1 ask" },
		{ "1:5b* 2:3a'", "1", "drops", "2:3a #6@0+", "all-1 ask" },
		{ "2:0a'*", "1", "gone 1", "2:0a #1@1+", "all-1 ask" },
		{ "2:5a' #6@1", "3", "gone 7", "2:5a #7@3+", "all-3 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_rule_4(void **state)
{
	const struct statement of_1 = { .peer = 1 }, own = { .peer = PEER_SELF };

	(void)state;
	assert_int_equal(rule_4_state_travels(&of_1, NULL, 1, false), RULES_NO_NEWS);
	assert_int_equal(rule_4_state_travels(&of_1, NULL, 2, false), RULES_NEWS_NODE);
	assert_int_equal(rule_4_state_travels(&own, &of_1, 1, false), RULES_NEWS_NODE);
	assert_int_equal(rule_4_state_travels(&of_1, &own, 1, false), RULES_NO_NEWS);
	assert_int_equal(rule_4_state_travels(NULL, &of_1, 1, false), RULES_NO_NEWS);
	assert_int_equal(rule_4_state_travels(NULL, &of_1, 2, false), RULES_NEWS_GONE);
	assert_int_equal(rule_4_state_travels(NULL, &own, 1, false), RULES_NEWS_GONE);
	assert_int_equal(rule_4_state_travels(NULL, NULL, 1, false), RULES_NO_NEWS);
	/* but what a copy may have forgotten goes back */
	assert_int_equal(rule_4_state_travels(&of_1, NULL, 1, true), RULES_NEWS_NODE);
}

static void
test_rule_5(void **state)
{
	(void)state;
	assert_true(rule_5_is_late(7, 3, 7, 4));
	assert_false(rule_5_is_late(7, 4, 7, 4));
	assert_false(rule_5_is_late(7, 5, 7, 4));
	assert_false(rule_5_is_late(8, 3, 7, 4));
	assert_false(rule_5_is_late(0, 3, 0, 4));
	assert_false(rule_5_is_late(0, 3, 7, 4));
}

static void
test_rule_6(void **state)
{
	(void)state;
	assert_true(rule_6_is_lost(8, 7));
	assert_false(rule_6_is_lost(7, 7));
	assert_false(rule_6_is_lost(0, 7));
	assert_false(rule_6_is_lost(8, 0));
	assert_true(rule_6_is_restored(7, 5, 7, 4));
	assert_true(rule_6_is_restored(7, 4, 7, 4));
	assert_false(rule_6_is_restored(7, 3, 7, 4));
	assert_false(rule_6_is_restored(8, 5, 7, 4));
}

/* --- legacy peers --- */

static void
test_rule_7(void **state)
{
	static const struct row rows[] = {
		/* the owner's is seen, whatever others state; it is not raised, but asked for */
		{ "2:5a''*", "1", "9b", "2:5a* 1:9b+", "owner" },
		{ "2:5a''*", "1", "gone 9", "2:5a* #9@1+", "owner" },
		{ "2:5a''*", "1", "5b", "2:5a* 1:5b+", "owner" },
		{ "2:5b''*", "1", "gone 5", "2:5b* #5@1+", "owner" },
		{ "2:5a''* 1:9b", "1", "9b", "2:5a* 1:9b", "owner" },
		{ "2:5a''* #9@1", "1", "gone 9", "2:5a* #9@1", "owner" },
		{ "2:5a''* #9@1", "3", "gone 8", "2:5a* #9@1", "owner" },
		/* not in an older copy to which it has not spoken; nor is it kept there any more */
		{ "2:5a''?*", "1", "9b", "2:5a 1:9b+*", "all-1 ask" },
		{ "2:5a''?*", "1", "gone 9", "2:5a #9@1+", "all-1 ask" },
		{ "2:5a''?* 1:9b", "1", "9b", "2:5a 1:9b*", "all-1 ask" },
		{ "2:5a''?* #9@1", "1", "gone 9", "2:5a #9@1", "all-1 ask" },
		{ "2:5a''* 1:9b", "3", "gone 7", "2:5a* 1:9b", "owner" },
		{ "2:5a''* #9@1", "3", "8b", "2:5a* 3:8b+ #9@1", "owner" },
		/* who has less learns of it, as ever */
		{ "2:5a''*", "1", "4b", "2:5a* 1:4b+", "you" },
		{ "2:5b''*", "1", "5a", "2:5b* 1:5a+", "you" },
		{ "2:5a''*", "1", "gone 4", "2:5a*", "you" },
		{ "2:5a''* 3:9b", "1", "4b", "2:5a* 3:9b 1:4b+", "you" },
		{ "2:5a''* #9@3", "1", "4b", "2:5a* 1:4b+ #9@3", "you" },
		{ "2:5a''* 3:9b", "1", "gone 4", "2:5a* 3:9b", "you" },
		/* but no legacy peer, and nobody of the same text */
		{ "2:5a''* 3:" END "b", "1e", "0c list", "2:5a* 3:" END "b 1:0c+",
		    "" },
		{ "2:5a''* 3:9b", "1", "4a", "2:5a* 3:9b 1:4a+", "" },
		/* known does not fall: who takes back what is higher leaves a tombstone */
		{ "2:5a''* 1:9b", "1", "drops", "2:5a* #10@0+", "owner" },
		{ "2:5a''* 1:9b", "1", "6b", "2:5a* 1:6b+ #10@0+", "owner" },
		{ "2:5a''* 1:9b", "1", "gone 12", "2:5a* #12@1+", "owner" },
		{ "2:5a''* #9@1", "", "expires", "2:5a*", "" },
		/* another's of the same text is seen by its version, which then stays */
		{ "2:5a''*", "1", "9a", "2:5a 1:9a+*", "all-1" },
		{ "2:5a'' 1:9a*", "1", "12b", "2:9a* 1:12b+", "owner" },
		{ "2:5a'' 1:9a*", "3", "gone 12", "2:9a* 1:9a #12@3+", "owner" },
		{ "2:5a'' 1:9a*", "1", "gone 10", "2:100a*", "all-2" },
		/* the owner's next word is over all, and travels */
		{ "2:5a''* 1:9b", "2o", "5a", "2:100a+* 1:9b", "all-2" },
		{ "2:5a''* #900@1", "2o", "5a", "2:902a+*", "all-2" },
		{ "2:5a''* 1:900b", "2o", "6c", "2:902c+* 1:900b", "all-2 ask" },
		/* others had it already */
		{ "2:5a''* 1:9b", "2o", "6b", "2:9b+ 1:9b*", "all-1 ask" },
		/* and so is its removal */
		{ "2:5a''* 1:900b", "2o", "drops", "1:900b #902@0+", "all-2 ask" },
		{ "2:5a''* 1:900b", "2o", "gone 7", "1:900b #902@0+", "all-2 ask" },
		{ "2:5a''* 1:900b", "2o", "gone 950", "1:900b #950@2+", "all-2 ask" },
		{ "2:5a''* #900@1", "2o", "drops", "#902@0+", "all-2 ask" },
		{ "2:5a''*", "2o", "drops", "#100@0+", "all-2 ask" },
		{ "2:5a''*", "2o", "gone 7", "#7@2+", "all-2 ask" },
		/* it has no key, or it has one by now */
		{ "2:5a'*", "1", "9b", "2:5a 1:9b+*", "all-1 ask" },
		{ "2:5a'*", "1", "gone 9", "2:5a #9@1+", "all-1 ask" },
		{ "2:5a' 1:9b*", "2o", "drops", "1:9b*", "" },
		{ "2:5a'* 1:9b", "3", "6c", "2:5a 1:9b* 3:6c+", "all-1 ask you" },
		{ "2:5a'' 1:9b*", "1", "10b", "2:5a* 1:10b+", "all-2 ask owner" },
		{ "2:5a'' #9@1", "3", "gone 10", "2:5a* #10@3+", "all-2 ask owner" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_doubtful_updates(void **state)
{
	static const struct row rows[] = {
		{ "1:5a*", "2e", "0b", "1:5a*", "void" },
		{ "0:5a*", "2e!", "0b", "0:5a*", "void" },
		{ "1:0a*", "2e", "0b", "1:0a*", "void resync" },
		{ "2:5a*", "2e", "0b", "2:5a*", "void resync" },
		{ "#5@0", "2e", "0b", "#5@0", "void resync" },
		{ "1:5a*", "2oe", "0b", "1:5a*", "void resync" },
		/* what is new or seen, a list, who does not echo */
		{ "", "2e", "0b at 9000000", "2:9b+*", "all-2 ask" },
		{ "#0@0", "2e", "0b at 9000000", "2:9b+*", "all-2 ask" },
		{ "1:5a*", "2e", "0a", "1:5a* 2:5a+", "" },
		{ "1:5a*", "2e", "0b list at 9000000", "1:5a 2:9b+*", "all-2 ask" },
		{ "1:5a*", "2oe", "0b list", "1:5a 2:100b+*", "all-2 ask" },
		{ "1:5a*", "2s", "0b", "1:5a 2:100b+*", "all-2 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_relayed_versions(void **state)
{
	static const struct row rows[] = {
		/* news: in seconds, over what is known */
		{ "1:5a*", "2e", "0b list at 7000000", "1:5a 2:7b+*", "all-2 ask" },
		{ "1:5a*", "2e", "0b list at 6999999", "1:5a 2:6b+*", "all-2 ask" },
		{ "1:5a*", "2e", "0b list at 5000000", "1:5a 2:6b+*", "all-2 ask" },
		{ "1:5a*", "2e", "0b list at 0", "1:5a 2:6b+*", "all-2 ask" },
		{ "", "2e", "0b at -5000000", "2:1b+*", "all-2 ask" },
		{ "", "2e", "0b at 0", "2:1b+*", "all-2 ask" },
		{ "2:5a*", "2e", "0b list at 7000000", "2:7b+*", "all-2 ask" },
		{ "#5@1", "2e", "0b list at 7000000", "2:7b+*", "all-2 ask" },
		/* repeated, or what is seen: no news */
		{ "1:7b* 2:5a", "2e", "0a list", "1:7b* 2:5a", "" },
		{ "1:7a* 2:5a", "2e", "0a list", "1:7a* 2:7a+", "" },
		{ "2:5a #7@1", "2e", "0a list", "2:5a #7@1", "" },
		{ "2:5a #7@1", "2e", "0b list", "2:8b+*", "all-2 ask" },
		{ "1:5a*", "2e", "0a list at 7000000", "1:5a* 2:5a+", "" },
		{ "1:0a*", "2e", "0a list at 7000000", "1:0a* 2:0a+", "" },
		/* of what an owner's side stated it has none */
		{ "1:" END "b*", "2e", "0a list", "1:" END "b* 2:0a+", "" },
		{ "1:" END "b*", "2e", "0b list", "1:" END "b* 2:0b+", "" },
		{ "1:" END "b* 2:5a", "2e", "0c list", "1:" END "b* 2:0c+", "" },
		{ "#" END "@1", "2e", "0a list", "2:0a+ #" END "@1", "" },
		{ "1:999999999999b*", "2e", "0a list", "1:999999999999b 2:" END "a+*",
		    "all-2 ask" },
		/* its own word is never lowered */
		{ "2:" END "a*", "2e", "0a list", "2:" END "a*", "" },
		{ "2:" END "a*", "2e", "0b list", "2:1000000000001b+*", "all-2 ask" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

/* --- tombstones --- */

static void
test_removals(void **state)
{
	static const struct row rows[] = {
		{ "1:5a*", "2", "gone 6", "1:5a #6@2+", "all-2 ask" },
		{ "1:5a*", "2", "gone 5", "1:5a #5@2+", "all-2 ask" },
		{ "1:5a*", "2", "gone 4", "1:5a*", "you" },
		{ "1:5a* 2:4b", "2", "gone 4", "1:5a*", "you" },
		{ "1:5a* 2:4b", "2", "gone 5", "1:5a #5@2+", "all-2 ask" },
		{ "1:5a*", "1", "gone 4", "#6@0+", "all ask you" },
		{ "", "2", "gone 3", "#3@2+", "all-2 ask" },
		{ "#5@1", "2", "gone 6", "#6@2+", "all-2 ask" },
		{ "#5@1", "2", "gone 5", "#5@1", "" },
		{ "#5@1", "2", "gone 4", "#5@1", "you" },
		{ "2:3a #5@1", "2", "gone 5", "#5@1", "" },
		{ "2:3a #5@1", "2", "gone 4", "#5@1", "you" },
		{ "1:3a #5@1", "2", "gone 6", "1:3a #6@2+", "all-2 ask" },
		/* without a version it is a withdrawal */
		{ "1:0a*", "2", "gone 0", "1:0a*", "" },
		{ "1:0a* 2:0b", "1", "gone 0", "2:0b*", "all-2 ask" },
		{ "", "2", "gone 0", "", "" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_expiry(void **state)
{
	static const struct row rows[] = {
		{ "1:3a #5@0", "", "expires", "1:3a*", "all-1 ask" },
		{ "1:3a 2:4b #5@0", "", "expires", "1:3a 2:4b*", "all-2 ask" },
		{ "#5@0", "", "expires", "", "" },
		{ "~1:5a* #3@1", "", "expires", "1:5a*", "" },
	};

	(void)state;
	rows_try(rows, N(rows));
}

static void
test_known_version(void **state)
{
	static const struct {
		const char *known;
		uint64_t version;
	} rows[] = { { "", 0 }, { "1:5a*", 5 }, { "1:5a", 0 }, { "#7@1", 7 }, { "1:5a #4@1", 4 },
		{ "1:5a* #7@1", 7 }, { "1:5a* #4@1", 5 },
		{ "1:5a''* 2:9b", 9 } };
	struct trial t;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		known_read(&t, rows[i].known);
		assert_int_equal(rules_known_version(&t.n), rows[i].version);
	}
	known_read(&t, "1:5a #7@1");
	t.n.is_gone = false;
	assert_int_equal(rules_known_version(&t.n), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_wins),
		cmocka_unit_test(test_imported_is_own),
		cmocka_unit_test(test_tombstone_hides),
		cmocka_unit_test(test_rule_1),
		cmocka_unit_test(test_rule_2),
		cmocka_unit_test(test_rule_3_owner_last),
		cmocka_unit_test(test_rule_3_own_raised),
		cmocka_unit_test(test_rule_3_owner_stays),
		cmocka_unit_test(test_rule_4),
		cmocka_unit_test(test_rule_5),
		cmocka_unit_test(test_rule_6),
		cmocka_unit_test(test_rule_7),
		cmocka_unit_test(test_doubtful_updates),
		cmocka_unit_test(test_relayed_versions),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_known_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
