// The Live tab in the browser: takes frames from the camera, sends the newest one when there is room, shows the answers,
// and measures what the viewer gets. `element` is the tab's HTML; what is sent and received is told in live_socket.py.

const FRAME = 1, BACKGROUND = 2;
const IN_FLIGHT = 2; // frames on their way at once: one is answered while the next one travels
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const LONG_SIDE = 640; // px of a frame that is sent, at the most
const SCALES = [1, 0.8, 0.6, 0.5, 0.4]; // of it, from a fast machine to a slow one
const ENOUGH_FPS = 15, TOO_LATE_MS = 150, EARLY_MS = 90;
const SECONDS_SHOWN = 60; // in the small charts
const JPEG_QUALITY = 0.8;
const FULL = 4001, SILENT = 4002; // why the server closed the connection

const root = element.querySelector(".live");
const at = (name) => root.querySelector(`[data-live="${name}"]`);
const looks = JSON.parse(root.dataset.looks);
const video = document.createElement("video");
Object.assign(video, { muted: true, playsInline: true, autoplay: true });
const sendCanvas = document.createElement("canvas");
const pen = sendCanvas.getContext("2d", { willReadFrequently: true, alpha: false });

let settings = JSON.parse(root.dataset.settings);
let background = null; // a JPEG, as the server gets it
let socket = null, retries = 0, retryTimer = 0;
let stopExample = null;
let isOn = false, isPaused = false, standing = null;
let frameNumber = 0, scale = 0;
const travelling = new Map(); // frame number -> { captured }
let pending = null; // the newest answer, decoded, not drawn yet
const second = newSecond(); // what happened since the last tick
const history = { fps: [], latency: [], dropped: [], network: {} };
const totals = { seen: 0, shown: 0 };
let lateSeconds = 0, earlySeconds = 0, patience = 5, raisedAt = -Infinity;

function newSecond() {
  return { seen: 0, shown: 0, latencies: [], figures: null, network: {}, server: [], waited: [] };
}

// --- The camera -----------------------------------------------------------------------------------------------------

const CAMERA_TROUBLE = {
  NotAllowedError: "The browser was not allowed to use the camera. Press the camera or lock symbol beside the page's address, choose Allow, then press Start the camera again.",
  NotFoundError: "No camera was found on this device. Connect one and press Start the camera again, or press Try it without a camera.",
  NotReadableError: "The camera is in use by another program. Close that one, then press Start the camera again.",
  OverconstrainedError: "That camera is gone or cannot give 640 x 480 pictures. Choose another one.",
};

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    return say(`This page came by ${location.protocol}//${location.host}, and browsers give the camera only to pages that come by HTTPS or from this very machine. Open it by https://, or as http://127.0.0.1:${location.port || 80} on the machine that serves it.`);
  }
  say("Waiting for the camera. The browser may ask you to allow it.");
  const chosen = at("camera").value;
  const which = chosen ? { deviceId: { exact: chosen } } : { facingMode: { ideal: "environment" } };
  try {
    start(await navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, ...which }, audio: false }));
    listCameras();
  } catch (error) {
    say(CAMERA_TROUBLE[error.name] ?? `The camera did not start (${error.message}). Press Start the camera again, or choose another one.`);
  }
}

async function listCameras() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const using = video.srcObject?.getVideoTracks()[0]?.getSettings().deviceId;
  at("camera").replaceChildren(...cameras.map((device, index) => new Option(device.label || `Camera ${index + 1}`, device.deviceId, false, device.deviceId === using)));
  at("cameras").hidden = cameras.length < 2;
}

// A photo that moves, for who has no camera.
async function startExample() {
  const photo = new Image();
  photo.src = address("live/example.jpg");
  try { await photo.decode(); } catch { return say("The example did not load. Look whether the server still runs, then press again."); }
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const brush = canvas.getContext("2d");
  const began = performance.now();
  const draw = () => {
    const time = (performance.now() - began) / 1000;
    const zoom = (1.08 + 0.06 * Math.sin(time / 2)) * Math.max(640 / photo.width, 480 / photo.height);
    const [width, height] = [photo.width * zoom, photo.height * zoom];
    brush.drawImage(photo, (640 - width) * (0.5 + 0.45 * Math.sin(time / 3)), (480 - height) * (0.5 + 0.45 * Math.cos(time / 4)), width, height);
  };
  draw();
  const timer = setInterval(draw, 1000 / 30);
  stopExample = () => clearInterval(timer);
  start(canvas.captureStream(30));
}

function start(stream) {
  stopSource();
  video.srcObject = stream;
  stream.getVideoTracks()[0].addEventListener("ended", () => { stop(); say("The camera is gone. Connect it and press Start the camera again."); });
  video.play().catch(() => {}); // it is stopped again before it began
  isOn = true;
  isPaused = false;
  scale = 0;
  lateSeconds = -2; // the first seconds are for opening the backend
  totals.seen = totals.shown = 0;
  for (const name of ["frame", "fps", "latencyMs", "serverMs", "waitedMs", "seen", "shown", "width"]) delete root.dataset[name];
  for (const name of ["fps", "latency", "dropped"]) history[name] = [];
  history.network = {};
  say("");
  connect();
  layOut();
  watch();
}

function stopSource() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

function stop() {
  isOn = false;
  stopSource();
  stopExample?.();
  stopExample = null;
  clearTimeout(retryTimer);
  retryTimer = 0;
  socket?.close();
  socket = null;
  standing = null;
  travelling.clear();
  layOut();
}

let watched = 0;
function watch() {
  const turn = ++watched; // of several watches, only the newest goes on
  const onFrame = (now, metadata) => {
    if (!isOn || turn !== watched) return;
    schedule();
    takeFrame(metadata?.captureTime ?? now);
  };
  const schedule = video.requestVideoFrameCallback
    ? () => video.requestVideoFrameCallback(onFrame)
    : () => requestAnimationFrame((now) => onFrame(now));
  schedule();
}

// --- Frames there and back ------------------------------------------------------------------------------------------

function takeFrame(captured) {
  if (isPaused || document.hidden || root.offsetParent === null) return;
  if (socket?.readyState !== WebSocket.OPEN || standing === null || standing.place > 0) return;
  second.seen += 1;
  totals.seen += 1;
  if (travelling.size >= IN_FLIGHT || !video.videoWidth) return;
  const factor = Math.min(1, LONG_SIDE / Math.max(video.videoWidth, video.videoHeight)) * SCALES[scale];
  sendCanvas.width = Math.round(video.videoWidth * factor);
  sendCanvas.height = Math.round(video.videoHeight * factor);
  pen.drawImage(video, 0, 0, sendCanvas.width, sendCanvas.height);
  const number = (frameNumber = (frameNumber + 1) % 2 ** 32);
  travelling.set(number, { captured });
  sendCanvas.toBlob((blob) => {
    if (!blob || socket?.readyState !== WebSocket.OPEN) return travelling.delete(number);
    socket.send(new Blob([header(FRAME, number), blob]));
  }, "image/jpeg", JPEG_QUALITY);
}

function header(kind, number) {
  const view = new DataView(new ArrayBuffer(5));
  view.setUint8(0, kind);
  view.setUint32(1, number, true);
  return view.buffer;
}

async function takeAnswer(message) {
  const length = new DataView(message).getUint32(0, true);
  const figures = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  const frame = travelling.get(figures.number);
  forget(figures.number);
  if (!frame) return; // of a connection before this one
  let end = 4 + length;
  const files = figures.sizes.map((size) => {
    end += size;
    return new Blob([new Uint8Array(message, end - size, size)], { type: "image/jpeg" });
  });
  const pictures = await Promise.all(files.map((file) => createImageBitmap(file)));
  const isScheduled = pending !== null;
  pending?.pictures.forEach((picture) => picture.close());
  pending = { pictures, figures, frame };
  if (!isScheduled) requestAnimationFrame(show);
}

// The frame is done with, and those before it: the server answers the newest one only.
function forget(number) {
  for (const each of travelling.keys()) if (each <= number) travelling.delete(each);
}

function show() {
  const { pictures, figures, frame } = pending;
  pending = null;
  if (!isOn) return;
  pictures.forEach((picture, index) => {
    const canvas = at(`canvas${index}`);
    if (canvas.width !== picture.width || canvas.height !== picture.height) Object.assign(canvas, { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
  });
  second.shown += 1;
  totals.shown += 1;
  requestAnimationFrame((now) => second.latencies.push(now - frame.captured)); // it is on the screen by then
  second.server.push(figures.server_ms);
  second.waited.push(figures.waited_ms);
  for (const lane of figures.lanes) (second.network[lane.backend] ??= []).push(lane.infer_ms);
  second.figures = figures;
  root.dataset.frame = figures.number;
  if (at("stage").dataset.lanes !== String(pictures.length)) layOut(pictures.length);
}

// --- The connection -------------------------------------------------------------------------------------------------

const address = (path) => new URL(path, `${(window.gradio_config?.root ?? location.origin).replace(/\/$/, "")}/`).href;

function connect() {
  clearTimeout(retryTimer);
  retryTimer = 0;
  socket?.close();
  travelling.clear();
  standing = null;
  const opened = (socket = new WebSocket(address("live").replace(/^http/, "ws")));
  opened.binaryType = "arraybuffer";
  opened.onopen = () => { opened.send(JSON.stringify(settings)); sendBackground(); };
  opened.onmessage = ({ data }) => {
    if (opened !== socket) return;
    if (typeof data !== "string") return takeAnswer(data);
    const said = JSON.parse(data);
    if (said.standing) takeStanding(said.standing);
    if (said.error) say(said.error);
    if (said.number !== undefined) forget(said.number);
  };
  opened.onclose = ({ code }) => {
    if (opened !== socket) return;
    socket = null;
    standing = null;
    if (code === FULL) return stop();
    if (!isOn) return;
    if (code === SILENT) return say(isPaused ? "" : "Nothing was sent for two minutes, so the place was given to others.");
    say("The connection to the server was lost. Trying again.");
    retryTimer = setTimeout(() => { retryTimer = 0; connect(); }, Math.min(8000, 500 * 2 ** retries++));
  };
}

function takeStanding(now) {
  const wasMeasured = standing?.is_measured;
  standing = now;
  retries = 0;
  if (wasMeasured && !now.is_measured) travelling.clear();
  if (now.is_measured) say("Something is being timed on this machine. The live picture goes on when it is done.");
  else if (now.place > 0) say(`${now.viewers} viewers share this machine. You are number ${now.place} in the line; the picture begins by itself.`);
  else say("");
  at("viewers").textContent = now.viewers > 1 && now.place === 0 ? `Shared with ${now.viewers - 1} other viewer${now.viewers > 2 ? "s" : ""}: each gets an equal part of the machine.` : "";
}

function sendBackground() {
  if (background && socket?.readyState === WebSocket.OPEN) socket.send(new Blob([header(BACKGROUND, 0), background]));
}

// --- What the viewer chooses ----------------------------------------------------------------------------------------

window.whiskerLive = {
  choose(left, right, effect, color, steady) {
    settings = { backends: right && right !== left ? [left, right] : [left], effect, color, steady };
    history.network = {};
    lateSeconds = -2;
    say("");
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(settings));
  },
  async setBackground(file) {
    if (!file?.url) return;
    const picture = await createImageBitmap(await (await fetch(file.url)).blob()).catch(() => null);
    if (!picture) return say("That background is no picture the browser can read. Choose a JPEG, PNG or WebP.");
    const factor = Math.min(1, 1280 / Math.max(picture.width, picture.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(picture.width * factor), height: Math.round(picture.height * factor) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    background = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    sendBackground();
  },
};

const on = (name, handler) => at(name).addEventListener("click", handler);
on("start", startCamera);
on("example", startExample);
on("stop", stop);
on("pause", () => {
  isPaused = !isPaused;
  if (!isPaused && !socket) connect();
  layOut();
});
on("mirror", () => { root.classList.toggle("mirrored"); layOut(); });
on("snapshot", snapshot);
at("camera").addEventListener("change", startCamera);

function snapshot() {
  const shown = [0, 1].map((index) => at(`canvas${index}`)).filter((canvas) => canvas.width && canvas.offsetParent);
  if (!shown.length) return;
  const sheet = Object.assign(document.createElement("canvas"), { width: shown.reduce((sum, canvas) => sum + canvas.width, 0), height: shown[0].height });
  const brush = sheet.getContext("2d");
  let left = 0;
  for (const canvas of shown) {
    brush.save();
    brush.translate(left + (isMirrored() ? canvas.width : 0), 0);
    brush.scale(isMirrored() ? -1 : 1, 1);
    brush.drawImage(canvas, 0, 0);
    brush.restore();
    left += canvas.width;
  }
  const link = Object.assign(document.createElement("a"), { download: "whisker-live.png", href: sheet.toDataURL("image/png") });
  link.click();
}

const isMirrored = () => root.classList.contains("mirrored");

// --- What is told ---------------------------------------------------------------------------------------------------

function say(words) {
  at("notice").textContent = words;
  at("notice").hidden = !words;
}

function layOut(lanes = Number(at("stage").dataset.lanes) || 1) {
  root.classList.toggle("on", isOn);
  at("stage").dataset.lanes = lanes;
  at("pause").textContent = isPaused ? "Go on" : "Pause";
  at("pause").setAttribute("aria-pressed", isPaused);
  at("mirror").setAttribute("aria-pressed", isMirrored());
}

const median = (values) => { const sorted = [...values].sort((a, b) => a - b); return sorted.length ? sorted[sorted.length >> 1] : NaN; };
const number = (value) => Number.isFinite(value) ? (value < 100 ? value.toFixed(1) : value.toFixed(0)) : "–";
const share = (value) => `${(value * 100).toFixed(1)} %`;
const label = (backend) => looks[backend][0];

let ticked = performance.now();
const ticking = setInterval(() => {
  if (!root.isConnected) { stop(); return clearInterval(ticking); }
  const now = performance.now(), seconds = (now - ticked) / 1000;
  ticked = now;
  const past = { ...second };
  Object.assign(second, newSecond());
  if (!isOn || isPaused || document.hidden || root.offsetParent === null) return;
  if (!socket && !retryTimer) connect(); // the place was given to others while the tab was not looked at
  const fps = past.shown / seconds, latency = median(past.latencies);
  const network = Object.fromEntries(Object.entries(past.network).map(([name, times]) => [name, median(times)]));
  keep(history.fps, fps);
  keep(history.latency, latency);
  keep(history.dropped, past.seen ? Math.max(0, 1 - past.shown / past.seen) * 100 : NaN);
  for (const [name, time] of Object.entries(network)) keep((history.network[name] ??= []), time);
  if (past.figures) tell(fps, latency, network, past);
  else at("fps").textContent = number(fps);
  drawCharts();
  if (standing && !standing.is_measured && standing.place === 0) adapt(fps, past.seen / seconds, latency);
}, 1000);

function keep(list, value) {
  list.push(value);
  if (list.length > SECONDS_SHOWN) list.shift();
}

function tell(fps, latency, network, past) {
  const { lanes, agreement } = past.figures;
  const names = lanes.map((lane) => lane.backend).filter((name) => network[name]);
  const sum = names.reduce((total, name) => total + network[name], 0);
  at("sentence").textContent = sentence(names, network, agreement, fps, latency);
  at("fps").textContent = number(fps);
  at("latency").textContent = `${number(latency)} ms`;
  at("network").textContent = names.map((name) => `${number(network[name])} ms`).join(" / ");
  at("network-note").textContent = `${share(sum / latency)} of the way from camera to screen`;
  at("dropped").textContent = share(totals.seen ? 1 - totals.shown / totals.seen : 0);
  at("dropped-note").textContent = `${Math.max(0, totals.seen - totals.shown)} of ${totals.seen} camera frames; sent at ${sendCanvas.width} x ${sendCanvas.height}`;
  Object.assign(root.dataset, { fps: fps.toFixed(2), latencyMs: latency.toFixed(2), serverMs: median(past.server).toFixed(2), waitedMs: median(past.waited).toFixed(2), seen: totals.seen, shown: totals.shown, width: sendCanvas.width });
  lanes.forEach((lane, index) => {
    const seen = inWords(lane);
    at(`canvas${index}`).setAttribute("aria-label", `${label(lane.backend)} sees: ${seen}`);
    at(`name${index}`).replaceChildren(Object.assign(document.createElement("span"), { className: "dot", style: `background:${looks[lane.backend][1]}` }), `${label(lane.backend)}: ${seen}`);
  });
}

// "cat, 41 % of the picture", "Perhaps a cat, 3 % of the picture", "no cat or dog".
function inWords({ found, areas }) {
  const ranked = Object.entries(areas).filter(([, part]) => part > 0).sort(([, a], [, b]) => b - a);
  if (found === "nothing" || !ranked.length) return "no cat or dog";
  const told = ranked.filter(([, part], place) => place === 0 || part >= 0.005);
  const words = told.map(([name, part]) => `${name}, ${share(part)} of the picture`).join("; ");
  return found === "unsure" ? `Perhaps a ${words}` : words;
}

function sentence(names, network, agreement, fps, latency) {
  const live = `${number(fps)} frames a second, ${number(latency)} ms from camera to screen`;
  if (names.length < 2) return `Live: ${live}; ${label(names[0])} takes ${number(network[names[0]])} ms of it.`;
  const [fast, slow] = [...names].sort((a, b) => network[a] - network[b]);
  const ratio = network[slow] / network[fast];
  return `Same frame, two runtimes: ${label(fast)} ${number(network[fast])} ms, ${label(slow)} ${number(network[slow])} ms (${ratio.toFixed(1)}x); ${share(agreement)} of the pixels agree. ${live}.`;
}

function drawCharts() {
  const ink = getComputedStyle(root).getPropertyValue("--live-accent").trim();
  chart(at("fps-chart"), [[history.fps, ink]]);
  chart(at("latency-chart"), [[history.latency, ink]]);
  chart(at("network-chart"), Object.entries(history.network).map(([name, times]) => [times, looks[name][1]]));
  chart(at("dropped-chart"), [[history.dropped, ink]]);
}

// A line over the last minute, newest on the right, from zero to the highest value, which is written on the left.
function chart(canvas, lines) {
  const ratio = devicePixelRatio, width = canvas.clientWidth * ratio, height = canvas.clientHeight * ratio;
  if (!width) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const brush = canvas.getContext("2d");
  const highest = Math.max(1e-6, ...lines.flatMap(([values]) => values.filter(Number.isFinite))) * 1.1;
  const style = getComputedStyle(canvas), axis = 34 * ratio, foot = 3 * ratio;
  const y = (value) => height - foot - (value / highest) * (height - 2 * foot);
  brush.clearRect(0, 0, width, height);
  brush.fillStyle = style.color;
  brush.font = `${10 * ratio}px ${style.fontFamily}`;
  brush.textBaseline = "top";
  brush.fillText(number(highest / 1.1), 0, foot);
  brush.textBaseline = "bottom";
  brush.fillText("0", 0, height);
  brush.strokeStyle = style.borderColor;
  brush.lineWidth = ratio;
  brush.strokeRect(axis, height - foot, width - axis, 0);
  for (const [values, color] of lines) {
    brush.strokeStyle = color;
    brush.lineWidth = 2 * ratio;
    brush.lineJoin = "round";
    brush.beginPath();
    let isDown = false;
    values.forEach((value, index) => {
      if (!Number.isFinite(value)) return (isDown = false);
      const x = width - ratio - ((values.length - 1 - index) / (SECONDS_SHOWN - 1)) * (width - axis - ratio);
      isDown ? brush.lineTo(x, y(value)) : brush.moveTo(x, y(value));
      isDown = true;
    });
    brush.stroke();
  }
}

// Smaller frames when they come late or seldom, larger ones again when there is room; slower to try what failed before.
function adapt(fps, seenFps, latency) {
  const isLate = latency > TOO_LATE_MS || fps < Math.min(ENOUGH_FPS, 0.9 * seenFps);
  const isEarly = latency < EARLY_MS && fps > 0.9 * Math.min(seenFps, 1.5 * ENOUGH_FPS);
  lateSeconds = isLate ? lateSeconds + 1 : 0;
  earlySeconds = isEarly ? earlySeconds + 1 : 0;
  if (lateSeconds >= 2 && scale < SCALES.length - 1) {
    if (performance.now() - raisedAt < 15000) patience = Math.min(60, 2 * patience);
    scale += 1;
    lateSeconds = 0;
  } else if (earlySeconds >= patience && scale > 0) {
    scale -= 1;
    earlySeconds = 0;
    raisedAt = performance.now();
  }
}

layOut();
