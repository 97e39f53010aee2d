/*
 * What every page has: times as the reader's clock shows them, with the whole on hover, and one line while the service
 * does not answer.
 */

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/* Show the times below node in the reader's zone. One whose text is not its time, as `2 hours ago`, keeps it. */
export function localize(node) {
	for (const time of node.querySelectorAll("time[datetime]:not([title])")) {
		const at = new Date(time.dateTime.replace(" ", "T"));
		if (isNaN(at)) continue;
		if (time.textContent === time.dateTime) time.textContent = (time.dateTime.length > 10 ? minute : day).format(at);
		time.title = `${whole.format(at)} (${time.dateTime})`;
	}
}

let since = null;

/* Does the service answer? */
export function connected(is) {
	const line = document.getElementById("lost");
	if (is === (since === null) || !line) return;
	since = is ? null : new Date();
	line.hidden = is;
	line.textContent = is ? "" : `No connection since ${clock.format(since)}: what is shown here is of that time. It is tried again.`;
}

localize(document);
