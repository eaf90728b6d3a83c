// Shows the page anew every few seconds while somebody looks; without scripts a reload does it.
"use strict";

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

// The page says how often: a view that is dear to draw is renewed less often.
function wait() {
  const seconds = Number(document.getElementById("main").dataset.every);
  setTimeout(() => refresh().finally(wait), seconds * 1000);
}

wait();
