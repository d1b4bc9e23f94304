package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// All jobs that a filter holds for, however many there are, in the memory of a page.
func ExampleClient_ListSeq() {
	address, stop := serve()
	defer stop()
	c := open(address)

	jobs := client.Listing{
		Kind:   platen.Job,
		Filter: client.Name(platen.Properties, "zip") + " = " + client.Quote("00420"),
		Fields: "id,counts.documents,properties",
	}
	for job, err := range c.ListSeq(context.Background(), jobs) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("job", job.ID, job.Counts["documents"], job.Properties)
	}
	// Output: job 101 2 [{zip 00420}]
}

// A listing is saved for all, and later shown as it is by then.
func ExampleClient_CreateView() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()
	c := open(address)

	for name, err := range c.NamesSeq(ctx, platen.Job) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("there is", client.Name(name.Facet, name.Name))
	}
	zips := client.NewView{Name: "With a ZIP code", Kind: platen.Job, Filter: "properties:zip", Fields: "id,properties.zip", Shared: true}
	if _, err := c.CreateView(ctx, zips); err != nil {
		log.Fatal(err)
	}

	views, err := c.Views(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range c.ListSeq(ctx, views[0].Listing()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(views[0].Name, job.ID, job.Properties)
	}
	// Output:
	// there is properties.zip
	// there is metadata.m
	// With a ZIP code 101 [{zip 00420}]
}

// A rule of retention is looked at before it deletes anything.
func ExampleClient_RetentionPreviewSeq() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()
	c := open(address)

	rule, err := c.CreateRetentionRule(ctx, client.NewRetentionRule{Name: "old-mail", Kind: platen.JobSet, Days: 90, Filter: "NOT properties.keep = yes"})
	if err != nil {
		log.Fatal(err)
	}
	sets := 0
	for _, err := range c.RetentionPreviewSeq(ctx, rule.Name, "id") {
		if err != nil {
			log.Fatal(err)
		}
		sets++
	}
	fmt.Println("it would delete", sets)
	enabled := true
	rule, err = c.ChangeRetentionRule(ctx, rule.Name, client.RetentionRuleChange{Enabled: &enabled})
	fmt.Println(rule.Name, "is enabled:", rule.Enabled, err)
	// Output:
	// it would delete 0
	// old-mail is enabled: true <nil>
}

// What a change of many would do, the change, and the way back.
func ExampleClient_Update() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()
	c := open(address)

	update := client.BulkUpdate{
		Kind:   platen.Job,
		Filter: "jobset = 100",
		Set:    []platen.NameValue{{Name: client.Name(platen.Properties, "shift"), Value: "night"}},
	}
	preview, err := c.PreviewUpdate(ctx, update)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(preview.Changed, "would change:", preview.Preview[0].Properties.After)
	updated, err := c.Update(ctx, update)
	if err != nil {
		log.Fatal(err)
	}
	changes := []int64{updated.Change}
	if updated.Operation != nil { // there were too many for one transaction
		state, err := c.WaitOperation(ctx, updated.Operation.ID, nil)
		if err != nil {
			log.Fatal(err)
		}
		changes = state.Result.Changes
	}
	for _, change := range changes {
		if _, err := c.Revert(ctx, change, false); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(c.List(ctx, platen.Ref{Kind: platen.Job, ID: 101}, platen.Properties))
	// Output:
	// 1 would change: [{zip 00420} {shift night}]
	// [{zip 00420}] <nil>
}

// A list is replaced only if it is still as it was read.
func ExampleClient_ListTagged() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()
	c := open(address)

	pairs, tag, err := c.ListTagged(ctx, 101, platen.Properties)
	if err != nil {
		log.Fatal(err)
	}
	replace := func(value string) error {
		return c.Replace(ctx, platen.Job, platen.Properties, platen.Update{
			ID:    101,
			Pairs: platen.MergeList(pairs, []platen.NameValue{{Name: "zip", Value: value}}),
			Match: &platen.Match{Tags: []platen.Tag{tag}},
		})
	}
	fmt.Println(replace("00421"))
	fmt.Println(errors.Is(replace("00422"), platen.ErrChanged))
	// Output:
	// <nil>
	// true
}

// The events that are kept; with Follow, also what happens from then on.
func ExampleClient_EventsSeq() {
	address, stop := serve()
	defer stop()

	query := client.EventQuery{Kinds: []platen.Kind{platen.JobSet, platen.DataSet}, Types: []string{"import"}}
	for event, err := range open(address).EventsSeq(context.Background(), query) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Type, event.Subject, "by", event.Data.User)
	}
	// Output:
	// platen.import dataset/300 by ol-admin
	// platen.import jobset/100 by ol-admin
}
