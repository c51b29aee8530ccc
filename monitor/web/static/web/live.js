// Times in the reader's zone, and pages that follow the monitor without being reloaded.
"use strict";

const INTERVAL_MS = 2000;
const LONGEST_WAIT_MS = 30000;
// A page that is slow to make is asked for less often: it takes at most this part of the time.
const SHARE_OF_TIME = 0.2;

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

function pad(number, digits = 2) {
  return String(number).padStart(digits, "0");
}

function localTime(moment, precise) {
  const day = `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())}`;
  const time = `${pad(moment.getHours())}:${pad(moment.getMinutes())}:${pad(moment.getSeconds())}`;
  return `${day} ${time}${precise ? `.${pad(moment.getMilliseconds(), 3)}` : ""}`;
}

function localizeTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.dateTime;
    element.textContent = localTime(moment, "precise" in element.dataset);
  }
}

// Turns the old tree into the new one, and keeps every element that both have: what is focused,
// selected, opened or scrolled stays so. Children are matched by data-key, else by their place.
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
  const keyed = new Map();
  for (const child of old.children) {
    if (child.dataset.key) keyed.set(child.dataset.key, child);
  }
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = counterpart(wanted, place, keyed);
    if (match === null) {
      old.insertBefore(wanted, place);
      continue;
    }
    if (match !== place) old.insertBefore(match, place);
    else place = place.nextSibling;
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, wanted);
    else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// A reader's own doing: which details are open.
function kept(element, attribute) {
  return element.tagName === "DETAILS" && attribute === "open";
}

function counterpart(wanted, place, keyed) {
  const key = wanted.dataset ? wanted.dataset.key : undefined;
  if (key) {
    const match = keyed.get(key) || null;
    keyed.delete(key);
    return match && match.tagName === wanted.tagName ? match : null;
  }
  const alike = place !== null && place.nodeName === wanted.nodeName;
  return alike && !(place.dataset && place.dataset.key) ? place : null;
}

function typing(live) {
  const active = document.activeElement;
  return active !== null && live.contains(active) && active.matches("input, textarea, select");
}

class LiveView {
  constructor(live, indicator) {
    this.live = live;
    this.indicator = indicator;
    this.source = document.body.dataset.source || location.href;
    this.wait = INTERVAL_MS;
    this.timer = 0;
    this.updating = false;
    document.addEventListener("visibilitychange", () => this.schedule(0));
    this.schedule(this.wait);
  }

  schedule(delay) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.update(), delay);
  }

  async update() {
    if (this.updating || typing(this.live)) return this.schedule(this.wait);
    this.updating = true;
    const asked = performance.now();
    try {
      const response = await fetch(this.source, {
        headers: { "X-Fragment": "1" },
        cache: "no-store",
      });
      if (response.status === 401) return this.say("signed out: reload the page", "bad");
      if (!response.ok && ![400, 404].includes(response.status)) throw new Error(`status ${response.status}`);
      this.put(await response.text());
      this.wait = Math.max(INTERVAL_MS, (performance.now() - asked) / SHARE_OF_TIME);
      this.say("live", "ok");
    } catch (error) {
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
      this.say("no answer from the monitor, trying again", "warn");
      console.warn("live update:", error);
    } finally {
      this.updating = false;
    }
    return this.schedule(this.wait);
  }

  put(html) {
    if (typing(this.live)) return;
    const fresh = new DOMParser().parseFromString(`<main id="live">${html}</main>`, "text/html");
    localizeTimes(fresh);
    morph(this.live, fresh.getElementById("live"));
  }

  say(words, tone) {
    if (this.indicator.textContent === words) return;
    this.indicator.textContent = words;
    this.indicator.className = `badge tone-${tone}`;
  }
}

// Also for forms that come with a live update.
function onceOnly() {
  document.addEventListener("submit", ({ target }) => {
    if (target.method !== "post") return;
    for (const button of target.querySelectorAll("button")) button.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form[method=post] button")) {
      button.disabled = false;
    }
  });
}

localizeTimes(document);
document.getElementById("zone").textContent = zone;
onceOnly();
if (document.body.dataset.live === "yes") {
  new LiveView(document.getElementById("live"), document.getElementById("live-state"));
}
