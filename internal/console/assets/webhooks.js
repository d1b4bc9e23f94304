// Webhooks: where events are sent to, and what came of it.
import { html, useState } from "./html.js";
import { webhooks } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Loading, Pager, Problem, useLoad, usePoll, useTitle } from "./load.js";
import { Text, Time, number, plain } from "./format.js";
import { notify, useRun } from "./notices.js";
import { Form, Secret, Table, fromLocal } from "./forms.js";
import { Terms } from "./server.js";
import { changeTypes, kinds, t } from "./texts.js";
import { a } from "./admintexts.js";

const at = (hook) => ({ view: "admin", tab: "webhooks", hook });
const kindOptions = Object.entries(kinds).map(([kind, { many }]) => [kind, many]);
const typeOptions = Object.entries(changeTypes).map(([type, text]) => [`platen.${type}`, text]);
const every = 5000; // milliseconds between two looks at what is sent meanwhile

const fieldsOf = ({ url, description, filter = {} } = {}) => [
  { name: "url", label: a.webhookURL, type: "url", required: true, value: url, placeholder: "https://" },
  { name: "description", label: a.webhookDescription, value: description },
  { name: "kinds", label: a.webhookKinds, type: "many", options: kindOptions, value: filter.kinds },
  { name: "types", label: a.webhookTypes, type: "many", options: typeOptions, value: filter.types },
  { name: "names", label: a.webhookNames, value: filter.names?.join(", "), hint: a.webhookNamesHint },
  { name: "sets", label: a.webhookSets, value: filter.sets?.join(", "), hint: a.webhookSetsHint },
];
const parts = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

// given makes what the server takes of a form. Types of the audit trail, which
// the form does not have, stay.
function given(values, before = {}) {
  const filter = {
    kinds: values.kinds, types: [...values.types, ...(before.types ?? []).filter((type) => !typeOptions.some(([one]) => one === type))],
    names: parts(values.names), sets: parts(values.sets).map(Number),
  };
  return { url: values.url, description: values.description, filter: Object.fromEntries(Object.entries(filter).filter(([, list]) => list.length > 0)) };
}

export function StateOf({ hook }) {
  if (hook.state !== "enabled") return html`<span class="bad">${a.disabled}</span>${hook.reason && html` <span class="quiet"><${Text} value=${hook.reason} most=${120} /></span>`}`;
  if (hook.failures > 0) return html`<span class="bad">${a.failures}: ${number(hook.failures)}</span> <${Time} value=${hook.failingSince} />`;
  return a.enabled;
}

function All({ state }) {
  const load = useLoad((signal) => webhooks.all({ pageSize: 100, pageToken: state.page }, signal), [state.page]);
  const { data, error, loading, again } = load;
  const [open, setOpen] = useState();
  usePoll(load, every);
  useTitle(a.tabs.webhooks);
  const add = async (values) => {
    const hook = await webhooks.add(given(values));
    setOpen({ hook });
    again();
  };
  return html`
    <div class="head"><h1>${a.tabs.webhooks}</h1><button type="button" class="primary" onClick=${() => setOpen({ add: true })}>${a.addWebhook}</button></div>
    <div class="body" aria-busy=${loading && !data}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && data.webhooks.length === 0 && html`<p class="empty">${a.noWebhooks}</p>`}
      ${data && data.webhooks.length > 0 && html`<${Table} label=${a.tabs.webhooks} heads=${[a.webhookURL, a.webhookDescription, a.state, a.created]}>${data.webhooks.map((hook) => html`<tr key=${hook.id}>
        <th scope="row"><${Link} to=${at(hook.id)} data-row><${Text} value=${hook.url} most=${80} /><//></th>
        <td><${Text} value=${hook.description} most=${80} /></td><td><${StateOf} hook=${hook} /></td>
        <td><${Time} value=${hook.createTime} /> <span class="quiet"><${Text} value=${hook.createdBy ?? ""} most=${40} /></span></td></tr>`)}<//>`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken} />`}
    </div>
    ${open?.add && html`<${Form} title=${a.addWebhookTitle} action=${a.add} submit=${add} onClose=${() => setOpen(undefined)} fields=${fieldsOf()} />`}
    ${open?.hook && html`<${Secret} title=${a.secretTitle} text=${a.secretText} secret=${open.hook.secret} onClose=${() => { setOpen(undefined); go(at(open.hook.id)); }} />`}`;
}

function Attempts({ id, state, data, error, loading, again }) {
  return html`<section class="below"><h2>${a.attempts}</h2>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && data.attempts.length === 0 && html`<p class="empty">${a.noAttempts}</p>`}
    ${data && data.attempts.length > 0 && html`<${Table} label=${a.attempts} heads=${a.attemptHeads}>${data.attempts.map((one) => html`<tr key=${one.id}>
      <th scope="row"><${Time} value=${one.time} /></th>
      <td>${one.type && html`<span class="quiet"><${Text} value=${one.type} most=${60} /></span> ${one.event}`}</td>
      <td class=${one.delivered ? "" : "bad"}>${one.status ?? (one.delivered ? a.delivered : a.notDelivered)}</td><td class="number">${a.milliseconds(number(one.durationMs))}</td>
      <td class="wide">${one.error && html`<${Text} value=${one.error} most=${160} />`}${one.response && html` <span class="quiet"><${Text} value=${one.response} most=${160} /></span>`}</td></tr>`)}<//>`}
    ${data && html`<${Pager} to=${{ ...state, hook: id }} token=${state.page} next=${data.nextPageToken} />`}</section>`;
}

function One({ state }) {
  const id = state.hook;
  const hook = useLoad((signal) => webhooks.one(id, signal), [id]);
  const attempts = useLoad((signal) => webhooks.attempts(id, { pageSize: 50, pageToken: state.page }, signal), [id, state.page]);
  const [open, setOpen] = useState();
  const again = () => {
    hook.again();
    attempts.again();
  };
  usePoll(hook, every);
  usePoll(attempts, every);
  useTitle(a.tabs.webhooks);
  const close = () => setOpen(undefined);
  const [busy, run] = useRun(again);
  const test = () => run(async () => {
    const tried = await webhooks.test(id);
    notify(tried.delivered ? a.testFine(tried.status, number(tried.durationMs)) : a.testFailed(plain(tried.error ?? String(tried.status), 200)));
  });
  const toggle = () => run(() => webhooks.change(id, { state: hook.data.state === "enabled" ? "disabled" : "enabled" }));
  const forms = {
    change: { title: a.changeWebhookTitle, action: a.save, fields: hook.data && fieldsOf(hook.data), submit: async (values) => { await webhooks.change(id, given(values, hook.data.filter)); close(); again(); } },
    replay: { title: a.replayTitle, action: a.replay.replace("…", ""), text: a.replayText, fields: [{ name: "time", label: a.replayTime, type: "datetime-local" }, { name: "from", label: a.replayEvent }],
      submit: async ({ time, from }) => { await webhooks.replay(id, { ...(time ? { time: fromLocal(time) } : {}), ...(from ? { from } : {}) }); close(); notify(a.replayed); again(); } },
    rotate: { title: a.rotateTitle, action: a.rotate.replace("…", ""), text: a.rotateText, fields: [{ name: "keepOldFor", label: a.keepOld, options: a.keepOptions, value: "24h" }],
      submit: async (how) => { const { secret } = await webhooks.rotate(id, how); setOpen({ secret }); again(); } },
    remove: { title: a.removeWebhookTitle, action: a.doRemove, text: a.removeWebhookText, fields: [], danger: true,
      submit: async () => { const here = staying(); await webhooks.remove(id); notify(a.webhookRemoved); if (here()) go({ view: "admin", tab: "webhooks" }); } },
  };
  const form = forms[open?.what];
  const { data, error } = hook;
  return html`
    <div class="head"><nav class="path"><${Link} to=${{ view: "admin", tab: "webhooks" }} data-key="u">${a.backToAll}<//></nav></div>
    <div class="head"><h1>${data ? html`<${Text} value=${data.description || data.url} most=${80} />` : a.tabs.webhooks}</h1>
      ${data && html`<div class="row actions">
        <button type="button" disabled=${busy} onClick=${test}>${a.test}</button>
        <button type="button" disabled=${busy} onClick=${toggle}>${data.state === "enabled" ? a.disable : a.enable}</button>
        <button type="button" onClick=${() => setOpen({ what: "change" })}>${a.change}</button>
        <button type="button" onClick=${() => setOpen({ what: "replay" })}>${a.replay}</button>
        <button type="button" onClick=${() => setOpen({ what: "rotate" })}>${a.rotate}</button>
        <button type="button" onClick=${() => setOpen({ what: "remove" })}>${a.remove}</button></div>`}</div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${hook} />
    ${data && html`<div class="body columns-of-entity" aria-busy=${hook.loading && !data}>
      <div><${Attempts} id=${id} state=${state} ...${attempts} /></div>
      <div><${Terms} title=${t.factsTitle} rows=${[
        [a.webhookURL, html`<${Text} value=${data.url} most=${300} />`], [a.state, html`<${StateOf} hook=${data} />`],
        [a.sentUpTo, data.after], [a.next, data.nextAttemptTime && html`<${Time} value=${data.nextAttemptTime} />`],
        [a.oldSecret, data.oldSecretExpireTime && html`<${Time} value=${data.oldSecretExpireTime} />`],
        [a.webhookKinds, data.filter.kinds?.map((kind) => kinds[kind]?.many ?? kind).join(", ")], [a.webhookTypes, data.filter.types?.join(", ")],
        [a.webhookNames, data.filter.names && html`<${Text} value=${data.filter.names.join(", ")} />`], [a.webhookSets, data.filter.sets?.join(", ")],
        [a.created, html`<${Time} value=${data.createTime} />`], [a.by, data.createdBy && html`<${Text} value=${data.createdBy} most=${64} />`],
      ]} /></div></div>`}
    ${form && html`<${Form} title=${form.title} action=${form.action} danger=${form.danger} submit=${form.submit} fields=${form.fields} onClose=${close}>${form.text && html`<p>${form.text}</p>`}<//>`}
    ${open?.secret && html`<${Secret} title=${a.secretTitle} text=${a.secretText} secret=${open.secret} onClose=${close} />`}`;
}

export const Webhooks = ({ state }) => (state.hook ? html`<${One} key=${state.hook} state=${state} />` : html`<${All} state=${state} />`);
