// Users and their roles.
import { html, useState } from "./html.js";
import { users } from "./api.js";
import { Loading, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, plain } from "./format.js";
import { notify } from "./notices.js";
import { Form, Table } from "./forms.js";
import { t } from "./texts.js";
import { a } from "./admintexts.js";

export function Users({ who }) {
  const { data, error, loading, again } = useLoad((signal) => users.all({}, signal), []);
  const [open, setOpen] = useState(); // {what, user}
  useTitle(a.tabs.users);
  const close = () => setOpen(undefined);
  const done = (text) => {
    close();
    notify(text);
    again();
  };
  const add = async ({ name, password, role }) => {
    await users.add({ name, password, role });
    done(a.userAdded(name));
  };
  const change = async ({ password, role }) => {
    await users.change(open.user.name, { role, ...(password ? { password } : {}) });
    done(a.userChanged(open.user.name));
  };
  const toggle = async (user) => {
    try {
      await users.change(user.name, { disabled: !user.disabled });
    } catch (failure) {
      notify(plain(failure.message, 300));
    }
    again();
  };
  const remove = async () => {
    await users.remove(open.user.name);
    done(a.userRemoved(open.user.name));
  };
  const role = (value) => ({ name: "role", label: a.role, options: a.roles, value });
  return html`
    <div class="head"><h1>${a.tabs.users}</h1><button type="button" class="primary" onClick=${() => setOpen({ what: "add" })}>${a.addUser}</button></div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && html`<${Table} label=${a.tabs.users} heads=${[t.name, a.role, a.state, a.passwordSet, t.actions]}>${data.users.slice(0, 500).map((user) => html`<tr key=${user.name}>
        <th scope="row"><${Text} value=${user.name} most=${64} />${user.name === who.user && html` <span class="quiet">${a.you}</span>`}</th>
        <td>${user.role}</td><td class=${user.disabled ? "bad" : ""}>${user.disabled ? a.disabledBy[user.disabledBy] : a.enabled}</td>
        <td>${user.issuer ? html`<span class="quiet">${a.passwordOf} <${Text} value=${user.issuer} most=${60} /></span>` : html`<${Time} value=${user.passwordTime} />`}</td>
        <td class="row">${!user.issuer && html`<button type="button" data-row onClick=${() => setOpen({ what: "change", user })}>${a.change}</button>`}
          <button type="button" data-row=${user.issuer ? true : undefined} onClick=${() => toggle(user)}>${user.disabled ? a.enable : a.disable}</button>
          <button type="button" onClick=${() => setOpen({ what: "remove", user })}>${a.remove}</button></td></tr>`)}<//>`}
    </div>
    ${open?.what === "add" && html`<${Form} title=${a.addUserTitle} action=${a.add} submit=${add} onClose=${close} fields=${[
      { name: "name", label: a.userName, required: true, max: 64 }, { name: "password", label: a.password, type: "password", required: true }, role("viewer")]} />`}
    ${open?.what === "change" && html`<${Form} title=${a.changeUserTitle(plain(open.user.name, 64))} action=${a.save} submit=${change} onClose=${close} fields=${[
      role(open.user.role), { name: "password", label: a.newPassword, type: "password", hint: a.newPasswordHint }]} />`}
    ${open?.what === "remove" && html`<${Form} title=${a.removeUserTitle(plain(open.user.name, 64))} action=${a.doRemove} danger submit=${remove} onClose=${close} fields=${[]}><p>${a.removeUserText}</p><//>`}`;
}
