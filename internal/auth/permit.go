package auth

import (
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// Permit returns Forbidden unless the caller has a role, or a greater one, and
// its token is restricted to no kinds of entities or has all that are needed.
func (c *Call) Permit(role platen.Role, kinds platen.KindSet) error {
	if c.Role >= role && (c.Kinds == 0 || c.Kinds.Contains(kinds)) {
		return nil
	}
	if c.Role < role {
		whose := "yours"
		if c.Token != "" {
			whose = "that of the token " + c.Token
		}
		return c.forbid(causeRole, platen.Errorf(platen.Forbidden, "this needs the role %s, and %s is %s", role, whose, c.Role))
	}
	return c.forbid(causeKinds, platen.Errorf(platen.Forbidden, "the token %s is restricted to the kinds %s, and this needs %s too",
		c.Token, kindNames(c.Kinds), kindNames(kinds&^c.Kinds)))
}

// forbid refuses a request whose credentials are good.
func (c *Call) forbid(cause string, err *platen.Error) error {
	c.Refused = cause
	return err
}

func kindNames(set platen.KindSet) string {
	var names []string
	for _, kind := range set.Kinds() {
		names = append(names, olrest.KindName(kind))
	}
	return strings.Join(names, ", ")
}
