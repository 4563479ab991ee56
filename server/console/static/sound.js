// Sounds of the desk, made by WebAudio: one pattern per priority, looping until it is told to stop.
// A loop needs no timer, so it goes on in a hidden tab. Browsers allow it only after a gesture: see `unlock`.

// Seconds and hertz: [start, length, frequency]. `every` is the loop.
const PATTERNS = {
  1: { every: 1.2, loud: 0.9, notes: [[0, 0.17, 988], [0.2, 0.17, 740], [0.4, 0.17, 988], [0.6, 0.17, 740]] },
  2: { every: 2.6, loud: 0.7, notes: [[0, 0.2, 659], [0.28, 0.3, 880]] },
  3: { every: 15, loud: 0.4, notes: [[0, 0.3, 523], [0.36, 0.45, 440]] },
  lost: { every: 4, loud: 0.7, notes: [[0, 0.25, 440], [0.3, 0.25, 349], [0.6, 0.5, 262]] },
};
const SHIFT = "anhu-shift"; // kept for the tab: the operator said that the sound was heard

const root = document.documentElement;
const buffers = new Map();
let context = null;
let source = null;
let playing = "none";
let wanted = "none";

function bufferOf(name) {
  if (!buffers.has(name)) {
    const { every, loud, notes } = PATTERNS[name];
    const rate = context.sampleRate;
    const buffer = context.createBuffer(1, Math.ceil(every * rate), rate);
    const samples = buffer.getChannelData(0);
    for (const [start, length, hertz] of notes) {
      const first = Math.floor(start * rate);
      const count = Math.floor(length * rate);
      for (let i = 0; i < count; i++) {
        const t = i / rate;
        const edge = Math.min(1, t / 0.008, (length - t) / 0.03);
        const tone = Math.sin(2 * Math.PI * hertz * t) + 0.35 * Math.sin(6 * Math.PI * hertz * t);
        samples[first + i] += loud * 0.7 * edge * tone;
      }
    }
    buffers.set(name, buffer);
  }
  return buffers.get(name);
}

function apply() {
  const running = context !== null && context.state === "running";
  const target = running ? wanted : "none";
  if (target !== playing) {
    source?.stop();
    source = null;
    if (target !== "none") {
      source = context.createBufferSource();
      source.buffer = bufferOf(target);
      source.loop = true;
      source.connect(context.destination);
      source.start();
    }
    playing = target;
  }
  root.dataset.sound = running ? "on" : "locked";
  root.dataset.sounding = playing;
}

// "none", "1", "2", "3" or "lost"; heard as soon as the browser allows.
export function want(name) {
  wanted = PATTERNS[name] ? String(name) : "none";
  apply();
}

// Inside a gesture: from now on this page may sound.
export async function unlock() {
  if (context === null) {
    context = new AudioContext();
    context.addEventListener("statechange", apply);
  }
  await context.resume();
  apply();
}

// Once, aloud: what an alarm of priority 1 sounds like.
export function demonstrate() {
  const once = context.createBufferSource();
  once.buffer = bufferOf("1");
  once.connect(context.destination);
  once.start();
}

export function confirmShift() {
  sessionStorage.setItem(SHIFT, "on");
}

export function endShift() {
  sessionStorage.removeItem(SHIFT);
}

// A reloaded page of a running shift sounds again at once where the browser lets it, else at the next gesture.
export function resumeShift() {
  if (sessionStorage.getItem(SHIFT) !== "on") return;
  const again = () => {
    unlock().then(() => {
      for (const kind of ["pointerdown", "keydown"]) removeEventListener(kind, again, true);
    });
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, again, true);
  again();
}
