// What the page shows of time and number: ages that run, the count in the tab's title and icon, the clock.

const TITLE_COUNT = /^\(\d+\) /;
const TARGET_S = 60;
let ahead = 0; // the centre's clock minus this machine's, ms
let waiting = 0;
let latest = null; // the queue whose time was taken: it is old when the page is shown again

// What the latest queue says: how many wait, and what it sounds like.
export function readQueue() {
  const lanes = document.querySelector("#queue .lanes");
  if (lanes === null) return null;
  if (lanes !== latest) ahead = Date.parse(lanes.dataset.now) - Date.now();
  latest = lanes;
  waiting = Number(lanes.dataset.waiting);
  return lanes.dataset.sounds || "none";
}

export function showCount() {
  const bare = document.title.replace(TITLE_COUNT, "");
  document.title = waiting ? `(${waiting}) ${bare}` : bare;
  const icon = document.querySelector('link[rel="icon"]');
  if (icon.dataset.count === String(waiting)) return;
  icon.dataset.count = String(waiting);
  icon.dataset.plain ??= icon.href;
  icon.href = waiting ? badge(waiting) : icon.dataset.plain;
}

function badge(count) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#b3261e";
  pen.beginPath();
  pen.roundRect(0, 0, 64, 64, 16);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = "700 44px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(count > 9 ? "9+" : String(count), 32, 35);
  return canvas.toDataURL();
}

function spoken(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function tick() {
  const now = Date.now() + ahead;
  for (const each of document.querySelectorAll(".tick")) {
    const { since, until } = each.dataset;
    const text = spoken(since ? (now - Date.parse(since)) / 1000 : (Date.parse(until) - now) / 1000);
    if (each.textContent !== text) each.textContent = text;
  }
  for (const bar of document.querySelectorAll("progress.target")) {
    const seconds = (now - Date.parse(bar.dataset.since)) / 1000;
    bar.value = Math.min(TARGET_S, seconds);
    bar.closest(".alarm").classList.toggle("overdue", seconds > TARGET_S);
  }
  const clock = document.querySelector("[data-clock]");
  if (clock !== null) {
    const timeZone = document.getElementById("desk").dataset.zone;
    clock.textContent = new Date(now).toLocaleTimeString("en-GB", { timeZone, hour12: false });
  }
}
