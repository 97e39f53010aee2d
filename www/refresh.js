/* The part of a page that changes, #results, is asked for again by ETag and put in place without flicker. */

let tag = null;
let shown = location.href;
let asking = null;

const key = (node) => node.id || node.dataset?.key;

/* The child of old, from at on, that fresh is a new state of: by key where there is one, else by its place. */
function partner(fresh, at) {
	if (!key(fresh)) return at && !key(at) && at.nodeName === fresh.nodeName ? at : null;
	while (at && !(key(at) === key(fresh) && at.nodeName === fresh.nodeName)) at = at.nextSibling;
	return at;
}

/* Bring old to the state of fresh. What is the same stays, and with it focus, scrolling and selection. */
function adopt(old, fresh) {
	if (old.nodeType !== Node.ELEMENT_NODE) {
		if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
		return;
	}
	if (old.isEqualNode(fresh)) return;
	for (const { name } of [...old.attributes])
		if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
	for (const { name, value } of fresh.attributes)
		if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
	let at = old.firstChild;
	for (const child of [...fresh.childNodes]) {
		const same = partner(child, at);
		if (same) adopt(same, child);
		if (same && same === at) at = at.nextSibling;
		else old.insertBefore(same ?? child, at);
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}

/* Ask for url and show its results; gives the new document, or null if nothing is new or an older question was overtaken. */
export async function show(url) {
	if (asking) asking.abort();
	const mine = asking = new AbortController();
	try {
		const headers = { accept: "text/html" };
		if (tag && url === shown) headers["if-none-match"] = tag;
		const answer = await fetch(url, { headers, signal: mine.signal, cache: "no-store" });
		if (answer.status === 304 || !answer.ok) return null;
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		const fresh = page.getElementById("results"), old = document.getElementById("results");
		if (mine.signal.aborted || !fresh || !old) return null;
		tag = answer.headers.get("etag");
		shown = url;
		adopt(old, document.adoptNode(fresh));
		document.title = page.title;
		return page;
	} catch (error) {
		return null;			/* it is asked again in a few seconds */
	} finally {
		if (asking === mine) asking = null;
	}
}

const seconds = Number(document.getElementById("main").dataset.refresh);

setInterval(() => {
	if (!document.hidden && !asking) show(location.href.split("#")[0]);
}, seconds * 1000);
