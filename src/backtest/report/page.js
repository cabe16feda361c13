"use strict";
// Draws the charts and the table of trades from the JSON beside it, in the chosen language and colours.
(() => {
  const data = JSON.parse(document.getElementById("run-data").textContent);
  const root = document.documentElement;
  const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const FINE = 14 * DAY; // up to here 15-minute candles are shown
  const MOST_CANDLES = 4000; // above, the page would become slow: daily candles instead of 4-hour ones
  const coarse = matchMedia("(pointer: coarse)").matches;
  const narrow = () => root.clientWidth < 600;
  const el = (id) => document.getElementById(id);
  const word = (name) => data.labels[name][root.lang];
  const said = (text) => text[root.lang];
  const local = (at) => at + data.offset; // the charts' axes read milliseconds as if UTC: shown is Japan's time
  const css = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  // Names go into hover labels, which read a few HTML tags.
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  // Half to even, as in the tables that Python writes: one figure must not differ from itself by a yen.
  const whole = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value)) + 0; // + 0: no -0
  const yen = (value) => whole(value).toLocaleString("en-US");
  const signed = (value) => (whole(value) > 0 ? "+" : "") + yen(value);
  const stamp = (at) => new Date(local(at)).toISOString().slice(0, 16).replace("T", " ");

  // ---------------------------------------------------------------- bars

  function unpack(text, count) {
    const bytes = atob(text), values = new Float64Array(count);
    let at = 0;
    for (let i = 0; i < count; i++) {
      let folded = 0, scale = 1, byte;
      do {
        byte = bytes.charCodeAt(at++);
        folded += (byte & 127) * scale;
        scale *= 128;
      } while (byte & 128);
      values[i] = folded % 2 ? -(folded + 1) / 2 : folded / 2;
    }
    return values;
  }

  function summed(steps) {
    for (let i = 1; i < steps.length; i++) steps[i] += steps[i - 1];
    return steps;
  }

  function readBars() {
    const packed = data.bars, n = packed.count;
    const closedAt = summed(unpack(packed.closed_at, n)), close = summed(unpack(packed.close, n));
    const open = unpack(packed.open, n), high = unpack(packed.high, n), low = unpack(packed.low, n);
    const equity = summed(unpack(packed.equity, n)), drawdown = new Float64Array(n);
    let peak = data.initial;
    for (let i = 0; i < n; i++) {
      open[i] += i ? close[i - 1] : packed.first_open;
      high[i] += Math.max(open[i], close[i]);
      low[i] = Math.min(open[i], close[i]) - low[i];
      peak = Math.max(peak, equity[i]);
      drawdown[i] = (100 * (equity[i] - peak)) / peak;
    }
    if (packed.tick !== 1) for (const c of [open, high, low, close]) for (let i = 0; i < n; i++) c[i] *= packed.tick;
    return { n, closedAt, open, high, low, close, equity, drawdown,
      reason: unpack(packed.reason, n), vote: unpack(packed.vote, n) };
  }

  const bars = readBars();
  const BAR = 15 * MINUTE;
  const start = bars.closedAt[0] - BAR, end = bars.closedAt[bars.n - 1];

  function firstAfter(at) { // position of the first bar that closes after `at`
    let low = 0, high = bars.n;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bars.closedAt[middle] > at) high = middle; else low = middle + 1;
    }
    return low;
  }

  function candleLength(span) {
    if (span <= FINE) return BAR;
    return span / (4 * HOUR) <= MOST_CANDLES ? 4 * HOUR : DAY;
  }

  function candles(from, to, length) {
    const c = { x: [], open: [], high: [], low: [], close: [], text: [], equity: [], hold: [], drawdown: [], at: [] };
    const last = Math.min(firstAfter(to), bars.n - 1);
    // daily candles are Japan's days, 4-hour candles those the strategies see
    const shift = length === DAY ? data.offset : 0;
    const bucket = (i) => Math.floor((bars.closedAt[i] - 1 + shift) / length);
    for (let i = firstAfter(from); i <= last;) {
      const number = bucket(i), first = i;
      let high = bars.high[i], low = bars.low[i], deepest = bars.drawdown[i];
      while (i <= last && bucket(i) === number) {
        high = Math.max(high, bars.high[i]);
        low = Math.min(low, bars.low[i]);
        deepest = Math.min(deepest, bars.drawdown[i]);
        i++;
      }
      const opened = number * length - shift;
      c.x.push(local(opened + length / 2));
      c.open.push(bars.open[first]);
      c.high.push(high);
      c.low.push(low);
      c.close.push(bars.close[i - 1]);
      c.text.push(candleText(opened, length, first, i, high, low));
      c.at.push(local(bars.closedAt[i - 1]));
      c.equity.push(bars.equity[i - 1]);
      c.hold.push((data.initial * bars.close[i - 1]) / (data.bars.first_open * data.bars.tick));
      c.drawdown.push(deepest);
    }
    return c;
  }

  function candleText(opened, length, first, past, high, low) {
    const until = new Date(local(opened + length)).toISOString().slice(11, 16);
    const head = length === DAY ? stamp(opened).slice(0, 10) : `${stamp(opened)}–${until} JST`;
    const prices = `${word("open")} ${yen(bars.open[first])} ${word("high")} ${yen(high)}<br>` +
      `${word("low")} ${yen(low)} ${word("close")} ${yen(bars.close[past - 1])}`;
    return `<b>${head}</b><br>${prices}<br>${decisionText(first, past)}`;
  }

  function decisionText(first, past) {
    const reasonWords = (k) => plain(data.reasons[k][root.lang === "ja" ? 1 : 2]);
    if (past - first === 1) {
      const k = bars.reason[first], vote = bars.vote[first];
      const side = vote > 0 ? word("long") : vote < 0 ? word("short") : "–";
      return `${plain(data.reasons[k][0])}<br>${reasonWords(k)}<br>${word("confidence")} ${side} ` +
        `${Math.abs(vote / 100).toFixed(2)}<br>${word("equity")} ${yen(bars.equity[first])}`;
    }
    const counts = new Map();
    for (let i = first; i < past; i++) counts.set(bars.reason[i], (counts.get(bars.reason[i]) || 0) + 1);
    const lines = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([k, n]) => `${n} × ${reasonWords(k)}`);
    return `${word("decisions")}:<br>${lines.join("<br>")}`;
  }

  // ---------------------------------------------------------------- one look for all charts

  function look(extra) {
    const axis = { gridcolor: css("grid"), linecolor: css("line"), zerolinecolor: css("line"), automargin: true,
      fixedrange: coarse, tickfont: { size: narrow() ? 10 : 12 } };
    const layout = {
      paper_bgcolor: css("paper"), plot_bgcolor: css("paper"),
      font: { family: getComputedStyle(document.body).fontFamily, color: css("ink"), size: narrow() ? 11 : 12 },
      margin: { l: 8, r: 10, t: 8, b: 8 }, showlegend: false, dragmode: coarse ? false : "zoom",
      hoverlabel: { align: "left", bgcolor: css("panel"), bordercolor: css("line"), font: { color: css("ink"), size: 12 } },
      ...extra,
    };
    for (const name of Object.keys(extra)) if (/^[xy]axis/.test(name)) layout[name] = { ...axis, ...extra[name] };
    return layout;
  }

  const config = { displayModeBar: false, responsive: true, showTips: false };
  const TIMES = [
    { dtickrange: [null, DAY - 1], value: "%H:%M\n%m-%d" },
    { dtickrange: [DAY, "M1"], value: "%m-%d\n%Y" },
    { dtickrange: ["M1", "M12"], value: "%Y-%m" },
    { dtickrange: ["M12", null], value: "%Y" },
  ];
  const title = (name) => ({ text: word(name), font: { size: narrow() ? 11 : 12 }, standoff: 6 });

  function draw(name, traces, layout) {
    const place = el("chart-" + name);
    if (!place) return;
    place.classList.remove("empty");
    place.setAttribute("aria-label", place.dataset[root.lang]);
    Plotly.react(place, traces, look(layout), config);
  }

  function say(name, text) { // instead of an empty chart
    const place = el("chart-" + name);
    if (!place) return;
    place.classList.add("empty");
    place.textContent = word(text);
  }

  // ---------------------------------------------------------------- the market

  const view = { from: start, to: end };
  const market = el("market-chart");
  const trades = data.trades, count = trades.net.length;
  let drawing = false;

  function tradeText(i) {
    const r = trades.result_r[i];
    return `<b>${word("trade")} ${i + 1}: ${word(trades.side[i] > 0 ? "long" : "short")} ` +
      `${trades.size[i]} BTC</b><br>${plain(trades.strategies[trades.strategy[i]])}<br>` +
      `${stamp(trades.opened_at[i])} @ ${yen(trades.entry[i])}<br>${stamp(trades.closed_at[i])} @ ${yen(trades.exit[i])} ` +
      `(${plain(said(trades.exits[trades.exit_reason[i]]))})<br>` +
      (trades.stop[i] === null ? "" : `${word("stop")} ${yen(trades.stop[i])}<br>`) +
      `${word("result")} ${signed(trades.net[i])} JPY` + (r === null ? "" : ` (${r.toFixed(2)} R)`) +
      `, ${word("held")} ${trades.hours[i].toFixed(1)} ${word("hours")}`;
  }

  function markers(name, keep, at, price, symbol, colour, size) {
    const which = [...trades.net.keys()].filter(keep);
    return { type: "scatter", mode: "markers", name: word(name), x: which.map((i) => local(trades[at][i])),
      y: which.map((i) => trades[price][i]), text: which.map(tradeText), hoverinfo: "text", customdata: which,
      marker: { symbol, size, color: css(colour), line: { width: 1, color: css("paper") } } };
  }

  function segments(keep, levels, line, name) {
    const x = [], y = [];
    for (let i = 0; i < count; i++) {
      if (!keep(i)) continue;
      const [left, right] = levels(i);
      x.push(local(trades.opened_at[i]), local(trades.closed_at[i]), null);
      y.push(left, right, null);
    }
    return { type: "scatter", mode: "lines", x, y, line, name: name ? word(name) : "", showlegend: Boolean(name),
      hoverinfo: "skip" };
  }

  function marketTraces(c) {
    const big = view.to - view.from > 100 * DAY ? 9 : 12;
    const gain = (i) => trades.net[i] > 0, path = (i) => [trades.entry[i], trades.exit[i]];
    const curve = (name, y, line, extra) =>
      ({ type: "scatter", mode: "lines", name: word(name), x: c.at, y, line, yaxis: "y2",
        hovertemplate: `%{x|%Y-%m-%d %H:%M}<br>${word(name)} %{y:,.0f}<extra></extra>`, ...extra });
    return [
      { type: "candlestick", name: word("candles"), x: c.x, open: c.open, high: c.high, low: c.low, close: c.close,
        text: c.text, hoverinfo: "text", showlegend: false, line: { width: 1 },
        increasing: { line: { color: css("rise") }, fillcolor: css("paper") },
        decreasing: { line: { color: css("fall") }, fillcolor: css("fall") } },
      segments(gain, path, { color: css("gain"), width: 1.2, dash: "dot" }, null),
      segments((i) => !gain(i), path, { color: css("loss"), width: 1.2, dash: "dot" }, null),
      segments((i) => trades.stop[i] !== null, (i) => [trades.stop[i], trades.stop[i]],
        { color: css("soft"), width: 1.5, dash: "dash" }, "stop"),
      markers("entry_long", (i) => trades.side[i] > 0, "opened_at", "entry", "triangle-up", "long", big),
      markers("entry_short", (i) => trades.side[i] < 0, "opened_at", "entry", "triangle-down", "short", big),
      markers("exit_gain", gain, "closed_at", "exit", "circle", "gain", big - 2),
      markers("exit_loss", (i) => !gain(i), "closed_at", "exit", "x", "loss", big - 2),
      curve("equity", c.equity, { color: css("equity"), width: 1.8 }),
      ...(withHold ? [curve("hold", c.hold, { color: css("hold"), width: 1.2 })] : []),
      curve("cash", c.hold.map(() => data.initial), { color: css("cash"), width: 1.2, dash: "dash" }),
      curve("drawdown", c.drawdown, { color: css("loss"), width: 1 }, { yaxis: "y3", fill: "tozeroy", showlegend: false,
        hovertemplate: `%{x|%Y-%m-%d %H:%M}<br>${word("drawdown")} %{y:.2f} %<extra></extra>` }),
    ];
  }

  let withHold = true;

  function spread(lists, share) { // the range that holds all values, with a margin
    let low = Infinity, high = -Infinity;
    for (const list of lists) for (const v of list) { if (v < low) low = v; if (v > high) high = v; }
    const margin = (high - low) * share || Math.abs(high) * 0.01 || 1;
    return [low - margin, high + margin];
  }

  function showMarket() {
    const length = candleLength(view.to - view.from), c = candles(view.from, view.to, length);
    const span = view.to - view.from, pad = span * 0.01;
    const x = { type: "date", range: [local(view.from - pad), local(view.to + pad)], tickformatstops: TIMES,
      anchor: "y3", rangeslider: { visible: false }, nticks: narrow() ? 5 : 12 };
    const some = c.x.length > 0;
    const layout = look({
      xaxis: x,
      yaxis: { domain: [0.46, 1], title: title("price_axis"), tickformat: ",.0f", ...(some && { range: spread([c.low, c.high], 0.05) }) },
      yaxis2: { domain: [0.17, 0.42], title: title("equity_axis"), tickformat: ",.0f",
        ...(some && { range: spread([c.equity, withHold ? c.hold : [], [data.initial]], 0.06) }) },
      yaxis3: { domain: [0, 0.13], title: title("drawdown_axis"), ...(some && { range: [spread([c.drawdown, [0]], 0.1)[0], 0] }), nticks: 4 },
      showlegend: true, hovermode: "closest",
      legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", itemclick: "toggle", font: { size: narrow() ? 10 : 12 } },
    });
    drawing = true;
    market.setAttribute("aria-label", word("market_chart"));
    market.dataset.candles = String(length / MINUTE);
    el("shown").textContent = `${word("shown")}: ${stamp(view.from)} – ${stamp(view.to)} JST, ` +
      word(length === BAR ? "bar_15m" : length === DAY ? "bar_1d" : "bar_4h");
    for (const button of document.querySelectorAll("[data-days]")) {
      const days = Number(button.dataset.days);
      const wanted = days ? Math.min(days * DAY, end - start) : end - start;
      button.setAttribute("aria-pressed", String(Math.abs(span - wanted) < MINUTE && (!days || days * DAY < end - start)));
    }
    return Plotly.react(market, marketTraces(c), layout, config).then(() => { drawing = false; });
  }

  function lookAt(from, to) {
    const span = Math.min(Math.max(to - from, 6 * HOUR), end - start);
    view.from = Math.max(start, Math.min(from, end - span));
    view.to = view.from + span;
    return showMarket();
  }

  function showDays(days) {
    if (!days) return lookAt(start, end);
    const whole = view.to - view.from >= end - start - MINUTE;
    const middle = whole ? end - (days * DAY) / 2 : (view.from + view.to) / 2;
    return lookAt(middle - (days * DAY) / 2, middle + (days * DAY) / 2);
  }

  function showTrade(i) {
    const middle = (trades.opened_at[i] + trades.closed_at[i]) / 2;
    const half = Math.min(Math.max(trades.closed_at[i] - trades.opened_at[i], DAY), FINE / 2);
    return lookAt(middle - half, middle + half);
  }

  function move(where) {
    const span = view.to - view.from, middle = (view.from + view.to) / 2;
    if (where === "earlier") return lookAt(view.from - span / 2, view.to - span / 2);
    if (where === "later") return lookAt(view.from + span / 2, view.to + span / 2);
    const centre = (i) => (trades.opened_at[i] + trades.closed_at[i]) / 2;
    const order = [...trades.net.keys()], forward = where === "next_trade";
    const whole = span >= end - start - MINUTE;
    const next = whole ? (forward ? 0 : count - 1)
      : forward ? order.find((i) => centre(i) > middle + MINUTE) : order.reverse().find((i) => centre(i) < middle - MINUTE);
    return next === undefined || next < 0 ? undefined : showTrade(next);
  }

  function moment(value) { // what an axis range holds: a number, or a date and perhaps a time without an offset
    if (typeof value === "number") return value - data.offset;
    const [date, time = "0"] = String(value).split(/[ T]/);
    const [year, month = 1, day = 1] = date.split("-").map(Number), [hour, minute = 0, second = 0] = time.split(":").map(Number);
    return Date.UTC(year, month - 1, day, hour, minute) + 1000 * second - data.offset;
  }

  function zoomed(change) {
    if (drawing) return;
    if (change["xaxis.autorange"]) { lookAt(start, end); return; }
    const range = change["xaxis.range"] || [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (range[0] !== undefined) lookAt(moment(range[0]), moment(range[1]));
  }

  // ---------------------------------------------------------------- the small charts

  function bins(name, found, axis, axisCount) {
    if (!count || !found.counts.length) return say(name, count ? "unknown" : "no_trades");
    const width = found.edges[1] - found.edges[0], middles = found.counts.map((_, k) => found.edges[k] + width / 2);
    draw(name, [{ type: "bar", x: middles, y: found.counts, width: width * 0.96,
      marker: { color: middles.map((m) => css(m < 0 ? "loss" : "gain")) },
      customdata: found.counts.map((_, k) => [found.edges[k], found.edges[k + 1]]),
      hovertemplate: `%{customdata[0]:.4~g} … %{customdata[1]:.4~g}: %{y}<extra></extra>` }],
    { xaxis: { title: title(axis), zeroline: true }, yaxis: { title: title(axisCount) }, bargap: 0 });
  }

  function monthly() {
    const { years, cells } = data.monthly;
    const flat = cells.flat().filter((v) => v !== null), most = Math.max(1e-9, ...flat.map(Math.abs));
    const shown = cells.map((row) => row.map((v) => (v === null ? "" : Math.abs(v) < 0.05 ? "0.0" : (v > 0 ? "+" : "") + v.toFixed(1))));
    el("chart-monthly").style.height = `${Math.max(110, 46 * years.length + 60)}px`;
    draw("monthly", [{ type: "heatmap", x: [...Array(12).keys()].map((m) => String(m + 1)), y: years, z: cells, text: shown,
      texttemplate: "%{text}", textfont: { size: narrow() ? 9 : 12 }, zmin: -most, zmax: most, showscale: false, xgap: 2, ygap: 2,
      colorscale: [[0, css("loss")], [0.5, css("paper")], [1, css("gain")]], hoverongaps: false,
      hovertemplate: "%{y}-%{x}: %{z:+.2f} %<extra></extra>" }],
    { xaxis: { type: "category", side: "top", showgrid: false, fixedrange: true },
      yaxis: { type: "category", autorange: "reversed", showgrid: false, fixedrange: true } });
  }

  function sharpe() {
    if (!data.sharpe.at.length) return say("sharpe", "too_short");
    draw("sharpe", [{ type: "scatter", mode: "lines", x: data.sharpe.at.map(local), y: data.sharpe.value,
      line: { color: css("equity"), width: 1.6 }, hovertemplate: "%{x|%Y-%m-%d}: %{y:.2f}<extra></extra>" }],
    { xaxis: { type: "date", tickformatstops: TIMES, nticks: narrow() ? 5 : 8 }, yaxis: { zeroline: true, zerolinewidth: 2 } });
  }

  function dots(name, x, y, xAxis, yAxis, reference) {
    if (!count) return say(name, "no_trades");
    const part = (label, keep, symbol, colour) => {
      const which = [...trades.net.keys()].filter((i) => keep(i) && x[i] !== null && y[i] !== null);
      return { type: "scatter", mode: "markers", name: word(label), x: which.map((i) => x[i]), y: which.map((i) => y[i]),
        text: which.map(tradeText), hoverinfo: "text", marker: { symbol, size: 7, color: css(colour), opacity: 0.75 } };
    };
    draw(name, [part("gain", (i) => trades.net[i] > 0, "circle", "gain"), part("loss", (i) => trades.net[i] <= 0, "x", "loss")],
      { xaxis: { title: title(xAxis), zeroline: true }, yaxis: { title: title(yAxis), zeroline: true }, showlegend: true,
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, hovermode: "closest", ...reference });
  }

  function groups(name, found, upright) {
    if (!count) return say(name, "no_trades");
    const shown = upright ? found : [...found].sort((a, b) => a.net - b.net);
    const names = shown.map((g) => plain(said(g.name))), values = shown.map((g) => g.net);
    const text = shown.map((g) => `${plain(said(g.name))}: ${signed(g.net)} JPY<br>${g.trades} ${word("trades_count")}, ${g.wins} ${word("gain")}`);
    const trace = { type: "bar", text: shown.map((g) => (upright ? "" : signed(g.net))), hovertext: text, hoverinfo: "text",
      textposition: "outside", textangle: 0, cliponaxis: false, marker: { color: values.map((v) => css(v < 0 ? "loss" : "gain")) } };
    const money = { title: title("net_axis"), tickformat: ",.0f", zeroline: true, zerolinewidth: 2, nticks: narrow() ? 4 : 9 };
    if (upright) draw(name, [{ ...trace, x: names, y: values }], { xaxis: { type: "category", title: title("hour_axis"), nticks: 12 }, yaxis: money });
    else draw(name, [{ ...trace, orientation: "h", x: values, y: names }], { xaxis: { ...money, range: room(values) }, yaxis: { type: "category" } });
  }

  function room(values) { // a range that leaves space for the numbers beside the bars
    const low = Math.min(0, ...values), high = Math.max(0, ...values), space = (high - low || 1) * (narrow() ? 0.5 : 0.18);
    return [low < 0 ? low - space : -space / 4, high > 0 ? high + space : space / 4];
  }

  function reasons() {
    const x = data.weekly.weeks.map((at) => local(at) + 3.5 * DAY);
    const traces = data.weekly.series.map((s, k) => ({ type: "bar", name: plain(said(s.name)), x, y: s.share, width: 7 * DAY,
      marker: { color: css("r" + k), line: { width: 0 } },
      hovertemplate: `%{x|%Y-%m-%d}<br>${plain(said(s.name))}: %{y:.1f} %<extra></extra>` }));
    el("chart-reasons").style.height = narrow() ? "460px" : "380px";
    draw("reasons", traces, { barmode: "stack", bargap: 0, showlegend: true,
      xaxis: { type: "date", tickformatstops: TIMES, nticks: narrow() ? 5 : 12 }, yaxis: { title: title("share_axis"), range: [0, 100] },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal", font: { size: narrow() ? 10 : 12 } } });
  }

  function costs() {
    if (!count) return say("costs", "no_trades");
    const parts = ["before", "fee", "interest", "slippage", "net"], c = data.costs;
    const values = [c.before, -c.fee, -c.interest, -c.slippage, c.net];
    draw("costs", [{ type: "waterfall", x: parts.map(word), y: values, measure: ["absolute", "relative", "relative", "relative", "total"],
      text: values.map(signed), textposition: "outside", cliponaxis: false, hoverinfo: "x+text",
      connector: { line: { color: css("line") } }, increasing: { marker: { color: css("gain") } },
      decreasing: { marker: { color: css("loss") } }, totals: { marker: { color: css("cash") } } }],
    { xaxis: { type: "category", tickangle: 0 }, yaxis: { title: title("net_axis"), tickformat: ",.0f", zeroline: true, zerolinewidth: 2 }, margin: { l: 8, r: 10, t: 24, b: 8 } });
  }

  function equities() {
    if (!data.comparison) return;
    const traces = data.comparison.map((run, k) => ({ type: "scatter", mode: "lines", name: plain(run.name), x: run.at.map(local), y: run.value,
      line: { color: css(k ? "hold" : "equity"), width: 1.8, dash: k ? "dash" : "solid" },
      hovertemplate: `%{x|%Y-%m-%d}: %{y:.2f}<extra>${plain(run.name)}</extra>` }));
    draw("equities", traces, { xaxis: { type: "date", tickformatstops: TIMES, nticks: narrow() ? 5 : 12 }, yaxis: {}, showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" } });
  }

  const steps = [
    showMarket, monthly, sharpe,
    () => bins("daily", data.daily, "return_axis", "days_count"),
    () => bins("results", data.results, "result_axis", "trades_count"),
    () => dots("excursion", trades.worst, trades.best, "worst_axis", "best_axis", {}),
    () => dots("duration", trades.hours, trades.result_r, "hours_axis", "result_axis", {}),
    () => groups("strategy", data.by_strategy, false),
    () => groups("side", data.by_side, false),
    () => groups("hour", data.by_hour, true),
    () => groups("exit", data.by_exit, false),
    reasons, costs, equities, table,
  ];

  // ---------------------------------------------------------------- the table of trades

  const sorting = { column: 0, down: false };
  const COLUMNS = [
    ["number", (i) => i], ["strategy", (i) => trades.strategies[trades.strategy[i]]], ["side", (i) => trades.side[i]],
    ["opened", (i) => trades.opened_at[i]], ["closed", (i) => trades.closed_at[i]], ["size", (i) => trades.size[i]],
    ["entry", (i) => trades.entry[i]], ["exit", (i) => trades.exit[i]], ["exit_reason", (i) => said(trades.exits[trades.exit_reason[i]])],
    ["costs_jpy", (i) => trades.cost[i]], ["net_jpy", (i) => trades.net[i]],
    ["result_r", (i) => (trades.result_r[i] === null ? -Infinity : trades.result_r[i])],
  ];
  const NUMBERS = new Set(["size", "entry", "exit", "costs_jpy", "net_jpy", "result_r"]);

  function cell(name, value) {
    if (name === "side") return word(value > 0 ? "long" : "short");
    if (name === "opened" || name === "closed") return stamp(value);
    if (name === "net_jpy") return signed(value);
    if (name === "entry" || name === "exit" || name === "costs_jpy") return yen(value);
    if (name === "result_r") return Number.isFinite(value) ? value.toFixed(2) : "–";
    if (name === "size") return value.toFixed(4);
    return String(value);
  }

  function make(tag, text, parent) {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    parent.append(made);
    return made;
  }

  function table() {
    const place = el("trade-table");
    place.setAttribute("aria-label", word("trade"));
    place.replaceChildren();
    if (!count) { make("p", word("no_trades"), place).className = "hint"; return; }
    const made = make("table", null, place), head = make("tr", null, make("thead", null, made)), body = make("tbody", null, made);
    COLUMNS.forEach(([name], k) => {
      const th = make("th", null, head);
      th.scope = "col";
      if (NUMBERS.has(name)) th.className = "n";
      const mark = sorting.column === k ? (sorting.down ? " ▼" : " ▲") : "";
      if (mark) th.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      const button = make("button", word(name) + mark, th);
      button.type = "button";
      button.addEventListener("click", () => {
        sorting.down = sorting.column === k ? !sorting.down : false;
        sorting.column = k;
        table();
        place.querySelectorAll("thead button")[k].focus();
      });
    });
    const key = COLUMNS[sorting.column][1], sign = sorting.down ? -1 : 1;
    const order = [...trades.net.keys()].sort((a, b) => {
      const left = key(a), right = key(b);
      return sign * (left < right ? -1 : left > right ? 1 : a - b);
    });
    for (const i of order) {
      const row = make("tr", null, body);
      for (const [name, value] of COLUMNS) {
        const td = make("td", null, row);
        if (NUMBERS.has(name)) td.className = "n";
        if (name === "net_jpy") td.classList.add(trades.net[i] > 0 ? "gain" : "loss");
        if (name !== "number") { td.textContent = cell(name, value(i)); continue; }
        const button = make("button", String(i + 1), td);
        button.type = "button";
        button.title = word("show_trade");
        button.setAttribute("aria-label", `${word("show_trade")}: ${i + 1}`);
        button.addEventListener("click", () => { showTrade(i); el("market").scrollIntoView({ block: "start" }); });
      }
    }
  }

  // ---------------------------------------------------------------- language, colours, width

  let round = 0;
  async function drawAll() {
    const mine = ++round; // a newer call takes over
    delete root.dataset.ready;
    for (const step of steps) {
      await step();
      await new Promise((done) => setTimeout(done));
      if (mine !== round) return;
    }
    root.dataset.ready = "yes";
  }

  function speak(language) {
    root.lang = language;
    document.title = language === "ja" ? root.dataset.titleJa : root.dataset.titleEn;
    for (const button of document.querySelectorAll(".switch button")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
    return drawAll();
  }

  for (const button of document.querySelectorAll(".switch button")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  for (const button of document.querySelectorAll("[data-days]")) {
    button.addEventListener("click", () => showDays(Number(button.dataset.days)));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.dataset.move));
  }
  el("with-hold").addEventListener("click", () => {
    withHold = !withHold;
    el("with-hold").setAttribute("aria-pressed", String(withHold));
    showMarket();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  matchMedia("(max-width: 599px)").addEventListener("change", drawAll);
  speak(root.lang).then(() => {
    market.on("plotly_relayout", zoomed);
    market.on("plotly_doubleclick", () => { lookAt(start, end); return false; });
  });
})();
