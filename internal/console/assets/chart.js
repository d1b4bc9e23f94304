// A chart of what came in: bars over time.
import { html, useEffect, useRef } from "./html.js";
import uPlot from "./uplot.js";
import { number } from "./format.js";

const height = 220;

// The style sheet of uPlot comes with it.
const sheet = new Promise((done) => {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/console/uplot.css", onload: done, onerror: done });
  document.head.append(link);
});

const formats = {
  hour: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
};
const exact = {
  hour: new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" }),
};
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

function options(unit, width, shown) {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("canvas").getContext("2d");
  // Canvas does not know light-dark(): the browser resolves it for an element.
  const colour = (name) => {
    const element = document.createElement("i");
    element.style.color = `var(${name})`;
    document.body.append(element);
    probe.fillStyle = getComputedStyle(element).color;
    element.remove();
    return probe.fillStyle;
  };
  const [text, line, accent] = ["--quiet", "--line", "--accent"].map(colour);
  const axis = { stroke: text, font: `12px ${style.fontFamily}`, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width, height, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false, range: (_, min, max) => [min - 0.6, max + 0.6] }, y: { range: (_, min, max) => [0, Math.max(1, max * 1.05)] } },
    series: [{}, { fill: accent, stroke: accent, width: 0, paths: uPlot.paths.bars({ size: [0.75, 60] }), points: { show: false } }],
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: unit === "hour" ? 58 : 64, incrs: [1, 2, 3, 4, 6, 12],
        values: (_, at) => at.map((i) => (Number.isInteger(i) && shown.rows[i] ? formats[unit].format(shown.rows[i].start) : "")) },
      { ...axis, size: 56, values: (_, at) => at.map((n) => (Number.isInteger(n) ? compact.format(n) : "")) },
    ],
    hooks: { setCursor: [(plot) => shown.point(plot.cursor.idx)] },
  };
}

export function Chart({ rows, measure, unit, label }) {
  const box = useRef();
  const tip = useRef();
  const plot = useRef();
  const shown = useRef({}).current;
  shown.rows = rows;
  shown.point = (i) => {
    if (!tip.current) return;
    const row = shown.rows[i];
    tip.current.textContent = row ? `${exact[unit].format(row.start)}: ${number(row[measure] ?? 0)}` : "";
  };
  const data = () => [rows.map((_, i) => i), rows.map((row) => row[measure] ?? 0)];
  useEffect(() => {
    const element = box.current;
    let made, gone = false;
    const make = () => {
      made?.destroy();
      if (!gone) made = plot.current = new uPlot(options(unit, element.clientWidth, shown), shown.data(), element);
    };
    sheet.then(make);
    const resized = new ResizeObserver(() => element.clientWidth > 0 && made?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const themed = new MutationObserver(make);
    dark.addEventListener("change", make);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      gone = true;
      resized.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", make);
      made?.destroy();
      plot.current = undefined;
    };
  }, [unit, rows.length]);
  shown.data = data;
  useEffect(() => plot.current?.setData(data()), [rows, measure]);
  return html`<figure class="chart"><div ref=${box} role="img" aria-label=${label}></div><figcaption class="quiet" ref=${tip} aria-hidden="true"></figcaption></figure>`;
}
