package olrest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// webhookPath is where webhooks are.
const webhookPath = NativePrefix + "/webhooks"

// webhooks are the routes of webhooks.
var webhooks = []Route{
	{Method: http.MethodGet, Path: webhookPath, Action: ListWebhooks},
	{Method: http.MethodPost, Path: webhookPath, Action: AddWebhook},
	{Method: http.MethodGet, Path: webhookPath + "/{webhook}", Action: DescribeWebhook},
	{Method: http.MethodPatch, Path: webhookPath + "/{webhook}", Action: ChangeWebhook},
	{Method: http.MethodDelete, Path: webhookPath + "/{webhook}", Action: RemoveWebhook},
	{Method: http.MethodGet, Path: webhookPath + "/{webhook}/attempts", Action: ListAttempts},
	{Method: http.MethodPost, Path: webhookPath + "/{webhook}/test", Action: TestWebhook},
	{Method: http.MethodPost, Path: webhookPath + "/{webhook}/replay", Action: ReplayWebhook},
	{Method: http.MethodPost, Path: webhookPath + "/{webhook}/rotate", Action: RotateWebhook},
}

// The states of a webhook.
const (
	webhookEnabled  = "enabled"
	webhookDisabled = "disabled"
)

// ParseWebhookID reads the id of a webhook in a path. NotFound: it can be none.
func ParseWebhookID(text string) (int64, error) {
	id, ok := platen.ParseID(text)
	if !ok {
		err := platen.Errorf(platen.NotFound, "webhook %.80q not found", text)
		err.Param = shorten([]byte(text))
		return 0, err
	}
	return int64(id), nil
}

// ReadNewWebhook reads a webhook to be made.
func ReadNewWebhook(body []byte) (platen.WebhookChange, error) { return readWebhook(body, true) }

// ReadWebhookChange reads what is to change of a webhook: something at least.
func ReadWebhookChange(body []byte) (platen.WebhookChange, error) { return readWebhook(body, false) }

func readWebhook(body []byte, fresh bool) (want platen.WebhookChange, err error) {
	err = decode(body, func(d *decoder) error {
		into := func(name string, to **string) func() error {
			return given(to, func(text *string) func() error { return d.textInto(name, text) })
		}
		members := map[string]func() error{
			"url":         into("url", &want.URL),
			"description": into("description", &want.Description),
			"filter":      given(&want.Filter, d.filterInto),
			"state":       given(&want.Enabled, d.stateInto),
		}
		if fresh {
			members["secret"] = into("secret", &want.Secret)
		}
		return d.strictMembers("the webhook", members)
	})
	switch {
	case err != nil:
	case fresh && want.URL == nil:
		err = platen.Errorf(platen.Invalid, "the url is missing")
	case want == (platen.WebhookChange{}):
		err = platen.Errorf(platen.Invalid, "there is nothing to change: name url, description, filter or state")
	}
	return want, err
}

// stateInto returns what reads whether a webhook is enabled.
func (d *decoder) stateInto(to *bool) func() error {
	return func() error {
		text, err := d.text("state", false)
		if err == nil && text != webhookEnabled && text != webhookDisabled {
			err = d.fail("the state %q is neither %s nor %s", shorten([]byte(text)), webhookEnabled, webhookDisabled)
		}
		*to = text == webhookEnabled
		return err
	}
}

// filterInto returns what reads a filter of events.
func (d *decoder) filterInto(to *platen.ChangeFilter) func() error {
	list := func(what string, read func() error) func() error {
		return func() error {
			n := 0
			return d.each(what, func() error {
				if n++; n > platen.MaxFilterEntries {
					return d.fail("there are more than %d %s", platen.MaxFilterEntries, what)
				}
				return read()
			})
		}
	}
	return func() error {
		return d.strictMembers("the filter", map[string]func() error{
			"kinds": list("kinds", func() error {
				kind, err := d.kind()
				to.Kinds = append(to.Kinds, kind)
				return err
			}),
			"sets": list("sets", func() error {
				id, err := d.entityID()
				to.Sets = append(to.Sets, id)
				return err
			}),
			"types": list("types", func() error {
				text, err := d.text("type", false)
				if err != nil {
					return err
				}
				one, ok := parseChangeType(text)
				if !ok {
					return d.fail("the type %q is none; the types are %s", shorten([]byte(text)), strings.Join(eventTypes(), ", "))
				}
				to.Types = append(to.Types, one)
				return nil
			}),
			"names": list("names", func() error { return d.filterText("name", &to.Names) }),
		})
	}
}

// filterText reads one text of a filter.
func (d *decoder) filterText(what string, to *[]string) error {
	text, err := d.text(what, false)
	switch {
	case err != nil:
		return err
	case text == "":
		return d.fail("the %s is empty", what)
	case len(text) > platen.MaxWebhookDescription:
		return d.fail("the %s is longer than %d bytes", what, platen.MaxWebhookDescription)
	}
	*to = append(*to, text)
	return nil
}

// ReadWebhookRotation reads how a secret is replaced; no body is as good as an
// empty object.
func ReadWebhookRotation(body []byte) (want platen.WebhookRotation, err error) {
	want.KeepOld = platen.DefaultKeepOld
	if len(body) == 0 {
		return want, nil
	}
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the rotation", map[string]func() error{
			"secret": given(&want.Secret, func(text *string) func() error { return d.textInto("secret", text) }),
			"keepOldFor": func() error {
				text, err := d.text("keepOldFor", false)
				if err != nil {
					return err
				}
				want.KeepOld, err = time.ParseDuration(text)
				if err != nil || want.KeepOld < 0 || want.KeepOld > platen.MaxKeepOld {
					return d.fail("keepOldFor %q is not a time such as 24h, 0s to %.0fh", shorten([]byte(text)), platen.MaxKeepOld.Hours())
				}
				return nil
			},
		})
	})
	return want, err
}

// ReadWebhookReplay reads from where on a webhook gets events again.
func ReadWebhookReplay(body []byte) (want platen.WebhookReplay, err error) {
	keys := 0
	err = decode(body, func(d *decoder) error {
		counted := func(read func() error) func() error {
			return func() error {
				keys++
				return read()
			}
		}
		return d.strictMembers("the replay", map[string]func() error{
			"from":  counted(given(&want.From, func(to *platen.EventID) func() error { return d.eventInto("from", 1, to) })),
			"after": counted(given(&want.After, func(to *platen.EventID) func() error { return d.eventInto("after", 0, to) })),
			"time": counted(func() error {
				text, err := d.text("time", false)
				if err == nil {
					want.Time, err = ParseTime("time", text)
				}
				return err
			}),
		})
	})
	if err == nil && (keys != 1 || want == (platen.WebhookReplay{})) {
		err = platen.Errorf(platen.Invalid, "name one of these: from (the id of the first event), after (the id of the event before it), time")
	}
	return want, err
}

// eventInto returns what reads the id of an event, a text: least, or a larger one.
func (d *decoder) eventInto(name string, least int64, to *platen.EventID) func() error {
	return func() error {
		text, err := d.text(name, false)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least {
			return d.fail("%s %q is not the id of an event", name, shorten([]byte(text)))
		}
		*to = platen.EventID(n)
		return nil
	}
}

// EventType returns the type of an event, as it is in a CloudEvent.
func EventType(t platen.ChangeType) string { return eventPrefix + changeTypes[t] }

// eventTypes returns all types of events.
func eventTypes() (list []string) {
	for _, t := range slices.Sorted(maps.Keys(changeTypes)) {
		list = append(list, EventType(t))
	}
	return list
}

// parseChangeType reads the type of an event, with its prefix or without it.
func parseChangeType(text string) (platen.ChangeType, bool) {
	for t, name := range changeTypes {
		if name == strings.TrimPrefix(text, eventPrefix) {
			return t, true
		}
	}
	return 0, false
}

// WebhookTestType is the type of the event that tests a webhook.
const WebhookTestType = eventPrefix + "webhook.test"

// WebhookTest returns an event that says that it is a test, as [CloudEvent] does.
func WebhookTest(id string, at time.Time) []byte {
	var j jsonWriter
	j.object()
	j.text("specversion", "1.0")
	j.text("id", id)
	j.text("source", "platen")
	j.text("type", WebhookTestType)
	j.text("time", FormatTime(at))
	j.end()
	return j.buf
}

// ReplyWebhookMade answers with a new webhook and its secret.
func ReplyWebhookMade(w http.ResponseWriter, hook platen.Webhook, secret string) {
	w.Header().Set("Location", webhookPath+"/"+strconv.FormatInt(hook.ID, 10))
	reply(w, http.StatusCreated, typeJSON, webhookBody(hook, secret))
}

// ReplyWebhook answers with a webhook, and its secret if that is new.
func ReplyWebhook(w http.ResponseWriter, hook platen.Webhook, secret string) {
	ReplyJSON(w, webhookBody(hook, secret))
}

func webhookBody(hook platen.Webhook, secret string) []byte {
	var b jsonWriter
	b.object()
	b.webhook(&hook)
	b.optionalText("secret", secret)
	b.end()
	return b.buf
}

// webhook writes the members of a webhook.
func (j *jsonWriter) webhook(hook *platen.Webhook) {
	j.number("id", hook.ID)
	j.text("url", hook.URL)
	j.text("description", hook.Description)
	j.filter(&hook.Filter)
	if hook.Enabled {
		j.text("state", webhookEnabled)
	} else {
		j.text("state", webhookDisabled)
		j.text("reason", hook.Reason)
	}
	j.time("createTime", hook.Created)
	j.optionalText("createdBy", hook.CreatedBy)
	j.time("updateTime", hook.Updated)
	if time.Now().Before(hook.OldSecretUntil) {
		j.time("oldSecretExpireTime", hook.OldSecretUntil)
	}
	j.text("after", hook.Position.String())
	j.number("failures", int64(hook.Failures))
	j.time("failingSince", hook.FailingSince)
	j.time("nextAttemptTime", hook.NextAttempt)
}

// filter writes a filter of events; what admits all is left out.
func (j *jsonWriter) filter(f *platen.ChangeFilter) {
	j.key("filter")
	j.object()
	optionalList(j, "kinds", f.Kinds, (*jsonWriter).kind)
	optionalList(j, "sets", f.Sets, (*jsonWriter).identifier)
	optionalList(j, "types", f.Types, func(j *jsonWriter, one platen.ChangeType) { j.string(EventType(one)) })
	optionalList(j, "names", f.Names, (*jsonWriter).string)
	j.end()
}

// ReadWebhooksPage reads the query of the list of webhooks: how many to answer
// with, of those with an id over after.
func ReadWebhooksPage(values url.Values) (size int, after int64, err error) {
	return readNumberPage(values, webhooksQuery, 0)
}

const webhooksQuery = "webhooks"

// ReplyWebhooks answers with webhooks. more: there are others after them.
func ReplyWebhooks(w http.ResponseWriter, hooks []platen.Webhook, more bool) {
	var b jsonWriter
	b.object()
	listOf(&b, "webhooks", hooks, func(j *jsonWriter, hook platen.Webhook) {
		j.object()
		j.webhook(&hook)
		j.end()
	})
	if more {
		b.pageToken(webhooksQuery, strconv.AppendInt(nil, hooks[len(hooks)-1].ID, 10))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReadAttemptsPage reads the query of the attempts of a webhook: how many to
// answer with, of those with an id below before.
func ReadAttemptsPage(values url.Values, webhook int64) (size int, before int64, err error) {
	return readNumberPage(values, attemptsQuery(webhook), 1<<62)
}

// attemptsQuery names the list of a webhook's attempts for its page tokens.
func attemptsQuery(webhook int64) string { return "attempts of " + strconv.FormatInt(webhook, 10) }

// readNumberPage reads the query of a list that goes on from a number.
func readNumberPage(values url.Values, query string, start int64) (size int, from int64, err error) {
	if err := CheckQuery(values, pageSizeParameter, pageTokenParameter); err != nil {
		return 0, 0, err
	}
	page, err := readPage(values, query)
	if err != nil || page.After == nil {
		return page.Size, start, err
	}
	if from, err = strconv.ParseInt(string(page.After), 10, 64); err != nil {
		err = parameterError(pageTokenParameter, "the %s names no position", pageTokenParameter)
	}
	return page.Size, from, err
}

// ReplyAttempts answers with attempts of a webhook, the newest first. more: there
// are older ones.
func ReplyAttempts(w http.ResponseWriter, webhook int64, attempts []platen.WebhookAttempt, more bool) {
	var b jsonWriter
	b.object()
	listOf(&b, "attempts", attempts, func(j *jsonWriter, attempt platen.WebhookAttempt) {
		j.object()
		j.number("id", attempt.ID)
		j.attempt(&attempt)
		j.end()
	})
	if more {
		b.pageToken(attemptsQuery(webhook), strconv.AppendInt(nil, attempts[len(attempts)-1].ID, 10))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyAttempt answers with the attempt that a request has made.
func ReplyAttempt(w http.ResponseWriter, attempt platen.WebhookAttempt) {
	var b jsonWriter
	b.object()
	b.attempt(&attempt)
	b.end()
	ReplyJSON(w, b.buf)
}

// attempt writes the members of an attempt but for its id.
func (j *jsonWriter) attempt(a *platen.WebhookAttempt) {
	if a.Event != "" {
		j.text("event", a.Event)
		j.text("type", a.EventType)
	}
	j.time("time", a.Time)
	j.number("durationMs", a.Took.Milliseconds())
	j.flag("delivered", a.Error == "")
	j.optionalNumber("status", int64(a.Status))
	j.optionalText("error", a.Error)
	j.optionalText("response", a.Response)
}
