/*
 * The part of a page that changes, #results, is asked for again by ETag and put in place without flicker: when
 * GET /changes says that something has changed, else every few seconds. A hidden page asks nothing.
 */
import { connected, localize } from "./page.js";

const main = document.getElementById("main");
const pace = 1000 * main.dataset.refresh;	/* ms between two looks where nothing tells of changes */
const polls = "polls" in main.dataset;		/* the page shows more than /changes tells of, as the state of peers */
const gap = 500;				/* ms between two looks at the least, however much changes */
const patience = 40000;				/* ms for an answer that the service gives after 25 s */

let tag = null;
let shown = location.href;
let asking = null;
let view = main.dataset.view;			/* what the page shows: changes behind it are news */

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
		view = answer.headers.get("kodo-view") ?? view;
		connected(answer.status < 500);
		if (answer.status === 304 || !answer.ok) return null;
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		const fresh = page.getElementById("results"), old = document.getElementById("results");
		if (mine.signal.aborted || !fresh || !old) return null;
		tag = answer.headers.get("etag");
		shown = url;
		localize(fresh);
		adopt(old, document.adoptNode(fresh));
		document.title = page.title;
		return page;
	} catch (error) {
		if (error.name !== "AbortError") connected(false);
		return null;			/* it is asked again in a few seconds */
	} finally {
		if (asking === mine) asking = null;
	}
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const visible = () => new Promise((resolve) => {
	if (!document.hidden) return resolve();
	document.addEventListener("visibilitychange", () => resolve(visible()), { once: true });
});

async function look() {
	while (asking) await sleep(50);		/* the reader's own question first */
	if (!document.hidden) await show(location.href.split("#")[0]);
}

/* Is there a change behind view? Waits for one; null: the service cannot let us wait, or does not answer. */
async function news() {
	const mine = new AbortController();
	const end = () => mine.abort();
	const timer = setTimeout(end, patience);
	const url = new URL("../changes", import.meta.url);
	url.search = new URLSearchParams({ since: view, limit: 1, wait: 25 });
	document.addEventListener("visibilitychange", end);
	try {
		const answer = await fetch(url, { headers: { accept: "application/json" }, signal: mine.signal, cache: "no-store" });
		if (answer.status === 410) return true;		/* the page itself says how to go on */
		if (!answer.ok) return null;
		const said = await answer.json();
		if (said.more || said.changes.length > 0) return true;
		view = String(said.view);
		return answer.headers.has("retry-after") ? null : false;
	} catch (error) {
		return document.hidden ? false : null;
	} finally {
		clearTimeout(timer);
		document.removeEventListener("visibilitychange", end);
	}
}

async function follow() {
	for (;;) {
		await visible();
		const before = view, said = await news();
		if (said === false) continue;
		if (said === null) await sleep(pace);
		if (said || !polls) await look();
		await sleep(said && view === before ? pace : gap);
	}
}

if (polls) {
	setInterval(() => document.hidden || asking || look(), pace);
	document.addEventListener("visibilitychange", look);
}
follow();
