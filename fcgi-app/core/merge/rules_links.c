/* The rules that concern links, not nodes. */
#include "core/merge/rules.h"

enum rules_news
rule_4_state_travels(
    const struct statement *seen, const struct statement *tomb, uint32_t subscriber, bool is_older)
{
	/* never send a peer its own words: after a removal they would come back */
	if (seen != NULL)
		return seen->peer == subscriber && !is_older ? RULES_NO_NEWS : RULES_NEWS_NODE;
	return tomb == NULL || tomb->peer == subscriber ? RULES_NO_NEWS : RULES_NEWS_GONE;
}

bool
rule_5_is_late(uint64_t epoch, uint64_t sequence, uint64_t last_epoch, uint64_t last_sequence)
{
	return epoch != 0 && epoch == last_epoch && sequence < last_sequence;
}

bool
rule_6_is_lost(uint64_t epoch, uint64_t last_epoch)
{
	return epoch != 0 && last_epoch != 0 && epoch != last_epoch;
}

bool
rule_6_is_restored(
    uint64_t acked_epoch, uint64_t acked, uint64_t own_epoch, uint64_t own_sequence)
{
	return acked_epoch == own_epoch && acked >= own_sequence;
}
