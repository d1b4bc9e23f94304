package client_test

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/webhook"
)

// A call calls the method of the client for a route.
type call func(ctx context.Context, c *client.Client, route olrest.Route) error

// entityOf is an entity of each kind among the documents of the tests.
var entityOf = map[platen.Kind]platen.ID{
	platen.DataSet: 300, platen.DataRecord: 5001, platen.ContentSet: 700, platen.ContentItem: 9001,
	platen.JobSet: 100, platen.Job: 101, platen.JobSegment: 102, platen.DocumentSet: 103, platen.Document: 104,
}

func refOf(route olrest.Route) platen.Ref {
	return platen.Ref{Kind: route.Kind, ID: entityOf[route.Kind]}
}

// serviceOf returns the service at the base of a path.
func serviceOf(route olrest.Route) client.Service {
	base := strings.TrimSuffix(route.Path, "/version")
	for _, service := range client.Services() {
		if at, err := olrest.FindService(string(service)); err == nil && at.Path == base {
			return service
		}
	}
	return ""
}

func second[T any](_ T, err error) error { return err }

// drain ranges over all that an iterator yields.
func drain[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// operation begins an operation.
func operation(ctx context.Context, c *client.Client) (*client.Operation, error) {
	return c.CreateJobSetOf(ctx, 700)
}

// calls has a call for each action of the dialect, and [nativeCalls] one for each of
// platen's own API. A new action has to get one, and with it a method of the client.
var calls = map[olrest.Action]call{
	olrest.Handshake: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return c.Handshake(ctx, serviceOf(route))
	},
	olrest.Version: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.ServiceVersion(ctx, serviceOf(route)))
	},
	olrest.Login: func(ctx context.Context, c *client.Client, _ olrest.Route) error { return c.Login(ctx) },
	olrest.Entities: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.Entities(ctx, route.Kind))
	},
	olrest.Children: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.Children(ctx, refOf(route)))
	},
	olrest.Contents: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.Contents(ctx, refOf(route)))
	},
	olrest.ReadList: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.List(ctx, refOf(route), route.Facet))
	},
	olrest.ReplaceList: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return c.Replace(ctx, route.Kind, route.Facet, platen.Update{ID: entityOf[route.Kind]})
	},
	olrest.MergeLists: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return c.Merge(ctx, route.Kind, []platen.Update{{ID: entityOf[route.Kind]}})
	},
	olrest.Delete: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		made, err := c.Import(ctx, route.Kind, strings.NewReader(emptySet[route.Kind]))
		if err != nil {
			return err
		}
		return c.Delete(ctx, platen.Ref{Kind: route.Kind, ID: made.ID})
	},
	olrest.PageDetails: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		if err := second(c.Pages(ctx, 700)); err != nil {
			return err
		}
		return drain(c.ItemPagesSeq(ctx, 700))
	},
	olrest.RecordOfItem: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.RecordOf(ctx, 9001))
	},
	olrest.AddRecords: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return c.AddRecords(ctx, []platen.NewRecords{{DataSet: 300, Records: []platen.SourceRecord{{}}}})
	},
	olrest.ReadRecord: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.Record(ctx, 5001, client.RecordOptions{}))
	},
	olrest.ReadRecords: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.RecordsSeq(ctx, []platen.ID{5001}, client.RecordOptions{}))
	},
	olrest.QueryRecords: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return drain(c.QueryRecordsSeq(ctx, []platen.ID{5001}, client.RecordOptions{}))
	},
	olrest.UpdateRecord: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return c.UpdateRecord(ctx, platen.Update{ID: 5001})
	},
	olrest.UpdateRecords: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return c.UpdateRecords(ctx, []platen.Update{{ID: 5001}})
	},
	olrest.FindEntities: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.Find(ctx, &platen.Search{Kind: platen.Job}))
	},
	olrest.ReadStatistics: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.Statistics(ctx, 100, client.Documents))
	},
	olrest.CreateStructure: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.CreateJobSet(ctx, client.Structure{{{{{9001}}}}}))
	},
	olrest.CreateDefault: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		if route.Kind == platen.ContentSet {
			return second(c.CreateJobSetOf(ctx, 700))
		}
		other, err := c.Import(ctx, platen.ContentSet, strings.NewReader(emptySet[platen.ContentSet]))
		if err != nil {
			return err
		}
		return second(c.CreateJobSetOf(ctx, 700, other.ID))
	},
	olrest.CreatePreset: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		err := second(c.CreateJobSetWith(ctx, "letters.OL-jobpreset", []platen.ID{700}, nil))
		if platen.ErrorCode(err) == platen.NotFound { // platen has no presets
			return nil
		}
		return err
	},
	olrest.Operations: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		return second(c.Operations(ctx))
	},
	olrest.Progress: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		o, err := operation(ctx, c)
		if err == nil {
			_, _, err = o.Progress(ctx)
		}
		return err
	},
	olrest.Result: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		o, err := operation(ctx, c)
		if err == nil {
			_, err = o.Wait(ctx)
		}
		return err
	},
	olrest.Cancel: func(ctx context.Context, c *client.Client, _ olrest.Route) error {
		o, err := operation(ctx, c)
		if err != nil {
			return err
		}
		if err := o.Cancel(ctx); platen.ErrorCode(err) != platen.NotFound { // it has ended before
			return err
		}
		return nil
	},
	olrest.Import: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return second(c.Import(ctx, route.Kind, strings.NewReader(emptySet[route.Kind])))
	},
	olrest.Export: func(ctx context.Context, c *client.Client, route olrest.Route) error {
		return c.Export(ctx, refOf(route), io.Discard)
	},
}

var emptySet = map[platen.Kind]string{
	platen.DataSet: `{"records":[]}`, platen.ContentSet: `{"contentitems":[]}`, platen.JobSet: `{"jobs":[]}`,
}

// TestRoutes calls the client's method for each route of the API at the real
// server, and checks that it is that route that was called.
func TestRoutes(t *testing.T) {
	c, sent := connect(t, func(config *server.Config) {
		config.Webhooks.Policy = must[webhook.Policy](t)(webhook.ParsePolicy([]string{"127.0.0.1"}))
	})
	fill(t, c)
	inSandbox, sentThere := connectSandbox(t)
	mux := http.NewServeMux()
	for _, route := range olrest.Routes() {
		mux.Handle(route.Method+" "+route.Path, http.NotFoundHandler())
	}
	for _, route := range olrest.Routes() {
		pattern := route.Method + " " + route.Path
		t.Run(pattern, func(t *testing.T) {
			call := calls[route.Action]
			if call == nil {
				call = nativeCalls[route.Action]
			}
			if call == nil {
				t.Fatalf("action %d has no call: give the client a method for it", route.Action)
			}
			c, sent := c, sent
			if strings.HasPrefix(route.Path, olrest.SandboxPath) {
				c, sent = inSandbox, sentThere
			}
			if err := call(t.Context(), c, route); err != nil {
				t.Fatal(err)
			}
			requests := sent.requests()
			if _, got := mux.Handler(requests[len(requests)-1]); got != pattern {
				t.Errorf("the last request was to %q", got)
			}
		})
	}
}
