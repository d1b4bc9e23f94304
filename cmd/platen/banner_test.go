package main

import (
	"strings"
	"testing"
)

// A countingWriter counts the writes to it.
type countingWriter struct {
	strings.Builder
	writes int
}

// Write implements [io.Writer].
func (w *countingWriter) Write(b []byte) (int, error) {
	w.writes++
	return w.Builder.Write(b)
}

// TestBanner checks that what a start prints is written at once: a program that has
// read the address may close its end, and a second write would end the server.
func TestBanner(t *testing.T) {
	var w countingWriter
	now := running{url: "http://127.0.0.1:1", metrics: "http://127.0.0.1:2/metrics", password: "secret"}
	if err := banner(&w, now, settings{noAuth: true}); err != nil || w.writes != 1 {
		t.Errorf("%d writes (%v)", w.writes, err)
	}
	for _, want := range []string{"listening on http://127.0.0.1:1\n", "metrics on http://127.0.0.1:2/metrics\n", "password secret\n", "--no-auth\n"} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("without %q:\n%s", want, w.String())
		}
	}
}

// TestBannerCommand checks that the command which sets another password works as it is
// printed, and shows no password of the database.
func TestBannerCommand(t *testing.T) {
	for at, want := range map[location]string{
		{data: "/srv/platen"}:                                  "To set another: platen user passwd ol-admin --data /srv/platen\n",
		{database: "postgres://platen@db.example/platen"}:      "To set another: platen user passwd ol-admin --database postgres://platen@db.example/platen\n",
		{database: "postgres://platen:hush@db.example/platen"}: "To set another: with the same PLATEN_DATABASE: platen user passwd ol-admin\n",
	} {
		for _, now := range []running{{url: "http://127.0.0.1:1", password: "secret"}, {url: "http://127.0.0.1:1", file: "first-password"}} {
			var text strings.Builder
			if err := banner(&text, now, settings{location: at}); err != nil || !strings.Contains(text.String(), want) || strings.Contains(text.String(), "hush") {
				t.Errorf("%v: %s (%v); want %q", at, text.String(), err, want)
			}
		}
	}
}
