/* What was on this page once is on one of its own: #post-update of a link that somebody has. */
const moved = location.hash ? document.getElementById(location.hash.slice(1))?.closest(".toc a") : null;
if (moved) location.replace(new URL(location.hash, moved.href));

/* Try-it forms show their answer below instead of on a page of its own. */

function pretty(text) {
	try {
		return JSON.stringify(JSON.parse(text), null, 2);
	} catch (error) {
		return text;
	}
}

async function ask(form) {
	const url = new URL(form.action);
	for (const [name, value] of new FormData(form))
		if (value !== "") url.searchParams.append(name, value);
	const output = form.querySelector("output") ?? form.appendChild(document.createElement("output"));
	output.textContent = "…";
	const begun = performance.now();
	try {
		const answer = await fetch(url, { headers: { accept: "application/json" } });
		const text = pretty(await answer.text());
		const took = Math.round(performance.now() - begun);
		output.textContent = `GET ${url}\n${answer.status}, ${took} ms\n\n${text.slice(0, 20000)}${text.length > 20000 ? "\n…" : ""}`;
	} catch (error) {
		output.textContent = `GET ${url}\n${error.message}`;
	}
}

for (const form of document.querySelectorAll("form.try"))
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		ask(form);
	});
