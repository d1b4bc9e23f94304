package journal

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen/internal/olrest"
)

// A Recording is a request under way. One goroutine at a time uses it.
type Recording struct {
	request, answer prefix
}

// Begin begins to record a request: the body is copied as it is read.
func (j *Journal) Begin(r *http.Request) *Recording {
	recording := &Recording{request: prefix{limit: j.config.Body}, answer: prefix{limit: j.config.Body}}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &recordedBody{r.Body, &recording.request}
	}
	return recording
}

// A recordedBody is the body of a request.
type recordedBody struct {
	io.ReadCloser
	to *prefix
}

// Read implements [io.Reader].
func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.add(p[:n])
	return n, err
}

// Answered copies a part of the body of the answer.
func (r *Recording) Answered(b []byte) { r.answer.add(b) }

// Unread reports whether nothing of the body of the request was read.
func (r *Recording) Unread() bool { return r.request.size == 0 }

// Room returns how much of the body of the request is kept.
func (r *Recording) Room() int { return r.request.limit }

// An Exchange is what is known of a request besides its record.
type Exchange struct {
	Request *http.Request
	Answer  http.Header
	Login   bool // the answer is a token
}

// End completes what is known of a request, takes out credentials, and adds it
// to the journal.
func (j *Journal) End(recording *Recording, of Exchange, entry *olrest.RecordedRequest) {
	found := secretsOf(of.Request.Header)
	answer := string(recording.answer.bytes)
	if of.Login && entry.Status == http.StatusOK {
		found.add(answer)
	}
	entry.Credentials = found.kind
	entry.Request = found.part(of.Request.Header, &recording.request, false)
	entry.Answer = found.part(of.Answer, &recording.answer, of.Login && entry.Status == http.StatusOK)
	entry.Query = redactQuery(entry.Query)
	for _, text := range []*string{&entry.RequestID, &entry.Method, &entry.Path, &entry.Query, &entry.Host, &entry.Reason, &entry.Tried} {
		*text = found.redact(redactAddresses(*text))
	}
	for i := range entry.Hints {
		entry.Hints[i] = found.redact(entry.Hints[i])
	}
	j.Add(entry)
}

// part returns what was sent in one direction, without credentials.
func (s *secrets) part(header http.Header, body *prefix, secret bool) olrest.RecordedPart {
	part := olrest.RecordedPart{Size: body.size, Headers: make([]olrest.RecordedHeader, 0, len(header))}
	for name, values := range header {
		for _, value := range values {
			if isSecretHeader(name) {
				value = olrest.HiddenText
			}
			part.Headers = append(part.Headers, olrest.RecordedHeader{Name: name, Value: s.redact(redactAddresses(value))})
		}
	}
	slices.SortStableFunc(part.Headers, func(a, b olrest.RecordedHeader) int { return strings.Compare(a.Name, b.Name) })
	if secret {
		part.Hidden = true
		return part
	}
	text, hidden := redactBody(body.bytes, int64(len(body.bytes)) < body.size)
	redacted := s.redact(redactAddresses(text))
	if int64(len(body.bytes)) < body.size {
		redacted = s.trim(redacted)
	}
	part.Body, part.Hidden = redacted, hidden || redacted != text
	return part
}
