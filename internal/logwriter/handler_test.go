package logwriter_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/logwriter"
)

// checkLine compares what Line writes with what slog's own handler does.
func checkLine(t *testing.T, at time.Time, message string, attrs []slog.Attr) {
	t.Helper()
	var got, want bytes.Buffer
	for _, test := range []struct {
		handler *logwriter.Handler
		own     slog.Handler
	}{
		{logwriter.NewText(&got, slog.LevelInfo), slog.NewTextHandler(&want, nil)},
		{logwriter.NewJSON(&got, slog.LevelInfo), slog.NewJSONHandler(&want, nil)},
	} {
		got.Reset()
		want.Reset()
		test.handler.Line(t.Context(), at, message, attrs)
		record := slog.NewRecord(at, slog.LevelInfo, message, 0)
		record.AddAttrs(attrs...)
		if err := test.own.Handle(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("got  %swant %s", got.String(), want.String())
		}
	}
}

// FuzzLine checks that a line is what slog's own handlers write, whatever the texts
// and the time are.
func FuzzLine(f *testing.F) {
	f.Add("request", "/rest/serverengine/entity/jobs/17/properties", "", int64(200), int64(time.Millisecond), int64(1_764_000_000_120_000_000))
	f.Add("", "a b", "a=b", int64(-1), int64(0), int64(0))
	f.Add("not a request", `say "x"`, `C:\x`, int64(1)<<62, int64(-1), int64(1_764_000_000_000_999_999))
	f.Add("new\nline", "\x7f\x00", "é\u2028", int64(0), int64(1), int64(-1))
	f.Add("<&>", "\xff", "日本", int64(0), int64(90*time.Minute), int64(999_999_999))
	f.Fuzz(func(t *testing.T, message, one, two string, number, took, nanoseconds int64) {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -9000)} {
			checkLine(t, time.Unix(0, nanoseconds).In(zone), message, []slog.Attr{
				slog.String("one", one), slog.Int64("number", number), slog.Duration("time", time.Duration(took)), slog.String("two", two),
			})
		}
	})
}

// TestLine checks attributes of other kinds, and levels.
func TestLine(t *testing.T) {
	now := time.Now()
	checkLine(t, now, "request", nil)
	checkLine(t, now, "request", []slog.Attr{slog.Bool("yes", true), slog.Group("of", slog.Int("two", 2)), slog.Any("nothing", nil)})
	var got bytes.Buffer
	logwriter.NewText(&got, slog.LevelWarn).Line(context.Background(), now, "request", nil)
	if got.Len() != 0 {
		t.Errorf("a log of warnings has %q", got.String())
	}
}

// BenchmarkRequestLine writes the line of a request, by Line and by slog.
func BenchmarkRequestLine(b *testing.B) {
	var to bytes.Buffer
	handler := logwriter.NewText(&to, slog.LevelInfo)
	log := slog.New(handler)
	ctx := context.Background()
	for _, bench := range []struct {
		name  string
		write func(attrs []slog.Attr)
	}{
		{"Line", func(attrs []slog.Attr) { handler.Line(ctx, time.Now(), "request", attrs) }},
		{"slog", func(attrs []slog.Attr) { log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				to.Reset()
				bench.write([]slog.Attr{
					slog.String("method", "GET"), slog.String("path", "/rest/serverengine/entity/jobs/17/properties"),
					slog.Int("status", 200), slog.Int64("bytes", 600), slog.Duration("time", 123*time.Microsecond),
					slog.String("client", "127.0.0.1"), slog.String("user", "ol-admin"), slog.String("request", "ABCDEF-123"),
				})
			}
		})
	}
}
