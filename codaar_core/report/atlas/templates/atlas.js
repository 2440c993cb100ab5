"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const SHAPES = ["●", "■", "▲", "◆", "✚", "★"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "1 2"];
const PAGE = 40; // codewords drawn at once
const CLIPS = 20; // clips listed for a search
const WIDE = 40; // classes; more are listed, not drawn as a matrix

// Elements. Strings become text nodes or attributes, never markup.

function element(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return node;
}
const el = (tag, attributes = {}, ...children) => element(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => element(document.createElementNS(SVG, tag), attributes, children);
const number = (value) => value.toLocaleString("en");
const counted = (value, name) => `${number(value)} ${name}${value === 1 ? "" : "s"}`;
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const seconds = (time) => `${Number(time.toFixed(2))} s`;
const sum = (values) => values.reduce((total, value) => total + value, 0);

// Classes: a letter, a colour and a pattern each

function letter(label) {
  const last = String.fromCharCode(65 + (label % 26));
  return label < 26 ? last : letter(Math.floor(label / 26) - 1) + last;
}
function paint(node, label) {
  node.style.backgroundColor = `hsl(${Math.round(label * 137.508) % 360} 72% ${label % 2 ? 76 : 84}%)`;
  node.classList.add(`p${Math.floor(label / 2) % 4}`);
  return node;
}
const mark = (label, classes) => paint(el("span", { class: "mark", title: classes[label] }, letter(label)), label);
const named = (label, classes) => el("span", {}, mark(label, classes), classes[label]);
function legend(classes) {
  const list = el("ul", { class: "legend", "aria-label": "Classes" }, classes.map((_, label) => el("li", {}, named(label, classes))));
  return classes.length <= WIDE ? list : el("details", {}, el("summary", {}, `Letters of the ${classes.length} classes`), list);
}
const shape = (m) => el("i", { class: `shape m${m % 6}`, "aria-hidden": "true" }, SHAPES[m % SHAPES.length]);

// Clips and previews

for (const each of data.modalities) {
  const bytes = Uint8Array.from(atob(each.codes), (character) => character.charCodeAt(0));
  each.values = data.wide ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  each.masked = data.wide ? 4294967295 : 65535;
  if (each.idsOf) each.ids = data.modalities.find((other) => other.name === each.idsOf).ids;
  each.place = each.rows === null ? null : new Map(each.rows.map((row, place) => [row, place]));
}
const placeOf = (modality, row) => (modality.place === null ? row : modality.place.get(row));
const clipName = (modality, row) => modality.ids[placeOf(modality, row)];

let playing = null;
function play(button, content) {
  if (playing) playing.stop();
  if (playing && playing.button === button) { playing = null; return; }
  const sound = new Audio(`data:audio/wav;base64,${content}`);
  const stop = () => { sound.pause(); button.classList.remove("playing"); };
  playing = { button, stop };
  button.classList.add("playing");
  sound.addEventListener("ended", () => { stop(); playing = null; });
  sound.play().catch(() => { stop(); playing = null; });
}
function preview(index) {
  if (index === null || index === undefined) return null;
  const [kind, content, alt] = data.previews[index];
  if (kind === "picture") return el("img", { src: `data:image/png;base64,${content}`, alt, title: alt });
  if (kind === "words") return el("q", { class: "words" }, content);
  return el("button", { class: "play", type: "button", "aria-label": `Play: ${alt}`, title: alt, onclick: (event) => play(event.currentTarget, content) }, "▶");
}
function brief(previews) {
  const different = previews.filter((each, place) => each !== null && each !== previews[place - 1]);
  return different.length ? el("div", { class: "brief" }, different.map(preview)) : null;
}

// Codewords

const majority = (modality, code) => (modality.joint && modality.joint[code].length ? modality.joint[code][0][0] : null);
const uses = (code) => sum(data.modalities.map((each) => each.counts[code]));
function labelsOf(code) {
  const found = new Map();
  data.modalities.forEach((modality, m) => {
    const label = majority(modality, code);
    if (label !== null) found.set(label, [...(found.get(label) || []), m]);
  });
  return found;
}
function bar(modality, code) {
  const pairs = modality.joint[code];
  const total = sum(pairs.map((pair) => pair[1]));
  if (!total) return el("small", {}, "no labelled step");
  const shown = pairs.slice(0, 6);
  const said = shown.map(([label, count]) => `${data.classes[label]} ${percent(count / total)}`).join(", ");
  const node = el("div", { class: "bar", role: "img", "aria-label": `Labels: ${said}` });
  for (const [label, count] of shown) {
    const part = paint(el("span", { title: `${data.classes[label]}: ${number(count)} of ${number(total)}` }, count / total > 0.08 ? letter(label) : ""), label);
    part.style.flexGrow = count;
    node.append(part);
  }
  const rest = total - sum(shown.map((pair) => pair[1]));
  if (rest) {
    const part = el("span", { class: "other", title: `other labels: ${number(rest)}` });
    part.style.flexGrow = rest;
    node.append(part);
  }
  return node;
}
function nearestStep(modality, [row, step, distance, shown]) {
  const name = clipName(modality, row);
  const when = modality.whole ? "" : `, ${seconds(step * modality.seconds)}`;
  const far = distance === null ? "" : `; squared distance ${distance}`;
  const caption = el("button", { class: "link", type: "button", title: `clip ${name}${when}${far}: show its codes`, onclick: () => search(name) }, `${name}${when}`);
  return el("figure", {}, preview(shown), el("figcaption", {}, caption));
}
function labelTable(modality, code) {
  const pairs = modality.joint[code];
  const total = sum(pairs.map((pair) => pair[1]));
  const rows = pairs.map(([label, count]) => el("tr", {}, el("th", { scope: "row" }, named(label, data.classes)), el("td", {}, number(count)), el("td", {}, percent(count / total))));
  return el("table", { class: "plain" }, el("caption", {}, modality.name), el("tbody", {}, rows));
}
function says(code) {
  const labels = labelsOf(code);
  const active = data.modalities.filter((each) => each.counts[code]).length;
  if (!labels.size) return null;
  const parts = [...labels].map(([label, who]) => {
    const where = who.length === active ? (active > 1 ? `in all ${active} modalities` : `${data.modalities[who[0]].name} only`) : who.map((m) => data.modalities[m].name).join(", ");
    return el("div", {}, named(label, data.classes), el("small", {}, where));
  });
  return el("div", { class: "says" }, parts);
}
function codeCard(code) {
  const rows = data.modalities.map((modality, m) => {
    const count = modality.counts[code];
    const who = el("div", { class: "who" }, shape(m), modality.name, el("small", {}, count ? `${number(count)} codes, ${percent(count / modality.steps)}` : "not used"));
    if (!count) return el("div", { class: "use" }, who);
    return el("div", { class: "use" }, who, modality.joint ? bar(modality, code) : el("span"), el("div", { class: "strip" }, modality.nearest[code].map((step) => nearestStep(modality, step))));
  });
  const tables = data.modalities.filter((each) => each.joint && each.joint[code].length).map((each) => labelTable(each, code));
  const details = tables.length ? el("details", {}, el("summary", { tabindex: "-1" }, "all labels"), el("div", { class: "strip" }, tables)) : null;
  const label = [...labelsOf(code).keys()].map((each) => data.classes[each]).join(" or ");
  return el("article", { class: "code", id: `code-${code}`, tabindex: "0", "data-code": code, "aria-label": `Codeword ${code}, ${number(uses(code))} uses${label ? `, ${label}` : ""}` },
    el("div", {}, el("h3", {}, String(code)), says(code)), el("div", {}, rows), details);
}

const list = el("div", { id: "list" });
const more = el("button", { class: "more", type: "button", onclick: () => drawMore() });
const clipList = el("div", { id: "clips" });
const box = el("input", { type: "search", id: "search", placeholder: "code number, label or clip", "aria-label": "Search a code number, a label or a clip", autocomplete: "off", spellcheck: "false", oninput: () => apply() });
let shown = data.order;
let drawn = 0;
function draw(count) {
  const next = shown.slice(drawn, drawn + count);
  list.append(...next.map(codeCard));
  drawn += next.length;
  more.hidden = drawn >= shown.length;
  more.textContent = `Show ${number(Math.min(PAGE, shown.length - drawn))} more of ${number(shown.length - drawn)} codewords`;
}
function drawMore() {
  const first = drawn;
  draw(PAGE);
  list.children[first].focus();
}
function matching(query) {
  if (!query) return data.order;
  if (/^\d+$/.test(query)) return Number(query) < data.size ? [Number(query)] : [];
  const labels = new Set(data.classes.map((name, label) => [name.toLowerCase(), label]).filter(([name]) => name.includes(query)).map((pair) => pair[1]));
  return labels.size ? data.order.filter((code) => [...labelsOf(code).keys()].some((label) => labels.has(label))) : [];
}
function clipsNamed(query) {
  const found = new Map();
  if (!query) return found;
  for (const modality of data.modalities) {
    for (let place = 0; place < modality.ids.length; place += 1) {
      const name = modality.ids[place];
      const hit = /^\d+$/.test(query) ? name === query : name.toLowerCase().includes(query);
      if (!hit) continue;
      if (!found.has(name) && found.size >= CLIPS) break;
      found.set(name, [...(found.get(name) || []), [modality, place]]);
    }
  }
  return found;
}
function clipEntry(name, entries) {
  const rows = entries.map(([modality, place]) => {
    const steps = [];
    const length = modality.length * modality.levels;
    for (let at = 0; at < length; at += 1) {
      const step = Math.floor(at / modality.levels);
      const code = modality.values[place * length + at];
      if (code !== modality.masked) steps.push(el("button", { class: "link", type: "button", title: modality.whole ? "the whole clip" : seconds(step * modality.seconds), onclick: () => search(String(code)) }, String(code)));
    }
    return el("div", { class: "cliprow" }, shape(data.modalities.indexOf(modality)), modality.name, el("div", { class: "steps" }, steps));
  });
  return el("section", {}, el("h3", {}, `Clip ${name}`), rows);
}
function apply() {
  const query = box.value.trim().toLowerCase();
  shown = matching(query);
  drawn = 0;
  list.replaceChildren();
  draw(PAGE);
  const clips = clipsNamed(query);
  clipList.replaceChildren(...[...clips].map(([name, entries]) => clipEntry(name, entries)));
  const found = `${counted(shown.length, "codeword")}${clips.size ? `, ${clips.size === CLIPS ? "the first " : ""}${counted(clips.size, "clip")}` : ""}`;
  document.getElementById("status").textContent = query ? found : "";
  count.textContent = query ? found : `${number(data.order.length)} codewords in use`;
  choose(shown.length === 1 ? shown[0] : null);
}
const count = el("small");
function search(query) {
  box.value = query;
  apply();
  document.getElementById("codewords").scrollIntoView();
}

// Keyboard

const cards = () => [...list.children];
function focusCard(step) {
  const all = cards();
  const here = all.indexOf(document.activeElement.closest(".code"));
  const next = all[Math.max(0, here + step)];
  if (here + step >= all.length - 1 && !more.hidden) draw(PAGE);
  if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); choose(Number(next.dataset.code)); }
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target === box;
  const other = !typing && event.target.matches("input, select, button, a, summary");
  if (event.key === "/" && !typing) { event.preventDefault(); box.focus(); box.select(); }
  else if (event.key === "Escape") { box.value = ""; apply(); box.blur(); }
  else if (event.key === "Enter" && typing) { event.preventDefault(); focusCard(1); }
  else if (event.key === "ArrowDown" && (typing || event.target.closest(".code"))) { event.preventDefault(); focusCard(1); }
  else if (event.key === "ArrowUp" && !typing && event.target.closest(".code")) { event.preventDefault(); focusCard(-1); }
  else if (event.key === "Enter" && !other && event.target.matches(".code")) {
    const details = event.target.querySelector("details");
    if (details) details.open = !details.open;
    choose(Number(event.target.dataset.code));
  }
});

// Sections

const sections = [];
function section(id, title, note, ...children) {
  sections.push([id, title]);
  return el("section", { id, "aria-label": title }, el("h2", {}, title), note ? el("p", {}, note) : null, ...children);
}
function picker(name, options, show) {
  const target = el("div");
  const select = el("select", { onchange: () => target.replaceChildren(show(options[select.selectedIndex][1])) }, options.map(([title], place) => el("option", { value: place }, title)));
  target.append(show(options[0][1]));
  return el("div", {}, options.length > 1 ? el("label", { class: "pick" }, name, select) : el("p", { class: "note" }, options[0][0]), target);
}
const table = (...parts) => el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, el("table", ...parts));
const arrow = (each) => (each.train === each.test ? `${each.train} (trained and tested on it)` : `${each.train} → ${each.test}`);
function matrix(classes, columns, cell, caption) {
  const head = el("thead", {}, el("tr", {}, el("td"), columns.map((each) => el("th", { scope: "col" }, each))));
  const body = classes.map((_, row) => el("tr", {}, el("th", { scope: "row" }, named(row, classes)), columns.map((_, column) => {
    const { text, share, title, right } = cell(row, column);
    const node = el("td", { title, class: right ? "right" : null }, text);
    node.style.setProperty("--share", share);
    return node;
  })));
  return el("div", {}, el("p", { class: "note" }, caption), table({ class: "matrix" }, head, el("tbody", {}, body)));
}

function codewords() {
  const note = "Most used first. The bar shows the labels of the time steps with this code; beside it are the clips "
    + (data.modalities.some((each) => each.distances) ? "nearest to the codeword." : "that have it.");
  const help = el("small", {}, el("kbd", {}, "/"), " search ", el("kbd", {}, "↑"), el("kbd", {}, "↓"), " move ", el("kbd", {}, "Enter"), " all labels ", el("kbd", {}, "Esc"), " clear");
  return section("codewords", "Codewords", note, data.classes.length ? legend(data.classes) : null, el("div", { class: "search", role: "search" }, box, count, help), clipList, list, more);
}

function usage() {
  const [width, height, left, bottom] = [560, 230, 46, 200];
  const most = Math.max(2, ...data.modalities.map((each) => Math.max(...each.counts)));
  const x = (rank) => left + (rank / data.size) * (width - left - 10);
  const y = (value) => bottom - (Math.log10(value) / Math.log10(most)) * (bottom - 12);
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Uses of each codeword by rank, ${data.modalities.map((each) => `${each.name}: ${each.used} of ${data.size} in use`).join("; ")}` });
  for (let power = 1; power <= most; power *= 10) {
    chart.append(svg("path", { class: "grid", d: `M${left} ${y(power)}H${width - 10}` }), svg("text", { x: left - 6, y: y(power) + 4, "text-anchor": "end" }, number(power)));
  }
  for (const part of [0, 0.25, 0.5, 0.75, 1]) chart.append(svg("text", { x: x(part * data.size), y: bottom + 16, "text-anchor": "middle" }, number(Math.round(part * data.size))));
  chart.append(svg("text", { x: (left + width) / 2, y: height - 1, "text-anchor": "middle" }, "rank of the codeword"), svg("text", { x: left, y: 6 }, "uses"));
  data.modalities.forEach((each, m) => {
    const sorted = each.counts.filter((value) => value).sort((one, other) => other - one);
    const points = sorted.map((value, rank) => `${x(rank + 0.5).toFixed(1)},${y(value).toFixed(1)}`);
    chart.append(svg("polyline", { class: `m${m % 6}`, style: null, "stroke-dasharray": DASHES[m % DASHES.length], points: points.join(" ") }));
    const last = sorted.length - 1;
    chart.append(svg("text", { class: `m${m % 6}`, x: x(last + 0.5) - 4, y: y(sorted[last]) + 4 }, SHAPES[m % SHAPES.length]));
  });
  const rows = data.modalities.map((each, m) => el("tr", {}, el("th", { scope: "row" }, shape(m), each.name), [number(each.clips), number(each.steps), number(each.used), number(data.size - each.used), each.perplexity.map(number).join(", ")].map((text) => el("td", {}, text))));
  const heads = ["modality", "clips", "codes", "in use", "dead", "perplexity"].map((text) => el("th", { scope: "col" }, text));
  const dead = Array.from({ length: data.size }, (_, code) => code).filter((code) => !uses(code));
  const listed = dead.length ? el("details", {}, el("summary", {}, `${number(dead.length)} of ${number(data.size)} codewords are dead in all modalities`), el("p", { class: "note" }, dead.join(", "))) : el("p", { class: "note" }, "Every codeword is used by some modality.");
  return section("usage", "Use of the codebooks", "How often each codeword is used, by rank: a flat line uses all codewords alike, a short one leaves many dead.",
    el("div", { class: "two" }, chart, el("div", {}, table({ class: "plain" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)), listed)));
}

let choose = () => {};
function codebookMap() {
  const { modalities, points, explained, shared } = data.map;
  const [width, height, room] = [760, 520, 18];
  const flat = points.flat();
  const low = [0, 1].map((axis) => Math.min(...flat.map((point) => point[axis])));
  const span = [0, 1].map((axis) => Math.max(...flat.map((point) => point[axis])) - low[axis] || 1);
  const at = (m, code) => [room + ((points[m][code][0] - low[0]) / span[0]) * (width - 2 * room), height - room - ((points[m][code][1] - low[1]) / span[1]) * (height - 2 * room)];
  const fixed = (pair) => pair.map((value) => value.toFixed(1)).join(" ");
  const drawings = [
    ([a, b], r) => `M${(a - r).toFixed(1)} ${b.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    ([a, b], r) => `M${(a - r).toFixed(1)} ${(b - r).toFixed(1)}h${2 * r}v${2 * r}h${-2 * r}z`,
    ([a, b], r) => `M${a.toFixed(1)} ${(b - 1.2 * r).toFixed(1)}l${1.2 * r} ${2.2 * r}h${-2.4 * r}z`,
    ([a, b], r) => `M${a.toFixed(1)} ${(b - 1.4 * r).toFixed(1)}l${1.4 * r} ${1.4 * r}l${-1.4 * r} ${1.4 * r}l${-1.4 * r} ${-1.4 * r}z`,
  ];
  const placeIn = (name) => data.modalities.findIndex((each) => each.name === name);
  const counted = (m, code) => { const place = placeIn(modalities[m]); return place < 0 ? uses(code) : data.modalities[place].counts[code]; };
  const every = Array.from({ length: data.size }, (_, code) => code);
  const lines = every.filter(uses).map((code) => `M${points.map((_, m) => fixed(at(m, code))).join("L")}`).join("");
  const chart = svg("svg", { class: "chart map", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Map of the codebooks of ${modalities.join(", ")}: two principal components; lines join equal indices` });
  const links = svg("path", { class: "links", d: lines });
  chart.append(links);
  modalities.forEach((name, m) => {
    const colour = placeIn(name) < 0 ? m : placeIn(name);
    const path = (kind, codes, size) => svg("path", { class: `${kind} m${colour % 6}`, d: codes.map((code) => drawings[colour % drawings.length](at(m, code), size)).join("") });
    chart.append(path("dead", every.filter((code) => !counted(m, code)), 2), path("alive", every.filter((code) => counted(m, code)), 3));
  });
  const chosen = svg("path", { class: "chosen" });
  const said = svg("text", { x: room, y: room });
  chart.append(chosen, said);
  choose = (code) => {
    chosen.setAttribute("d", code === null ? "" : `M${points.map((_, m) => fixed(at(m, code))).join("L")}${points.map((_, m) => drawings[0](at(m, code), 7)).join("")}`);
    said.textContent = code === null ? "" : `${code}: ${[...labelsOf(code).keys()].map((label) => data.classes[label]).join(" or ") || `${number(uses(code))} uses`}`;
  };
  const under = (event) => {
    const frame = chart.getBoundingClientRect();
    const [a, b] = [((event.clientX - frame.left) / frame.width) * width, ((event.clientY - frame.top) / frame.height) * height];
    let [best, near] = [null, 18 ** 2];
    points.forEach((_, m) => every.forEach((code) => {
      const [c, d] = at(m, code);
      const far = (a - c) ** 2 + (b - d) ** 2;
      if (far < near) [best, near] = [code, far];
    }));
    return best;
  };
  chart.addEventListener("pointermove", (event) => choose(under(event)));
  chart.addEventListener("click", (event) => { const code = under(event); if (code !== null) search(String(code)); });
  const keys = el("ul", { class: "legend" }, modalities.map((name, m) => el("li", {}, shape(placeIn(name) < 0 ? m : placeIn(name)), name)), el("li", {}, "— equal index"), el("li", {}, "hollow: not used"));
  const toggle = el("label", { class: "pick" }, el("input", { type: "checkbox", checked: true, onchange: (event) => { links.style.display = event.target.checked ? "" : "none"; } }), "lines between equal indices");
  const note = shared ? "All modalities share one codebook, so their points coincide." : "The shorter the lines, the better the codebooks are aligned.";
  return section("map", "Map of the codebooks", `Two principal components of all codewords (${explained.map(percent).join(" and ")} of the variance). ${note} Select a point to see the codeword.`, keys, toggle, chart);
}

const levelOf = (each) => (each.level === null ? "" : `, level ${each.level}`);
function agreementSection() {
  const heads = ["modalities", "time steps", "equal index", "by chance"].map((text) => el("th", { scope: "col" }, text));
  const rows = data.agreement.map((each) => el("tr", {}, el("th", { scope: "row" }, `${each.one}, ${each.other}${levelOf(each)}`), el("td", {}, number(each.steps)), el("td", {}, each.steps ? percent(each.equal / each.steps) : ""), el("td", {}, each.chance === null ? "" : percent(each.chance))));
  const labelled = data.agreement.filter((each) => each.pairs.length);
  const byClass = labelled.length ? picker("Modalities", labelled.map((each) => [`${each.one} and ${each.other}${levelOf(each)}`, each]), agreementByClass) : null;
  return section("agreement", "Index agreement", "How often two modalities have the same index at the same time step; by chance: if both drew their codes independently, as often as they use them.",
    table({ class: "plain" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)), byClass);
}
function agreementByClass(each) {
  const cells = new Map(each.pairs.map(([one, other, steps, equal]) => [one * data.classes.length + other, [steps, equal]]));
  if (data.classes.length > WIDE) {
    const rows = each.pairs.filter((pair) => pair[0] === pair[1]).sort((one, other) => other[3] / other[2] - one[3] / one[2]).map(([label, , steps, equal]) => el("tr", {}, el("th", { scope: "row" }, named(label, data.classes)), el("td", {}, number(steps)), el("td", {}, percent(equal / steps))));
    return table({ class: "plain" }, el("caption", {}, "Steps of one class in both modalities, and the share with equal indices"), el("tbody", {}, rows));
  }
  const columns = data.classes.map((_, label) => mark(label, data.classes));
  return matrix(data.classes, columns, (row, column) => {
    const found = cells.get(row * data.classes.length + column);
    if (!found) return { text: "", share: 0, title: null };
    const [steps, equal] = found;
    return { text: String(Math.round((100 * equal) / steps)), share: equal / steps, title: `${data.classes[row]} and ${data.classes[column]}: ${number(equal)} of ${number(steps)} steps`, right: row === column };
  }, `Equal indices in % of the steps; rows: class of ${each.one}, columns: of ${each.other}`);
}

const ofBenchmarks = (part) => data.benchmarks.flatMap((bench) => (bench[part] || []).map((each) => [`${bench.name}: ${arrow(each)}`, { bench, each }]));
function confusionSection() {
  return section("confusion", "Confusion", "What a head trained on the codes of one modality makes of the other, over all head seeds.", picker("Transfer", ofBenchmarks("confusion"), ({ bench, each }) => confusionTable(bench, each)));
}
function confusionTable(bench, each) {
  const { classes } = bench;
  const totals = classes.map(() => 0);
  const cells = new Map();
  for (const [truth, predicted, steps] of each.counts) { totals[truth] += steps; cells.set(truth * (classes.length + 2) + predicted, steps); }
  const name = (column) => (column < classes.length ? classes[column] : column === classes.length ? "none" : "several");
  if (classes.length > WIDE) {
    const rows = classes.map((_, row) => {
      const mine = each.counts.filter((entry) => entry[0] === row && entry[1] !== row).sort((one, other) => other[2] - one[2])[0];
      return el("tr", {}, el("th", { scope: "row" }, named(row, classes)), el("td", {}, totals[row] ? percent((cells.get(row * (classes.length + 2) + row) || 0) / totals[row]) : ""), el("td", {}, mine ? `${name(mine[1])} ${percent(mine[2] / totals[row])}` : ""));
    });
    return table({ class: "plain" }, el("caption", {}, "Class, share predicted right, most frequent error"), el("tbody", {}, rows));
  }
  const used = [0, 1].map((extra) => classes.length + extra).filter((column) => each.counts.some((entry) => entry[1] === column));
  const columns = [...classes.keys(), ...used];
  const heads = columns.map((column) => (column < classes.length ? mark(column, classes) : el("small", {}, name(column))));
  return matrix(classes, heads, (row, place) => {
    const column = columns[place];
    const steps = cells.get(row * (classes.length + 2) + column) || 0;
    const share = totals[row] ? steps / totals[row] : 0;
    return { text: steps ? String(Math.round(100 * share)) : "", share, title: steps ? `${classes[row]} taken for ${name(column)}: ${number(steps)} of ${number(totals[row])}` : null, right: row === column };
  }, "% of each true class (rows) by predicted class (columns)");
}

function timelineSection() {
  return section("timelines", "Timelines", "A few clips, evenly spaced over the test split: what is there at each time step, and what the head predicts (first seed). Outlined: not equal.", picker("Transfer", ofBenchmarks("timelines"), ({ bench, each }) => el("div", {}, legend(bench.classes), each.clips.map((clip) => timeline(bench.classes, clip)))));
}
function timeline(classes, clip) {
  const steps = clip.truth.length;
  const grid = el("div", { class: "time", role: "img", "aria-label": `Clip ${clip.id}: ${clip.truth.filter((labels, step) => String(labels) === String(clip.predicted[step])).length} of ${steps} steps right` });
  grid.style.gridTemplateColumns = `6.5rem repeat(${steps}, minmax(2.1rem, 3.2rem))`;
  const cell = (labels, wrong) => el("div", { class: wrong ? "cell wrong" : "cell", title: labels.map((label) => classes[label]).join(", ") || "none" }, labels.slice(0, 3).map((label) => mark(label, classes)));
  grid.append(el("div", { class: "row" }, "time step"), ...clip.truth.map((_, step) => el("small", {}, String(step))));
  if (clip.previews.length) {
    const line = el("div", { class: "time" }, el("div", { class: "row" }, "preview"), clip.truth.map((_, step) => el("div", {}, preview(clip.previews[step]))));
    line.style.gridTemplateColumns = grid.style.gridTemplateColumns;
    return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Timeline of clip ${clip.id}` }, el("h3", {}, `Clip ${clip.id}`), line, fill());
  }
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Timeline of clip ${clip.id}` }, el("h3", {}, `Clip ${clip.id}`), fill());
  function fill() {
    grid.append(el("div", { class: "row" }, "truth"), ...clip.truth.map((labels) => cell(labels, false)));
    grid.append(el("div", { class: "row" }, "prediction"), ...clip.predicted.map((labels, step) => cell(labels, String(labels) !== String(clip.truth[step]))));
    return grid;
  }
}

function gallerySection() {
  return section("gallery", "Retrieval", "A few queries, evenly spaced over the test split, and the clips whose embeddings are nearest by cosine. ✓ marks a true match.", picker("Transfer", ofBenchmarks("gallery"), ({ each }) => el("div", {}, each.queries.map((query) => queryEntry(each, query)))));
}
function queryEntry(each, query) {
  const found = query.found.map((clip) => el("li", { class: clip.hit ? "hit" : null }, clip.hit ? el("b", {}, "✓ ") : null, `${clip.id}, ${clip.cosine.toFixed(2)}`, brief(clip.previews)));
  const match = query.rank === null ? "no true match" : `first true match: rank ${number(query.rank)} of ${number(each.searched)}`;
  const missed = query.match && query.rank > query.found.length ? el("div", {}, el("small", {}, query.match.id), brief(query.match.previews)) : null;
  return el("div", { class: "query" }, el("div", {}, el("b", {}, query.id), ` (${each.train})`, brief(query.previews), el("small", {}, match), missed), el("ol", { class: "found", "aria-label": `Clips of ${each.test} found` }, found));
}

function maskSection() {
  return section("masks", "Masks", "True and predicted maps over the frames of a few clips, evenly spaced over the test split (first seed).", picker("Transfer", ofBenchmarks("masks"), ({ each }) => el("div", {}, each.clips.map(maskTable))));
}
function maskTable(clip) {
  const rows = ["frame", "truth", "prediction"].map((name, part) => [name, clip.frames.map((frame) => frame[part])]).filter(([, previews]) => previews.some((each) => each !== null));
  return table({ class: "masks" }, el("caption", {}, `Clip ${clip.id}`), el("tbody", {}, rows.map(([name, previews]) => el("tr", {}, el("th", { scope: "row" }, name), previews.map((each) => el("td", {}, preview(each)))))));
}

function problems() {
  return section("notes", "Not shown", null, el("ul", { class: "problems" }, data.problems.map((each) => el("li", {}, each))));
}

// The page

const facts = [["model", data.model], ["checkpoint", `${data.checkpoint} (sha256 ${data.weights.slice(0, 12)})`], ["clips", data.clips], ["codewords", number(data.size)], ["modalities", data.modalities.map((each) => each.name).join(", ")]];
const main = document.getElementById("main");
main.append(codewords(), usage());
if (data.map) main.append(codebookMap());
if (data.agreement.length) main.append(agreementSection());
if (ofBenchmarks("confusion").length) main.append(confusionSection());
if (ofBenchmarks("timelines").length) main.append(timelineSection());
if (ofBenchmarks("gallery").length) main.append(gallerySection());
if (ofBenchmarks("masks").length) main.append(maskSection());
if (data.problems.length) main.append(problems());
document.getElementById("head").append(
  el("h1", {}, `${data.name}: what the codes stand for`),
  el("div", { class: "facts" }, facts.map(([name, value]) => el("span", {}, `${name} `, el("b", {}, value)))),
  el("nav", { "aria-label": "Sections" }, sections.map(([id, title]) => el("a", { href: `#${id}` }, title))),
);
const linked = /^#code-(\d+)$/.exec(location.hash);
if (linked) box.value = linked[1];
apply();
})();
