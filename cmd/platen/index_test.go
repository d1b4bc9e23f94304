package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/platenhq/platen"
)

// TestKillIndex kills a server whose search index is behind an import and
// updates. After the start every search finds what the lists say.
func TestKillIndex(t *testing.T) {
	onEach(t, func(t *testing.T, data string) {
		ctx := context.Background()
		const count, values = 3000, 7
		var body strings.Builder
		for i := range count {
			fmt.Fprintf(&body, `,{"properties":[{"name":"n","value":"imported%d"}]}`, i%values)
		}
		p := serveProcess(t, data)
		c := p.client(t)
		made, err := c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs":[`+body.String()[1:]+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				for i := w; i < count/2; i += 8 {
					update := platen.Update{ID: made.Children[i], Pairs: []platen.NameValue{{Name: "n", Value: fmt.Sprintf("changed%d", i%values)}}}
					if err := c.Replace(ctx, platen.Job, platen.Properties, update); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait()

		p = serveProcess(t, data)
		c = p.client(t)
		for value := range values {
			for state, jobs := range map[string][]platen.ID{"changed": made.Children[:count/2], "imported": made.Children[count/2:]} {
				want := make(map[platen.ID]bool)
				for i, job := range jobs {
					if state == "imported" {
						i += count / 2
					}
					if i%values == value {
						want[job] = true
					}
				}
				rule := platen.Rule{Type: platen.Text, Name: "n", Value: fmt.Sprint(state, value)}
				groups, err := c.Find(ctx, &platen.Search{Kind: platen.Job, Rule: rule})
				if err != nil || len(groups) != 1 {
					t.Fatalf("%d groups with %s: %v", len(groups), rule.Value, err)
				}
				for _, found := range groups[0] {
					if !want[found.ID] {
						t.Errorf("job %d found, whose value is not %s", found.ID, rule.Value)
					}
					delete(want, found.ID)
				}
				if len(want) > 0 {
					t.Errorf("%d jobs with %s not found", len(want), rule.Value)
				}
			}
		}
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("stop: %v\n%s", err, p.log)
		}
	})
}
