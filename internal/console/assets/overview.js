// What one sees first: what came in, what is under way, what changed last, and
// what is wrong.
import { html, useMemo } from "./html.js";
import { cancelOperation, entities, intake, operations, rules, serverFacts, webhooks } from "./api.js";
import { Link, go } from "./router.js";
import { Loading, Problem, useLoad, usePoll, useTitle } from "./load.js";
import { Text, Time, bytes, number, plain } from "./format.js";
import { Happened } from "./changes.js";
import { FirstMinute } from "./welcome.js";
import { Live, useEvent, useRecent } from "./live.js";
import { may, mayChange } from "./roles.js";
import { lazy } from "./lazy.js";
import { notify } from "./notices.js";
import { facts, kinds, overview as o, t } from "./texts.js";

export const measures = ["documents", "pages", "sheets", "jobs"];
const hour = 3_600_000;
const shownChanges = 12;

// spans are the times that are shown. Their parts begin by the viewer's clock,
// so days are summed up here from hours.
const spans = {
  hour: { parts: 24, begin: (now) => new Date(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours()), back: (end, n) => new Date(end.getTime() - n * hour) },
  day: { parts: 30, begin: (now) => new Date(now.getFullYear(), now.getMonth(), now.getDate()), back: (end, n) => new Date(end.getFullYear(), end.getMonth(), end.getDate() - n) },
};

// nowOf returns the time of the server: the clock of a sandbox stands elsewhere, and
// that of a browser may be wrong. What came in without a time is that up to the end of
// the server's hour, which is all that is known of a clock that is not this one.
async function nowOf(signal) {
  const end = Date.parse((await intake({ unit: "hour" }, signal)).to);
  const here = Date.now();
  return end - hour <= here && here < end ? here : end - 1;
}

// partsOf returns all parts of a span, the empty ones as well, the last is now.
async function partsOf(unit, signal) {
  const { parts, begin, back } = spans[unit];
  const now = await nowOf(signal);
  const last = begin(new Date(now));
  const starts = Array.from({ length: parts }, (_, i) => back(last, parts - 1 - i));
  const found = await intake({ unit: "hour", from: starts[0].toISOString(), to: new Date(now + hour).toISOString() }, signal);
  const rows = starts.map((start) => ({ start }));
  for (const part of found.parts) {
    const at = Date.parse(part.startTime);
    const row = rows.findLast((one) => one.start.getTime() <= at);
    for (const [key, n] of Object.entries(part)) if (key !== "startTime") row[key] = (row[key] ?? 0) + n;
  }
  return rows;
}

const formats = {
  hour: new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" }),
};
const short = {
  hour: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
};
const Chart = lazy("./chart.js", "Chart");

function CameIn({ state }) {
  const unit = state.unit === "day" ? "day" : "hour";
  const load = useLoad((signal) => partsOf(unit, signal), [unit]);
  const { data, error, loading, again } = load;
  useEvent((event) => event.kind && !event.facet, again, [again]);
  usePoll(load, 60_000);
  const columns = [...measures, "jobsets", "contentsets", "datasets"];
  const rows = data ?? [];
  const total = (key) => rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
  const measure = measures.includes(state.show) ? state.show : measures.find((one) => total(one) > 0) ?? measures[0];
  const choice = (key, value, text, chosen, extra) => html`<${Link} key=${value} to=${{ ...state, [key]: value }} class="choice" aria-current=${chosen ? "true" : undefined}>${text}${extra}<//>`;
  const label = formats[unit];
  const series = useMemo(() => [{ name: facts[measure], values: rows.map((row) => row[measure] ?? 0), colour: "--accent" }], [data, measure]);
  const at = (formats) => (i) => (rows[i] ? formats[unit].format(rows[i].start) : "");
  return html`<section aria-busy=${loading && !data}>
    <div class="section-head"><h2>${o.cameIn}</h2>
      <div class="choices">${Object.keys(spans).map((one) => choice("unit", one, o.spans[one], one === unit))}</div></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${load} />
    ${data && html`
      <div class="choices totals">${measures.map((one) => choice("show", one, facts[one], one === measure, html`<b>${number(total(one))}</b>`))}</div>
      ${total(measure) === 0 ? html`<p class="empty chart-empty">${o.nothingCame(facts[measure].toLowerCase(), o.spans[unit].toLowerCase())}</p>`
        : html`<${Chart} series=${series} at=${at(short)} told=${at(formats)} space=${60} label=${o.chart(facts[measure], o.spans[unit].toLowerCase())} />`}
      <details class="numbers"><summary>${o.asTable}</summary>
        <div class="table plain" tabindex="0" role="region" aria-label=${o.asTable}><table>
          <thead><tr><th scope="col">${o.units[unit]}</th>${columns.map((key) => html`<th key=${key} scope="col" class="number">${facts[key] ?? kinds[key.slice(0, -1)].many}</th>`)}</tr></thead>
          <tbody>${rows.toReversed().map((row) => html`<tr key=${row.start.getTime()}><th scope="row"><time datetime=${row.start.toISOString()} title=${row.start.toISOString()}>${label.format(row.start)}</time></th>
            ${columns.map((key) => html`<td key=${key} class="number">${number(row[key] ?? 0)}</td>`)}</tr>`)}</tbody></table></div></details>`}
  </section>`;
}

function Operations({ who }) {
  const load = useLoad((signal) => operations(signal), []);
  const { data, error, again } = load;
  const running = (data ?? []).filter((one) => one.state === "running");
  const ended = (data ?? []).filter((one) => one.state !== "running");
  usePoll(load, running.length > 0 ? 1000 : 5000);
  const cancel = async (operation) => {
    try {
      await cancelOperation(operation.id);
      notify(o.cancelled);
    } catch (failure) {
      notify(plain(failure.message, 300));
    }
    again();
  };
  return html`<section>
    <div class="section-head"><h2>${o.underWay}</h2></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${load} />
    ${data && data.length === 0 && html`<p class="empty">${o.nothingRuns}</p>`}
    <ul class="operations">${[...running, ...ended].map((one) => html`<li key=${one.id}>
      <div class="change-head"><b>${o.operations[one.type] ?? one.type}</b> <span class=${one.state === "failed" ? "bad" : "quiet"}>${o.states[one.state] ?? one.state}</span>
        <${Time} value=${one.endTime ?? one.startTime} />
        ${one.result?.jobset && html`<${Link} to=${{ id: one.result.jobset }}>${kinds.jobset.one} ${one.result.jobset}<//>`}
        ${one.state === "running" && mayChange(who) && html`<button type="button" class="link" onClick=${() => cancel(one)}>${t.cancel}</button>`}</div>
      ${one.state === "running" && html`<progress max="100" value=${one.progress} aria-label=${o.progress}>${one.progress} %</progress>`}
      ${one.error && html`<p class="quiet"><${Text} value=${one.error} most=${200} /></p>`}
    </li>`)}</ul>
  </section>`;
}

const milliseconds = (text = "") => [...text.matchAll(/(\d+)(h|ms|m|s)/g)].reduce((sum, [, n, unit]) => sum + n * { h: hour, m: 60_000, s: 1000, ms: 1 }[unit], 0);
const oldBackup = 48 * hour;

// wrongs says what is wrong with a server, the worst first.
function wrongs({ server, hooks, retention, now }) {
  const found = [];
  const say = (bad, text, to) => found.push({ bad, text, to });
  const setting = (name) => server.settings.find((one) => one.name === name)?.value;
  const { database } = server;
  const at = { view: "server" };
  if (database.problem) say(true, o.database(plain(database.problem, 300)), at);
  for (const disk of server.disks) {
    if (disk.freeBytes < disk.neededBytes) say(true, o.diskFull(disk.path, bytes(disk.freeBytes)), at);
    else if (disk.freeBytes < 4 * disk.neededBytes) say(false, o.diskLow(disk.path, bytes(disk.freeBytes), bytes(disk.neededBytes)), at);
  }
  for (const hook of hooks) {
    const to = { view: "admin", tab: "webhooks", hook: hook.id };
    const name = plain(hook.description || hook.url, 60);
    if (hook.state === "disabled" && hook.reason) say(true, o.hookDisabled(name, plain(hook.reason, 200)), to);
    else if (hook.failures > 0 && hook.state === "enabled") say(true, o.hookFails(name, number(hook.failures)), to);
  }
  for (const rule of retention) if (rule.lastRun?.error) say(true, o.ruleFails(plain(rule.name, 64), plain(rule.lastRun.error, 200)), { view: "admin", tab: "retention" });
  const late = now - Date.parse(server.cleanup.purgeTime ?? NaN);
  if (late > 2 * milliseconds(setting("cleanup-every")) + hour) say(true, o.cleanupLate(number(Math.round(late / hour))), { view: "deleted" });
  // PostgreSQL is backed up by its own tools, of which nothing is known here.
  if (server.counts && !/^postgres/.test(database.location)) {
    const age = now - Date.parse(database.lastBackupTime ?? NaN);
    if (Number.isNaN(age)) say(false, o.noBackup, at);
    else if (age > oldBackup) say(false, o.backupOld(number(Math.round(age / hour / 24))), at);
  }
  return found.toSorted((a, b) => b.bad - a.bad);
}

function Wrong() {
  const load = useLoad(async (signal) => {
    const [server, { webhooks: hooks }, { rules: retention }, now] = await Promise.all([serverFacts(signal), webhooks.all({ pageSize: 1000 }, signal), rules.all({}, signal), nowOf(signal)]);
    return wrongs({ server, hooks, retention, now });
  }, []);
  const { data, error, again } = load;
  usePoll(load, 15_000);
  return html`<section class=${data?.length > 0 ? "urgent" : ""}>
    <div class="section-head"><h2>${o.wrong}</h2></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${load} />
    ${data && data.length === 0 && html`<p class="fine">${o.nothingWrong}</p>`}
    <ul class="wrongs">${(data ?? []).map((one) => html`<li key=${one.text} class=${one.bad ? "bad" : "warn"}><${Link} to=${one.to}>${one.text}<//></li>`)}</ul>
  </section>`;
}

function Last() {
  const events = useRecent({ oneOfEach: true })?.slice(0, shownChanges);
  return html`<section class="history below">
    <div class="section-head"><h2>${o.changedLast}</h2><${Link} to=${{ view: "changes" }}>${o.allChanges}<//></div>
    <${Loading} of=${{ data: events, loading: !events }} />
    ${events?.length === 0 && html`<p class="empty">${t.nothingYet}</p>`}
    <ol>${events?.map((event) => html`<${Happened} key=${event.key} event=${event} short />`)}</ol>
  </section>`;
}

export function Overview({ state, who }) {
  useTitle(t.overview);
  const { data, again } = useLoad((signal) => entities({ kind: "jobset", pageSize: 1, fields: "id" }, signal), []);
  useEvent((event) => event.kind === "jobset" && !event.facet, again, [again]);
  const empty = data && data.entities.length === 0;
  return html`
    <div class="head"><h1>${t.overview}</h1>
      <${Live} /></div>
    ${empty && html`<div class="body first"><${FirstMinute} who=${who} onLoaded=${() => go({ kind: "jobset" })} /></div>`}
    <div class="body columns-of-entity">
      <div><${CameIn} state=${state} /><${Last} /></div>
      <div>${may(who, "admin") && html`<${Wrong} />`}<${Operations} who=${who} /></div>
    </div>`;
}
