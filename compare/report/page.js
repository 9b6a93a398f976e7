"use strict";
// Draws the report from the data in this page. Nothing is loaded from the network.

const state = { index: 0, log: {}, plane: {}, cut: {}, chosen: new Set(), sort: null, filter: "" };
const arrays = new Map();

async function unpack(id) {
  const text = atob(document.getElementById(id).textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i); // Uint8Array.from is slow
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The values of an array: high bytes, then low bytes of 16-bit levels. Level 65535 stands for an unknown value.
async function load(field) {
  if (!arrays.has(field.id)) {
    const bytes = await unpack(field.id), count = bytes.length / 2, values = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const level = bytes[i] + 256 * bytes[count + i];
      const value = field.low + level * field.scale;
      values[i] = level === 65535 ? NaN : field.log ? 10 ** value : value;
    }
    arrays.set(field.id, values);
  }
  return arrays.get(field.id);
}

function slice(values, shape, time) {
  const size = shape.slice(1).reduce((product, each) => product * each, 1);
  const start = Math.min(time, shape[0] - 1) * size;
  return values.subarray(start, start + size);
}

function rows(values, width) {
  const table = [];
  for (let start = 0; start < values.length; start += width) table.push(Array.from(values.subarray(start, start + width)));
  return table;
}

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

// Plotly reads < and & in names and titles as markup.
const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");

const number = (value, digits = 4) =>
  value === null || value === undefined || Number.isNaN(value) ? "" : Number(value.toPrecision(digits)).toString();

// ---- figures ----------------------------------------------------------------------------------------------------

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(title, more = {}) {
  return {
    title: { text: safe(title) }, gridcolor: colour("grid"), linecolor: colour("line"), zerolinecolor: colour("grid"),
    automargin: true, exponentformat: "power", ...more,
  };
}

function layout(more) {
  return {
    paper_bgcolor: colour("page"), plot_bgcolor: colour("page"), margin: { l: 64, r: 16, t: 24, b: 48 },
    font: { color: colour("text"), family: "system-ui, sans-serif", size: 13 }, hovermode: "closest",
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, ...more,
  };
}

const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

function nearest(times, time) {
  let best = 0;
  times.forEach((each, i) => { if (Math.abs(each - time) < Math.abs(times[best] - time)) best = i; });
  return best;
}

function now(content) {
  return content.time && content.time.length ? content.time[state.index] : 0;
}

function drawLines(figure, node, content) {
  const log = state.log[figure.id];
  const traces = figure.series.map((series) => ({
    type: "scatter", mode: series.points ? "markers" : series.marker ? "lines+markers" : "lines", name: safe(series.name),
    x: series.x, y: series.y, line: { color: series.colour, dash: series.dash, width: 1.8 },
    marker: { color: series.colour, size: 5 }, hovertemplate: "%{x:.4~g}: %{y:.5~g}<extra>%{fullData.name}</extra>",
  }));
  const shapes = figure.xTitle.startsWith("gradient-flow") && content.time && content.time.length > 1
    ? [{ type: "line", x0: now(content), x1: now(content), yref: "paper", y0: 0, y1: 1, line: { color: colour("soft"), width: 1, dash: "dot" } }]
    : [];
  const positive = figure.series.flatMap((series) => Array.from(series.y)).filter((value) => value > 0);
  const top = positive.reduce((a, b) => Math.max(a, b), 0), bottom = Math.max(positive.reduce((a, b) => Math.min(a, b), Infinity), top * 1e-5);
  const range = log && top ? { range: [Math.log10(bottom) - 0.1, Math.log10(top) + 0.1], autorange: false } : {};
  return Plotly.react(node, traces, layout({
    height: 420, shapes, xaxis: axis(figure.xTitle), yaxis: axis(figure.yTitle, { type: log ? "log" : "linear", ...range }),
  }), options);
}

async function drawProfiles(figure, node, content) {
  const time = nearest(figure.times, now(content)), log = state.log[figure.id];
  const traces = [];
  let low = Infinity, high = 0;
  for (const series of figure.series) {
    const values = await load(series.field);
    if (log) for (const value of values) if (value > 0) { low = Math.min(low, value); high = Math.max(high, value); }
    traces.push({
      type: "scatter", mode: "lines", name: safe(series.name), x: figure.x, y: Array.from(slice(values, series.field.shape, time)),
      line: { color: series.colour, width: series.name === "network" ? 1.2 : 2 },
      hovertemplate: "%{x:.4~g}: %{y:.5~g}<extra>%{fullData.name}</extra>",
    });
  }
  const range = log && high ? { range: [Math.log10(Math.max(low, high * 1e-6)), Math.log10(high) + 0.1], autorange: false } : {};
  return Plotly.react(node, traces, layout({
    height: 440, xaxis: axis(figure.xTitle), yaxis: axis(figure.yTitle, { type: log ? "log" : "linear", ...range }),
  }), options);
}

async function drawMaps(figure, node, content) {
  const time = nearest(figure.times, now(content)), log = state.log[figure.id];
  const plane = figure.planes[state.plane[figure.id] || 0], count = plane.panels.length;
  const cut = Math.min(state.cut[figure.id] ?? Math.floor(plane.y.length / 2), plane.y.length - 1);
  const traces = [], profiles = [], maps = [];
  for (const panel of plane.panels) maps.push(slice(await load(panel.field), panel.field.shape, time));
  const shared = maps.filter((_, i) => plane.panels[i].name !== "difference");
  const known = shared.flatMap((map) => Array.from(map)).filter((value) => Number.isFinite(value) && (!log || value > 0));
  let top = -Infinity, bottom = Infinity;
  for (const value of known) { top = Math.max(top, value); bottom = Math.min(bottom, value); }
  if (log) bottom = Math.max(bottom, top * 1e-4);
  const scale = (value) => (log ? Math.log10(Math.max(value, bottom)) : value);
  const narrow = node.clientWidth < 620, gap = 0.04, share = (1 - gap * (count - 1)) / count;
  const domain = (i) => narrow ? [0, 0.9] : [i * (share + gap), i * (share + gap) + share];
  const extra = {}, notes = [];
  maps.forEach((map, i) => {
    const values = rows(map, plane.x.length), name = i ? i + 1 : "";
    const panel = plane.panels[i];
    traces.push({
      type: "heatmap", x: plane.x, y: plane.y, z: values.map((row) => row.map(scale)), customdata: values, name: panel.name,
      xaxis: `x${name}`, yaxis: `y${name}`, zmin: scale(bottom), zmax: scale(top), colorscale: figure.grey ? "Greys" : "Viridis",
      showscale: i === 0, hoverongaps: false,
      colorbar: { thickness: 12, x: 1.01, title: { text: figure.valueTitle }, ...(log ? ticks(bottom, top) : {}) },
      hovertemplate: `%{x:.4~g}, %{y:.4~g}: %{customdata:.5~g}<extra>${panel.name}</extra>`,
    });
    profiles.push({
      type: "scatter", mode: "lines", name: panel.name, x: plane.x, y: values[cut], hovertemplate: "%{x:.4~g}: %{y:.5~g}<extra>%{fullData.name}</extra>",
    });
    const vertical = narrow ? [1 - (i + 1) / count + 0.05, 1 - i / count - 0.03] : [0, 1];
    extra[`xaxis${name}`] = axis(plane.xTitle, { domain: domain(i), anchor: `y${name}`, constrain: "domain" });
    extra[`yaxis${name}`] = axis(i && !narrow ? "" : plane.yTitle, { domain: vertical, anchor: `x${name}`, scaleanchor: `x${name}`, constrain: "domain" });
    notes.push({ text: panel.name, xref: "paper", yref: "paper", x: narrow ? 0 : domain(i)[0], y: narrow ? vertical[1] + 0.01 : 1.02, xanchor: "left", yanchor: "bottom", showarrow: false });
  });
  const [picture, profile] = node.children;
  const width = node.clientWidth || 900;
  await Plotly.react(picture, traces, layout({
    height: narrow ? count * (width * 0.9) : Math.min(520, width / count + 90), annotations: notes, showlegend: false,
    margin: { l: 64, r: 80, t: 30, b: 48 }, ...extra,
    shapes: traces.map((trace) => ({ type: "line", xref: trace.xaxis, yref: trace.yaxis, x0: plane.x[0], x1: plane.x.at(-1), y0: plane.y[cut], y1: plane.y[cut], line: { color: "#d55e00", width: 1, dash: "dot" } })),
  }), options);
  await Plotly.react(profile, profiles, layout({
    height: 300, xaxis: axis(plane.xTitle), yaxis: axis(figure.valueTitle, { type: log ? "log" : "linear" }),
    title: { text: `along ${plane.yTitle.split(" (")[0]} = ${number(plane.y[cut], 3)}`, font: { size: 13 }, x: 0.02, y: 0.02, yanchor: "bottom" },
  }), options);
  if (!picture.dataset.listens) {
    picture.dataset.listens = "1";
    picture.on("plotly_click", (event) => {
      const axisValues = figure.planes[state.plane[figure.id] || 0].y;
      setCut(figure, nearest(axisValues, event.points[0].y), content);
    });
  }
}

function ticks(bottom, top) {
  const values = [];
  for (let power = Math.ceil(Math.log10(bottom)); power <= Math.log10(top); power++) values.push(power);
  return values.length ? { tickvals: values, ticktext: values.map((power) => `10<sup>${power}</sup>`) } : { tickvals: [Math.log10(top)], ticktext: [number(top, 2)] };
}

const drawers = { lines: drawLines, profiles: drawProfiles, maps: drawMaps };

function draw(figure, content) {
  const node = document.getElementById(`plot-${figure.id}`);
  return drawers[figure.kind](figure, node, content);
}

function setCut(figure, index, content) {
  state.cut[figure.id] = index;
  document.getElementById(`cut-${figure.id}`).value = index;
  return draw(figure, content);
}

function figureNode(figure, content) {
  state.log[figure.id] = Boolean(figure.log);
  const controls = element("div", { class: "controls" });
  if (figure.kind !== "maps" || figure.valueTitle === "|v|") {
    const toggle = element("button", { type: "button", "aria-pressed": String(state.log[figure.id]), onclick: () => {
      state.log[figure.id] = !state.log[figure.id];
      toggle.setAttribute("aria-pressed", String(state.log[figure.id]));
      draw(figure, content);
    } }, "Logarithmic");
    controls.append(toggle);
  }
  if (figure.kind === "maps") {
    if (figure.planes.length > 1) {
      const choice = element("select", { id: `plane-${figure.id}`, onchange: () => { state.plane[figure.id] = choice.selectedIndex; draw(figure, content); } },
        ...figure.planes.map((plane) => element("option", {}, plane.name)));
      controls.append(element("label", { for: `plane-${figure.id}` }, "Plane "), choice);
    }
    const lines = figure.planes[0].y.length;
    const slider = element("input", { type: "range", id: `cut-${figure.id}`, min: 0, max: lines - 1, value: Math.floor(lines / 2), oninput: () => setCut(figure, Number(slider.value), content) });
    controls.append(element("label", { for: `cut-${figure.id}` }, "Line of the maps "), slider);
  }
  const plot = element("div", { class: "plot", id: `plot-${figure.id}`, role: "group", "aria-label": `${figure.title}. ${figure.text}` });
  if (figure.kind === "maps") plot.append(element("div"), element("div"));
  return element("section", { "aria-labelledby": `head-${figure.id}` },
    element("h2", { id: `head-${figure.id}` }, figure.title), controls,
    element("figure", {}, plot, element("figcaption", {}, figure.text)));
}

// ---- tables -----------------------------------------------------------------------------------------------------

function definitions(pairs) {
  return element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

function clock(content, redraw) {
  const output = element("output", { id: "now", for: "time" });
  const slider = element("input", { type: "range", id: "time", min: 0, max: content.time.length - 1, value: 0 });
  const show = () => {
    state.index = Number(slider.value);
    output.textContent = `t = ${number(now(content), 5)}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", () => { show(); redraw(); });
  show();
  return element("div", { id: "clock" }, element("label", { for: "time" }, "Time"), slider, output);
}

function metricsNode(content) {
  const { names, titles } = content.metrics;
  const body = element("tbody", {}, ...names.map((name, i) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", { id: `metric-${name}` }), element("td", {}, titles[i]))));
  return element("section", {}, element("h2", {}, "Numbers at this time"),
    element("p", {}, "The columns of metrics.csv at the time of the slider."),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Numbers at this time" }, element("table", {},
      element("thead", {}, element("tr", {}, ...["column", "value", "meaning"].map((title) => element("th", { scope: "col" }, title)))), body)));
}

function showMetrics(content) {
  content.metrics.names.forEach((name, i) => {
    const value = content.metrics.columns[i][state.index];
    document.getElementById(`metric-${name}`).textContent = value === null ? "" : String(value);
  });
}

function provenance(content) {
  const commands = content.repeat.map((command) => element("pre", { tabindex: "0" }, command));
  const parts = commands.length ? [element("h2", {}, content.repeatTitle), ...commands] : [];
  if (content.runFile) parts.push(element("h2", {}, "Run file"), element("pre", { tabindex: "0" }, content.runFile));
  if (content.stages && content.stages.length) {
    parts.push(element("h2", {}, "Stages, versions and hashes"));
    for (const stage of content.stages) {
      const versions = Object.entries(stage.versions).map(([name, version]) => `${name} ${version}`).join(", ");
      parts.push(element("details", {}, element("summary", {}, `${stage.stage}: ${stage.when}, ${number(stage.seconds)} s`),
        definitions([["command", stage.command], ["versions", versions], ["platform", stage.platform],
          ...Object.entries(stage.files).map(([name, hash]) => [name, hash])])));
    }
  }
  return element("section", {}, ...parts);
}

// ---- pages ------------------------------------------------------------------------------------------------------

function runPage(content, main) {
  main.append(element("section", {}, element("h2", {}, "Summary"), definitions(content.summary)));
  const redraw = () => {
    if (content.time.length) showMetrics(content);
    return Promise.all(content.figures.map((figure) => draw(figure, content)));
  };
  if (content.time.length > 1) main.append(clock(content, redraw));
  main.append(...content.figures.map((figure) => figureNode(figure, content)));
  if (content.time.length) main.append(metricsNode(content));
  main.append(provenance(content));
  return redraw;
}

function sweepPage(content, main) {
  main.append(element("section", {}, element("h2", {}, "Summary"), definitions(content.summary)));
  const figures = content.figures.map((figure) => figureNode(figure, content));
  main.append(...figures, tableNode(content), element("section", { id: "chosen", "aria-live": "polite" }));
  const curves = { id: "runs", kind: "lines", title: "Chosen runs", text: "The losses of the runs that are chosen in the table, over time.", xTitle: "gradient-flow time t", yTitle: "loss", log: true, series: [] };
  main.append(figureNode(curves, content), provenance(content));
  content.runs.slice(0, 3).forEach((run) => state.chosen.add(run.name));
  const redraw = async () => {
    curves.series = content.runs.filter((run) => state.chosen.has(run.name)).flatMap((run, k) => run.curves.map((curve) => ({
      ...curve, x: run.time, name: `${run.label}: ${curve.name}`, colour: palette[k % palette.length] })));
    showRows(content);
    await Promise.all(content.figures.map((figure) => draw(figure, content)));
    await draw(curves, content);
  };
  state.redraw = redraw;
  return redraw;
}

const palette = ["#2f8fd3", "#d55e00", "#009e73", "#b8639b", "#e69f00", "#56b4e9", "#8a8a8a", "#a35200"];

function tableNode(content) {
  const filter = element("input", { type: "search", id: "filter", placeholder: "8 or seed=3", oninput: () => { state.filter = filter.value; showRows(content); } });
  const head = element("tr", {}, element("th", { scope: "col" }, "run"), ...content.columns.map((name, i) => {
    const cell = element("th", { scope: "col" }, element("button", { type: "button", onclick: () => {
      state.sort = state.sort && state.sort[0] === i ? [i, -state.sort[1]] : [i, 1];
      showRows(content);
    } }, name));
    return cell;
  }));
  return element("section", {}, element("h2", {}, "Runs"),
    element("p", {}, "Sort by a column with its title. Choose a run to see its curves and its run file."),
    element("div", { class: "controls" }, element("label", { for: "filter" }, "Show rows with"), filter, element("output", { id: "count" })),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" },
      element("table", {}, element("thead", {}, head), element("tbody", { id: "rows" }))));
}

// The keys of the runs are exact, the results have four digits.
function cellText(content, cell, column) {
  return typeof cell === "number" && column >= content.keys ? number(cell) : String(cell ?? "");
}

function matches(content, run) {
  return state.filter.trim().toLowerCase().split(/\s+/).filter(Boolean).every((word) => {
    const [key, value] = word.includes("=") ? word.split("=") : [null, word];
    return run.cells.some((cell, i) => {
      const text = cellText(content, cell, i).toLowerCase();
      return key === null ? text.includes(value) : content.columns[i].toLowerCase().endsWith(key) && text === value;
    });
  });
}

function showRows(content) {
  const shown = content.runs.filter((run) => matches(content, run));
  if (state.sort) {
    const [column, direction] = state.sort;
    const order = (a, b) => a === b ? 0 : a === null || a === "" ? 1 : b === null || b === "" ? -1 : (a < b ? -1 : 1) * direction;
    shown.sort((a, b) => order(a.cells[column], b.cells[column]));
  }
  document.querySelectorAll("thead th").forEach((cell, i) => {
    if (!cell.querySelector("button")) return;
    cell.setAttribute("aria-sort", state.sort && state.sort[0] === i - 1 ? (state.sort[1] > 0 ? "ascending" : "descending") : "none");
  });
  document.getElementById("count").textContent = `${shown.length} of ${content.runs.length} runs`;
  document.getElementById("rows").replaceChildren(...shown.map((run) => {
    const chosen = state.chosen.has(run.name);
    const button = element("button", { type: "button", "aria-pressed": String(chosen), "aria-label": `Choose the run ${run.label}`, onclick: () => choose(content, run) }, chosen ? "✓" : "show");
    return element("tr", { "data-chosen": String(chosen) }, element("td", {}, button),
      ...run.cells.map((cell, i) => element("td", {}, cellText(content, cell, i))));
  }));
}

function choose(content, run) {
  if (state.chosen.has(run.name)) state.chosen.delete(run.name); else state.chosen.add(run.name);
  const parts = [element("h2", {}, `Run ${run.label}`)];
  if (run.failure) parts.push(element("p", {}, `Failed: ${run.failure}`));
  parts.push(element("p", {}, `Folder: ${run.name}. `, ...(run.report ? [element("a", { href: run.report }, "Report of this run")] : [`For its own report, run: freqbias report "${run.folder}"`])));
  parts.push(element("pre", { tabindex: "0" }, run.runFile));
  document.getElementById("chosen").replaceChildren(...parts);
  return state.redraw();
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").setAttribute("aria-pressed", String(dark));
}

async function start() {
  const wished = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(wished.matches);
  const [code, text] = await Promise.all([unpack("library"), unpack("content")]);
  const decoder = new TextDecoder();
  document.head.append(element("script", {}, decoder.decode(code)));
  const content = JSON.parse(decoder.decode(text)), main = document.getElementById("main");
  const redraw = (content.kind === "run" ? runPage : sweepPage)(content, main);
  await redraw();
  main.setAttribute("aria-busy", "false");
  const repaint = (dark) => { setTheme(dark); redraw(); };
  wished.addEventListener("change", () => repaint(wished.matches));
  document.getElementById("theme").addEventListener("click", () => repaint(document.documentElement.dataset.theme !== "dark"));
  let wait = null;
  window.addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(redraw, 200); });
}

start().catch((error) => {
  document.getElementById("main").append(element("p", { role: "alert" }, `The report cannot be shown: ${error.message}. Use a browser of 2023 or later.`));
  throw error;
});
