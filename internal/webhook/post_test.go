package webhook

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// hookAt is a webhook for a URL.
func hookAt(url string) *storage.Webhook {
	return &storage.Webhook{Webhook: platen.Webhook{ID: 1, URL: url}, Secret: make([]byte, 32)}
}

var sample = message{id: "5", kind: "t", body: []byte(`{"id":"5"}`)}

// TestSignature checks the vector of the specification, and both signatures
// while a secret is rotated.
func TestSignature(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	text := secret
	key, err := secretOf(&text)
	if err != nil || textOf(key) != secret {
		t.Fatal(key, err)
	}
	at := time.Unix(1614265330, 0)
	hook := storage.Webhook{Secret: key}
	vector := message{id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: []byte(`{"test": 2432232314}`)}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got, err := sign(&hook, &vector, at); got != want || err != nil {
		t.Errorf("the vector of the specification: %q (%v), want %q", got, err, want)
	}
	hook.Secret, hook.OldSecret, hook.OldSecretUntil = make([]byte, 24), key, at.Add(time.Second)
	got, err := sign(&hook, &vector, at)
	if parts := strings.Split(got, " "); err != nil || len(parts) != 2 || parts[1] != want || parts[0] == want {
		t.Errorf("two secrets: %q (%v)", got, err)
	}
	if got, err := sign(&hook, &vector, at.Add(time.Second)); err != nil || strings.Contains(got, " ") {
		t.Errorf("after the old secret's end: %q (%v)", got, err)
	}
	for _, wrong := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_!", "whsec_" + strings.Repeat("A", 88)} {
		if _, err := secretOf(&wrong); platen.ErrorCode(err) != platen.Invalid {
			t.Errorf("secret %q: %v", wrong, err)
		}
	}
	made, err := secretOf(nil)
	if err != nil || len(made) != 32 {
		t.Errorf("a secret of the server has %d bytes (%v)", len(made), err)
	}
}

// TestRequest checks what a receiver gets, with the library that receivers use.
func TestRequest(t *testing.T) {
	hook := hookAt("")
	verifier, err := standardwebhooks.NewWebhook(textOf(hook.Secret))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err == nil && (r.Method != "POST" || r.Header.Get("Content-Type") != "application/cloudevents+json" || r.Header.Get("webhook-id") != "5" ||
			string(body) != `{"id":"5"}` || r.URL.String() != "/a?b=c" || r.Header.Get("User-Agent") != "platen/1") {
			err = fmt.Errorf("%s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		got <- err
	}))
	defer receiver.Close()
	p := newPoster(local(t), nil, nil, "platen/1")
	defer p.close()
	hook.URL = receiver.URL + "/a?b=c"
	if result := p.post(t.Context(), hook, &sample); result.Error != "" || result.Status != 200 {
		t.Error(result)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestAnswers checks what bad receivers come to.
func TestAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	mux := http.NewServeMux()
	status := func(path string, status int, header ...string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, "because")
		})
	}
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	status("/ok", 204)
	status("/metadata", 302, "Location", "http://169.254.169.254/latest")
	status("/loop", 307, "Location", "/loop")
	status("/redirect", 308, "Location", "/elsewhere")
	status("/gone", 410)
	status("/busy", 503, "Retry-After", "120")
	status("/later", 429, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	status("/long", 500)
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
	})
	receiver := httptest.NewServer(mux)
	defer receiver.Close()
	p := newPoster(local(t), nil, nil, "platen/1")
	defer p.close()
	for _, test := range []struct {
		path, message string
		status        int
		gone          bool
		least, most   time.Duration
	}{
		{"/ok", "", 204, false, 0, 0},
		{"/endless", "", 200, false, 0, 0},
		{"/metadata", "redirects are not followed", 302, false, 0, 0},
		{"/loop", "redirects are not followed", 307, false, 0, 0},
		{"/redirect", "redirects are not followed", 308, false, 0, 0},
		{"/gone", "status 410", 410, true, 0, 0},
		{"/busy", "status 503", 503, false, 2 * time.Minute, 2 * time.Minute},
		{"/later", "status 429", 429, false, 50 * time.Minute, time.Hour},
		{"/headers", "exceeded", 0, false, 0, 0},
	} {
		result := p.post(t.Context(), hookAt(receiver.URL+test.path), &sample)
		if (result.Error == "") != (test.message == "") || !strings.Contains(result.Error, test.message) || result.Status != test.status ||
			result.gone != test.gone || result.retryAfter < test.least || result.retryAfter > test.most {
			t.Errorf("%s: %+v", test.path, result)
		}
		if len(result.Response) > snippetBytes+8 || strings.Contains(result.Response, "\x00") {
			t.Errorf("%s: %d bytes are kept of the answer", test.path, len(result.Response))
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestTLS checks that a certificate is verified.
func TestTLS(t *testing.T) {
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
	receiver.StartTLS()
	defer receiver.Close()
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	for _, test := range []struct {
		name, url, message string
		roots              *x509.CertPool
	}{
		{"of nobody we know", receiver.URL, "certificate", nil},
		{"of another name", strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1), "certificate", roots},
		{"that is good", receiver.URL, "", roots},
	} {
		p := newPoster(local(t), test.roots, nil, "platen/1")
		result := p.post(t.Context(), hookAt(test.url), &sample)
		if (result.Error == "") != (test.message == "") || !strings.Contains(result.Error, test.message) {
			t.Errorf("a certificate %s: %+v", test.name, result)
		}
		p.close()
	}
}

// TestRebinding has a name resolve to an address that is allowed at first, and
// then to others.
func TestRebinding(t *testing.T) {
	var hits atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("Connection", "close")
	}))
	defer receiver.Close()
	port := netip.MustParseAddrPort(receiver.Listener.Addr().String()).Port()
	var answer atomic.Pointer[netip.Addr]
	names := nameServer(t, &answer)
	policy, err := ParsePolicy([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	p := newPoster(policy, nil, &net.Resolver{PreferGo: true, Dial: names}, "platen/1")
	defer p.close()
	url := fmt.Sprintf("http://rebind.example:%d/", port)
	for _, step := range []struct {
		address string
		want    bool
	}{{"127.0.0.1", true}, {"127.0.0.2", false}, {"169.254.169.254", false}, {"10.0.0.1", false}, {"::1", false}, {"127.0.0.1", true}} {
		addr := netip.MustParseAddr(step.address)
		answer.Store(&addr)
		before := hits.Load()
		result := p.post(t.Context(), hookAt(url), &sample)
		if (result.Error == "") != step.want || (hits.Load() > before) != step.want || !step.want && !strings.Contains(result.Error, "not one of the public internet") {
			t.Errorf("the name resolves to %s: %+v", addr, result)
		}
	}
}

// nameServer answers all questions for addresses with one.
func nameServer(t *testing.T, answer *atomic.Pointer[netip.Addr]) func(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			q, addr := m.Questions[0], *answer.Load()
			head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}
			if q.Type == dnsmessage.TypeA && addr.Is4() {
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}}}
			}
			if q.Type == dnsmessage.TypeAAAA && addr.Is6() {
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}
}

// A roundTripper is a receiver without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (fn roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return fn(r) }

// TestSlowAnswer has a receiver not answer, and one not end its answer.
func TestSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &poster{plain: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/body" {
				body, w := io.Pipe()
				context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
				return &http.Response{StatusCode: 500, Body: body}, nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		for path, message := range map[string]string{"/headers": "no answer within 15s", "/body": "status 500"} {
			result := p.post(t.Context(), hookAt("http://127.0.0.1"+path), &sample)
			if result.Took != postFor || result.Error != message {
				t.Errorf("%s: %+v", path, result)
			}
		}
	})
}
