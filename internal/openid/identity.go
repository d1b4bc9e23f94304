package openid

import (
	"encoding/json"
	"fmt"
	"strings"
)

// identity returns who somebody is by the claims.
func (p *Provider) identity(of claims) (Identity, error) {
	who := Identity{Subject: of.text("sub"), Name: p.nameOf(of)}
	if who.Subject == "" || len(who.Subject) > 255 {
		return who, refuse(causeToken, false, "the provider's ID token does not say whose it is")
	}
	groups, why := p.groupsOf(of)
	who.Sent = sent(groups, why)
	for _, group := range groups {
		who.Role = max(who.Role, p.Roles[group])
	}
	return who, nil
}

// nameOf returns the name of a user: of the claim that is set, or else an e-mail
// address that the provider does not say is unverified, or else what the provider
// calls the user for itself. The name is no proof of anything: users are found by
// subject.
func (p *Provider) nameOf(of claims) string {
	if name := of.text(p.NameClaim); name != "" {
		return name
	}
	if verified := string(of["email_verified"]); verified != "false" && verified != `"false"` && of.text("email") != "" {
		return of.text("email")
	}
	return of.text("sub")
}

// groupsOf returns the groups of a user, or why there are none.
func (p *Provider) groupsOf(of claims) (groups []string, why string) {
	value := of[p.GroupsClaim]
	var one string
	switch {
	case value == nil:
		var elsewhere map[string]json.RawMessage
		_ = json.Unmarshal(of["_claim_names"], &elsewhere)
		if elsewhere[p.GroupsClaim] != nil {
			return nil, fmt.Sprintf("no groups, since there are too many for an ID token (have the provider send only those that are assigned to platen) in the claim %q", p.GroupsClaim)
		}
		return nil, fmt.Sprintf("no claim %q", p.GroupsClaim)
	case json.Unmarshal(value, &one) == nil && one != "":
		return []string{one}, ""
	case json.Unmarshal(value, &groups) != nil:
		return nil, fmt.Sprintf("a claim %q that is no list of texts", p.GroupsClaim)
	}
	return groups, ""
}

// What is said of groups at most.
const (
	maxShown = 20
	maxGroup = 64
)

// sent says in words which groups there are.
func sent(groups []string, why string) string {
	if why != "" {
		return why
	}
	if len(groups) == 0 {
		return "no groups"
	}
	var shown []string
	for _, group := range groups[:min(len(groups), maxShown)] {
		shown = append(shown, short(group, maxGroup))
	}
	text := "the groups " + strings.Join(shown, ", ")
	if more := len(groups) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
