"use strict";
// Asks the server how the trader is and shows it. Text goes into the page as text, never as HTML.

const words = JSON.parse(document.body.dataset.words);
const EVERY_MS = 15000;
const SHOWN = 300; // rows of a table: the newest
let days = Number(document.body.dataset.days);
let asked = 0; // number of the newest question: answers to older ones are dropped
let line = -1; // of the journal, up to which the page is drawn
let drawnDays = 0;
let chosen = null; // the bar that is explained
let updated = "";

const place = (id) => document.getElementById(id);
const jpy = (value) => Math.round(value).toLocaleString("en-US");
const filled = (text, ...values) => values.reduce((said, value) => said.replace("{}", value), text);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function table(into, heads, rows, of) {
  const holder = place(into);
  if (!rows.length) {
    holder.replaceChildren(element("p", words.none, "empty"));
    return;
  }
  const made = element("table"), head = element("tr"), body = element("tbody");
  heads.forEach(([name, kind]) => { const cell = element("th", words[name], kind); cell.scope = "col"; head.append(cell); });
  const top = element("thead");
  top.append(head);
  rows.slice(0, SHOWN).forEach((row) => body.append(of(row)));
  made.append(top, body);
  holder.replaceChildren(made);
  if (rows.length > SHOWN) holder.append(element("p", filled(words.more, SHOWN, rows.length), "empty"));
}

function line_of(cells) {
  const row = element("tr");
  cells.forEach((cell, k) => {
    const made = cell instanceof Node ? cell : element(k ? "td" : "th", ...[].concat(cell));
    if (!k) made.scope = "row";
    row.append(made);
  });
  return row;
}

function showStatus(lines) {
  const body = element("tbody");
  lines.forEach((each) => body.append(line_of([each.name, [each.said, each.alarming ? "alarm" : ""]])));
  const made = element("table");
  made.append(body);
  place("status").replaceChildren(made);
}

function showDecisions(decisions) {
  const heads = [["time"], ["reason"], ["position"], ["equity", "n"]];
  table("decisions", heads, decisions, (each) => {
    const time = element("th"), button = element("button", each.time);
    button.type = "button";
    button.addEventListener("click", () => explain(each.at));
    time.append(button);
    const reason = element("td", each.words);
    reason.append(" ", element("span", each.reason, "code"));
    const row = line_of([time, reason, `${each.side} ${each.btc}`.trim(), [each.equity_jpy, "n"]]);
    row.dataset.at = each.at;
    row.setAttribute("aria-selected", String(each.at === chosen));
    return row;
  });
}

function showReasons(reasons) {
  const all = reasons.reduce((sum, each) => sum + each.bars, 0);
  table("reasons", [["reason"], ["bars", "n"], ["share", "n"]], reasons, (each) => {
    const name = element("th", each.words);
    name.append(" ", element("span", each.reason, "code"));
    return line_of([name, [each.bars.toLocaleString("en-US"), "n"], [`${(100 * each.bars / all).toFixed(1)} %`, "n"]]);
  });
}

function showTrades(trades) {
  const heads = [["opened"], ["closed"], ["side"], ["btc", "n"], ["entry", "n"], ["exit", "n"], ["net", "n"], ["why"], ["strategy"]];
  table("trades", heads, trades, (each) => line_of([
    each.opened, each.closed, each.side, [each.btc, "n"], [jpy(each.entry), "n"], [jpy(each.exit), "n"],
    [each.net_jpy.toLocaleString("en-US", { maximumFractionDigits: 4, signDisplay: "always" }), each.net_jpy < 0 ? "n loss" : "n gain"],
    each.why, each.strategy,
  ]));
}

// Plotly knows no time zones: times are shifted to Japan's and called UTC.
const japan = (at) => new Date(at + 9 * 3600000).toISOString().slice(0, 19);

function showMarket(bars, trades) {
  const at = bars.at.map(japan), first = bars.at[0] ?? Infinity;
  const ink = colour("ink"), grid = colour("grid");
  const mark = (name, symbol, where, tint) => ({
    type: "scatter", mode: "markers", name: words[name], x: where.map((one) => one[0]), y: where.map((one) => one[1]),
    marker: { symbol, size: 10, color: colour(tint), line: { width: 1, color: colour("paper") } },
  });
  const opened = (long) => trades.filter((t) => t.long === long && t.opened_at >= first).map((t) => [japan(t.opened_at), t.entry]);
  const closed = (gain) => trades.filter((t) => (t.net_jpy >= 0) === gain).map((t) => [japan(t.closed_at), t.exit]);
  const traces = [
    { type: "candlestick", name: words.candles, x: at, open: bars.open, high: bars.high, low: bars.low, close: bars.close,
      increasing: { line: { color: colour("rise"), width: 1 } }, decreasing: { line: { color: colour("fall"), width: 1 } } },
    mark("long", "triangle-up", opened(true), "long"), mark("short", "triangle-down", opened(false), "short"),
    mark("gain", "circle", closed(true), "rise"), mark("loss", "x", closed(false), "fall"),
    { type: "scatter", mode: "lines", name: words.equity_axis, x: at, y: bars.equity, yaxis: "y2", connectgaps: false,
      line: { color: colour("equity"), width: 1.5 } },
  ];
  const axis = (domain, title) => ({ domain, title: { text: title, font: { size: 11 }, standoff: 10 }, gridcolor: grid, tickformat: ",.0f", automargin: true });
  const layout = {
    margin: { l: 10, r: 10, t: 10, b: 30 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 11 }, dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: { type: "date", gridcolor: grid, rangeslider: { visible: false }, anchor: "y2", tickformatstops: [
      { dtickrange: [null, 43200000], value: "%H:%M\n%-m/%-d" }, { dtickrange: [43200000, null], value: "%-m/%-d\n%Y" }] },
    yaxis: axis([0.32, 1], words.price_axis), yaxis2: axis([0, 0.26], words.equity_axis),
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, uirevision: `${days}`,
  };
  return Plotly.react("market", traces, layout, { displayModeBar: false, responsive: true });
}

async function question(path) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store" });
  } catch {
    throw new Error(words.unanswered);
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.remedy ? `${body.error}: ${body.remedy}` : body.error);
  return body;
}

async function refresh() {
  const number = ++asked;
  const fresh = place("fresh");
  try {
    const found = await question(`/overview?days=${days}`);
    if (number !== asked) return;
    showStatus(found.status);
    if (found.line !== line || days !== drawnDays) {
      showDecisions(found.decisions);
      showReasons(found.reasons);
      showTrades(found.trades);
      await showMarket(found.bars, found.trades);
      line = found.line;
      drawnDays = days;
    }
    updated = new Date().toLocaleTimeString(document.documentElement.lang, { hour12: false });
    fresh.textContent = filled(words.fresh, updated);
    fresh.className = "";
    document.documentElement.dataset.ready = String(line);
  } catch (problem) {
    if (number !== asked) return;
    fresh.textContent = filled(words.lost, problem.message, updated || "–");
    fresh.className = "alarm";
  }
}

async function explain(at) {
  chosen = at;
  document.querySelectorAll("#decisions tr[data-at]").forEach((row) => row.setAttribute("aria-selected", String(Number(row.dataset.at) === at)));
  const shown = place("why");
  shown.hidden = false;
  shown.textContent = words.asking;
  let text;
  try {
    text = (await question(`/why?at=${at}`)).lines.join("\n");
  } catch (problem) {
    text = problem.message;
  }
  if (chosen === at) {
    shown.textContent = text;
    shown.scrollIntoView({ block: "nearest" });
  }
}

document.querySelectorAll("button[data-days]").forEach((button) => button.addEventListener("click", () => {
  days = Number(button.dataset.days);
  document.querySelectorAll("button[data-days]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  refresh();
}));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { line = -1; refresh(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
refresh();
