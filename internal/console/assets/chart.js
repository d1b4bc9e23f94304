// A chart of bars, several beside each other in one place.
import { html, useEffect, useRef } from "./html.js";
import uPlot from "./uplot.js";
import { number } from "./format.js";

const height = 220;
const narrowest = 240; // where a chart still can be read

// The style sheet of uPlot comes with it.
const sheet = new Promise((done) => {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/console/uplot.css", onload: done, onerror: done });
  document.head.append(link);
});

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

// coloursOf returns what colours of the style sheet come to. Canvas does not know
// light-dark(): the browser resolves it for an element.
function coloursOf(names) {
  const element = document.createElement("i");
  document.body.append(element);
  const colours = names.map((name) => {
    element.style.color = `var(${name})`;
    return getComputedStyle(element).color;
  });
  element.remove();
  return colours;
}

// Where the colours are those of the viewer, series are told apart by their outlines.
const forced = window.matchMedia("(forced-colors: active)");

function options(width, shown) {
  const { series, space } = shown.props;
  const [text, line, ...accents] = coloursOf(["--quiet", "--line", ...series.map((one) => one.colour)]);
  const axis = { stroke: text, font: `12px ${getComputedStyle(document.documentElement).fontFamily}`, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width, height, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false, range: (_, min, max) => [min - 0.6, max + 0.6] }, y: { range: (_, min, max) => [0, Math.max(1, max * 1.05)] } },
    series: [{}, ...series.map((one, i) => ({ fill: forced.matches && i < series.length - 1 ? "transparent" : accents[i], stroke: accents[i], width: forced.matches ? 1 : 0, paths: uPlot.paths.bars({ size: [one.size ?? 0.75, 80 * (one.size ?? 0.75)] }), points: { show: false } }))],
    axes: [
      { ...axis, grid: { show: false }, size: 28, space, incrs: [1, 2, 3, 4, 6, 12, 24, 50, 100, 200], values: (_, all) => all.map((i) => (Number.isInteger(i) ? shown.props.at(i) : "")) },
      { ...axis, size: 56, values: (_, all) => all.map((n) => (Number.isInteger(n) ? compact.format(n) : "")) },
    ],
    hooks: { setCursor: [(plot) => shown.point(plot.cursor.idx)] },
  };
}

// Chart shows series of as many values, each { name, values, colour, size }. at is the
// text below a place, told what is said of one that is pointed at, space the pixels of
// a text, label what is read out.
export function Chart(props) {
  const { series, label } = props;
  const box = useRef();
  const tip = useRef();
  const plot = useRef();
  const shown = useRef({}).current;
  const places = series[0].values.length;
  shown.props = props;
  shown.data = () => [series[0].values.map((_, i) => i), ...series.map((one) => one.values)];
  shown.point = (i) => {
    if (!tip.current) return;
    const values = i === null || i === undefined ? "" : series.map((one) => `${one.name} ${number(one.values[i] ?? 0)}`).join(", ");
    tip.current.textContent = values && `${shown.props.told(i)}: ${values}`;
  };
  useEffect(() => {
    const element = box.current;
    let made, gone = false;
    const width = () => Math.max(narrowest, element.clientWidth);
    const make = () => {
      made?.destroy();
      if (!gone) made = plot.current = new uPlot(options(width(), shown), shown.data(), element);
    };
    sheet.then(make);
    // In a frame of its own: of what an observer itself resizes it would be told again.
    const resize = () => made && element.clientWidth > 0 && made.width !== width() && made.setSize({ width: width(), height });
    const resized = new ResizeObserver(() => requestAnimationFrame(resize));
    resized.observe(element);
    const painted = [...["(prefers-color-scheme: dark)", "print"].map((query) => window.matchMedia(query)), forced];
    const themed = new MutationObserver(make);
    for (const query of painted) query.addEventListener("change", make);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      gone = true;
      resized.disconnect();
      themed.disconnect();
      for (const query of painted) query.removeEventListener("change", make);
      made?.destroy();
      made = plot.current = undefined;
    };
  }, [places, series.length]);
  useEffect(() => plot.current?.setData(shown.data()), [series]);
  return html`<figure class="chart"><div ref=${box} role="img" aria-label=${label}></div><figcaption class="quiet" ref=${tip} aria-hidden="true"></figcaption></figure>`;
}
