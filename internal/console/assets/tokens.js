// Named tokens, which are the credentials of programs.
import { html, useState } from "./html.js";
import { tokens, users } from "./api.js";
import { Loading, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, plain } from "./format.js";
import { notify } from "./notices.js";
import { Form, Secret, Table, fromLocal } from "./forms.js";
import { may } from "./roles.js";
import { kinds, t } from "./texts.js";
import { a } from "./admintexts.js";

const kindOptions = Object.entries(kinds).map(([kind, { many }]) => [kind, many]);

// Tokens shows the tokens of all users to an admin. own: those of the user, of which
// each may have some.
export function Tokens({ who, own = false }) {
  const { data, error, loading, again } = useLoad(async (signal) => {
    const [found, known] = await Promise.all([tokens.all({}, signal), own ? { users: [] } : users.all({}, signal)]);
    return { tokens: own ? found.tokens.filter(({ user }) => user === who.user) : found.tokens, users: known.users };
  }, [own]);
  const [open, setOpen] = useState(); // {what, token}
  const title = own ? t.yourTokens : a.tabs.tokens;
  useTitle(title);
  const close = () => setOpen(undefined);
  const add = async (given) => {
    const token = await tokens.add({
      name: given.name, user: given.user ?? who.user, role: given.role, ...(given.kinds.length > 0 ? { kinds: given.kinds } : {}),
      ...(given.expireTime ? { expireTime: fromLocal(given.expireTime) } : {}),
    });
    setOpen({ what: "secret", token });
    again();
  };
  const toggle = async (token) => {
    try {
      await tokens.change(token.name, { disabled: !token.disabled });
    } catch (failure) {
      notify(plain(failure.message, 300));
    }
    again();
  };
  const revoke = async () => {
    await tokens.remove(open.token.name);
    close();
    notify(a.tokenRevoked(open.token.name));
    again();
  };
  const refused = new Set(data?.users.filter((user) => user.disabled).map(({ name }) => name));
  const stateOf = (token) => (refused.has(token.user) ? a.userDisabled : token.disabled ? a.disabled : Date.parse(token.expireTime ?? NaN) < Date.now() ? a.expired : a.enabled);
  return html`
    <div class="head"><h1>${title}</h1><button type="button" class="primary" disabled=${!data} onClick=${() => setOpen({ what: "add" })}>${a.addToken}</button></div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && data.tokens.length === 0 && html`<p class="empty">${own ? a.noOwnTokens : a.noTokens}</p>`}
      ${data && data.tokens.length > 0 && html`<${Table} label=${title} heads=${[t.name, t.user, a.role, a.kinds, a.state, a.lastUse, a.expires, a.created, t.actions]}>${data.tokens.slice(0, 500).map((token) => html`<tr key=${token.name}>
        <th scope="row"><${Text} value=${token.name} most=${64} /></th><td><${Text} value=${token.user} most=${64} /></td>
        <td>${token.role}${token.effectiveRole !== token.role && html` <span class="quiet">${a.effective(token.effectiveRole)}</span>`}</td>
        <td>${token.kinds?.map((kind) => kinds[kind]?.many ?? kind).join(", ") ?? html`<span class="quiet">${a.all}</span>`}</td>
        <td class=${stateOf(token) === a.enabled ? "" : "bad"}>${stateOf(token)}</td>
        <td>${token.lastUseTime ? html`<${Time} value=${token.lastUseTime} />` : html`<span class="quiet">${a.never}</span>`}</td>
        <td>${token.expireTime ? html`<${Time} value=${token.expireTime} />` : html`<span class="quiet">${a.never}</span>`}</td>
        <td><${Time} value=${token.createTime} /> <span class="quiet"><${Text} value=${token.createdBy ?? ""} most=${40} /></span></td>
        <td class="row"><button type="button" data-row onClick=${() => toggle(token)}>${token.disabled ? a.enable : a.disable}</button>
          <button type="button" onClick=${() => setOpen({ what: "revoke", token })}>${a.revoke}</button></td></tr>`)}<//>`}
    </div>
    ${open?.what === "add" && html`<${Form} title=${a.addTokenTitle} action=${a.add} submit=${add} onClose=${close} fields=${[
      { name: "name", label: a.tokenName, required: true, max: 64 },
      ...(own ? [] : [{ name: "user", label: a.tokenUser, options: data.users.map(({ name }) => [name, plain(name, 64)]), value: who.user }]),
      { name: "role", label: a.role, options: a.roles.filter(([role]) => may(who, role)), value: "viewer" },
      { name: "expireTime", label: a.expires, type: "datetime-local", hint: a.expiresHint },
      { name: "kinds", label: a.tokenKinds, type: "many", options: kindOptions, hint: a.tokenKindsHint }]}><p class="quiet">${a.tokenText}</p><//>`}
    ${open?.what === "secret" && html`<${Secret} title=${a.tokenMade(open.token.name)} text=${a.tokenMadeText} secret=${open.token.token} onClose=${close} />`}
    ${open?.what === "revoke" && html`<${Form} title=${a.revokeTitle(open.token.name)} action=${a.doRevoke} danger submit=${revoke} onClose=${close} fields=${[]}><p>${a.revokeText}</p><//>`}`;
}
