// Progress as it happens. Without this script every page still shows what was known when it was made.
"use strict";

const source = document.querySelector("[data-progress]");
if (source) listen(source);

const here = document.getElementById("here");
if (here && !location.hash) here.scrollIntoView({ block: "center" });

function listen(element) {
  const stream = new EventSource(element.dataset.progress);
  stream.addEventListener("open", () => live(true));
  stream.addEventListener("error", () => live(false));
  stream.addEventListener("progress", (event) => show(element, JSON.parse(event.data)));
  stream.addEventListener("end", (event) => {
    stream.close();
    show(element, JSON.parse(event.data));
    refresh();
  });
  addEventListener("pagehide", () => stream.close());
}

function live(on) {
  const label = document.querySelector("[data-live]");
  if (label) label.classList.toggle("live", on);
}

let waiting = null;
function show(element, state) {
  if ("untilReport" in element.dataset) {
    showSteps(element, state);
    return;
  }
  const row = document.querySelector(`tr[data-batch="${CSS.escape(state.batch)}"]`);
  if (row && row.querySelector("[data-detail]")) {
    row.querySelector("[data-detail]").textContent = state.detail;
    row.classList.remove("changed");
    requestAnimationFrame(() => row.classList.add("changed"));
  }
  // What else follows from it (lists, counts) the server knows, at most two seconds later. One
  // question answers all events until then: put off by each, it would never come on a busy day.
  waiting ??= setTimeout(() => {
    waiting = null;
    refresh();
  }, 2500);
}

function showSteps(element, state) {
  const steps = [...element.querySelectorAll("[data-step]")];
  const place = steps.findIndex((step) => step.dataset.step === state.stage);
  const heading = element.querySelector("[data-stage]");
  steps.forEach((step, number) => {
    step.classList.toggle("passed", place < 0 ? state.stage === "done" : number < place);
    step.classList.toggle("now", number === place);
    if (number === place) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
  if (place >= 0 && heading.textContent !== steps[place].dataset.word) {
    heading.textContent = steps[place].dataset.word;
  }
  element.querySelector("[data-detail]").textContent = state.detail;
}

// The same page again, put in the place of what is shown; what is typed or marked stays.
async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const from = page.querySelector("main");
    const into = document.querySelector("main");
    if (!from || !into) return;
    const goesOn = from.querySelector("[data-progress]");
    const focused = document.activeElement && document.activeElement.id;
    into.replaceChildren(...from.childNodes);
    document.title = page.title;
    if (focused) document.getElementById(focused)?.focus();
    if (goesOn) live(true);
  } catch {
    // The next event tries again.
  }
}
