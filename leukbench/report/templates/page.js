"use strict";
// tables sort by their heads and filter by a word; without a script they are plain tables
const number = (text) => {
  const found = text.replace(/[−–]/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/^[^\w-]*(-?\d+(\.\d+)?)/);
  return found ? Number(found[1]) : NaN;
};
const compare = (a, b) => {
  const [x, y] = [number(a), number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.localeCompare(b);
};
document.querySelectorAll("main table").forEach((table, place) => {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) return;
  table.querySelectorAll("thead th").forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(text(a), text(b)));
      body.append(...rows);
    });
  });
  if (body.rows.length < 8) return;
  const label = document.createElement("label");
  label.className = "filter";
  label.textContent = `Filter ${body.rows.length} rows: `;
  const input = document.createElement("input");
  input.type = "search";
  input.id = `filter-${place}`;
  label.htmlFor = input.id;
  label.append(input);
  table.parentElement.before(label);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
});
const menu = document.querySelector(".menu");
if (window.matchMedia("(max-width: 60rem)").matches) menu.open = false;
let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("main details:not([open])")];
  closed.forEach((part) => { part.open = true; });
});
window.addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));
const show = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target && target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
};
window.addEventListener("hashchange", show);
show();
