// Rules of retention, and what they would delete.
import { html, useState } from "./html.js";
import { rules, sets } from "./api.js";
import { Link } from "./router.js";
import { Loading, Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, number, plain } from "./format.js";
import { notify } from "./notices.js";
import { Form, Table } from "./forms.js";
import { facts, kinds, t } from "./texts.js";
import { a } from "./admintexts.js";

const home = { view: "admin", tab: "retention" };

function Preview({ state }) {
  const { data, error, loading, again } = useLoad((signal) => rules.preview(state.rule, { pageSize: 100, pageToken: state.page }, signal), [state.rule, state.page]);
  const title = a.previewTitle(plain(state.rule, 64));
  useTitle(title);
  const found = data?.entities ?? [];
  return html`
    <div class="head"><nav class="path"><${Link} to=${home} data-key="u">${a.backToRules}<//></nav></div>
    <div class="head"><h1>${title}</h1>${data && html`<span class="quiet">${a.previewCount(found.length, number(found.length))}${data.nextPageToken ? "+" : ""}</span>`}</div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && found.length === 0 && !data.nextPageToken && html`<p class="empty">${a.previewNone}</p>`}
      ${found.length > 0 && html`<${Table} label=${title} heads=${[t.kind, facts.createTime, facts.createdBy]}>${found.map((set) => html`<tr key=${set.id}>
        <th scope="row"><${Link} to=${{ id: set.id }} data-row>${kinds[set.kind].one} ${set.id}<//></th>
        <td><${Time} value=${set.createTime} /></td><td>${set.createdBy && html`<${Text} value=${set.createdBy} most=${40} />`}</td></tr>`)}<//>`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken} />`}
    </div>`;
}

function All() {
  const { data, error, loading, again } = useLoad((signal) => rules.all({}, signal), []);
  const [open, setOpen] = useState(); // {what, rule}
  useTitle(a.tabs.retention);
  const close = () => setOpen(undefined);
  const done = (text) => {
    close();
    notify(text);
    again();
  };
  const fields = (rule = {}) => [
    { name: "days", label: a.days, type: "number", required: true, value: rule.days },
    { name: "filter", label: a.filter, value: rule.filter, hint: a.filterHint },
    { name: "enabled", label: a.ruleEnabled, type: "check", value: rule.enabled },
  ];
  const forms = {
    add: { title: a.addRuleTitle, action: a.add, fields: [{ name: "name", label: a.ruleName, required: true, max: 64 }, { name: "kind", label: a.ruleKind, options: sets.map((kind) => [kind, kinds[kind].many]), value: "jobset" }, ...fields()],
      submit: async (values) => { await rules.add({ ...values, days: Number(values.days) }); done(a.done(values.name)); } },
    change: { title: open?.rule && a.changeRuleTitle(open.rule.name), action: a.save, fields: fields(open?.rule),
      submit: async (values) => { await rules.change(open.rule.name, { ...values, days: Number(values.days) }); done(a.done(open.rule.name)); } },
    remove: { title: open?.rule && a.removeRuleTitle(open.rule.name), action: a.doRemove, danger: true, fields: [], text: a.removeRuleText,
      submit: async () => { await rules.remove(open.rule.name); done(a.ruleRemoved(open.rule.name)); } },
  };
  const form = forms[open?.what];
  const ran = ({ lastRun }) => (!lastRun ? html`<span class="quiet">${a.notRun}</span>`
    : html`<${Time} value=${lastRun.endTime} /> ${lastRun.error ? html`<span class="bad"><${Text} value=${lastRun.error} most=${120} /></span>` : html`<span class="quiet">${a.ranDeleted(lastRun.deleted, number(lastRun.deleted))}</span>`}`);
  return html`
    <div class="head"><h1>${a.tabs.retention}</h1><button type="button" class="primary" onClick=${() => setOpen({ what: "add" })}>${a.addRule}</button></div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && data.rules.length === 0 && html`<p class="empty">${a.noRules}</p>`}
      ${data && data.rules.length > 0 && html`<${Table} label=${a.tabs.retention} heads=${a.ruleHeads}>${data.rules.map((rule) => html`<tr key=${rule.name}>
        <th scope="row"><${Text} value=${rule.name} most=${64} /></th><td>${kinds[rule.kind].many}</td><td>${a.daysOf(rule.days, number(rule.days))}</td>
        <td class="wide"><code><${Text} value=${rule.filter} most=${160} /></code></td><td>${rule.enabled ? a.enabled : html`<span class="quiet">${a.disabled}</span>`}</td><td>${ran(rule)}</td>
        <td class="row"><${Link} class="button" to=${{ ...home, rule: rule.name }} data-row>${a.preview}<//>
          <button type="button" onClick=${() => setOpen({ what: "change", rule })}>${a.change}</button>
          <button type="button" onClick=${() => setOpen({ what: "remove", rule })}>${a.remove}</button></td></tr>`)}<//>`}
    </div>
    ${form && html`<${Form} key=${open.what} title=${form.title} action=${form.action} danger=${form.danger} submit=${form.submit} fields=${form.fields} onClose=${close}>
      <p class="quiet">${form.text ?? a.ruleText}</p><//>`}`;
}

export const Rules = ({ state }) => (state.rule ? html`<${Preview} state=${state} />` : html`<${All} />`);
