// Puts the desk together. HTMX swaps fragments when we say so; links and forms work without any of this.
import { readQueue, showCount, tick } from "./desk.js";
import { listenToKeys } from "./keys.js";
import { listen } from "./live.js";
import * as sound from "./sound.js";

const root = document.documentElement;
let alarmSound = "none";
let goingBack = null;
let stale = false; // the board could not be fetched when it should have been

const tell = (name) => document.body.dispatchEvent(new CustomEvent(name));

function show() {
  alarmSound = readQueue() ?? alarmSound;
  const link = stale ? "lost" : root.dataset.link;
  for (const state of ["lost", "signed-out"]) {
    const banner = document.getElementById(state);
    if (banner !== null) banner.hidden = link !== state;
  }
  sound.want(link === "lost" || link === "signed-out" ? "lost" : alarmSound);
  showCount();
  tick();
  const timeline = document.getElementById("timeline");
  if (timeline && timeline.dataset.shown !== String(timeline.children.length)) {
    timeline.dataset.shown = String(timeline.children.length);
    timeline.scrollTop = timeline.scrollHeight;
  }
}

const live = listen({
  changed: () => tell("anhu:changed"),
  beat: () => tell("anhu:beat"),
  link: (state) => {
    root.dataset.link = state;
    show();
  },
});

async function startShift() {
  await sound.unlock();
  document.getElementById("shift").showModal();
  sound.demonstrate();
}

const acts = {
  shift: startShift,
  heard: () => {
    sound.confirmShift();
    document.getElementById("shift").close();
  },
  "not-heard": () => {
    document.getElementById("shift-help").hidden = false;
    sound.demonstrate();
  },
  keys: () => document.getElementById("keys").showModal(),
};

addEventListener("click", (event) => {
  const act = event.target instanceof Element ? event.target.closest("button[data-act]")?.dataset.act : null;
  if (act in acts) acts[act]();
});
addEventListener("submit", (event) => {
  if (event.target.dataset.act === "signout") sound.endShift();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.boosted || !event.detail.shouldSwap) return;
  if (!event.detail.xhr.responseText.includes('id="desk"')) {
    // A refusal without a board would leave nothing that listens: see it as a page of its own.
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  for (const id of ["queue", "live"]) {
    // An answer for a page that one has left must not look for its place on the next one.
    document.getElementById(id)?.addEventListener("htmx:beforeOnLoad", (late) => late.preventDefault());
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  show();
  if (event.detail.boosted) document.querySelector("main h1")?.focus();
});
document.addEventListener("htmx:afterSettle", (event) => {
  show(); // the tab's title comes last
  if (event.detail.boosted) tell("anhu:changed"); // a ring that came while this page was on its way
});
document.addEventListener("htmx:historyCacheMiss", (event) => {
  goingBack?.abort(); // back and forth in haste: only the page one ended at may appear
  goingBack = event.detail.xhr;
});
document.addEventListener("htmx:historyRestore", () => {
  show();
  tell("anhu:changed");
});
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  // Who is about to close closes what he has seen: something newer is refused, and his words are kept.
  if (event.detail.target.id === "close-version") {
    event.detail.shouldSwap = !document.getElementById("close-box")?.open;
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "queue" || !event.detail.successful) return;
  stale = false;
  show();
});
function fetchAgain(event) {
  if (event.detail.xhr.status === 401) return live.signedOut();
  stale = true; // said, and tried until it succeeds
  show();
  setTimeout(() => tell("anhu:changed"), 2000);
}
for (const trouble of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(trouble, fetchAgain);
}

// Whatever haste or a lost answer did to the swaps: nobody works on one alarm under the address of another.
let strayed = 0;
function checkPlace() {
  const here = location.pathname;
  strayed = document.getElementById("desk").dataset.path === here ? 0 : strayed + 1;
  if (strayed < 3 || sessionStorage.getItem("anhu-strayed") === here) return;
  sessionStorage.setItem("anhu-strayed", here); // once for each address: never a page that reloads for ever
  location.reload();
}

listenToKeys();
sound.resumeShift();
setInterval(() => {
  tick();
  checkPlace();
}, 1000);
show();
