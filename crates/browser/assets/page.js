// Times in the reader's own zone, buttons that copy, and what a new password is like. Pages do without: times are in UTC then.
"use strict";

const inOwnZone = new Intl.DateTimeFormat(document.documentElement.lang, {
  year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.textContent = inOwnZone.format(at);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const lines = Array.from(document.querySelectorAll(button.dataset.copy), (line) => line.textContent.replace(/\s/g, ""));
    await navigator.clipboard.writeText(lines.join("\n"));
    button.nextElementSibling.textContent = button.dataset.done;
  });
}

// The service decides, by length and by a list of common passwords. This says the same of length, and what a list cannot know.
const LONG = 15;
const DISTINCT = 5;

function adviceOf(password, form) {
  const known = Array.from(form.querySelectorAll("[name=name], [name=surname], [name=email]"), (field) => field.value.split("@")[0]);
  const letters = password.toLowerCase();
  if (known.some((word) => word.length > 2 && letters.includes(word.toLowerCase()))) return "known";
  if (new Set(letters).size < DISTINCT) return "repeated";
  return Array.from(password).length < LONG ? "brief" : "good";
}

for (const advice of document.querySelectorAll("[data-advice-on]")) {
  const field = document.getElementById(advice.dataset.adviceOn);
  field.form.addEventListener("input", () => {
    advice.textContent = field.value ? advice.dataset[adviceOf(field.value, field.form)] : "";
  });
}
