package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	// defaultEndpoint is where OTLP/HTTP goes if nothing else is said.
	defaultEndpoint = "localhost:4318"
	tracesPath      = "/v1/traces"

	exportTimeout = 10 * time.Second // of a request, unless OTEL_EXPORTER_OTLP_TIMEOUT says another
	retryFor      = time.Minute      // a batch of spans, which is then lost
	firstRetry    = time.Second
	maxAnswer     = 4 << 10 // bytes of an answer that are read
)

// An otlpClient sends spans by OTLP/HTTP in protobuf. It implements
// otlptrace.Client, as OpenTelemetry's own client does, whose packages bring
// all of gRPC along.
type otlpClient struct {
	url     string
	headers map[string]string
	gzip    bool
	http    *http.Client
	stopped context.Context // done when no more is sent
	stop    context.CancelFunc
}

// newOTLPClient returns a client as the variables of OpenTelemetry ask for it.
func newOTLPClient(getenv func(string) string) (*otlpClient, error) {
	get := func(name string) (variable, value string) {
		return firstSet(getenv, "OTEL_EXPORTER_OTLP_TRACES_"+name, "OTEL_EXPORTER_OTLP_"+name)
	}
	c := &otlpClient{url: endpoint(getenv)}
	var err error
	if name, value := get("HEADERS"); value != "" {
		if c.headers, err = parseHeaders(value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	switch name, value := get("COMPRESSION"); value {
	case "", "none":
	case "gzip":
		c.gzip = true
	default:
		return nil, fmt.Errorf("%s is %q: want gzip or none", name, value)
	}
	timeout := exportTimeout
	if name, value := get("TIMEOUT"); value != "" {
		ms, err := strconv.Atoi(value)
		if err != nil || ms <= 0 {
			return nil, fmt.Errorf("%s is %q: want a number of milliseconds", name, value)
		}
		timeout = time.Duration(ms) * time.Millisecond
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = otlpTLS(get); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: transport, Timeout: timeout}
	c.stopped, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// endpoint returns the URL that traces are sent to. That the variables name
// URLs has been checked.
func endpoint(getenv func(string) string) string {
	if _, whole := firstSet(getenv, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); whole != "" {
		return whole
	}
	if _, base := firstSet(getenv, "OTEL_EXPORTER_OTLP_ENDPOINT"); base != "" {
		if at, err := url.Parse(base); err == nil {
			return at.JoinPath(tracesPath).String()
		}
	}
	scheme := "https"
	if _, insecure := firstSet(getenv, "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"); strings.EqualFold(insecure, "true") {
		scheme = "http"
	}
	return scheme + "://" + defaultEndpoint + tracesPath
}

// parseHeaders reads name=value pairs between commas, with values escaped as
// in URLs.
func parseHeaders(text string) (map[string]string, error) {
	headers := make(map[string]string)
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || name == "" || err != nil {
			return nil, errors.New("want name=value pairs between commas, with values escaped as in URLs") // which may be secret
		}
		headers[name] = value
	}
	return headers, nil
}

// otlpTLS returns the settings of TLS, nil for those of Go.
func otlpTLS(get func(string) (string, string)) (*tls.Config, error) {
	caName, ca := get("CERTIFICATE")
	certName, cert := get("CLIENT_CERTIFICATE")
	keyName, key := get("CLIENT_KEY")
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", caName, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s has no certificate in PEM", caName, ca)
		}
	}
	switch {
	case cert == "" && key == "":
		return config, nil
	case cert == "" || key == "":
		return nil, fmt.Errorf("%s%s is set without the other: a client has a certificate and a key", certName, keyName)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certName, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// Start implements otlptrace.Client. Connections are made when there are spans.
func (c *otlpClient) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client: what is being sent is given up.
func (c *otlpClient) Stop(context.Context) error {
	c.stop()
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. While the collector is busy or
// away it tries again.
func (c *otlpClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData has the form of the collector's request, whose own type is in
	// a package with gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	if c.gzip {
		if body, err = compressed(body); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	defer context.AfterFunc(c.stopped, cancel)()
	for pause := firstRetry; ; pause *= 2 {
		wait, err := c.send(ctx, body)
		if err == nil || wait < 0 {
			return err
		}
		timer := time.NewTimer(max(wait, pause/2+rand.N(pause)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func compressed(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	return b.Bytes(), errors.Join(err, w.Close())
}

// send sends a request once. With an error it returns how long to wait at
// least until the next try, less than 0 if another would help nothing.
func (c *otlpClient) send(ctx context.Context, body []byte) (wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	request.Header.Set("User-Agent", serviceName)
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case response.StatusCode/100 == 2:
		return -1, errors.Join(err, rejected(response, answer))
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode == http.StatusBadGateway,
		response.StatusCode == http.StatusServiceUnavailable, response.StatusCode == http.StatusGatewayTimeout:
		wait = retryAfter(response.Header.Get("Retry-After"))
	default:
		wait = -1
	}
	return wait, fmt.Errorf("the collector answers %s: %q", response.Status, answer)
}

// retryAfter reads the header of that name: seconds, or a time.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(seconds)*time.Second, retryFor)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// rejected returns an error if the collector says that it did not take all
// spans: the first field of its answer has their number in the first, and why
// in the second.
func rejected(response *http.Response, answer []byte) error {
	if response.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil
	}
	number, kind, n := protowire.ConsumeTag(answer)
	if n < 0 || number != 1 || kind != protowire.BytesType {
		return nil
	}
	part, n := protowire.ConsumeBytes(answer[n:])
	if n < 0 {
		return nil
	}
	var spans uint64
	var why string
	for len(part) > 0 {
		number, kind, n := protowire.ConsumeTag(part)
		if n < 0 {
			break
		}
		part = part[n:]
		switch {
		case number == 1 && kind == protowire.VarintType:
			spans, _ = protowire.ConsumeVarint(part)
		case number == 2 && kind == protowire.BytesType:
			why, _ = protowire.ConsumeString(part)
		}
		if n = protowire.ConsumeFieldValue(number, kind, part); n < 0 {
			break
		}
		part = part[n:]
	}
	if spans == 0 && why == "" {
		return nil
	}
	return fmt.Errorf("the collector took all spans but %d: %q", spans, why)
}
