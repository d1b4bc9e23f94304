// A sandbox: its clock, its faults, its snapshots, and the way back to the start.
import { html, useState } from "./html.js";
import { sandbox } from "./api.js";
import { Problem, useLoad, usePoll, useTitle } from "./load.js";
import { Text, Time, number, plain } from "./format.js";
import { notify, useRun } from "./notices.js";
import { Form, fromLocal, localTime } from "./forms.js";
import { Faults } from "./faults.js";
import { CopyLine } from "./welcome.js";
import { s } from "./sandboxtexts.js";

const every = 2000; // milliseconds between two looks at counts and clock

function Clock({ clock, run, busy }) {
  const change = (how, text) => run(async () => {
    await sandbox.setClock(how);
    if (text) notify(text);
  });
  const set = (event) => {
    event.preventDefault();
    const time = new FormData(event.currentTarget).get("time");
    if (time) change({ time: fromLocal(time) }, s.moved);
  };
  const move = (event) => {
    event.preventDefault();
    const advance = new FormData(event.currentTarget).get("advance").trim();
    if (advance) change({ advance }, s.moved);
  };
  return html`<section class="boxed clock"><div class="section-head"><h2>${s.clock}</h2>
      <button type="button" disabled=${busy} onClick=${() => change({ running: !clock.running })}>${clock.running ? s.stop : s.run}</button></div>
    <p class="shows"><${Time} value=${clock.time} /> <span class=${clock.running ? "live" : "quiet"}>${clock.running ? s.runs : s.stands}</span></p>
    <p class="quiet">${s.clockText}</p>
    <form class="row" onSubmit=${move}><label for="clock-move">${s.moveBy}</label><input id="clock-move" name="advance" placeholder=${s.moveHint} autocomplete="off" autocapitalize="none" spellcheck=${false} />
      <button type="submit" disabled=${busy}>${s.move}</button>
      ${s.moves.map(([advance, text]) => html`<button key=${advance} type="button" disabled=${busy} aria-label=${`${s.moveBy} ${text}`} onClick=${() => change({ advance }, s.moved)}>+ ${text}</button>`)}</form>
    <form class="row" onSubmit=${set}><label for="clock-set">${s.setTo}</label><input id="clock-set" name="time" type="datetime-local" required defaultValue=${localTime(clock.time)} />
      <button type="submit" disabled=${busy}>${s.set}</button></form></section>`;
}

function Snapshots({ names, run, busy, reset }) {
  const take = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = new FormData(form).get("name").trim();
    run(async () => {
      await sandbox.take(name);
      form.reset();
      notify(s.taken(name));
    });
  };
  const forget = (name) => run(async () => {
    await sandbox.forget(name);
    notify(s.forgotten(name));
  });
  return html`<section class="boxed"><h2>${s.snapshots}</h2>
    ${names.length === 0 ? html`<p class="quiet">${s.noSnapshots}</p>` : html`<ul class="lines">${names.map((name) => html`<li key=${name}><span class="space"><${Text} value=${name} most=${64} /></span>
      <button type="button" aria-label=${`${s.goBack} ${name}`} onClick=${() => reset(name)}>${s.goBack}</button>
      <button type="button" disabled=${busy} aria-label=${`${s.forget} ${name}`} onClick=${() => forget(name)}>${s.forget}</button></li>`)}</ul>`}
    <form class="row" onSubmit=${take}><input name="name" required maxlength="64" aria-label=${s.takeSnapshot} placeholder=${s.takeSnapshot} autocomplete="off" autocapitalize="none" spellcheck=${false} />
      <button type="submit" disabled=${busy}>${s.take}</button></form></section>`;
}

function Instances({ state, open }) {
  return html`<section class="boxed"><div class="section-head"><h2>${s.instances}</h2><button type="button" onClick=${() => open({ what: "add" })}>${s.addInstance}</button></div>
    <ul class="lines">${state.instances.map(({ name, url }) => html`<li key=${name}><span class="space"><b><${Text} value=${name} most=${64} /></b> ${name === state.name ? html`<span class="quiet">${url}, ${s.thisOne}</span>` : html`<a href=${`${url}/?view=sandbox`}>${url}</a>`}</span>
      ${name !== state.name && name !== "default" && html`<button type="button" aria-label=${`${s.endInstance} ${name}`} onClick=${() => open({ what: "end", name })}>${s.endInstance}</button>`}</li>`)}</ul></section>`;
}

function None() {
  return html`<div class="head"><h1>${s.title}</h1></div><section class="welcome"><p>${s.none}</p><${CopyLine} text="platen sandbox" /></section>`;
}

function Is({ state }) {
  const load = useLoad(async (signal) => {
    const [is, faults] = await Promise.all([sandbox.state(signal), sandbox.faults(signal)]);
    return { is, faults };
  }, []);
  const { data, error, loading, again } = load;
  const [open, setOpen] = useState();
  const [busy, run] = useRun(again);
  useTitle(s.title);
  usePoll(load, every);
  const close = () => setOpen(undefined);
  const is = data?.is;
  const forms = {
    reset: { title: s.resetTitle, action: s.doReset, text: s.resetText, danger: true,
      fields: [{ name: "snapshot", label: s.resetTo, options: [["", s.start], ...(is?.snapshots ?? []).map((name) => [name, name])], value: open?.name ?? "" }, { name: "keep", label: s.keep, type: "many", options: s.kept }],
      submit: async ({ snapshot, keep }) => {
        const { tookMicros } = await sandbox.reset({ ...(snapshot ? { snapshot } : {}), keep });
        close();
        notify(s.wasReset((tookMicros / 1000).toFixed(1)));
        window.dispatchEvent(new Event("platen:again"));
      } },
    add: { title: s.addInstanceTitle, action: s.doStart, text: s.addInstanceText,
      fields: [{ name: "name", label: s.instanceName, required: true, max: 64 }, { name: "data", label: s.instanceData, options: s.data, value: "" }],
      submit: async ({ name, data: from }) => { await sandbox.add({ name, ...(from ? { data: from } : {}) }); close(); again(); } },
    end: { title: open?.name && s.endInstanceTitle(plain(open.name, 64)), action: s.doEnd, text: s.endInstanceText, danger: true, fields: [],
      submit: async () => { await sandbox.end(open.name); close(); again(); } },
  };
  const form = forms[open?.what];
  return html`
    <div class="head"><h1>${s.title}</h1><span class="quiet">${s.about}</span><button type="button" class="actions" disabled=${!is} onClick=${() => setOpen({ what: "reset" })}>${s.reset}</button></div>
    <div class="body" aria-busy=${loading && !data}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      ${is && html`<div class="sandbox">
        <${Clock} key=${is.resets} clock=${is.clock} run=${run} busy=${busy} />
        <${Snapshots} names=${is.snapshots} run=${run} busy=${busy} reset=${(name) => setOpen({ what: "reset", name })} />
        <${Instances} state=${is} open=${setOpen} />
      </div>
      <${Faults} faults=${data.faults} marked=${state.fault} changed=${again} />
      <p class="quiet">${s.resets}: ${number(is.resets)}</p>`}
    </div>
    ${form && html`<${Form} key=${open.what} title=${form.title} action=${form.action} danger=${form.danger} submit=${form.submit} fields=${form.fields} onClose=${close}><p>${form.text}</p><//>`}`;
}

export const Sandbox = ({ state, who }) => (who.sandbox ? html`<${Is} state=${state} />` : html`<${None} />`);
