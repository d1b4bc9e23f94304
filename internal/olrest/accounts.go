package olrest

import (
	"net/http"
	"net/url"
	"time"

	"github.com/platenhq/platen"
)

// accounts are the routes of users and named tokens.
var accounts = []Route{
	{Method: http.MethodGet, Path: NativePrefix + "/me", Action: ReadMe},
	{Method: http.MethodPatch, Path: NativePrefix + "/me", Action: ChangePassword},
	{Method: http.MethodGet, Path: NativePrefix + "/users", Action: ListUsers},
	{Method: http.MethodPost, Path: NativePrefix + "/users", Action: AddUser},
	{Method: http.MethodGet, Path: NativePrefix + "/users/{name}", Action: DescribeUser},
	{Method: http.MethodPatch, Path: NativePrefix + "/users/{name}", Action: ChangeUser},
	{Method: http.MethodDelete, Path: NativePrefix + "/users/{name}", Action: RemoveUser},
	{Method: http.MethodGet, Path: NativePrefix + "/tokens", Action: ListTokens},
	{Method: http.MethodPost, Path: NativePrefix + "/tokens", Action: AddToken},
	{Method: http.MethodGet, Path: NativePrefix + "/tokens/{name}", Action: DescribeToken},
	{Method: http.MethodPatch, Path: NativePrefix + "/tokens/{name}", Action: ChangeToken},
	{Method: http.MethodDelete, Path: NativePrefix + "/tokens/{name}", Action: RemoveToken},
}

// roleInto returns what reads a role.
func (d *decoder) roleInto(to *platen.Role) func() error {
	return func() error {
		text, err := d.text("role", false)
		if err != nil {
			return err
		}
		if *to, err = platen.ParseRole(text); err != nil {
			return d.fail("%v", err)
		}
		return nil
	}
}

// kindsInto returns what reads a list of kinds; null is all of them.
func (d *decoder) kindsInto(to *platen.KindSet) func() error {
	return func() error {
		if d.PeekKind() == 'n' {
			return d.skip()
		}
		err := d.each("kinds", func() error {
			kind, err := d.kind()
			*to |= platen.KindsOf(kind)
			return err
		})
		if err == nil && *to == 0 {
			err = d.fail("the list is empty: leave it out for a token of all kinds")
		}
		return err
	}
}

// A NewUser is a user to be added.
type NewUser struct {
	Name, Password string
	Role           platen.Role
}

// ReadNewUser reads a user to be added.
func ReadNewUser(body []byte) (u NewUser, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the user", map[string]func() error{
			"name": d.textInto("name", &u.Name), "password": d.textInto("password", &u.Password), "role": d.roleInto(&u.Role),
		})
	})
	switch {
	case err != nil:
	case u.Name == "":
		err = missing("name")
	case u.Password == "":
		err = missing("password")
	case u.Role == 0:
		err = missing("role")
	}
	return u, err
}

// A UserUpdate is what is to change of a user; what is zero stays.
type UserUpdate struct {
	Password string
	Role     platen.Role
	Disabled *bool // alone; nil: it stays
}

// ReadUserUpdate reads what is to change of a user: something at least.
func ReadUserUpdate(body []byte) (u UserUpdate, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the change", map[string]func() error{
			"password": d.textInto("password", &u.Password), "role": d.roleInto(&u.Role),
			"disabled": given(&u.Disabled, func(to *bool) func() error { return d.boolInto("disabled", to) }),
		})
	})
	switch {
	case err != nil:
	case u == (UserUpdate{}):
		err = platen.Errorf(platen.Invalid, "there is nothing to change: name a role, a password or both, or disabled")
	case u.Disabled != nil && (u.Password != "" || u.Role != 0):
		err = platen.Errorf(platen.Invalid, "disabled is changed by itself: send role and password in another request")
	}
	return u, err
}

// ReadOwnPassword reads the caller's old password and the new one.
func ReadOwnPassword(body []byte) (old, fresh string, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the change", map[string]func() error{
			"oldPassword": d.textInto("old password", &old), "password": d.textInto("password", &fresh),
		})
	})
	switch {
	case err != nil:
	case old == "":
		err = missing("oldPassword")
	case fresh == "":
		err = missing("password")
	}
	return old, fresh, err
}

// A NewToken is a named token to be made.
type NewToken struct {
	Name    string
	User    string // "": the caller
	Role    platen.Role
	Kinds   platen.KindSet // 0: all
	Expires time.Time      // zero: never
}

// ReadNewToken reads a named token to be made.
func ReadNewToken(body []byte) (t NewToken, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the token", map[string]func() error{
			"name": d.textInto("name", &t.Name), "user": d.textInto("user", &t.User), "role": d.roleInto(&t.Role),
			"kinds": d.kindsInto(&t.Kinds), "expireTime": d.timeInto("expireTime", &t.Expires),
		})
	})
	switch {
	case err != nil:
	case t.Name == "":
		err = missing("name")
	case t.Role == 0:
		err = missing("role")
	}
	return t, err
}

// A TokenUpdate is what is to change of a named token; what is nil stays.
type TokenUpdate struct {
	Role     *platen.Role
	Kinds    *platen.KindSet // 0: all
	Disabled *bool
	Expires  *time.Time // zero: never
}

// ReadTokenUpdate reads what is to change of a named token: something at least.
func ReadTokenUpdate(body []byte) (t TokenUpdate, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the change", map[string]func() error{
			"role":       given(&t.Role, d.roleInto),
			"kinds":      given(&t.Kinds, d.kindsInto),
			"disabled":   given(&t.Disabled, func(to *bool) func() error { return d.boolInto("disabled", to) }),
			"expireTime": given(&t.Expires, func(to *time.Time) func() error { return d.timeInto("expireTime", to) }),
		})
	})
	if err == nil && t == (TokenUpdate{}) {
		err = platen.Errorf(platen.Invalid, "there is nothing to change: name role, kinds, disabled or expireTime")
	}
	return t, err
}

// A Me is who makes a request.
type Me struct {
	User    string
	Issuer  string // of the provider who knows the user; "": a local one
	Role    platen.Role
	Token   string         // the name of the token, "" for none
	Kinds   platen.KindSet // 0: all
	Expires time.Time      // when the session or the token does; zero: never
	Sandbox bool           // the server is a sandbox
}

// ReplyMe answers who makes a request.
func ReplyMe(w http.ResponseWriter, me Me) {
	var b jsonWriter
	b.object()
	b.text("user", me.User)
	b.optionalText("issuer", me.Issuer)
	b.text("role", me.Role.String())
	b.optionalText("token", me.Token)
	b.kinds("kinds", me.Kinds)
	b.time("expireTime", me.Expires)
	b.optionalFlag("sandbox", me.Sandbox)
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyWaysIn answers by what people can log in to the console besides a password:
// the label of a provider, "" for none.
func ReplyWaysIn(w http.ResponseWriter, label string) {
	var b jsonWriter
	b.object()
	b.optionalText("provider", label)
	b.end()
	ReplyJSON(w, b.buf)
}

// A User is a user as the API shows one.
type User struct {
	Name    string
	Role    platen.Role
	Changed time.Time // when the password was set; zero: there is none

	DisabledBy string // "admin" or "provider"; "": the user is not disabled
	Issuer     string // of the provider who knows the user; "": a local one
}

func (j *jsonWriter) user(u User) {
	j.object()
	j.text("name", u.Name)
	j.text("role", u.Role.String())
	j.flag("disabled", u.DisabledBy != "")
	j.optionalText("disabledBy", u.DisabledBy)
	j.optionalText("issuer", u.Issuer)
	j.time("passwordTime", u.Changed)
	j.end()
}

// ReplyUser answers with a user; created: one that the request has added.
func ReplyUser(w http.ResponseWriter, u User, created bool) {
	var b jsonWriter
	b.user(u)
	replyOne(w, "users", u.Name, created, b.buf)
}

// ReplyUsers answers with all users.
func ReplyUsers(w http.ResponseWriter, users []User) {
	replyAll(w, "users", users, (*jsonWriter).user)
}

// A Token is a named token as the API shows one.
type Token struct {
	Name      string
	User      string
	Role      platen.Role
	Effective platen.Role    // what it has now: not more than its user
	Kinds     platen.KindSet // 0: all
	Disabled  bool
	Created   time.Time
	CreatedBy string
	Expires   time.Time // zero: never
	Used      time.Time // zero: never
	Secret    string    // the token itself, once; otherwise ""
}

func (j *jsonWriter) token(t Token) {
	j.object()
	j.text("name", t.Name)
	j.text("user", t.User)
	j.text("role", t.Role.String())
	j.text("effectiveRole", t.Effective.String())
	j.kinds("kinds", t.Kinds)
	j.flag("disabled", t.Disabled)
	j.time("createTime", t.Created)
	j.text("createdBy", t.CreatedBy)
	j.time("expireTime", t.Expires)
	j.time("lastUseTime", t.Used)
	j.optionalText("token", t.Secret)
	j.end()
}

// ReplyNamedToken answers with a named token; created: one that the request has
// made.
func ReplyNamedToken(w http.ResponseWriter, t Token, created bool) {
	var b jsonWriter
	b.token(t)
	replyOne(w, "tokens", t.Name, created, b.buf)
}

// ReplyTokens answers with all named tokens.
func ReplyTokens(w http.ResponseWriter, tokens []Token) {
	replyAll(w, "tokens", tokens, (*jsonWriter).token)
}

func replyOne(w http.ResponseWriter, resource, name string, created bool, body []byte) {
	if !created {
		ReplyJSON(w, body)
		return
	}
	w.Header().Set("Location", NativePrefix+"/"+resource+"/"+url.PathEscape(name))
	reply(w, http.StatusCreated, typeJSON, body)
}

func replyAll[T any](w http.ResponseWriter, resource string, all []T, write func(*jsonWriter, T)) {
	var b jsonWriter
	b.object()
	listOf(&b, resource, all, write)
	b.end()
	ReplyJSON(w, b.buf)
}

// kinds writes kinds as a member of an object, if they are not all.
func (j *jsonWriter) kinds(key string, set platen.KindSet) {
	optionalList(j, key, set.Kinds(), (*jsonWriter).kind)
}

// kind writes a kind as an element of a list.
func (j *jsonWriter) kind(kind platen.Kind) { j.string(KindName(kind)) }
