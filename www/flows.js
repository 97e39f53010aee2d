/* Search while typing, links without a new page, keys. Without this script the form and the links do the same. */
import { show } from "./refresh.js";

const form = document.getElementById("search");
const field = document.getElementById("q");
const keys = document.querySelector(".keys");
let timer = 0;

keys.hidden = false;
if (matchMedia("(max-width: 44rem)").matches) document.querySelector(".facets").open = false;

/* What the form asks for, without what is empty or the default. */
function wanted() {
	const url = new URL(form.action);
	const skip = { by: "", pp: "10", words: "" };
	for (const [name, value] of new FormData(form))
		if (skip[name] !== value) url.searchParams.append(name, value);
	return url.href;
}

/* The form follows what the address says, but for the field that is being typed into. */
function follow(page) {
	const fresh = page && page.getElementById("search");
	if (!fresh) return;
	for (const old of form.querySelectorAll("input[type=hidden]")) old.remove();
	for (const hidden of fresh.querySelectorAll("input[type=hidden]")) form.append(document.importNode(hidden));
	for (const name of ["by", "pp"]) form.elements[name].replaceChildren(...[...fresh.elements[name].options].map((o) => document.importNode(o, true)));
	if (document.activeElement !== field) field.value = fresh.elements.q.value;
}

async function go(url, replace) {
	history[replace ? "replaceState" : "pushState"](null, "", url);
	follow(await show(url));
}

field.addEventListener("input", () => {
	clearTimeout(timer);
	timer = setTimeout(() => go(wanted(), true), 150);
});

form.addEventListener("change", (event) => {
	if (event.target !== field) go(wanted(), false);
});

form.addEventListener("submit", (event) => {
	event.preventDefault();
	clearTimeout(timer);
	go(wanted(), false);
});

addEventListener("popstate", async () => {
	field.blur();
	follow(await show(location.href));
});

document.getElementById("main").addEventListener("click", (event) => {
	const link = event.target.closest("#results a");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
	const url = new URL(link.href);
	if (url.origin !== location.origin || url.pathname !== new URL(form.action).pathname || url.searchParams.has("format")) return;
	event.preventDefault();
	go(url.href, false).then(() => scrollTo({ top: 0 }));
});

function step(by) {
	const flows = [...document.querySelectorAll("a.flow")];
	const at = flows.indexOf(document.activeElement);
	const next = flows[at < 0 ? (by > 0 ? 0 : flows.length - 1) : Math.min(Math.max(at + by, 0), flows.length - 1)];
	if (next) next.focus();
}

const actions = {
	"/": () => field.select(),
	j: () => step(1),
	k: () => step(-1),
	n: () => document.querySelector("a[rel=next]")?.click(),
	p: () => document.querySelector("a[rel=prev]")?.click(),
};

addEventListener("keydown", (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	if (event.target.matches("input, select, textarea")) {
		if (event.key === "Escape") event.target.blur();
		if (event.key === "ArrowDown" && event.target === field) {
			event.preventDefault();
			step(1);
		}
		return;
	}
	if (!Object.hasOwn(actions, event.key)) return;
	event.preventDefault();
	actions[event.key]();
});
