package logwriter

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// A Handler writes what slog's own handlers write. [Handler.Line] does so with a
// third of their work, for the line that each request has in the log.
type Handler struct {
	slog.Handler // slog's own
	to           io.Writer
	json         bool
}

// NewText returns a handler that writes as [slog.TextHandler] does what is of the
// level or above it.
func NewText(to io.Writer, level slog.Level) *Handler {
	return &Handler{slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}), to, false}
}

// NewJSON returns a handler that writes as [slog.JSONHandler] does what is of the
// level or above it.
func NewJSON(to io.Writer, level slog.Level) *Handler {
	return &Handler{slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level}), to, true}
}

// buffers are for one line each.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 1024)) }}

// Line writes a line of level INFO, with attributes that are strings, integers
// and durations. What needs quoting goes by slog. Errors are lost, as with slog.
func (h *Handler) Line(ctx context.Context, at time.Time, message string, attrs []slog.Attr) {
	if !h.Enabled(ctx, slog.LevelInfo) {
		return
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	line, ok := (*buffer)[:0], false
	if h.json {
		line, ok = appendJSON(line, at, message, attrs)
	} else {
		line, ok = appendText(line, at, message, attrs)
	}
	if !ok {
		record := slog.NewRecord(at, slog.LevelInfo, message, 0)
		record.AddAttrs(attrs...)
		_ = h.Handle(ctx, record)
		return
	}
	*buffer = line
	_, _ = h.to.Write(line)
}

// appendText appends the line as [slog.TextHandler] writes it. It reports false if
// something needs quoting.
func appendText(b []byte, at time.Time, message string, attrs []slog.Attr) ([]byte, bool) {
	b = append(b, "time="...)
	b = appendMillis(b, at)
	b = append(b, " level=INFO msg="...)
	b = append(b, message...)
	plain := isPlain(message) && message != ""
	for i := range attrs {
		b = append(b, ' ')
		b = append(b, attrs[i].Key...)
		b = append(b, '=')
		switch value := attrs[i].Value; value.Kind() {
		case slog.KindString:
			text := value.String()
			plain = plain && isPlain(text)
			if text == "" {
				text = `""`
			}
			b = append(b, text...)
		case slog.KindInt64:
			b = strconv.AppendInt(b, value.Int64(), 10)
		case slog.KindDuration:
			b = append(b, value.Duration().String()...)
		default:
			plain = false
		}
	}
	return append(b, '\n'), plain
}

// appendMillis appends a time with three digits of its second. The format RFC3339Nano
// is the one that package time is fast at, but leaves out zeros at the end: so it gets
// one more digit, which is taken out.
func appendMillis(b []byte, at time.Time) []byte {
	kept := len(b) + len("2006-01-02T15:04:05.000")
	b = at.Truncate(time.Millisecond).Add(time.Millisecond/10).AppendFormat(b, time.RFC3339Nano)
	return append(b[:kept], b[kept+1:]...)
}

// appendJSON appends the line as [slog.JSONHandler] writes it. It reports false if
// something needs quoting.
func appendJSON(b []byte, at time.Time, message string, attrs []slog.Attr) ([]byte, bool) {
	b = append(b, `{"time":"`...)
	b = at.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"INFO","msg":"`...)
	b = append(b, message...)
	b = append(b, '"')
	plain := isPlain(message)
	for i := range attrs {
		b = append(b, ',', '"')
		b = append(b, attrs[i].Key...)
		b = append(b, '"', ':')
		switch value := attrs[i].Value; value.Kind() {
		case slog.KindString:
			plain = plain && isPlain(value.String())
			b = append(b, '"')
			b = append(b, value.String()...)
			b = append(b, '"')
		case slog.KindInt64:
			b = strconv.AppendInt(b, value.Int64(), 10)
		case slog.KindDuration:
			b = strconv.AppendInt(b, int64(value.Duration()), 10)
		default:
			plain = false
		}
	}
	return append(b, '}', '\n'), plain
}

// isPlain reports whether neither form quotes any byte of the text.
func isPlain(text string) bool {
	for i := range len(text) {
		if !plainBytes[text[i]] {
			return false
		}
	}
	return true
}

// plainBytes are the printable ones of ASCII but those that a form quotes.
var plainBytes = func() (plain [256]bool) {
	for b := '!'; b <= '~'; b++ {
		plain[b] = b != '"' && b != '\\' && b != '='
	}
	return plain
}()
