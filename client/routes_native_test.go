package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/platentest"
)

// connectSandbox starts a sandbox for a test and returns a client of it.
func connectSandbox(t *testing.T) (*client.Client, *recorder) {
	t.Helper()
	c := platentest.New(t).Client
	sent := &recorder{base: c.HTTP.Transport}
	c.HTTP = &http.Client{Transport: sent}
	return c, sent
}

// plain returns a call of a method that takes nothing of the route.
func plain[T any](method func(*client.Client, context.Context) (T, error)) call {
	return func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(method(c, ctx)) }
}

// on returns a call of a method on what another call makes.
func on[T any](create func(context.Context, *client.Client) (T, error), method func(context.Context, *client.Client, T) error) call {
	return func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		made, err := create(ctx, c)
		if err != nil {
			return err
		}
		return method(ctx, c, made)
	}
}

var names atomic.Int64

// unique returns a name that nothing has yet.
func unique() string { return "name-" + strconv.FormatInt(names.Add(1), 10) }

func newSet(ctx context.Context, c *client.Client) (platen.ID, error) {
	made, err := c.Import(ctx, platen.JobSet, strings.NewReader(emptySet[platen.JobSet]))
	return made.ID, err
}

func newUser(ctx context.Context, c *client.Client) (client.User, error) {
	return c.CreateUser(ctx, client.NewUser{Name: unique(), Password: password, Role: platen.Viewer})
}

func newToken(ctx context.Context, c *client.Client) (client.Token, error) {
	return c.CreateToken(ctx, client.NewToken{Name: unique(), Role: platen.Viewer})
}

func newRule(ctx context.Context, c *client.Client) (client.RetentionRule, error) {
	return c.CreateRetentionRule(ctx, client.NewRetentionRule{Name: unique(), Kind: platen.JobSet, Days: 1})
}

func newView(ctx context.Context, c *client.Client) (client.View, error) {
	return c.CreateView(ctx, client.NewView{Name: unique(), Kind: platen.Job})
}

func newWebhook(ctx context.Context, c *client.Client) (client.Webhook, error) {
	return c.CreateWebhook(ctx, client.NewWebhook{URL: "https://example.com/hook", State: "disabled"})
}

// secret is one that a webhook may have.
const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"

// newChange sets a property of a job, and returns the change that this is.
func newChange(ctx context.Context, c *client.Client) (int64, error) {
	updated, err := c.Update(ctx, client.BulkUpdate{Kind: platen.Job, All: true, Set: pairs("properties.at", unique())})
	return updated.Change, err
}

// newOperation begins an operation, and returns its identifier.
func newOperation(ctx context.Context, c *client.Client) (string, error) {
	o, err := operation(ctx, c)
	if err != nil {
		return "", err
	}
	return o.ID, nil
}

// refused does a request that the server refuses, and returns its identifier in the
// journal.
func refused(ctx context.Context, c *client.Client) (string, error) {
	_, err := c.Entity(ctx, 12345)
	answer, ok := errors.AsType[*client.Error](err)
	if !ok {
		return "", err
	}
	return answer.RequestID, nil
}

func newFault(ctx context.Context, c *client.Client) (client.Fault, error) {
	return c.AddFault(ctx, platen.Fault{Path: "*/nothing", Status: 503})
}

func newSnapshot(ctx context.Context, c *client.Client) (string, error) {
	return "kept", c.TakeSnapshot(ctx, "kept")
}

func newInstance(ctx context.Context, c *client.Client) (string, error) {
	name := unique()
	return name, second(c.AddInstance(ctx, name, "none"))
}

// nativeCalls has a call for each action of platen's own API that is none of [calls].
var nativeCalls = map[olrest.Action]call{
	olrest.ListEntities: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.ListSeq(ctx, client.Listing{Kind: platen.Job}))
	},
	olrest.ReadEntity: func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(c.Entity(ctx, 101)) },
	olrest.DeleteEntity: on(newSet, func(ctx context.Context, c *client.Client, set platen.ID) error {
		return c.DeleteEntity(ctx, set, "")
	}),
	olrest.EntityChildren: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.ChildrenSeq(ctx, 100, 0))
	},
	olrest.EntityPages: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.EntityPagesSeq(ctx, 104, 0))
	},
	olrest.Undelete: on(newSet, func(ctx context.Context, c *client.Client, set platen.ID) error {
		if err := c.DeleteEntity(ctx, set, ""); err != nil {
			return err
		}
		return second(c.Undelete(ctx, set))
	}),
	olrest.ListDeleted: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.DeletedSeq(ctx))
	},
	olrest.EntityHistory: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.HistorySeq(ctx, 101))
	},
	olrest.ReadListAt: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		id := platen.ID(101)
		if route.Facet == platen.Fields {
			id = 5001
		}
		_, _, err := c.ListTagged(ctx, id, route.Facet)
		return err
	},
	olrest.ReadChange: on(newChange, func(ctx context.Context, c *client.Client, change int64) error {
		return second(c.Change(ctx, change))
	}),
	olrest.RevertChange: on(newChange, func(ctx context.Context, c *client.Client, change int64) error {
		return second(c.Revert(ctx, change, false))
	}),
	olrest.ReadEvents: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.EventsSeq(ctx, client.EventQuery{}))
	},
	olrest.UpdateMany: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(newChange(ctx, c))
	},
	olrest.ListOperations: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.OperationStates(ctx, 1))
	},
	olrest.ReadOperation: on(newOperation, func(ctx context.Context, c *client.Client, id string) error {
		return second(c.OperationState(ctx, id))
	}),
	olrest.CancelOperation: on(newOperation, func(ctx context.Context, c *client.Client, id string) error {
		_, err := c.CancelOperation(ctx, id)
		if platen.ErrorCode(err) == platen.NotFound { // it has ended before
			return nil
		}
		return err
	}),
	olrest.ReadServer: plain((*client.Client).About),
	olrest.ListNames: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.NamesSeq(ctx, platen.Job))
	},
	olrest.ReadIntake: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.Intake(ctx, platen.IntakeQuery{}))
	},

	olrest.ListRequests: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.RequestsSeq(ctx, client.RequestFilter{}))
	},
	olrest.CountRequests: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.CountRequests(ctx, client.RequestFilter{}, 0, 0))
	},
	olrest.DeleteRequests: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.DeleteRequests(ctx, client.RequestFilter{}))
	},
	olrest.ReadRequest: on(refused, func(ctx context.Context, c *client.Client, id string) error {
		return second(c.Request(ctx, id))
	}),
	olrest.DeleteRequest: on(refused, func(ctx context.Context, c *client.Client, id string) error {
		return second(c.DeleteRequest(ctx, id))
	}),
	olrest.RequestAsCurl: on(refused, func(ctx context.Context, c *client.Client, id string) error {
		return second(c.RequestCurl(ctx, id))
	}),

	olrest.ReadMe: plain((*client.Client).Me),
	olrest.ChangePassword: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return c.ChangePassword(ctx, password, password)
	},
	olrest.ListUsers: plain((*client.Client).Users),
	olrest.AddUser:   func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(newUser(ctx, c)) },
	olrest.DescribeUser: on(newUser, func(ctx context.Context, c *client.Client, made client.User) error {
		return second(c.User(ctx, made.Name))
	}),
	olrest.ChangeUser: on(newUser, func(ctx context.Context, c *client.Client, made client.User) error {
		return second(c.ChangeUser(ctx, made.Name, client.UserChange{Role: platen.Editor}))
	}),
	olrest.RemoveUser: on(newUser, func(ctx context.Context, c *client.Client, made client.User) error {
		return c.DeleteUser(ctx, made.Name)
	}),
	olrest.ListTokens: plain((*client.Client).Tokens),
	olrest.AddToken:   func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(newToken(ctx, c)) },
	olrest.DescribeToken: on(newToken, func(ctx context.Context, c *client.Client, made client.Token) error {
		return second(c.NamedToken(ctx, made.Name))
	}),
	olrest.ChangeToken: on(newToken, func(ctx context.Context, c *client.Client, made client.Token) error {
		return second(c.ChangeToken(ctx, made.Name, client.TokenChange{Disabled: &yes}))
	}),
	olrest.RemoveToken: on(newToken, func(ctx context.Context, c *client.Client, made client.Token) error {
		return c.RevokeToken(ctx, made.Name)
	}),

	olrest.ListWebhooks: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.WebhooksSeq(ctx))
	},
	olrest.AddWebhook: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(newWebhook(ctx, c))
	},
	olrest.DescribeWebhook: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return second(c.Webhook(ctx, made.ID))
	}),
	olrest.ChangeWebhook: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return second(c.ChangeWebhook(ctx, made.ID, client.WebhookChange{Description: new(string)}))
	}),
	olrest.RemoveWebhook: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return c.DeleteWebhook(ctx, made.ID)
	}),
	olrest.ListAttempts: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return drain(c.AttemptsSeq(ctx, made.ID))
	}),
	olrest.TestWebhook: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		defer receiver.Close()
		made, err := c.CreateWebhook(ctx, client.NewWebhook{URL: receiver.URL, State: "disabled"})
		if err != nil {
			return err
		}
		attempt, err := c.TestWebhook(ctx, made.ID)
		if err == nil && !attempt.Delivered {
			err = errors.New(attempt.Error)
		}
		return err
	},
	olrest.ReplayWebhook: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return second(c.ReplayWebhook(ctx, made.ID, client.WebhookReplay{Time: time.Now().Add(-time.Minute)}))
	}),
	olrest.RotateWebhook: on(newWebhook, func(ctx context.Context, c *client.Client, made client.Webhook) error {
		return second(c.RotateWebhook(ctx, made.ID, secret, time.Hour))
	}),

	olrest.ListRules: plain((*client.Client).RetentionRules),
	olrest.AddRule:   func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(newRule(ctx, c)) },
	olrest.DescribeRule: on(newRule, func(ctx context.Context, c *client.Client, made client.RetentionRule) error {
		return second(c.RetentionRule(ctx, made.Name))
	}),
	olrest.ChangeRule: on(newRule, func(ctx context.Context, c *client.Client, made client.RetentionRule) error {
		return second(c.ChangeRetentionRule(ctx, made.Name, client.RetentionRuleChange{Filter: new(string)}))
	}),
	olrest.RemoveRule: on(newRule, func(ctx context.Context, c *client.Client, made client.RetentionRule) error {
		return c.DeleteRetentionRule(ctx, made.Name)
	}),
	olrest.PreviewRule: on(newRule, func(ctx context.Context, c *client.Client, made client.RetentionRule) error {
		return drain(c.RetentionPreviewSeq(ctx, made.Name, ""))
	}),

	olrest.ListViews: plain((*client.Client).Views),
	olrest.AddView:   func(ctx context.Context, c *client.Client, _ olrest.Route) error { return second(newView(ctx, c)) },
	olrest.DescribeView: on(newView, func(ctx context.Context, c *client.Client, made client.View) error {
		return second(c.View(ctx, made.ID))
	}),
	olrest.ReplaceView: on(newView, func(ctx context.Context, c *client.Client, made client.View) error {
		return second(c.ReplaceView(ctx, made.ID, "", client.NewView{Name: unique(), Kind: platen.Job}))
	}),
	olrest.RemoveView: on(newView, func(ctx context.Context, c *client.Client, made client.View) error {
		return c.DeleteView(ctx, made.ID, "")
	}),

	olrest.DescribeSandbox: plain((*client.Client).Sandbox),
	olrest.ResetSandbox: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.ResetSandbox(ctx, client.SandboxReset{}))
	},
	olrest.TakeSnapshot: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(newSnapshot(ctx, c))
	},
	olrest.RemoveSnapshot: on(newSnapshot, func(ctx context.Context, c *client.Client, name string) error {
		return c.RemoveSnapshot(ctx, name)
	}),
	olrest.ReadClock: plain((*client.Client).Clock),
	olrest.SetClock: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.SetClock(ctx, client.ClockChange{Advance: time.Second}))
	},
	olrest.ListFaults: plain((*client.Client).Faults),
	olrest.ReplaceFaults: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.ReplaceFaults(ctx))
	},
	olrest.AddFault: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(newFault(ctx, c))
	},
	olrest.RemoveFaults: func(ctx context.Context, c *client.Client, _ olrest.Route) error { return c.RemoveFaults(ctx) },
	olrest.DescribeFault: on(newFault, func(ctx context.Context, c *client.Client, made client.Fault) error {
		return second(c.Fault(ctx, made.Name))
	}),
	olrest.RemoveFault: on(newFault, func(ctx context.Context, c *client.Client, made client.Fault) error {
		return c.RemoveFault(ctx, made.Name)
	}),
	olrest.AddInstance: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(newInstance(ctx, c))
	},
	olrest.RemoveInstance: on(newInstance, func(ctx context.Context, c *client.Client, name string) error {
		return c.RemoveInstance(ctx, name)
	}),
}
