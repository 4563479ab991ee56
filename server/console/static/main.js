// Puts the desk together. HTMX swaps fragments when we say so; links and forms work without any of this.
import { readQueue, showCount, tick } from "./desk.js";
import { listenToKeys } from "./keys.js";
import { listen } from "./live.js";
import * as sound from "./sound.js";

const root = document.documentElement;
let alarmSound = "none";

const tell = (name) => document.body.dispatchEvent(new CustomEvent(name));

function show() {
  alarmSound = readQueue() ?? alarmSound;
  const link = root.dataset.link;
  for (const state of ["lost", "signed-out"]) {
    const banner = document.getElementById(state);
    if (banner !== null) banner.hidden = link !== state;
  }
  sound.want(link === "ok" ? alarmSound : "lost");
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
document.addEventListener("htmx:afterSwap", (event) => {
  show();
  if (event.detail.boosted) document.querySelector("main h1")?.focus();
});
document.addEventListener("htmx:afterSettle", show); // the tab's title comes last
document.addEventListener("htmx:historyRestore", show);
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) live.signedOut();
});

listenToKeys();
sound.resumeShift();
setInterval(tick, 1000);
show();
