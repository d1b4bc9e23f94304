package client

import (
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// Me is who makes requests with the client.
type Me struct {
	User       string        `json:"user"`
	Issuer     string        `json:"issuer,omitzero"` // of the provider by which the user logs in; "": a local one
	Role       platen.Role   `json:"role"`
	Token      string        `json:"token,omitzero"`      // the name of the token
	Kinds      []platen.Kind `json:"kinds,omitzero"`      // nil: all
	ExpireTime time.Time     `json:"expireTime,omitzero"` // of the session or the token; zero: never
	Sandbox    bool          `json:"sandbox,omitzero"`    // the server is a sandbox
}

// MarshalJSON returns it as the API has it.
func (m Me) MarshalJSON() ([]byte, error) { type plain Me; return olrest.EncodeNative(plain(m)) }

// A NewUser is a user to be added.
type NewUser struct {
	Name     string      `json:"name"`     // 1 to 64 bytes without spaces, colons and control characters
	Password string      `json:"password"` // 8 to 1024 bytes
	Role     platen.Role `json:"role"`
}

// MarshalJSON returns the user as the API has it.
func (u NewUser) MarshalJSON() ([]byte, error) {
	type plain NewUser
	return olrest.EncodeNative(plain(u))
}

// A UserChange is what is to change of a user; what is zero stays.
type UserChange struct {
	Password string      `json:"password,omitzero"`
	Role     platen.Role `json:"role,omitzero"`
	Disabled *bool       `json:"disabled,omitzero"` // by itself
}

// MarshalJSON returns the change as the API has it.
func (u UserChange) MarshalJSON() ([]byte, error) {
	type plain UserChange
	return olrest.EncodeNative(plain(u))
}

// A User is somebody who can log in, with a password or by a provider.
type User struct {
	Name         string      `json:"name"`
	Role         platen.Role `json:"role"`
	Disabled     bool        `json:"disabled"`              // logins and named tokens are refused
	DisabledBy   string      `json:"disabledBy,omitzero"`   // admin or provider
	Issuer       string      `json:"issuer,omitzero"`       // of the provider by which the user logs in; "": a local one
	PasswordTime time.Time   `json:"passwordTime,omitzero"` // when the password was set; zero: there is none
}

// MarshalJSON returns the user as the API has it.
func (u User) MarshalJSON() ([]byte, error) { type plain User; return olrest.EncodeNative(plain(u)) }

// A NewToken is a named token to be made.
type NewToken struct {
	Name       string        `json:"name"`
	User       string        `json:"user,omitzero"` // "": the caller
	Role       platen.Role   `json:"role"`          // it never may more than its user
	Kinds      []platen.Kind `json:"kinds,omitzero"`
	ExpireTime time.Time     `json:"expireTime,omitzero"` // zero: never
}

// MarshalJSON returns the token as the API has it.
func (t NewToken) MarshalJSON() ([]byte, error) {
	type plain NewToken
	return olrest.EncodeNative(plain(t))
}

// A TokenChange is what is to change of a named token. The zero value of each field
// leaves it as it is.
type TokenChange struct {
	Role       platen.Role
	Kinds      *[]platen.Kind // none: all
	Disabled   *bool          // a token that is disabled is refused
	ExpireTime *time.Time     // the zero time: never
}

// MarshalJSON returns the change as the API has it.
func (t TokenChange) MarshalJSON() ([]byte, error) {
	body := make(map[string]any)
	if t.Role != 0 {
		body["role"] = t.Role
	}
	if t.Kinds != nil {
		body["kinds"] = nil
		if len(*t.Kinds) > 0 {
			body["kinds"] = *t.Kinds
		}
	}
	if t.Disabled != nil {
		body["disabled"] = *t.Disabled
	}
	if t.ExpireTime != nil {
		body["expireTime"] = nil
		if !t.ExpireTime.IsZero() {
			body["expireTime"] = *t.ExpireTime
		}
	}
	return olrest.EncodeNative(body)
}

// A Token is a named token.
type Token struct {
	Name        string        `json:"name"`
	User        string        `json:"user"`
	Role        platen.Role   `json:"role"`
	Effective   platen.Role   `json:"effectiveRole"`  // not more than its user
	Kinds       []platen.Kind `json:"kinds,omitzero"` // nil: all
	Disabled    bool          `json:"disabled"`
	CreateTime  time.Time     `json:"createTime"`
	CreatedBy   string        `json:"createdBy"`
	ExpireTime  time.Time     `json:"expireTime,omitzero"`
	LastUseTime time.Time     `json:"lastUseTime,omitzero"`
	Secret      string        `json:"token,omitzero"` // the token itself, when it is made; never again
}

// MarshalJSON returns the token as the API has it.
func (t Token) MarshalJSON() ([]byte, error) { type plain Token; return olrest.EncodeNative(plain(t)) }

// A WebhookFilter says which events a webhook gets: those that have one of each list
// that is not empty. A list has up to [platen.MaxFilterEntries].
type WebhookFilter struct {
	Kinds []platen.Kind `json:"kinds,omitzero"`
	Sets  []platen.ID   `json:"sets,omitzero"`
	Types []string      `json:"types,omitzero"` // such as platen.update
	Names []string      `json:"names,omitzero"` // that a list was changed in
}

// MarshalJSON returns the filter as the API has it.
func (f WebhookFilter) MarshalJSON() ([]byte, error) {
	type plain WebhookFilter
	return olrest.EncodeNative(plain(f))
}

// A NewWebhook is a webhook to be made.
type NewWebhook struct {
	URL         string        `json:"url"`                  // up to [platen.MaxWebhookURL] bytes
	Description string        `json:"description,omitzero"` // up to [platen.MaxWebhookDescription] bytes
	Filter      WebhookFilter `json:"filter,omitzero"`
	State       string        `json:"state,omitzero"`  // enabled, which "" is, or disabled
	Secret      string        `json:"secret,omitzero"` // whsec_ and the base64 of 24 to 64 random bytes; "": the server makes one
}

// A WebhookChange is what is to change of a webhook; what is nil stays.
type WebhookChange struct {
	URL         *string        `json:"url,omitzero"`
	Description *string        `json:"description,omitzero"`
	Filter      *WebhookFilter `json:"filter,omitzero"`
	State       *string        `json:"state,omitzero"`
}

// A WebhookReplay says from where in the log on a webhook gets events. One of its fields
// is set.
type WebhookReplay struct {
	From  string    `json:"from,omitzero"`  // the id of the first event
	After string    `json:"after,omitzero"` // the id of the event before the first; "0": the first that is kept is the first
	Time  time.Time `json:"time,omitzero"`  // the first event is the first at this time or later
}

// A Webhook is a URL to which the server sends events.
type Webhook struct {
	ID              int64         `json:"id"`
	URL             string        `json:"url"`
	Description     string        `json:"description"`
	Filter          WebhookFilter `json:"filter"`
	State           string        `json:"state"`           // enabled or disabled
	Reason          string        `json:"reason,omitzero"` // why it is disabled
	CreateTime      time.Time     `json:"createTime"`
	CreatedBy       string        `json:"createdBy,omitzero"`
	UpdateTime      time.Time     `json:"updateTime"`
	OldSecretUntil  time.Time     `json:"oldSecretExpireTime,omitzero"`
	After           string        `json:"after"`    // the last event that was delivered or passed over
	Failures        int           `json:"failures"` // in a row
	FailingSince    time.Time     `json:"failingSince,omitzero"`
	NextAttemptTime time.Time     `json:"nextAttemptTime,omitzero"`
	Secret          string        `json:"secret,omitzero"` // when it is made or replaced; never again
}

// MarshalJSON returns the webhook as the API has it.
func (w Webhook) MarshalJSON() ([]byte, error) {
	type plain Webhook
	return olrest.EncodeNative(plain(w))
}

// An Attempt is one request to the URL of a webhook.
type Attempt struct {
	ID         int64     `json:"id,omitzero"`
	Event      string    `json:"event,omitzero"`
	Type       string    `json:"type,omitzero"` // of the event
	Time       time.Time `json:"time"`
	DurationMs int64     `json:"durationMs"`
	Delivered  bool      `json:"delivered"`
	Status     int       `json:"status,omitzero"` // 0: there was no answer
	Error      string    `json:"error,omitzero"`
	Response   string    `json:"response,omitzero"` // the beginning of the answer
}

// A RequestFilter says which requests of the journal are meant: those that are as all
// says that is not empty.
type RequestFilter struct {
	Method, Route, User, RequestID string

	Path   string    // an asterisk stands for any text
	Status string    // such as 404 or 4xx
	Reason string    // a part of why it was refused, or of a hint
	Fault  string    // the name of a fault of a sandbox that has acted
	Since  time.Time // zero: of any time

	Console *bool // those of the console alone, or those of others; nil: both
}

// A Request is a request that the server has answered, without credentials.
type Request struct {
	RequestID   string       `json:"requestId"`
	Time        time.Time    `json:"time"`
	TookMicros  int64        `json:"tookMicros"`
	Method      string       `json:"method"`
	Path        string       `json:"path"`
	Query       string       `json:"query,omitzero"`
	Route       string       `json:"route,omitzero"`
	Host        string       `json:"host,omitzero"`
	Protocol    string       `json:"protocol,omitzero"`
	Client      string       `json:"client,omitzero"` // the address
	User        string       `json:"user,omitzero"`
	Tried       string       `json:"tried,omitzero"` // the user of credentials that were refused
	Credentials string       `json:"credentials,omitzero"`
	Status      int          `json:"status"`           // 0: it was not answered
	Console     bool         `json:"console,omitzero"` // it came from the console
	Aborted     bool         `json:"aborted,omitzero"`
	Reason      string       `json:"reason,omitzero"` // why it was refused
	Fault       string       `json:"fault,omitzero"`  // of a sandbox that has acted
	Hints       []string     `json:"hints,omitzero"`
	Request     *Transferred `json:"request,omitzero"` // [Client.Request] alone has both
	Answer      *Transferred `json:"answer,omitzero"`
}

// Transferred is what was sent in one direction.
type Transferred struct {
	Headers    []platen.NameValue `json:"headers"`
	Body       string             `json:"body,omitzero"`
	BodyBase64 []byte             `json:"bodyBase64,omitzero"` // in the place of Body, if that is no text
	BodySize   int64              `json:"bodySize"`
	Whole      bool               `json:"whole"`  // the body is all of it
	Hidden     bool               `json:"hidden"` // credentials were taken out
}

// About is what a server says of itself.
type About struct {
	Version      string         `json:"version"`
	Revision     string         `json:"revision,omitzero"`     // the commit that it was built from; "": not known
	RevisionTime time.Time      `json:"revisionTime,omitzero"` // of that commit
	APIVersion   string         `json:"apiVersion"`
	StartTime    time.Time      `json:"startTime"`
	Database     ServerDatabase `json:"database"`
	Counts       *ServerCounts  `json:"counts,omitzero"`  // nil: not counted yet
	History      *ServerHistory `json:"history,omitzero"` // the same
	Disks        []ServerDisk   `json:"disks"`            // those that imports are written to
	Cleanup      ServerCleanup  `json:"cleanup"`
	Settings     []Setting      `json:"settings"`
}

// A ServerDatabase is the database of a server.
type ServerDatabase struct {
	Location       string    `json:"location"`                // a directory, or an address without its password
	Problem        string    `json:"problem,omitzero"`        // why it does not do its work now; "": it does
	Schema         int       `json:"schema,omitzero"`         // the number of its newest migration; 0: not read yet, as is Bytes
	Bytes          int64     `json:"bytes,omitzero"`          // on the disk
	FreeBytes      *int64    `json:"freeBytes,omitzero"`      // of these without content; nil: not known
	LastBackupTime time.Time `json:"lastBackupTime,omitzero"` // of platen backup; zero: never
}

// ServerCounts are how many entities a server has that are not deleted.
type ServerCounts struct {
	CountTime    time.Time `json:"countTime"` // when they were counted
	DataSets     int64     `json:"dataset"`
	DataRecords  int64     `json:"datarecord"`
	ContentSets  int64     `json:"contentset"`
	ContentItems int64     `json:"contentitem"`
	JobSets      int64     `json:"jobset"`
	Jobs         int64     `json:"job"`
	JobSegments  int64     `json:"jobsegment"`
	DocumentSets int64     `json:"documentset"`
	Documents    int64     `json:"document"`
	DeletedSets  int64     `json:"deletedSets"` // that are not yet removed for good
}

// A ServerHistory is the log of changes of a server.
type ServerHistory struct {
	Transactions int64     `json:"transactions"`        // that are kept
	Bytes        int64     `json:"bytes"`               // about how many these have
	OldestTime   time.Time `json:"oldestTime,omitzero"` // of the oldest change that is kept
}

// A ServerDisk is a disk that imports are written to.
type ServerDisk struct {
	Path        string `json:"path"`        // of a directory on it
	FreeBytes   int64  `json:"freeBytes"`   // what is left
	NeededBytes int64  `json:"neededBytes"` // with less left imports and job creations are refused
}

// ServerCleanup says how far the clean-up of deleted sets is: of those that are not
// removed yet, the one that was deleted first.
type ServerCleanup struct {
	OldestDeleteTime time.Time `json:"oldestDeleteTime,omitzero"` // zero: there is none
	PurgeTime        time.Time `json:"purgeTime,omitzero"`        // when it is to be removed, past if the clean-up is behind; zero: never
}

// A Setting is a setting of a server, without what is secret of it.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // a flag, a variable, a file, or default
}
