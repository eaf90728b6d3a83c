// Shows the page anew every few seconds while somebody looks; without scripts a reload does it.
"use strict";

const EVERY_MS = 5000;

async function refresh() {
  const main = document.getElementById("main");
  const busy = document.hidden || main.contains(document.activeElement) || document.querySelector("details[open]");
  if (busy || document.querySelector("form[role=search]")) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceWith(page.getElementById("main"));
    document.title = page.title;
  } catch {
    // The service may be starting again; the next try tells.
  }
}

setInterval(refresh, EVERY_MS);
