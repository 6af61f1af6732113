// What the pages of feeds do beside being read: all of it is a help, none of it is needed.
"use strict";

const language = document.documentElement.lang;

// --- how long ago

const STEPS = [
  [604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"],
];
const LONG = 35 * 86400; // ago, a date says more

// Where there are thousands of dates, their zone is said once for all of them: in a zone with
// summer time those of the other half of the year are an hour off.
function moment(element) {
  const zone = element.closest("[data-zone]")?.dataset.zone;
  if (!zone) return Date.parse(element.dateTime);
  return element.textContent ? Date.parse(element.textContent.replace(" ", "T") + zone) : 0;
}

const DATES = "time, [data-zone] td:nth-child(3):not(:empty)";

function ages() {
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const now = Date.now() / 1000;
  for (const element of document.querySelectorAll(DATES)) {
    const seconds = moment(element) / 1000 - now;
    const text = element.textContent;
    if (Math.abs(seconds) > LONG) {
      element.textContent = text.slice(0, 10);
      continue;
    }
    const step = STEPS.find(([length]) => Math.abs(seconds) >= length) ?? STEPS[3];
    element.title = text;
    element.lang = language;
    element.textContent = relative.format(Math.round(seconds / step[0]), step[1]);
  }
}

// On a disk a folder shows its files and not its page.
function onDisk() {
  if (location.protocol !== "file:") return;
  for (const link of document.querySelectorAll('a[href$="/"]')) {
    if (link.protocol === "file:") link.href += "index.html";
  }
}

// --- the directory: filter and sort

// Rows that lay themselves out are quick to filter. That they are rows of a table has to be said
// then: browsers tell by how a thing is laid out what it is.
function layOut(table) {
  table.classList.add("laid");
  table.setAttribute("role", "table");
  for (const row of table.rows) {
    const head = row.parentNode === table.tHead;
    row.parentNode.setAttribute("role", "rowgroup");
    row.setAttribute("role", "row");
    for (const cell of row.cells) {
      const header = head ? "columnheader" : "rowheader";
      cell.setAttribute("role", cell.tagName === "TH" ? header : "cell");
    }
  }
}

function directory() {
  const tools = document.querySelector(".tools");
  if (!tools) return;
  const collator = new Intl.Collator(language, { numeric: true });
  document.querySelectorAll(".terms table").forEach(layOut);
  const bodies = [...document.querySelectorAll("tbody")].map((body) => ({
    body,
    section: body.closest("section"),
    rows: [...body.rows].map((row) => ({
      row,
      text: row.cells[0].textContent.normalize("NFKC").toLowerCase(),
      keys: [
        row.cells[0].textContent,
        Number(row.cells[1].textContent),
        moment(row.cells[2]),
        Number(row.cells[3].dataset.n ?? 0),
      ],
    })),
  }));

  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  function show() {
    const wanted = filter.value.normalize("NFKC").toLowerCase().trim();
    let total = 0;
    for (const { section, rows } of bodies) {
      let shown = 0;
      for (const { row, text } of rows) {
        const visible = text.includes(wanted);
        if (row.hidden === visible) row.hidden = !visible;
        shown += visible;
      }
      section.hidden = shown === 0;
      total += shown;
    }
    count.textContent = total.toLocaleString(language);
    nothing.hidden = total > 0;
  }
  filter.addEventListener("input", show);

  document.getElementById("sort").addEventListener("change", (event) => {
    const column = Number(event.target.value);
    for (const { body, rows } of bodies) {
      rows.sort((a, b) =>
        (column === 0 ? 0 : b.keys[column] - a.keys[column]) ||
        collator.compare(a.keys[0], b.keys[0]));
      body.append(...rows.map(({ row }) => row));
    }
  });
  // What the browser kept from before a reload would not be what is shown.
  filter.value = "";
  document.getElementById("sort").selectedIndex = 0;
  tools.hidden = false;
  show();
}

// --- addresses: copy

async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    // Not allowed, or not over plain HTTP: what is selected is one key press away.
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

function copying() {
  const told = document.getElementById("told");
  let waiting = 0;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copied(document.getElementById(button.dataset.copy));
      told.textContent = done ? button.dataset.done : button.dataset.failed;
      told.classList.toggle("away", done);
      button.classList.toggle("done", done);
      clearTimeout(waiting);
      if (done) waiting = setTimeout(rest, 2000);
    });
  }
  function rest() {
    told.textContent = "";
    for (const button of document.querySelectorAll("button.done")) button.classList.remove("done");
  }
}

// The rows are put in order by their dates, so the tools come first.
directory();
copying();
onDisk();
ages();
